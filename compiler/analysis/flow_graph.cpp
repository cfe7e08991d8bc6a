// flow_graph.cpp - see flow_graph.h. One depth-first walk gives the order and the tree; two passes over edges the
// lists.
#include "compiler/analysis/flow_graph.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::analysis {

void FlowGraph::build(const Function& function) {
  ends_.clear();
  targets_.clear();
  for (const Block& block : function.blocks) {
    for (const Edge& edge : function.edges_of(function.terminator(block))) targets_.push_back(edge.target);
    ends_.push_back(static_cast<u32>(targets_.size()));
  }
  build(ends_, targets_);
}

void FlowGraph::build(std::span<const u32> ends, std::span<const BlockId> targets) {
  order(ends, targets);
  link(ends, targets);
}

/// Postorder by an explicit stack; the first successor of a block tends to follow it, so the last is walked first.
void FlowGraph::order(std::span<const u32> ends, std::span<const BlockId> targets) {
  const u32 count = static_cast<u32>(ends.size());
  fill_none(numbers_, count);
  fill_none(first_seen_, count); // [block] its number in preorder
  below_.resize(count);          // [block] nodes in its subtree; of those that are reached, as the next
  parents_.resize(count);
  order_.clear();
  stack_.clear();
  u32 seen = 0;
  const auto enter = [&](BlockId block, BlockId parent) {
    first_seen_[block] = seen++;
    parents_[block] = parent;
    stack_.push_back({block, block == 0 ? 0 : ends[block - 1], ends[block]});
  };
  if (count != 0) enter(0, 0);
  while (!stack_.empty()) {
    Visit& top = stack_.back();
    if (top.next == top.first) {
      const BlockId block = top.block;
      below_[block] = seen - first_seen_[block];
      order_.push_back(block);
      stack_.pop_back();
      continue;
    }
    const BlockId target = targets[--top.next];
    if (first_seen_[target] == kNone) enter(target, top.block);
  }
  std::reverse(order_.begin(), order_.end());
  for (Node node = 0; node < size(); ++node) numbers_[order_[node]] = node;
}

void FlowGraph::link(std::span<const u32> ends, std::span<const BlockId> targets) {
  const u32 count = size();
  succs_.clear();
  succ_ends_.resize(count);
  parent_.resize(count);
  preorder_.resize(count);
  tree_size_.resize(count);
  fill_zero(pred_ends_, count);
  for (Node node = 0; node < count; ++node) {
    const BlockId from = order_[node];
    parent_[node] = numbers_[parents_[from]];
    preorder_[node] = first_seen_[from];
    tree_size_[node] = below_[from];
    for (u32 i = from == 0 ? 0 : ends[from - 1]; i < ends[from]; ++i) {
      const Node to = numbers_[targets[i]];
      succs_.push_back(to);
      ++pred_ends_[to];
    }
    succ_ends_[node] = static_cast<u32>(succs_.size());
  }
  u32 total = 0;
  for (u32& end : pred_ends_) end = total += end;
  preds_.resize(total);
  for (Node node = count; node-- != 0;) {
    for (const Node to : succs(node)) preds_[--pred_ends_[to]] = node;
  }
  for (Node node = 0; node + 1 < count; ++node) pred_ends_[node] = pred_ends_[node + 1];
  if (count != 0) pred_ends_[count - 1] = total;
}

} // namespace assay::analysis
