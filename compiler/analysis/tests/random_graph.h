// random_graph.h - flow graphs of all kinds for tests of analyses, and slow answers to the basic questions.
#pragma once

#include "compiler/analysis/flow_graph.h"

#include <random>

namespace assay::analysis {

/// Successor lists of `count` blocks.
struct RandomGraph {
  std::vector<u32> ends;
  std::vector<BlockId> targets;
};

inline RandomGraph random_graph(std::mt19937& random, u32 count, u32 most_edges) {
  RandomGraph out;
  const bool local = random() % 2 == 0; // edges to near blocks give deep nests
  for (BlockId block = 0; block < count; ++block) {
    for (u32 edges = random() % 8 == 0 ? 0 : 1 + random() % most_edges; edges != 0; --edges) {
      const u32 reach = local ? 1 + random() % 4 : count;
      const u32 low = block > reach ? block - reach : 0, high = std::min(count - 1, block + reach);
      out.targets.push_back(low + random() % (high - low + 1));
    }
    out.ends.push_back(static_cast<u32>(out.targets.size()));
  }
  return out;
}

/// The nodes that are reached from `from` without passing `without` (kNone: without any such condition) and without
/// leaving `within` (empty: all).
inline std::vector<bool> reached(const FlowGraph& graph, Node from, Node without,
                                 const std::vector<bool>& within = {}) {
  std::vector<bool> out(graph.size());
  std::vector<Node> stack;
  const auto enter = [&](Node node) {
    if (node == without || out[node] || (!within.empty() && !within[node])) return;
    out[node] = true;
    stack.push_back(node);
  };
  enter(from);
  while (!stack.empty()) {
    const Node node = stack.back();
    stack.pop_back();
    for (const Node succ : graph.succs(node)) enter(succ);
  }
  return out;
}

} // namespace assay::analysis
