// decisions_test.cpp - the counter of choices: limits, what the last one is called; and that plain ways are taken.
#include "compiler/codegen/decisions.h"

#include "compile_support.h"

#include <set>

namespace assay::codegen {
namespace {

constexpr u64 kNoLimit = ~u64{0};

TEST(Decisions, each_area_has_a_limit_of_its_own) {
  Decisions decisions;
  const u64 limits[kDecisionAreas] = {2, 0, kNoLimit, kNoLimit, kNoLimit};
  decisions.begin(limits);
  for (u32 i = 0; i < 5; ++i) {
    EXPECT_EQ(decisions.may(Decision::Immediate), i < 2);
    EXPECT_FALSE(decisions.may(Decision::Hint));
    EXPECT_TRUE(decisions.may(Decision::Lea));
  }
  EXPECT_EQ(decisions.made(DecisionArea::Selection), 2u);
  EXPECT_EQ(decisions.made(DecisionArea::Allocation), 0u);
  EXPECT_EQ(decisions.made(DecisionArea::Emission), 5u);
  EXPECT_EQ(decisions.last(DecisionArea::Allocation).number, 0u);
  EXPECT_EQ(decisions.last(DecisionArea::Emission).number, 0u);
}

TEST(Decisions, the_one_that_reaches_the_limit_is_told_with_its_place) {
  Decisions decisions;
  const u64 limits[kDecisionAreas] = {3, kNoLimit, kNoLimit, kNoLimit, kNoLimit};
  decisions.begin(limits);
  decisions.enter(0);
  decisions.may(Decision::Immediate);
  decisions.enter(4);
  decisions.may(Decision::Immediate);
  const u32 line = __LINE__ + 1;
  decisions.may(Decision::FrameAccess);
  decisions.may(Decision::StoredImmediate);
  decisions.may(Decision::Immediate);
  const LastDecision& last = decisions.last(DecisionArea::Selection);
  EXPECT_EQ(last.number, 3u);
  EXPECT_EQ(last.in_function, 2u);
  EXPECT_EQ(last.function, 4u);
  EXPECT_EQ(last.decision, Decision::FrameAccess);
  EXPECT_EQ(last.file, "decisions_test.cpp");
  EXPECT_EQ(last.line, line);
  const LastDecision& refused = decisions.first_refused(DecisionArea::Selection);
  EXPECT_EQ(refused.number, 4u);
  EXPECT_EQ(refused.in_function, 3u);
  EXPECT_EQ(refused.function, 4u);
  EXPECT_EQ(refused.decision, Decision::StoredImmediate);
  EXPECT_EQ(refused.line, line + 1);
}

TEST(Decisions, say_which_areas_have_a_limit) {
  Decisions decisions;
  EXPECT_FALSE(decisions.is_limited(DecisionArea::Encoding));
  const u64 limits[kDecisionAreas] = {kNoLimit, kNoLimit, kNoLimit, 1u << 30, 0};
  decisions.begin(limits);
  EXPECT_FALSE(decisions.is_limited(DecisionArea::Emission));
  EXPECT_TRUE(decisions.is_limited(DecisionArea::Encoding));
  EXPECT_TRUE(decisions.is_limited(DecisionArea::Unwinding));
}

TEST(Decisions, have_names_of_their_own) {
  std::set<std::string_view> names;
  for (const DecisionInfo& info : decision_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.meaning.empty());
  }
}

TEST(Decisions, what_is_refused_is_done_the_plain_way) {
  constexpr const char* kText = "export func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n %c = const.i64 7\n"
                                " %d = mul.i64 %a, %b\n %x = xor.i64 %a, %c\n %t = lt_s.i64 %x, %b\n"
                                " %r = select.i64 %t, %a, %b\n return %r\n}\n";
  CompileOptions options;
  EXPECT_EQ(op_names(lower(kText, options)), "args xor.i sel.cmp ret");
  options.passes.decision_limits[static_cast<u32>(DecisionArea::Selection)] = 0;
  EXPECT_EQ(op_names(lower(kText, options)), "args imul imm xor set.cmp sel.test ret");
  options.passes.decision_limits[static_cast<u32>(DecisionArea::Selection)] = 2;
  EXPECT_EQ(op_names(lower(kText, options)), "args xor.i set.cmp sel.test ret");
}

} // namespace
} // namespace assay::codegen
