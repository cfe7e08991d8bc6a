// bisect_test.cpp - planted bugs of passes are named with the rewrite and the rule; those of the back end are not taken
// for the optimiser's.
#include "fuzz/bisect/bisect.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "fuzz/bisect/otherwise.h"
#include "fuzz/os/process.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

#ifdef ASSAY_MUTANTS
class Bisect : public testing::Test {
protected:
  void SetUp() override {
    if (host_target() != Target::X64) GTEST_SKIP() << "the subject compiles for x64";
    row_ = find_subject_row("x64-O2-native-linux");
    if (row_ == nullptr || !unavailable_reason(*row_).empty()) GTEST_SKIP() << "it cannot run here";
  }
  void TearDown() override { planted::active = 0; }

  Bisection bisected(const char* bug, const char* text, std::vector<u64> args, Level level = Level::O2,
                     bool spill_all = false, bool other_places = false) {
    auto module = parse_and_verify(text);
    EXPECT_TRUE(module.ok()) << module.error().to_string();
    const FunctionId last = static_cast<FunctionId>(module->functions.size() - 1); // behind imports
    const Program program{std::move(*module), last, std::move(args), 1000};
    planted::active = bug == nullptr ? 0 : planted::name_hash(bug);
    Prober prober;
    Variant variant = variant_of(*row_, program.module);
    variant.level = level;
    variant.spill_all = spill_all;
    return bisect(program, variant, prober, {.other_places = other_places});
  }

  const SubjectRow* row_ = nullptr;
};

constexpr const char* kShifts = R"(
export func @main(i64, i64) -> i64, i64 {
^0(%x: i64, %y: i64):
  %a = const.i64 0
  %b = add.i64 %y, %a
  %c = const.i64 40
  %d = shl.i64 %x, %c
  %e = shl.i64 %d, %c
  return %e, %b
}
)";

TEST_F(Bisect, wrong_rule_is_named_with_its_line) {
  const Bisection found = bisected("opt_shift_sum_wraps", kShifts, {3, 4});
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component, "simplify");
  EXPECT_EQ(found.level, Level::O2);
  EXPECT_EQ(found.rule, "shl_shl_wraps");
  EXPECT_EQ(found.rule_file, "simplify_rules.def");
  EXPECT_GT(found.rule_line, 100u);
  EXPECT_EQ(found.rewrite, 2u) << "the sum with zero comes first";
  EXPECT_EQ(found.function, "main");
  EXPECT_NE(found.before.find("shl"), std::string::npos);
  EXPECT_NE(found.before, found.after);
  EXPECT_TRUE(found.has_witness);
  EXPECT_EQ(found.cures, std::vector<std::string>{"simplify"});
}

TEST_F(Bisect, wrong_rewrite_of_a_pass_without_a_table_is_named_with_the_line_that_asks_for_it) {
  const Bisection found = bisected("gvn_narrow_store", R"(
memory 65536
export func @main(i64) -> i64 {
^0(%x: i64):
  %a = const.i32 64
  store8.i64 %a, 0, %x
  %b = load8_u.i64 %a, 0
  return %b
}
)",
                                   {0x1ff});
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component, "gvn");
  EXPECT_EQ(found.rule, "load_after_store");
  EXPECT_EQ(found.rule_file, "gvn.cpp");
  EXPECT_GT(found.rule_line, 50u);
}

TEST_F(Bisect, trap_that_a_rewrite_lets_run_early_is_told) {
  const char* const text = R"(
export func @main(i32, i32) -> i32 {
^0(%n: i32, %d: i32):
  jump ^1(%n)
^1(%i: i32):
  fuel 1
  branch %i, ^2, ^3
^2:
  %q = div_u.i32 %n, %d
  %one = const.i32 1
  %less = sub.i32 %i, %one
  %r = sub.i32 %less, %q
  jump ^1(%r)
^3:
  return %d
}
)";
  const Bisection found = bisected("licm_hoists_traps", text, {0, 0});
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component, "licm");
  EXPECT_EQ(found.rule, "division");
  EXPECT_TRUE(found.runs_trap);
}

