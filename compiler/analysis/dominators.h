// dominators.h - which node of a flow graph every way to another passes.
//
// First without the edges that lead back, each node from those before it (K. Cooper, T. Harvey and K. Kennedy, "A
// Simple, Fast Dominance Algorithm", 2001). That is all where each edge that leads back comes from a node that its
// target dominates: no such edge opens a way that passes by anything. Else, and where so many ways up the tree were
// long that this would not be linear: Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph"
// (1979), with path compression only, O(edges * log nodes) whatever the graph. The verifier has a version of its own,
// which shares nothing with this one.
// Storage is reused. Tested in compiler/analysis/tests/graphs_test.cpp against the definition, on random graphs.
#pragma once

#include "compiler/analysis/flow_graph.h"

namespace assay::analysis {

class Dominators {
public:
  void compute(const FlowGraph& graph);

  /// The nearest dominator of a node, apart from itself; of the entry, the entry.
  Node idom(Node node) const { return idom_[node]; }
  /// Edges from the entry in the tree of dominators.
  u32 level(Node node) const { return level_[node]; }
  /// O(1). A node dominates itself.
  bool dominates(Node above, Node below) const { return enter_[below] - enter_[above] < size_[above]; }
  /// The nodes whose nearest dominator it is.
  std::span<const Node> children(Node node) const {
    const u32 first = node == 0 ? 0 : child_ends_[node - 1];
    return {children_.data() + first, child_ends_[node] - first};
  }

private:
  bool compute_forward(const FlowGraph& graph);
  void compute_any(const FlowGraph& graph);
  u32 least(u32 number); // semidominator's witness on the compressed path
  void make_tree(u32 count);

  Table<Node> idom_, children_;
  Table<u32> level_, enter_, size_, child_ends_;
  // scratch, by preorder number
  Table<Node> by_preorder_;
  std::vector<u32> path_;
  Table<u32> semi_, ancestor_, label_, bucket_, next_, found_;
};

} // namespace assay::analysis
