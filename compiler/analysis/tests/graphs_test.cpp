// Tests of flow graph, dominators, frontier and loops: each against its definition, on random graphs; and their shape
// on long chains, which must take linear time and no recursion.
#include "compiler/analysis/frontier.h"
#include "compiler/analysis/loops.h"
#include "compiler/analysis/tests/random_graph.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::analysis {
namespace {

/// Calls `use(graph, random)` for many graphs.
template <typename Use> void for_graphs(Use use) {
  for (u32 seed = 0; seed < 1500; ++seed) {
    std::mt19937 random(seed);
    const RandomGraph lists = random_graph(random, 1 + random() % 24, 1 + random() % 3);
    FlowGraph graph;
    graph.build(lists.ends, lists.targets);
    ASSERT_NO_FATAL_FAILURE(use(graph, random)) << "seed " << seed;
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed;
      return;
    }
  }
}

TEST(FlowGraph, numbers_what_is_reached_and_links_both_ways) {
  for_graphs([](const FlowGraph& graph, std::mt19937&) {
    EXPECT_EQ(graph.block(0), 0u);
    std::multiset<std::pair<Node, Node>> forwards, backwards;
    for (Node node = 0; node < graph.size(); ++node) {
      EXPECT_EQ(graph.node(graph.block(node)), node);
      for (const Node succ : graph.succs(node)) forwards.emplace(node, succ);
      for (const Node pred : graph.preds(node)) backwards.emplace(pred, node);
      // Only an edge to an ancestor goes against the order.
      for (const Node succ : graph.succs(node)) EXPECT_EQ(succ <= node, graph.is_ancestor(succ, node));
      if (node != 0) {
        EXPECT_TRUE(graph.is_ancestor(graph.tree_parent(node), node));
        EXPECT_LT(graph.tree_parent(node), node);
      }
    }
    EXPECT_EQ(forwards, backwards);
  });
}

TEST(FlowGraph, leaves_out_what_is_not_reached) {
  const u32 ends[] = {1, 2, 3};
  const BlockId targets[] = {2, 0, 2};
  FlowGraph graph;
  graph.build(ends, targets);
  EXPECT_EQ(graph.size(), 2u);
  EXPECT_EQ(graph.node(1), kNone);
  EXPECT_EQ(graph.preds(graph.node(2)).size(), 2u);
  EXPECT_TRUE(graph.preds(0).empty());
}

TEST(Dominators, are_what_every_way_passes) {
  for_graphs([](const FlowGraph& graph, std::mt19937&) {
    Dominators dominators;
    dominators.compute(graph);
    for (Node above = 0; above < graph.size(); ++above) {
      const std::vector<bool> around = reached(graph, 0, above);
      for (Node below = 0; below < graph.size(); ++below)
        EXPECT_EQ(dominators.dominates(above, below), above == below || !around[below]) << above << " " << below;
    }
    for (Node node = 1; node < graph.size(); ++node) {
      const Node nearest = dominators.idom(node);
      EXPECT_TRUE(nearest != node && dominators.dominates(nearest, node));
      for (Node other = 0; other < graph.size(); ++other) {
        if (other != node && dominators.dominates(other, node)) {
          EXPECT_TRUE(dominators.dominates(other, nearest));
        }
      }
      EXPECT_EQ(dominators.level(node), dominators.level(nearest) + 1);
      const auto children = dominators.children(nearest);
      EXPECT_NE(std::find(children.begin(), children.end(), node), children.end());
    }
  });
}

/// By definition: the frontier of a node is where its dominance ends; of a set, the union; again until nothing is new.
std::set<Node> meeting_points(const FlowGraph& graph, const Dominators& dominators, std::set<Node> defs,
                              const Frontier& live) {
  std::set<Node> out;
  for (bool more = true; more;) {
    more = false;
    std::set<Node> sources = defs;
    sources.insert(out.begin(), out.end());
    for (const Node source : sources) {
      for (Node node = 0; node < graph.size(); ++node) {
        bool dominates_pred = false;
        for (const Node pred : graph.preds(node)) dominates_pred |= dominators.dominates(source, pred);
        if (!dominates_pred || (source != node && dominators.dominates(source, node)) || !live.is_live_in(node))
          continue;
        more |= out.insert(node).second;
      }
    }
  }
  return out;
}

TEST(Frontier, is_where_definitions_meet) {
  Frontier frontier;
  for_graphs([&](const FlowGraph& graph, std::mt19937& random) {
    Dominators dominators;
    dominators.compute(graph);
    frontier.begin(graph, dominators);
    for (u32 variable = 0; variable < 4; ++variable) {
      std::set<Node> defs, uses;
      for (Node node = 0; node < graph.size(); ++node) {
        if (random() % 4 == 0) defs.insert(node);
        if (random() % 4 == 0) uses.insert(node);
      }
      const std::vector<Node> def_list(defs.begin(), defs.end()), use_list(uses.begin(), uses.end());
      frontier.live_in(use_list, def_list);
      std::vector<bool> writes(graph.size());
      for (const Node def : defs) writes[def] = true;
      for (Node node = 0; node < graph.size(); ++node) { // live: a use is reached without passing a definition
        bool live = uses.count(node) != 0;
        std::vector<bool> silent(graph.size());
        for (Node n = 0; n < graph.size(); ++n) silent[n] = !writes[n] || uses.count(n) != 0;
        if (!live && !writes[node]) {
          std::vector<bool> pass(graph.size());
          for (Node n = 0; n < graph.size(); ++n) pass[n] = !writes[n];
          const std::vector<bool> through = reached(graph, node, kNone, pass);
          for (Node n = 0; n < graph.size(); ++n)
            for (const Node succ : graph.succs(n)) live |= through[n] && uses.count(succ) != 0;
        }
        EXPECT_EQ(frontier.is_live_in(node), live) << node;
      }
      std::vector<Node> found;
      frontier.meet(def_list, found);
      const std::set<Node> wanted = meeting_points(graph, dominators, defs, frontier);
      EXPECT_EQ(std::set<Node>(found.begin(), found.end()), wanted);
      EXPECT_EQ(found.size(), wanted.size());
      EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    }
  });
}

