// dominators_test.cpp - dominance against its definition: a dominates b when b cannot be reached without a.
#include "compiler/ir/dominators.h"

#include "assay/builder.h"

#include <gtest/gtest.h>

#include <random>

namespace assay::ir {
namespace {

using Graph = std::vector<std::vector<u32>>;

/// A function whose blocks have these successors (by switch).
Function function_of(const Graph& graph) {
  Module m;
  m.functions.emplace_back().signature = m.intern_signature({}, {});
  FunctionBuilder b(m, 0);
  for (std::size_t i = 0; i < graph.size(); ++i) b.block();
  for (u32 i = 0; i < graph.size(); ++i) {
    b.begin(i);
    if (graph[i].empty()) {
      b.ret({});
      continue;
    }
    const ValueId v = b.iconst(Type::I32, 0);
    std::vector<EdgeTarget> targets;
    for (u32 k = 0; k < graph[i].size(); ++k)
      targets.push_back({graph[i][k], {}, k + 1 < graph[i].size() ? EdgeKind::Case : EdgeKind::Normal, k});
    b.end(Opcode::Switch, Type::I32, {&v, 1}, targets);
  }
  return std::move(m.functions[0]);
}

/// What can be reached from the entry without passing `removed`.
std::vector<bool> reach(const Graph& graph, u32 removed) {
  std::vector<bool> seen(graph.size());
  std::vector<u32> work;
  if (removed != 0) {
    work.push_back(0);
    seen[0] = true;
  }
  while (!work.empty()) {
    const u32 block = work.back();
    work.pop_back();
    for (u32 next : graph[block]) {
      if (next == removed || seen[next]) continue;
      seen[next] = true;
      work.push_back(next);
    }
  }
  return seen;
}

void expect_exact(const Graph& graph, Dominators& dominators) {
  dominators.compute(function_of(graph));
  const std::vector<bool> reachable = reach(graph, kNone);
  for (u32 a = 0; a < graph.size(); ++a) {
    ASSERT_EQ(dominators.reachable(a), reachable[a]);
    const std::vector<bool> without = reach(graph, a);
    for (u32 b = 0; b < graph.size(); ++b)
      ASSERT_EQ(dominators.dominates(a, b), reachable[a] && reachable[b] && !without[b]) << a << " " << b;
  }
}

TEST(Dominators, OneBlock) {
  Dominators d;
  expect_exact({{}}, d);
}

TEST(Dominators, DiamondLoopAndUnreachable) {
  Dominators d;
  expect_exact({{1, 2}, {3}, {3}, {4, 1}, {}, {3}}, d);
}

TEST(Dominators, IrreducibleLoop) {
  Dominators d;
  expect_exact({{1, 2}, {2, 3}, {1, 3}, {}}, d);
}

TEST(Dominators, TheExampleOfThePaper) {
  // Lengauer and Tarjan, figure 1: R A B C D E F G H I J K L.
  Dominators d;
  expect_exact({{1, 2, 3}, {4}, {1, 4, 5}, {6, 7}, {12}, {8}, {9}, {9, 10}, {5, 11}, {11}, {9}, {9, 0}, {8}}, d);
}

TEST(Dominators, RandomGraphsAgreeWithTheDefinition) {
  std::mt19937 random(17);
  Dominators d;
  for (int i = 0; i < 2000; ++i) {
    Graph graph(1 + random() % 14);
    for (auto& successors : graph)
      for (u32 n = random() % 4; n > 0; --n) successors.push_back(random() % static_cast<u32>(graph.size()));
    expect_exact(graph, d);
  }
}

} // namespace
} // namespace assay::ir