TEST_F(Bisect, right_program_has_no_culprit) {
  const Bisection found = bisected(nullptr, kShifts, {3, 4});
  EXPECT_FALSE(found.seen.fails());
  EXPECT_TRUE(found.component.empty());
}

TEST_F(Bisect, wrong_folding_is_the_work_of_simplify_without_a_rule_of_the_table) {
  const Bisection found = bisected("fold_sext_is_zext", R"(
export func @main() -> i64 {
^0:
  %a = const.i8 -3
  %b = sext.i64.i8 %a
  return %b
}
)",
                                   {});
  EXPECT_EQ(found.component, "simplify");
  EXPECT_EQ(found.rule, "constant folding");
  EXPECT_EQ(found.wrongly_folded, "sext") << "whichever pass folds with it";
  EXPECT_EQ(found.rule_file, "simplify.cpp");
  EXPECT_GT(found.rule_line, 0u);
}

TEST_F(Bisect, wrong_back_end_fails_at_every_level) {
  const Bisection found = bisected("emit_cdq_for_cqo", R"(
export func @main(i64, i64) -> i64 {
^0(%a: i64, %b: i64):
  %q = div_s.i64 %a, %b
  return %q
}
)",
                                   {~u64{9}, 2});
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.level, Level::O0);
  EXPECT_EQ(found.rewrite, 0u);
  EXPECT_EQ(found.component, "x64 code");
  EXPECT_EQ(found.operations, (std::vector<std::string>{"div_s.i64", "return"}));
}

TEST_F(Bisect, wrong_choice_of_selection_is_named_with_the_line_that_asks_for_it) {
  const Bisection found = bisected("isel_negated_imm", R"(
export func @main(i64) -> i64 {
^0(%a: i64):
  %one = const.i64 1
  %b = add.i64 %a, %one
  %c = const.i64 -2147483648
  %r = sub.i64 %b, %c
  return %r
}
)",
                                   {7}, Level::O0);
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component, "x64 selection");
  EXPECT_EQ(found.area, "selection");
  EXPECT_EQ(found.rule, "negated_immediate");
  EXPECT_EQ(found.rule_file, "lower_int.cpp");
  EXPECT_GT(found.rule_line, 50u);
  EXPECT_EQ(found.decision, 3u) << "behind the immediate of the sum, and this one's";
  EXPECT_EQ(found.decision_function, "main");
  EXPECT_TRUE(found.has_witness);
}

TEST_F(Bisect, choice_that_only_hides_what_is_wrong_is_no_culprit) {
  const Bisection found = bisected("isel_narrow_compare_wide", R"(
export func @main() {
^b0:
  %0 = const.i8 0
  jump ^b1(%0)
^b1(%1: i8):
  fuel 1
  %2 = gt_s.i8 %1, %0
  %3 = eq.i8 %2, %0
  branch %3, ^b2, ^b1(%1)
^b2:
  return
}
)",
                                   {}, Level::O0);
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component.rfind("x64 code", 0), 0u) << found.component;
  EXPECT_EQ(found.decision, 0u);
  const auto doubted = [](const BisectTrial& trial) {
    return trial.name == "by accident: without choices of selection" && trial.seen == Seen::Agrees;
  };
  EXPECT_TRUE(std::any_of(found.trials.begin(), found.trials.end(), doubted)) << "without immediates it agrees";
}

// A mask of 16 bytes behind a jump table lies at a multiple of 8: without the table it lies well, by accident.
TEST_F(Bisect, choice_that_only_moves_code_is_not_blamed_where_emulators_find_it_right) {
  const Bisection found = bisected("rodata_alignment", R"(
export func @main(i64, f64) -> f64 {
^0(%a: i64, %x: f64):
  switch.i64 %a [0: ^1, 1: ^2, 2: ^1, 3: ^2, 4: ^1], ^2
^1:
  %n = fneg.f64 %x
  return %n
^2:
  return %x
}
)",
                                   {0, 0x3ff0000000000000}, Level::O0, false, true);
  ASSERT_TRUE(found.seen.fails());
  const auto in_unicorn = [](const BisectTrial& trial) { return trial.name == "in unicorn"; };
  if (std::none_of(found.trials.begin(), found.trials.end(), in_unicorn)) GTEST_SKIP() << "there is no Unicorn here";
  EXPECT_EQ(found.decision, 0u) << to_string(found);
  EXPECT_EQ(found.component, "unicorn agrees, native does not");
  EXPECT_TRUE(found.code_is_right);
}