/// The nodes of the loop of that header by definition; empty when nothing leads back to it.
std::set<Node> loop_of(const FlowGraph& graph, Node header) {
  std::vector<bool> below(graph.size());
  for (Node node = 0; node < graph.size(); ++node) below[node] = graph.is_ancestor(header, node);
  bool leads_back = false;
  for (const Node pred : graph.preds(header)) leads_back |= below[pred];
  std::set<Node> out;
  if (!leads_back) return out;
  for (Node node = 0; node < graph.size(); ++node)
    if (below[node] && reached(graph, node, kNone, below)[header]) out.insert(node);
  return out;
}

TEST(Loops, are_those_of_the_definition) {
  Loops loops;
  u32 irreducible = 0, nested = 0;
  for_graphs([&](const FlowGraph& graph, std::mt19937&) {
    loops.compute(graph);
    std::vector<std::set<Node>> wanted(graph.size());
    u32 count = 0;
    for (Node header = 0; header < graph.size(); ++header) count += !(wanted[header] = loop_of(graph, header)).empty();
    ASSERT_EQ(loops.all().size(), count);
    for (u32 i = 0; i < count; ++i) {
      const Loop& loop = loops.all()[i];
      const std::set<Node>& body = wanted[loop.header];
      ASSERT_FALSE(body.empty());
      bool entered = false;
      for (const Node node : body)
        for (const Node pred : graph.preds(node)) entered |= node != loop.header && body.count(pred) == 0;
      EXPECT_EQ(loop.irreducible, entered) << "header " << loop.header;
      irreducible += entered;
      nested += loop.depth > 2;
      const bool has_inner =
          std::any_of(loops.all().begin(), loops.all().end(), [i](const Loop& other) { return other.parent == i; });
      EXPECT_EQ(loop.has_inner, has_inner) << "header " << loop.header;
      if (loop.parent != kNone) {
        EXPECT_LT(loop.parent, i);
        EXPECT_EQ(loop.depth, loops.all()[loop.parent].depth + 1);
      }
    }
    for (Node node = 0; node < graph.size(); ++node) {
      u32 around = 0;
      for (const std::set<Node>& body : wanted) around += static_cast<u32>(body.count(node));
      EXPECT_EQ(loops.depth(node), around) << node;
      if (around == 0) continue;
      const Node header = loops.all()[loops.of(node)].header;
      for (const std::set<Node>& body : wanted)
        EXPECT_TRUE(body.count(node) == 0 || body.size() >= wanted[header].size());
      EXPECT_EQ(wanted[header].count(node), 1u);
    }
  });
  EXPECT_GT(irreducible, 100u); // the graphs are worth something
  EXPECT_GT(nested, 100u);
}

TEST(Analyses, take_long_graphs) {
  constexpr u32 kCount = 200000;
  std::vector<u32> ends;
  std::vector<BlockId> targets;
  for (u32 block = 0; block < kCount; ++block) { // a chain of nested loops: each block goes on, or back to its mirror
    if (block + 1 < kCount) targets.push_back(block + 1);
    if (block >= kCount / 2) targets.push_back(kCount - 1 - block);
    ends.push_back(static_cast<u32>(targets.size()));
  }
  FlowGraph graph;
  graph.build(ends, targets);
  ASSERT_EQ(graph.size(), kCount);
  Dominators dominators;
  dominators.compute(graph);
  EXPECT_EQ(dominators.level(kCount - 1), kCount - 1);
  Loops loops;
  loops.compute(graph);
  EXPECT_EQ(loops.all().size(), kCount / 2);
  EXPECT_EQ(loops.depth(kCount / 2), kCount / 2);
  Frontier frontier;
  frontier.begin(graph, dominators);
  const std::vector<Node> defs{kCount / 2}, uses{kCount / 2 - 1};
  frontier.live_in(uses, defs);
  std::vector<Node> found;
  frontier.meet(defs, found);
  EXPECT_EQ(found.size(), kCount / 2);
}

/// Two ways from the entry that meet again and again, at blocks that end there: from each of these both are long.
TEST(Dominators, of_long_ways_that_meet_take_no_longer) {
  constexpr u32 kSteps = 50000;
  std::vector<u32> ends;
  std::vector<BlockId> targets;
  const auto end_block = [&] { ends.push_back(static_cast<u32>(targets.size())); };
  targets = {1, 2};
  end_block();
  for (u32 step = 0; step < kSteps; ++step) { // blocks 1 + 3 * step: one way, the other, where they meet
    const BlockId meeting = 3 + 3 * step;
    for (const BlockId next : {4 + 3 * step, 5 + 3 * step}) {
      targets.push_back(meeting);
      if (step + 1 < kSteps) targets.push_back(next);
      end_block();
    }
    end_block();
  }
  FlowGraph graph;
  graph.build(ends, targets);
  ASSERT_EQ(graph.size(), 1 + 3 * kSteps);
  Dominators dominators;
  dominators.compute(graph);
  for (const u32 step : {0u, 1u, kSteps / 2, kSteps - 1}) {
    EXPECT_EQ(graph.block(dominators.idom(graph.node(3 + 3 * step))), 0u);
    EXPECT_EQ(dominators.level(graph.node(1 + 3 * step)), 1 + step);
  }
}

} // namespace
} // namespace assay::analysis
