// cause_test.cpp - signatures of findings: one line there and back, and what is taken to be the same.
#include "fuzz/triage/cause.h"

#include "compiler/codegen/decisions.h"
#include "compiler/opt/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::fuzz {
namespace {

Cause cause(std::string_view line) {
  std::string expected;
  u32 word = 0;
  auto out = parse_cause(line, expected, word);
  EXPECT_TRUE(out.has_value()) << line << ": " << expected;
  return out.value_or(Cause{});
}

Failure failure_in(std::string_view observable) {
  Failure failure;
  failure.seen.state = Seen::Fails;
  failure.seen.observable = observable;
  return failure;
}

Bisection in_pass(std::string_view pass, std::string_view rule = {}) {
  Bisection out;
  out.level = Level::O2;
  out.component = out.pass = pass;
  out.rule = rule;
  return out;
}

TEST(Cause, line_comes_back_as_it_was) {
  const std::string line = "miscompile x64 O2 end:returned,crashed simplify/shl_shl_wraps";
  EXPECT_EQ(to_string(cause(line)), line);
}

TEST(Cause, line_that_is_none_says_which_word_is_wrong) {
  const std::pair<const char*, u32> kWrong[] = {{"", 0},
                                                {"sadness x64 O2 result gvn", 0},
                                                {"miscompile", 1},
                                                {"miscompile x64 O7 result gvn", 2},
                                                {"miscompile x64 O2 re(sult gvn", 3},
                                                {"miscompile x64 O2 result", 4},
                                                {"miscompile x64 O2 result gvn more", 5}};
  for (const auto& [line, at] : kWrong) {
    std::string expected;
    u32 word = 99;
    EXPECT_FALSE(parse_cause(line, expected, word).has_value()) << line;
    EXPECT_EQ(word, at) << line;
    EXPECT_EQ(expected.rfind("expected ", 0), 0u) << line;
  }
}

TEST(Cause, any_bytes_become_one_word) {
  EXPECT_EQ(as_word("end: trapped div_by_zero, returned"), "end:trapped-div_by_zero,returned");
  EXPECT_EQ(as_word(std::string("a\0b\xff c\n", 7)), "a-b-c");
  EXPECT_EQ(as_word("  "), "");
}

TEST(Cause, same_rule_is_one_group_whatever_it_shows_in) {
  const Cause a = cause_of(failure_in("result"), in_pass("simplify", "shl_shl_wraps"), "");
  const Cause b = cause_of(failure_in("memory-byte"), in_pass("simplify", "shl_shl_wraps"), "");
  const Cause c = cause_of(failure_in("result"), in_pass("simplify", "le_s_at_max"), "");
  EXPECT_EQ(to_string(a), "miscompile x64 O2 result simplify/shl_shl_wraps");
  EXPECT_EQ(group_key(a), group_key(b));
  EXPECT_NE(group_key(a), group_key(c));
}

/// The groups of findings whose culprits are the kinds of rewrite of a pass.
std::set<std::string> groups_of(opt::PassId pass) {
  std::set<std::string> out;
  for (const opt::RewriteInfo& row : opt::rewrite_infos())
    if (row.pass == pass)
      out.insert(group_key(cause_of(failure_in("result"), in_pass(opt::pass_info(pass).name, row.name), "")));
  return out;
}

TEST(Cause, uses_of_one_analysis_are_one_group) {
  using Keys = std::set<std::string>;
  EXPECT_EQ(groups_of(opt::PassId::Sccp), Keys{"sccp/constants"});
  EXPECT_EQ(groups_of(opt::PassId::Thread), Keys{"thread/decided"});
  EXPECT_EQ(groups_of(opt::PassId::Choose), Keys{"choose/select"});
  EXPECT_EQ(groups_of(opt::PassId::Bounds), (Keys{"bounds/ranges", "bounds/apart"}));
  EXPECT_EQ(groups_of(opt::PassId::Inline), (Keys{"inline/body", "inline/body_with_slots", "inline/known_callee"}));
  constexpr const char* kOfAnalysis[][2] = {{"selection/clean_extended", "selection/clean"},
                                            {"selection/clean_address", "selection/clean"},
                                            {"emission/branch_short", "emission/places"},
                                            {"emission/loop_aligned", "emission/places"}};
  for (const auto& [culprit, group] : kOfAnalysis) {
    const auto rows = codegen::decision_infos();
    const std::string_view name = std::string_view(culprit).substr(std::string_view(culprit).find('/') + 1);
    EXPECT_TRUE(
        std::any_of(rows.begin(), rows.end(), [&](const codegen::DecisionInfo& row) { return row.name == name; }));
    EXPECT_EQ(group_key(cause(std::string("miscompile x64 O2 result x64/") + culprit)), std::string("x64/") + group);
  }
  EXPECT_NE(group_key(cause("miscompile x64 O2 result x64/selection/clean_address")),
            group_key(cause("miscompile a64 O2 result a64/selection/clean_address")));
  EXPECT_EQ(group_key(cause("checker x64 O2 x x64/register-allocation:O2:overwritten-by")),
            group_key(cause("checker x64 O2 x x64/register-allocation:O2:may-not-share")));
}

TEST(Cause, folding_is_told_apart_by_the_operation_that_is_folded) {
  Bisection folding = in_pass("simplify", "constant folding");
  folding.before = "func @f() {\n^0:\n  %0 = const.i8 255\n  %1 = sext.i32.i8 %0\n}\n";
  folding.after = "func @f() {\n^0:\n  %0 = const.i8 255\n  %1 = const.i32 255\n}\n";
  EXPECT_EQ(cause_of(failure_in("result"), folding, "").culprit, "simplify/constant-folding:sext");
  folding.wrongly_folded = "sext";
  Bisection other = in_pass("sccp", "operation");
  other.wrongly_folded = "sext";
  EXPECT_EQ(cause_of(failure_in("result"), folding, "").culprit, "constant-folding:sext");
  EXPECT_EQ(group_key(cause_of(failure_in("result"), folding, "")), group_key(cause_of(failure_in("end"), other, "")));
}

TEST(Cause, code_of_a_target_is_told_apart_by_the_operation_that_is_got_wrong) {
  Bisection code;
  code.component = "x64 code, with values in registers";
  EXPECT_EQ(cause_of(failure_in("result"), code, "f2i_sat_s").culprit, "x64/code:f2i_sat_s");
  code.component = "unicorn agrees, native does not";
  EXPECT_EQ(cause_of(failure_in("x"), code, "load").culprit, "x64/unicorn-agrees,native-does-not:load");
  code.component = "convention windows";
  EXPECT_EQ(cause_of(failure_in("x"), code, "call").culprit, "x64/convention-windows:call");
}

TEST(Cause, allocation_is_told_apart_by_what_its_checker_complains_of) {
  const auto complaint = [](const std::string& what) {
    Bisection refused;
    refused.seen.kind = FindingKind::Checker;
    refused.seen.what = "register allocation of @f1: block 3, inst 27: " + what;
    refused.component = "x64 allocation";
    refused.area = "allocation";
    refused.rule = "hint";
    refused.decision = 4;
    return cause_of(failure_in("x"), refused, "").culprit;
  };
  EXPECT_EQ(complaint("use 1 (v6) is not there: r0 holds {}, lost over inst 3"),
            "x64/register-allocation:O0:lost-over");
  EXPECT_EQ(complaint("use 1 (v6) is not there: slot2 holds {v1, v4}, overwritten by inst 30"),
            "x64/register-allocation:O0:overwritten-by");
  EXPECT_EQ(complaint("temp 2 (v6) may not share r0 with operand 1"), "x64/register-allocation:O0:may-not-share");
  EXPECT_EQ(complaint("an edit stands before it, in a landing pad"),
            "x64/register-allocation:O0:an-edit-stands-before");
  EXPECT_EQ(complaint(""), "x64/register-allocation:O0");
}

TEST(Cause, trap_that_runs_early_is_one_group_whatever_was_moved) {
  Bisection moved = in_pass("licm", "division");
  moved.runs_trap = true;
  EXPECT_EQ(cause_of(failure_in("fuel-left"), moved, "").culprit, "licm/runs_trap");
  Bisection inlined = in_pass("inline", "body");
  inlined.runs_trap = true;
  EXPECT_EQ(cause_of(failure_in("result"), inlined, "").culprit, "inline/body") << "it copies what ran before";
}

TEST(Cause, choice_of_the_back_end_is_the_culprit_whatever_it_shows_in) {
  Bisection code;
  code.component = "x64 selection";
  code.area = "selection";
  code.decision = 4;
  code.rule = "negated_immediate";
  EXPECT_TRUE(names_decision(code));
  EXPECT_EQ(cause_of(failure_in("result"), code, "sub").culprit, "x64/selection/negated_immediate");
  code.component = "all targets, selection";
  EXPECT_EQ(cause_of(failure_in("result"), code, "").culprit, "x64/selection/negated_immediate")
      << "that it shows elsewhere is an accident of the program";
  code.component = "x64 allocation";
  code.area = "allocation";
  code.rule = "slot_shared";
  code.level = Level::O2;
  EXPECT_EQ(cause_of(failure_in("x"), code, "").culprit, "x64/allocation/slot_shared:O2");
}

TEST(Cause, what_is_brought_about_by_a_pass_but_right_is_the_back_ends) {
  Bisection code = in_pass("gvn");
  code.optimised_is_right = true;
  code.component = "x64 code";
  EXPECT_FALSE(names_pass(code));
  EXPECT_EQ(cause_of(failure_in("result"), code, "load").culprit, "x64/code:load");
}

TEST(Cause, finding_without_a_bisection_is_like_others_only_when_all_is_the_same) {
  Finding finding;
  finding.subject = "x64-O2-native-linux";
  finding.difference = "memory byte 17: 0x00 != 0xff";
  const Cause a = cause_of(finding);
  EXPECT_EQ(to_string(a), "miscompile x64 O2 memory-byte unknown");
  finding.difference = "result 0: 1 != 2";
  EXPECT_NE(group_key(a), group_key(cause_of(finding)));
  finding.cause = "crash a64 O0 end:returned,crashed a64/code:load";
  EXPECT_EQ(to_string(cause_of(finding)), finding.cause);
  finding.cause = "nonsense";
  EXPECT_EQ(cause_of(finding).culprit, "unknown");
}

} // namespace
} // namespace assay::fuzz
