// dominators.cpp - the algorithm of Lengauer and Tarjan, step by step as in the paper, without recursion.
//
// Depth-first numbers; semidominators in reverse of that order, through a forest whose paths are compressed; from
// them immediate dominators; then preorder numbers of the dominator tree, which make a query two comparisons.
// O(edges * log blocks). Tested in tests/dominators_test.cpp.
#include "compiler/ir/dominators.h"

namespace assay::ir {

void Dominators::compute(const Function& f) {
  number_.assign(f.blocks.size(), kNone);
  nodes_.clear();
  number_blocks(f);
  collect_preds(f);
  find_idoms();
  number_tree();
}

void Dominators::enter(BlockId block, u32 parent) {
  const u32 number = static_cast<u32>(nodes_.size());
  number_[block] = number;
  Node node;
  node.block = block;
  node.parent = parent;
  node.semi = node.label = number;
  nodes_.push_back(node);
  stack_.push_back({block, 0});
}

void Dominators::number_blocks(const Function& f) {
  stack_.clear();
  enter(0, 0);
  while (!stack_.empty()) {
    Visit& visit = stack_.back();
    const auto edges = f.edges_of(f.terminator(f.blocks[visit.block]));
    if (visit.edge == edges.size()) {
      stack_.pop_back();
      continue;
    }
    const BlockId target = edges[visit.edge++].target;
    if (number_[target] == kNone) enter(target, number_[visit.block]);
  }
}

void Dominators::collect_preds(const Function& f) {
  // Counting sort of the edges by target: counts, then ends, then fill backwards.
  for (const Node& node : nodes_)
    for (const Edge& edge : f.edges_of(f.terminator(f.blocks[node.block]))) ++nodes_[number_[edge.target]].first_pred;
  u32 total = 0;
  for (Node& node : nodes_) node.first_pred = total += node.first_pred;
  preds_.resize(total);
  for (u32 i = 0; i < nodes_.size(); ++i)
    for (const Edge& edge : f.edges_of(f.terminator(f.blocks[nodes_[i].block])))
      preds_[--nodes_[number_[edge.target]].first_pred] = i;
}

/// The node of least semidominator on the forest path to v, its root excluded.
u32 Dominators::evaluate(u32 v) {
  if (nodes_[v].ancestor == kNone) return v;
  path_.clear();
  for (u32 u = v; nodes_[nodes_[u].ancestor].ancestor != kNone; u = nodes_[u].ancestor) path_.push_back(u);
  while (!path_.empty()) {
    Node& node = nodes_[path_.back()];
    path_.pop_back();
    const Node& above = nodes_[node.ancestor];
    if (nodes_[above.label].semi < nodes_[node.label].semi) node.label = above.label;
    node.ancestor = above.ancestor;
  }
  return nodes_[v].label;
}

void Dominators::find_idoms() {
  const u32 count = static_cast<u32>(nodes_.size());
  for (u32 w = count; w-- > 1;) {
    const u32 end = w + 1 < count ? nodes_[w + 1].first_pred : static_cast<u32>(preds_.size());
    for (u32 i = nodes_[w].first_pred; i < end; ++i) {
      const u32 semi = nodes_[evaluate(preds_[i])].semi;
      if (semi < nodes_[w].semi) nodes_[w].semi = semi;
    }
    Node& semi = nodes_[nodes_[w].semi];
    nodes_[w].next = semi.bucket;
    semi.bucket = w;
    const u32 parent = nodes_[w].ancestor = nodes_[w].parent;
    for (u32 v = nodes_[parent].bucket; v != kNone; v = nodes_[v].next) {
      const u32 u = evaluate(v);
      nodes_[v].idom = nodes_[u].semi < nodes_[v].semi ? u : parent;
    }
    nodes_[parent].bucket = kNone;
  }
  for (u32 w = 1; w < count; ++w)
    if (nodes_[w].idom != nodes_[w].semi) nodes_[w].idom = nodes_[nodes_[w].idom].idom;
}

void Dominators::number_tree() {
  const u32 count = static_cast<u32>(nodes_.size());
  for (u32 w = count; w-- > 1;) nodes_[nodes_[w].idom].tree_size += nodes_[w].tree_size;
  nodes_[0].next_child = 1;
  for (u32 w = 1; w < count; ++w) { // an immediate dominator has a smaller number
    Node& above = nodes_[nodes_[w].idom];
    nodes_[w].tree_number = above.next_child;
    above.next_child += nodes_[w].tree_size;
    nodes_[w].next_child = nodes_[w].tree_number + 1;
  }
}

} // namespace assay::ir
