// dominators.h - which block dominates which, for the verifier alone (the compiler has its own in analysis).
//
// Lengauer and Tarjan, "A Fast Algorithm for Finding Dominators in a Flowgraph" (1979), the simple variant: path
// compression bounds it by O(edges * log blocks) on every graph, where the iterative algorithm of Cooper, Harvey and
// Kennedy is quadratic on a long chain of checks that share one exit. No recursion; storage is reused.
// Tested in tests/dominators_test.cpp against the definition.
#pragma once

#include "assay/module.h"

#include <vector>

namespace assay::ir {

class Dominators {
public:
  /// Needs valid ranges: every block has a terminator whose edges and targets exist.
  void compute(const Function& f);

  bool reachable(BlockId block) const { return number_[block] != kNone; }
  /// Whether every way from the entry to `b` passes `a` (a block dominates itself). O(1).
  bool dominates(BlockId a, BlockId b) const {
    if (!reachable(a) || !reachable(b)) return false;
    const Node& x = nodes_[number_[a]];
    return nodes_[number_[b]].tree_number - x.tree_number < x.tree_size;
  }

private:
  /// Of a reachable block; indices are depth-first numbers.
  struct Node {
    BlockId block = kNone;
    u32 parent = 0, semi = 0, idom = 0;
    u32 ancestor = kNone, label = 0;    // the forest with path compression
    u32 bucket = kNone, next = kNone;   // nodes whose semidominator this is, linked by `next`
    u32 first_pred = 0;                 // in preds_; ends where the next node's begin
    u32 tree_number = 0, tree_size = 1; // preorder in the dominator tree
    u32 next_child = 0;
  };
  struct Visit {
    BlockId block;
    u32 edge;
  };

  void number_blocks(const Function& f);
  void enter(BlockId block, u32 parent);
  void collect_preds(const Function& f);
  void find_idoms();
  void number_tree();
  u32 evaluate(u32 v);

  std::vector<u32> number_; // [BlockId] -> depth-first number, kNone when unreachable
  std::vector<Node> nodes_;
  std::vector<u32> preds_;
  std::vector<u32> path_;
  std::vector<Visit> stack_;
};

} // namespace assay::ir