TEST_F(Bisect, wrong_choice_of_emission_is_named_though_one_of_selection_brings_it_about) {
  const Bisection found = bisected("emit_flags_of_word", R"(
export func @main(i32, i32) -> i32 {
^0(%a: i32, %b: i32):
  %x = trunc.i8.i32 %a
  %y = trunc.i8.i32 %b
  %z = and.i8 %x, %y
  branch %z, ^1, ^2
^1:
  return %a
^2:
  %r = add.i32 %a, %b
  return %r
}
)",
                                   {0x100, 0x100}, Level::O0);
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.component, "x64 emission");
  EXPECT_EQ(found.rule, "flags_reused");
  EXPECT_EQ(found.rule_file, "emit_int.cpp");
}

constexpr const char* kManyComparisons = R"(
export func @main(i64, i64) -> i8 {
^b0(%a: i64, %b: i64):
  %c0 = gt_s.i64 %a, %b
  %c1 = lt_s.i64 %a, %b
  %c2 = eq.i64 %a, %b
  %c3 = ge_s.i64 %a, %b
  %c4 = le_s.i64 %a, %b
  %c5 = ne.i64 %a, %b
  %c6 = gt_u.i64 %a, %b
  %c7 = lt_u.i64 %a, %b
  %s1 = add.i8 %c0, %c1
  %s2 = add.i8 %s1, %c2
  %s3 = add.i8 %s2, %c3
  %s4 = add.i8 %s3, %c4
  %s5 = add.i8 %s4, %c5
  %s6 = add.i8 %s5, %c6
  %s7 = add.i8 %s6, %c7
  return %s7
}
)";

constexpr const char* kTwoDivisions = R"(
export func @main(i32) {
^b0(%0: i32):
  %1 = div_s.i32 %0, %0
  %2 = const.i8 -128
  %3 = const.i8 -1
  %4 = div_s.i8 %2, %3
  return
}
)";

constexpr const char* kThrowsBehindReturn = R"(
tag @tag2(i32, f64)
export func @main(i32) {
^b0(%0: i32):
  %1 = const.f64 0x0p+0
  branch %0, ^b1, ^b2
^b1:
  throw @tag2(%0, %1)
^b2:
  return
}
)";

TEST_F(Bisect, form_of_an_instruction_place_of_a_trap_and_row_of_a_table_are_named) {
  const struct {
    const char *bug, *text;
    std::vector<u64> args;
    Level level;
    std::string component, rule, file;
  } cases[] = {
      {"enc_byte_reg_without_rex",
       kManyComparisons,
       {5, 3},
       Level::O0,
       "x64 encoding",
       "rex_left_out",
       "assembler_encode.h"},
      {"trap_stubs_merged", kTwoDivisions, {1}, Level::O0, "x64 emission", "trap_behind", "emission.h"},
      {"unwind_row_not_restored",
       kThrowsBehindReturn,
       {1},
       Level::O2,
       "x64 unwinding",
       "row_behind_epilogue",
       "emit_frame.cpp"},
  };
  for (const auto& one : cases) {
    const Bisection found = bisected(one.bug, one.text, one.args, one.level);
    ASSERT_TRUE(found.seen.fails()) << one.bug;
    EXPECT_EQ(found.component, one.component) << one.bug;
    EXPECT_EQ(found.rule, one.rule) << one.bug;
    EXPECT_EQ(found.rule_file, one.file) << one.bug;
    EXPECT_EQ(found.decision_function, "main") << one.bug;
    planted::active = 0;
  }
}

