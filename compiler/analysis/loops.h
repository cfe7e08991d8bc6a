// loops.h - the nest of loops, those with several entries included.
//
// With the graph's depth-first tree: a loop of header h is h and those descendants of h that reach h without leaving
// the descendants of h; there is one for each node that an edge leads back to from a descendant. It is irreducible when
// an edge from outside leads to another node of it than h. Two loops are disjoint, or one lies within the other.
// Ramalingam, "Identifying Loops in Almost Linear Time" (1999), section 5 (Havlak's nest, by activation of edges at
// nearest common ancestors): O(edges * log nodes) whatever the graph. Storage is reused.
// Tested in compiler/analysis/tests/graphs_test.cpp against the definition, on random graphs.
#pragma once

#include "compiler/analysis/flow_graph.h"

namespace assay::analysis {

struct Loop {
  Node header = 0;
  u32 parent = kNone; // the loop around it
  u32 depth = 1;      // of an outermost loop
  bool irreducible = false;
  bool has_inner = false; // there is a loop within it
};

class Loops {
public:
  void compute(const FlowGraph& graph);

  /// Outer loops before those within them.
  const std::vector<Loop>& all() const { return loops_; }
  /// The innermost loop that the node is in; of a header, its own. kNone: none.
  u32 of(Node node) const { return innermost_[node]; }
  u32 depth(Node node) const { return innermost_[node] == kNone ? 0 : loops_[innermost_[node]].depth; }

private:
  struct Arc {
    Node from, to;
    u32 next; // of those activated at the same node, or of those that lead to the same node
  };

  static bool any_leads_back(const FlowGraph& graph);
  Node representative(Node node);
  Node common_ancestor(const FlowGraph& graph, Node a, Node b) const;
  void begin(const FlowGraph& graph);
  void activate(Node at);
  void mark_irreducible(Node entered);
  void find_loop(const FlowGraph& graph, Node header);
  void finish();

  std::vector<Loop> loops_;
  Table<u32> innermost_;
  // scratch
  Table<Node> by_preorder_, heavy_head_, merged_into_, body_;
  std::vector<Arc> arcs_;
  Table<u32> activated_at_, into_; // [node] first of a list in arcs_
  Table<u32> met_by_;              // [node] preorder of the header whose search met it last
  std::vector<u32> unmarked_;      // [loop] the nearest loop around it, or itself, not known to be irreducible
};

} // namespace assay::analysis
