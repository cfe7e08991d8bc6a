// flow_graph.h - which block follows which, for all analyses: numbers, not instructions.
//
// Node 0 is the entry. Analyses see nodes by their number in reverse postorder (`order`): node 0 is again the entry,
// and every node but those of loops comes after its predecessors. Blocks that cannot be reached have no number. An edge
// that occurs twice (two cases of a switch) is kept twice. Building is linear, without recursion; storage is reused.
// Tested in compiler/analysis/tests/graphs_test.cpp.
#pragma once

#include "assay/module.h"
#include "compiler/analysis/fill.h"

#include <span>
#include <vector>

namespace assay::analysis {

/// A block by its place in reverse postorder.
using Node = u32;

/// Which blocks can be reached, in reverse postorder.
class BlockOrder {
public:
  u32 size() const { return static_cast<u32>(order_.size()); }
  BlockId block(Node node) const { return order_[node]; }
  /// kNone: it cannot be reached.
  Node node(BlockId block) const { return numbers_[block]; }
  u32 block_count() const { return static_cast<u32>(numbers_.size()); }

protected:
  std::vector<BlockId> order_;
  Table<Node> numbers_;
};

class FlowGraph : public BlockOrder {
public:
  void build(const Function& function);
  /// From lists of successors: those of block b are targets[ends[b - 1]] up to targets[ends[b]].
  void build(std::span<const u32> ends, std::span<const BlockId> targets);
  /// The two halves of that: `order` makes what a BlockOrder tells, which is all that many ask, and `link`, of the same
  /// lists, the rest.
  void order(std::span<const u32> ends, std::span<const BlockId> targets);
  void link(std::span<const u32> ends, std::span<const BlockId> targets);

  std::span<const Node> succs(Node node) const { return range(succs_, succ_ends_, node); }
  std::span<const Node> preds(Node node) const { return range(preds_, pred_ends_, node); }
  /// The depth-first tree that the order comes from: its parent (of the entry itself), and how many nodes lie below it,
  /// itself included, of which it is the first in `preorder`.
  Node tree_parent(Node node) const { return parent_[node]; }
  u32 preorder(Node node) const { return preorder_[node]; }
  u32 tree_size(Node node) const { return tree_size_[node]; }
  /// Whether `above` is `below` or an ancestor of it in that tree.
  bool is_ancestor(Node above, Node below) const { return preorder_[below] - preorder_[above] < tree_size_[above]; }

private:
  struct Visit {
    BlockId block;
    u32 first, next; // in targets: its own from there on, and behind the one to look at
  };

  static std::span<const Node> range(std::span<const Node> list, std::span<const u32> ends, Node node) {
    const u32 first = node == 0 ? 0 : ends[node - 1];
    return {list.data() + first, ends[node] - first};
  }

  Table<Node> succs_, preds_, parent_;
  Table<u32> succ_ends_, pred_ends_, preorder_, tree_size_;
  // scratch
  std::vector<Visit> stack_;
  std::vector<u32> ends_;
  std::vector<BlockId> targets_;
  Table<u32> first_seen_, below_;
  Table<BlockId> parents_;
};

} // namespace assay::analysis
