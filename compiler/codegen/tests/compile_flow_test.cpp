// compile_flow_test.cpp - reverse postorder, edge counts and use counts.
#include "compiler/codegen/flow.h"

#include "compile_support.h"

namespace assay::codegen {
namespace {

struct Result {
  Module module;
  Flow flow;
};

Result flow_of(std::string_view text) {
  Result result{parse(text), {}};
  result.flow.compute(result.module.functions.back());
  return result;
}

TEST(Flow, OrderStartsAtTheEntryAndFollowsTheFirstEdge) {
  const Result r =
      flow_of("func @f(i64) {\n^e(%a: i64):\n branch %a, ^t, ^u\n^u:\n jump ^o\n^t:\n jump ^o\n^o:\n return\n}");
  EXPECT_EQ(r.flow.order(), (std::vector<BlockId>{0, 2, 1, 3}));
}

TEST(Flow, EveryBlockButTheEntryHasAPredecessorBeforeIt) {
  const Result r = flow_of(
      "func @f(i64) {\n^e(%a: i64):\n jump ^h\n^x:\n branch %a, ^h, ^o\n^h:\n branch %a, ^x, ^o\n^o:\n return\n}");
  EXPECT_EQ(r.flow.order(), (std::vector<BlockId>{0, 2, 1, 3}));
}

TEST(Flow, UnreachableBlocksCountForNothing) {
  const Result r = flow_of("func @f(i64) {\n^e(%a: i64):\n jump ^o\n^x:\n branch %a, ^o, ^x\n^o:\n return\n}");
  EXPECT_EQ(r.flow.order(), (std::vector<BlockId>{0, 2}));
  EXPECT_EQ(r.flow.edges_into(2), 1u);
  EXPECT_EQ(r.flow.edges_into(1), 0u);
  EXPECT_EQ(r.flow.uses(0), 0u);
}

TEST(Flow, UsesCountOperandsAndArguments) {
  const Result r = flow_of(
      "func @f(i64) -> i64 {\n^e(%a: i64):\n %b = add.i64 %a, %a\n branch %b, ^o(%a), ^o(%b)\n^o(%c: i64):\n return %c\n}");
  const Function& f = r.module.functions[0];
  EXPECT_EQ(r.flow.uses(f.blocks[0].first_param), 3u);
  EXPECT_EQ(r.flow.uses(f.insts[0].first_result), 2u);
  EXPECT_EQ(r.flow.edges_into(1), 2u);
}

TEST(Flow, LongChainsNeedNoDeepStack) {
  std::string text = "func @f(i64) {\n^e(%a: i64):\n jump ^b0\n";
  for (int i = 0; i < 50000; ++i)
    text += "^b" + std::to_string(i) + ":\n branch %a, ^b" + std::to_string(i + 1) + ", ^o\n";
  text += "^b50000:\n jump ^o\n^o:\n return\n}";
  EXPECT_EQ(flow_of(text).flow.order().size(), 50003u);
}

} // namespace
} // namespace assay::codegen
