// frontier.h - where values of several definitions meet: the iterated dominance frontier, pruned by liveness.
//
// Sreedhar and Gao, "A Linear Time Algorithm for Placing Phi-Nodes" (1995): dominance frontiers are not stored, because
// together they may be quadratic in the size of the graph; the nodes of the dominator tree are visited once for each
// variable, deepest first, and only where it is live. Linear in the edges there, and n log n in the definitions.
// Tested in compiler/analysis/tests/graphs_test.cpp against the definition, on random graphs.
#pragma once

#include "compiler/analysis/dominators.h"

namespace assay::analysis {

class Frontier {
public:
  /// For graphs and dominators that stay as they are while `meet` is called.
  void begin(const FlowGraph& graph, const Dominators& dominators);

  /// Nodes in which definitions in `defs` meet and that are in `live` (marked by `live_in`), in ascending order.
  /// `defs` has no node twice.
  void meet(std::span<const Node> defs, std::vector<Node>& out);

  /// Marks, for the next `meet`, the nodes at whose start a variable is live: from those in `uses`, which read it
  /// before they write it, backwards up to nodes in `defs`, which write it (a node may be both).
  void live_in(std::span<const Node> uses, std::span<const Node> defs);
  bool is_live_in(Node node) const { return live_[node] == round_; }

private:
  struct Root {
    u32 level;
    Node node;
    friend bool operator<(const Root& a, const Root& b) { return a.level < b.level; }
  };

  const FlowGraph* graph_ = nullptr;
  const Dominators* dominators_ = nullptr;
  u32 round_ = 0; // of marks: what has another number is not marked
  std::vector<u32> live_, def_, met_, visited_;
  std::vector<Root> roots_; // to look at, a heap
  std::vector<Node> stack_;
};

} // namespace assay::analysis
