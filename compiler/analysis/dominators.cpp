// dominators.cpp - see dominators.h. Numbers are those of the graph's depth-first preorder; nodes come back at the end.
#include "compiler/analysis/dominators.h"

#include "compiler/analysis/fill.h"

namespace assay::analysis {

/// Among the ancestors of `number` in the linked forest, apart from its root, one of least semidominator. Makes every
/// node on the way point at the root.
u32 Dominators::least(u32 number) {
  if (ancestor_[number] == kNone) return number;
  path_.clear();
  u32 at = number;
  for (; ancestor_[ancestor_[at]] != kNone; at = ancestor_[at]) path_.push_back(at);
  for (std::size_t i = path_.size(); i-- != 0;) {
    const u32 node = path_[i], above = ancestor_[node];
    if (semi_[label_[above]] < semi_[label_[node]]) label_[node] = label_[above];
    ancestor_[node] = ancestor_[above];
  }
  return label_[number];
}

/// False: it is not known to be right, or takes too long.
bool Dominators::compute_forward(const FlowGraph& graph) {
  const u32 count = graph.size();
  idom_.resize(count);
  if (count != 0) idom_[0] = 0;
  u64 steps_left = u64{8} * count + 64;
  for (Node node = 1; node < count; ++node) {
    Node found = kNone;
    for (const Node pred : graph.preds(node)) {
      if (pred >= node) continue; // leads back
      Node other = pred;
      for (; found != kNone && found != other; --steps_left) {
        if (steps_left == 0) return false;
        if (found > other) found = idom_[found];
        else other = idom_[other];
      }
      found = other;
    }
    idom_[node] = found; // its parent in the depth-first tree is among them
  }
  make_tree(count);
  for (Node node = 0; node < count; ++node) {
    for (const Node succ : graph.succs(node))
      if (succ <= node && !dominates(succ, node)) return false;
  }
  return true;
}

void Dominators::compute(const FlowGraph& graph) {
  if (!compute_forward(graph)) compute_any(graph);
}

void Dominators::compute_any(const FlowGraph& graph) {
  const u32 count = graph.size();
  by_preorder_.resize(count);
  for (Node node = 0; node < count; ++node) by_preorder_[graph.preorder(node)] = node;
  semi_.resize(count);
  label_.resize(count);
  fill_none(ancestor_, count);
  fill_none(bucket_, count);
  fill_none(next_, count);
  fill_zero(found_, count);
  for (u32 i = 0; i < count; ++i) semi_[i] = label_[i] = i;
  for (u32 number = count; number-- > 1;) {
    const Node node = by_preorder_[number];
    for (const Node pred : graph.preds(node)) {
      const u32 through = semi_[least(graph.preorder(pred))];
      if (through < semi_[number]) semi_[number] = through;
    }
    next_[number] = bucket_[semi_[number]];
    bucket_[semi_[number]] = number;
    const u32 parent = graph.preorder(graph.tree_parent(node));
    ancestor_[number] = parent;
    for (u32 waiting = bucket_[parent]; waiting != kNone; waiting = next_[waiting]) {
      const u32 witness = least(waiting);
      found_[waiting] = semi_[witness] < semi_[waiting] ? witness : parent;
    }
    bucket_[parent] = kNone;
  }
  fill_zero(idom_, count);
  for (u32 number = 1; number < count; ++number) {
    if (found_[number] != semi_[number]) found_[number] = found_[found_[number]];
    idom_[by_preorder_[number]] = by_preorder_[found_[number]];
  }
  make_tree(count);
}

/// Children, levels and intervals. A node's dominator comes before it in reverse postorder, so that no walk is needed.
void Dominators::make_tree(u32 count) {
  level_.resize(count);
  enter_.resize(count);
  if (count != 0) level_[0] = enter_[0] = 0; // of all others from their dominator's
  size_.resize(count);
  for (u32& size : size_) size = 1;
  fill_zero(child_ends_, count);
  for (Node node = 1; node < count; ++node) {
    level_[node] = level_[idom_[node]] + 1;
    ++child_ends_[idom_[node]];
  }
  for (Node node = count; node-- > 1;) size_[idom_[node]] += size_[node];
  u32 total = 0;
  for (u32& end : child_ends_) end = total += end;
  children_.resize(total);
  for (Node node = count; node-- > 1;) children_[--child_ends_[idom_[node]]] = node;
  for (Node node = 0; node + 1 < count; ++node) child_ends_[node] = child_ends_[node + 1];
  if (count != 0) child_ends_[count - 1] = total;
  for (Node node = 0; node < count; ++node) {
    u32 next = enter_[node] + 1;
    for (const Node child : children(node)) {
      enter_[child] = next;
      next += size_[child];
    }
  }
}

} // namespace assay::analysis
