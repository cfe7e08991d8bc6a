// triage_test.cpp - findings of planted bugs become small programs that fail alike, and only with the bug.
#include "fuzz/triage/triage.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/generate/generator.h"
#include "fuzz/triage/cause.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

TEST(Triage, passes_are_named_only_when_they_are_not_the_standard_ones) {
  PassOptions passes;
  EXPECT_EQ(names_of(passes), "");
  passes.order[0] = static_cast<u8>(opt::PassId::Simplify);
  passes.order[1] = static_cast<u8>(opt::PassId::Gvn);
  passes.order_count = 2;
  EXPECT_EQ(names_of(passes), "simplify,gvn");
}

TEST(Triage, right_program_is_no_failure) {
  const auto rows = select_subjects({});
  if (!rows) GTEST_SKIP() << rows.error().message;
  auto module = parse_and_verify("export func @main() -> i32 {\n^0:\n  %a = const.i32 1\n  return %a\n}\n");
  ASSERT_TRUE(module.ok());
  Cases cases;
  cases.add(0, {}, 100);
  EXPECT_FALSE(find_failure(*module, cases, *rows, {}).has_value());
}

TEST(Triage, no_way_to_look_for_a_failure_is_tried_twice) {
  const SubjectRow* const lattice = find_subject_row("x64-native-lattice");
  const SubjectRow* const orders = find_subject_row("x64-O2-native-linux-orders");
  ASSERT_TRUE(lattice != nullptr && orders != nullptr);
  Generator generator{GeneratorConfig{}};
  Module module;
  std::size_t most = 0;
  for (u64 seed = 0; seed < 200; ++seed) {
    generator.generate(seed, module);
    for (const SubjectRow* row : {lattice, orders}) {
      const std::vector<Variant> ways = variants_of(*row, module, {});
      most = std::max(most, ways.size());
      for (std::size_t i = 0; i < ways.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(same_way(ways[i], ways[j])) << row->name << ", seed " << seed;
    }
  }
  EXPECT_EQ(most, 3u);
}

#ifdef ASSAY_MUTANTS
struct Sample {
  const char* bug;
  const char* culprit; // how what is told of it begins; empty: not asked
};

class Samples : public testing::TestWithParam<Sample> {
protected:
  void SetUp() override {
    if (host_target() != Target::X64) GTEST_SKIP() << "the bugs are in x64 code, or shown by it";
    const auto selected = select_subjects({});
    if (!selected) GTEST_SKIP() << selected.error().message;
    rows_ = *selected;
  }
  void TearDown() override { planted::active = 0; }

  /// The first random program that fails.
  std::optional<Failure> first_failure() {
    Generator generator{GeneratorConfig{}};
    auto checker = Checker::make(rows_);
    if (!checker) return std::nullopt;
    Module module;
    Cases cases;
    for (u64 seed = 1; seed < 20000; ++seed) {
      generator.generate(seed, module);
      make_cases(module, seed, 2, 2000, cases);
      if (checker->check(module, cases)) continue;
      const SubjectRow* row = find_subject_row(checker->subjects()[checker->difference().subject].name);
      return find_failure(module, cases, {&row, 1}, {});
    }
    return std::nullopt;
  }

  std::vector<const SubjectRow*> rows_;
};

TEST_P(Samples, finding_becomes_small_and_stays_the_same) {
  planted::active = planted::name_hash(GetParam().bug);
  const auto failure = first_failure();
  ASSERT_TRUE(failure.has_value());
  ASSERT_EQ(failure->reproduced, kTriageReplays);
  ReduceOptions options;
  options.seconds = 10;
  const Reduced reduced = reduce_failure(*failure, {}, options);
  EXPECT_EQ(reduced.failure.reproduced, kTriageReplays);
  EXPECT_TRUE(reduced.failure.seen.same(failure->seen)) << reduced.failure.seen.observable;
  EXPECT_LE(reduced.reduction.instructions, 20u) << finding_of(reduced.failure, nullptr, nullptr).program;
  const std::string culprit = group_key(cause_of(reduced.failure, reduced.after, ""));
  EXPECT_EQ(culprit.rfind(GetParam().culprit, 0), 0u) << culprit;
  // Its file says the same to whoever reads it.
  const Finding finding = finding_of(reduced.failure, nullptr, &reduced.after);
  auto module = parse_and_verify(to_text(finding, "x.air"));
  ASSERT_TRUE(module.ok()) << module.error().to_string();
  const auto parsed = parse_finding(to_text(finding, "x.air"), "x.air");
  ASSERT_TRUE(parsed.ok()) << parsed.error().to_string();
  const auto again = failure_of(*parsed, *module, {});
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((*again)->seen.same(failure->seen));
  planted::active = 0;
  EXPECT_EQ(Prober().ask(reduced.failure.program, reduced.failure.variant).state, Seen::Agrees) << "it has drifted";
}

INSTANTIATE_TEST_SUITE_P(Bank, Samples,
                         testing::Values(Sample{"opt_shift_sum_wraps", "simplify/shl_shl"},
                                         Sample{"fold_sext_is_zext", "constant-folding:sext"},
                                         Sample{"opt_branch_not_inverted", "simplify/"},
                                         Sample{"opt_dead_trap_dropped", "dce/unneeded"},
                                         Sample{"emit_zext_left_out", ""},
                                         Sample{"ra_clobber_forgotten", "x64/register-allocation:"},
                                         Sample{"abi_host_arg_junk", ""}),
                         [](const auto& sample) { return std::string(sample.param.bug); });
#endif

} // namespace
} // namespace assay::fuzz
