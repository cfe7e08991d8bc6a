// probe_test.cpp - what is seen of one call on one variant, in this process and in one that dies of it.
#include "fuzz/probe/prober.h"

#include "assay/planted.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr const char* kDivide = R"(
export func @main(i32, i32) -> i32 {
^0(%a: i32, %b: i32):
  %q = div_s.i32 %a, %b
  return %q
}
)";

Program program_of(const char* text, std::vector<u64> args) {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  return {std::move(*module), 0, std::move(args), 1000};
}

/// A subject that this machine runs itself.
Variant native_variant(const Module& module, Level level = Level::O0) {
  for (const SubjectRow& row : subject_rows()) {
    if (row.exec == Exec::Native && row.target == host_target() && row.level == level) return variant_of(row, module);
  }
  return {};
}

class Probes : public testing::Test {
protected:
  void SetUp() override {
    if (!select_subjects({})) GTEST_SKIP() << "no subject runs here";
  }
};

TEST_F(Probes, right_code_agrees_and_says_what_the_oracle_says) {
  Program program = program_of(kDivide, {7, 2});
  Prober prober;
  const Seen seen = prober.ask(program, native_variant(program.module));
  EXPECT_EQ(seen.state, Seen::Agrees) << seen.what;
  EXPECT_EQ(seen.expected, "returned 3");
  EXPECT_EQ(seen.run_line, "; run: @main(7, 2) == 3");
}

TEST_F(Probes, program_that_is_not_valid_is_refused) {
  Program program = program_of(kDivide, {7, 2});
  program.module.functions[0].insts[0].op = Opcode::FAdd;
  Prober prober;
  EXPECT_EQ(prober.ask(program, native_variant(program.module)).state, Seen::Refused);
}

TEST_F(Probes, target_without_a_place_to_run_is_unavailable) {
  const Program program = program_of(kDivide, {7, 2});
  Variant variant = native_variant(program.module);
  variant.target = variant.target == Target::X64 ? Target::A64 : Target::X64;
  EXPECT_EQ(Prober().ask(program, variant).state, Seen::Unavailable);
}

#ifdef ASSAY_MUTANTS
class PlantedProbes : public Probes {
protected:
  void TearDown() override { planted::active = 0; }
};

TEST_F(PlantedProbes, wrong_code_fails_in_words_without_values) {
  if (host_target() != Target::X64) GTEST_SKIP() << "the bug is in x64 code";
  planted::active = planted::name_hash("emit_cdq_for_cqo");
  const Program program = program_of(R"(
export func @main(i64, i64) -> i64 {
^0(%a: i64, %b: i64):
  %q = div_s.i64 %a, %b
  return %q
}
)",
                                     {~u64{9}, 2});
  Prober prober;
  const Seen seen = prober.ask(program, native_variant(program.module));
  ASSERT_TRUE(seen.fails()) << seen.expected;
  EXPECT_EQ(seen.kind, FindingKind::Crash) << "the quotient does not fit";
  EXPECT_EQ(seen.observable, "end: returned, crashed");
  EXPECT_TRUE(seen.same(prober.ask(program, native_variant(program.module))));
  planted::active = 0; // of this process: the one that was asked has its own
  EXPECT_EQ(Prober().ask(program, native_variant(program.module)).state, Seen::Agrees);
}
#endif

} // namespace
} // namespace assay::fuzz
