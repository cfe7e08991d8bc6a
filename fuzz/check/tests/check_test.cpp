// check_test.cpp - the checker with subjects that err on purpose: each kind of error becomes its kind of difference.
//
// The subjects here run the oracle and then change its answer, so that what must be noticed is known.
#include "fuzz/check/check.h"

#include "assay/verify.h"
#include "fuzz/check/finding.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

#include <functional>

namespace assay::fuzz {
namespace {

constexpr std::string_view kAdd = R"(global @g : i64 = 5
memory 16
export func @add(i64, i64) -> i64 {
^entry(%a: i64, %b: i64):
  %r = add.i64 %a, %b
  return %r
}
)";

Module parse(std::string_view text) {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << (module.ok() ? "" : module.error().to_string());
  return std::move(*module);
}

/// Answers as the oracle does, then lets `spoil` change the answer or the preparation.
class Spoiler final : public Subject {
public:
  std::function<void(Outcome&)> spoil;
  std::function<Result<void>()> refuse;
  bool allocation = false;
  u32 runs = 0;

  Result<void> prepare(const Module& module) override {
    oracle_.prepare(module);
    return refuse ? refuse() : Result<void>();
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    ++runs;
    oracle_.run(entry, args, fuel, host, out);
    if (spoil) spoil(out);
  }
  bool allocation_refused() const override { return allocation; }

private:
  oracle::Interpreter oracle_;
};

struct Rig {
  Spoiler* spoiler = new Spoiler;
  Checker checker = make();
  Module module = parse(kAdd);
  Cases cases;

  Rig() {
    const u64 args[] = {2, 3};
    cases.add(module.find_function("add"), args, 100);
  }
  Checker make() {
    std::vector<Checker::Entry> entries;
    entries.push_back({"spoiler", std::unique_ptr<Subject>(spoiler)});
    return Checker(std::move(entries));
  }
};

TEST(Checker, subject_that_agrees_gives_no_difference) {
  Rig rig;
  EXPECT_TRUE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.checker.counts().agree, 1u);
  EXPECT_EQ(rig.checker.counts().outcomes[static_cast<u32>(OutcomeKind::Returned)], 1u);
}

TEST(Checker, wrong_result_is_a_miscompile) {
  Rig rig;
  rig.spoiler->spoil = [](Outcome& out) { out.values[0] ^= 1; };
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.checker.difference().kind, FindingKind::Miscompile);
  EXPECT_EQ(rig.checker.difference().case_index, 0u);
  EXPECT_NE(rig.checker.difference().what, "");
}

TEST(Checker, wrong_memory_byte_is_a_miscompile) {
  Rig rig;
  rig.spoiler->spoil = [](Outcome& out) { out.memory[7] = 1; };
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
}

TEST(Checker, wrong_global_is_a_miscompile) {
  Rig rig;
  rig.spoiler->spoil = [](Outcome& out) { out.globals[0] = 6; };
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
}

TEST(Checker, wrong_fuel_is_a_miscompile) {
  Rig rig;
  rig.spoiler->spoil = [](Outcome& out) { --out.fuel_left; };
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
}

TEST(Checker, crash_hang_and_breach_keep_their_kinds) {
  const std::pair<OutcomeKind, FindingKind> kinds[] = {{OutcomeKind::Crashed, FindingKind::Crash},
                                                       {OutcomeKind::Hung, FindingKind::Hang},
                                                       {OutcomeKind::Breached, FindingKind::Breach}};
  for (const auto& [outcome, finding] : kinds) {
    Rig rig;
    rig.spoiler->spoil = [kind = outcome](Outcome& out) { out.kind = kind; };
    EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
    EXPECT_EQ(rig.checker.difference().kind, finding);
  }
}

TEST(Checker, stack_overflow_in_one_is_unknown) {
  Rig rig;
  rig.spoiler->spoil = [](Outcome& out) {
    out.kind = OutcomeKind::Trapped;
    out.trap = TrapKind::StackOverflow;
  };
  EXPECT_TRUE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.checker.counts().unknown, 1u);
  EXPECT_EQ(rig.checker.counts().agree, 0u);
}

TEST(Checker, unsupported_module_is_a_skip_with_its_reason) {
  Rig rig;
  rig.spoiler->refuse = [] { return Result<void>(Error{ErrorKind::Unsupported, "", 0, 0, "no such operation"}); };
  EXPECT_TRUE(rig.checker.check(rig.module, rig.cases));
  EXPECT_TRUE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.spoiler->runs, 0u);
  ASSERT_EQ(rig.checker.skips().size(), 1u);
  EXPECT_EQ(rig.checker.skips()[0].reason, "no such operation");
  EXPECT_EQ(rig.checker.skips()[0].count, 2u);
}

TEST(Checker, failure_to_compile_is_a_difference) {
  Rig rig;
  rig.spoiler->refuse = [] { return Result<void>(Error{ErrorKind::Internal, "", 0, 0, "broken"}); };
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.checker.difference().kind, FindingKind::CompileError);
  rig.spoiler->allocation = true;
  EXPECT_FALSE(rig.checker.check(rig.module, rig.cases));
  EXPECT_EQ(rig.checker.difference().kind, FindingKind::Checker);
}

TEST(Checker, program_that_the_oracle_refuses_is_not_run_on_subjects) {
  Rig rig;
  rig.module = parse(
      "export func @wild() -> i8 {\n  slot $s : 8\n^entry:\n  %p = slot_addr $s\n  %v = pload.i8 %p, 4096\n  return %v\n}\n");
  rig.cases.clear();
  rig.cases.add(0, {}, 100);
  EXPECT_TRUE(rig.checker.check(rig.module, rig.cases));
  EXPECT_TRUE(rig.checker.all_refused());
  EXPECT_EQ(rig.checker.counts().refused, 1u);
  EXPECT_EQ(rig.spoiler->runs, 0u);
}

TEST(Checker, progress_names_the_subject_and_the_case) {
  Rig rig;
  Progress progress;
  rig.checker.set_progress(&progress);
  rig.spoiler->spoil = [&](Outcome&) {
    EXPECT_EQ(progress.subject.load(), 0u);
    EXPECT_EQ(progress.case_index.load(), 0u);
  };
  rig.checker.check(rig.module, rig.cases);
  EXPECT_EQ(rig.spoiler->runs, 1u);
}

TEST(Checker, every_available_subject_agrees_on_a_generated_program) {
  auto rows = select_subjects({});
  if (!rows) GTEST_SKIP() << rows.error().message;
  auto checker = Checker::make(*rows);
  ASSERT_TRUE(checker.ok()) << checker.error().to_string();
  Generator generator;
  Module module;
  Cases cases;
  for (u64 seed = 1; seed <= 50; ++seed) {
    generator.generate(seed, module);
    make_cases(module, seed, 2, 2000, cases);
    ASSERT_TRUE(checker->check(module, cases)) << "seed " << seed << " " << checker->difference().what;
  }
  EXPECT_GT(checker->counts().agree, 0u);
}

TEST(MakeCases, function_without_parameters_is_called_once) {
  const Module module =
      parse("export func @a() {\n^entry:\n  return\n}\nexport func @b(i32) {\n^entry(%x: i32):\n  return\n}\n");
  Cases cases;
  make_cases(module, 1, 3, 10, cases);
  EXPECT_EQ(cases.size(), 4u);
}

} // namespace
} // namespace assay::fuzz