TEST_F(Bisect, wrong_choice_of_the_allocator_is_named_where_its_checker_complains) {
  const Bisection found = bisected("ra_slot_shared", R"(
export func @main(i32, i32) {
^0(%0: i32, %1: i32):
  %2 = sext.i64.i32 %1
  jump ^1(%2)
^1(%3: i64):
  %4 = div_u.i32 %0, %0
  return
}
)",
                                   {1, 2}, Level::O0, true);
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.seen.kind, FindingKind::Checker);
  EXPECT_EQ(found.component, "x64 allocation");
  EXPECT_EQ(found.rule, "slot_shared");
}

TEST_F(Bisect, wrong_choice_of_the_allocator_is_named_where_the_compiler_dies_of_it) {
  if (!can_fork()) GTEST_SKIP() << "skipped: this process would die of it";
  const Bisection found = bisected("ra_slot_shared", R"(
memory 0
export func @main(i32, i32) {
^0(%0: i32, %1: i32):
  %2 = const.i32 0
  %3 = const.f64 0.0
  %4 = const.ptr 0
  jump ^1(%1, %1)
^1(%5: i32, %6: i32):
  fuel 1
  %7 = shr_u.i32 %1, %0
  %8 = or.i32 %2, %7
  branch %2, ^2, ^1(%5, %2)
^2:
  store.i32 %2, 1, %6
  return
}
)",
                                   {1, 2}, Level::O0, true);
  ASSERT_TRUE(found.seen.fails());
  EXPECT_EQ(found.seen.kind, FindingKind::Crash) << found.seen.what;
  EXPECT_EQ(found.area, "allocation");
  EXPECT_EQ(found.rule, "slot_shared");
  EXPECT_EQ(found.rule_file, "regalloc_state.cpp");
}
#endif

TEST(Otherwise, programs_that_say_the_same_do_the_same) {
  auto module = parse_and_verify(R"(
global @g : i32 = 1
export func @main(i32) -> i32 {
^0(%x: i32):
  %a = const.i32 40
  %b = const.i8 -1
  %c = sext.i32.i8 %b
  %d = mul.i32 %a, %x
  global_set.i32 @g, %d
  branch %c, ^1, ^2
^1:
  %r = add.i32 %d, %c
  return %r
^2:
  return %a
}
)");
  ASSERT_TRUE(module.ok());
  const Program program{std::move(*module), 0, {3}, 1000};
  const std::vector<Program> others = said_otherwise(program);
  EXPECT_EQ(others.size(), kSaidOtherwise);
  const auto run = [](const Program& p) {
    oracle::Interpreter oracle;
    qemu::TestHost host;
    Outcome out;
    oracle.prepare(p.module);
    oracle.run(p.entry, p.args, p.fuel, host, out);
    return to_string(p.module, out);
  };
  u32 without_constants = 0;
  for (const Program& other : others) {
    EXPECT_TRUE(verify(other.module).ok());
    EXPECT_EQ(run(other), run(program));
    without_constants += other.args.size() == 3;
  }
  EXPECT_GT(without_constants, 1u);
  EXPECT_LT(without_constants, others.size());
}

TEST(BisectText, says_decision_and_rule) {
  Bisection found;
  found.component = "x64 selection";
  found.area = "selection";
  found.decision = 12;
  found.decision_in_function = 3;
  found.decision_function = "f";
  found.rule = "immediate";
  found.rule_file = "lower_int.cpp";
  found.rule_line = 86;
  EXPECT_EQ(to_string(found), "x64 selection, decision 12 (3 in @f), rule immediate (lower_int.cpp:86)");
}

TEST(BisectText, says_pass_rewrite_and_rule) {
  Bisection found;
  found.component = found.pass = "simplify";
  found.rewrite = 3;
  found.rewrite_in_run = 2;
  found.run = 1;
  found.function = "f";
  found.rule = "shl_shl_wraps";
  found.rule_file = "simplify_rules.def";
  found.rule_line = 238;
  EXPECT_EQ(to_string(found), "simplify, rewrite 3 (2 of run 1 in @f), rule shl_shl_wraps (simplify_rules.def:238)");
}

} // namespace
} // namespace assay::fuzz
