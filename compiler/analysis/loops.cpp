// loops.cpp - see loops.h. Nodes are looked at in reverse preorder, so that inner loops are found, and merged into
// their headers, before outer ones. While loops are found their numbers go from inner to outer; in the end they are
// turned.
#include "compiler/analysis/loops.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::analysis {

/// The header of the outermost loop found so far that the node is in, or itself.
Node Loops::representative(Node node) {
  Node root = node;
  while (merged_into_[root] != root) root = merged_into_[root];
  while (merged_into_[node] != root) {
    const Node next = merged_into_[node];
    merged_into_[node] = root;
    node = next;
  }
  return root;
}

/// By heavy paths: each step leaves one, of which there are O(log nodes) on a way to the root.
Node Loops::common_ancestor(const FlowGraph& graph, Node a, Node b) const {
  while (heavy_head_[a] != heavy_head_[b]) {
    Node& lower = graph.preorder(heavy_head_[a]) > graph.preorder(heavy_head_[b]) ? a : b;
    lower = graph.tree_parent(heavy_head_[lower]);
  }
  return graph.preorder(a) < graph.preorder(b) ? a : b;
}

/// A node comes before all that follow it but by an edge that leads back.
bool Loops::any_leads_back(const FlowGraph& graph) {
  for (Node node = 0; node < graph.size(); ++node)
    for (const Node pred : graph.preds(node))
      if (pred >= node) return true;
  return false;
}

void Loops::begin(const FlowGraph& graph) {
  const u32 count = graph.size();
  loops_.clear();
  arcs_.clear();
  unmarked_.clear();
  fill_none(innermost_, count);
  fill_none(activated_at_, count);
  fill_none(into_, count);
  fill_none(met_by_, count);
  by_preorder_.resize(count);
  merged_into_.resize(count);
  fill_none(heavy_head_, count);
  for (Node node = 0; node < count; ++node) {
    by_preorder_[graph.preorder(node)] = node;
    merged_into_[node] = node;
  }
  // The heavy child of a node is that of most descendants; it goes on with its parent's path.
  Table<Node>& heavy = body_;
  fill_none(heavy, count);
  for (Node node = 1; node < count; ++node) {
    Node& best = heavy[graph.tree_parent(node)];
    if (best == kNone || graph.tree_size(node) > graph.tree_size(best)) best = node;
  }
  for (const Node node : by_preorder_) {
    const Node parent = graph.tree_parent(node);
    heavy_head_[node] = node != 0 && heavy[parent] == node ? heavy_head_[parent] : node;
  }
  for (Node node = 0; node < count; ++node) {
    for (const Node pred : graph.preds(node)) {
      if (graph.is_ancestor(node, pred)) continue; // leads back
      const Node at = common_ancestor(graph, pred, node);
      arcs_.push_back({pred, node, activated_at_[at]});
      activated_at_[at] = static_cast<u32>(arcs_.size() - 1);
    }
  }
}

/// Every loop found so far around the node, of which it is not the header, has an entry there.
void Loops::mark_irreducible(Node entered) {
  u32 loop = innermost_[entered];
  if (loop != kNone && loops_[loop].header == entered) loop = loops_[loop].parent;
  while (loop != kNone) {
    u32 root = loop;
    while (unmarked_[root] != root && unmarked_[root] != kNone) root = unmarked_[root];
    while (loop != root) {
      const u32 next = unmarked_[loop];
      unmarked_[loop] = root;
      loop = next;
    }
    if (loops_[root].irreducible) {
      // Its parent was not known when it was marked.
      loop = loops_[root].parent;
      if (loop != kNone) unmarked_[root] = loop;
      continue;
    }
    loops_[root].irreducible = true;
    loop = loops_[root].parent;
    if (loop != kNone) unmarked_[root] = loop;
  }
}

/// Edges whose ends this node is the nearest common ancestor of count from now on.
void Loops::activate(Node at) {
  for (u32 i = activated_at_[at]; i != kNone;) {
    Arc& arc = arcs_[i];
    const u32 next = arc.next;
    mark_irreducible(arc.to);
    const Node to = representative(arc.to);
    arc.next = into_[to];
    into_[to] = i;
    i = next;
  }
}

void Loops::find_loop(const FlowGraph& graph, Node header) {
  bool leads_back = false;
  body_.clear();
  const u32 round = graph.preorder(header);
  const auto meet = [&](Node node) {
    const Node found = representative(node);
    if (found == header || met_by_[found] == round) return;
    met_by_[found] = round;
    body_.push_back(found);
  };
  for (const Node pred : graph.preds(header)) {
    if (!graph.is_ancestor(header, pred)) continue;
    leads_back = true;
    meet(pred);
  }
  if (!leads_back) return;
  for (std::size_t i = 0; i < body_.size(); ++i) { // grows
    for (u32 arc = into_[body_[i]]; arc != kNone; arc = arcs_[arc].next) meet(arcs_[arc].from);
  }
  const u32 loop = static_cast<u32>(loops_.size());
  loops_.push_back({header});
  unmarked_.push_back(loop);
  for (const Node node : body_) {
    merged_into_[node] = header;
    if (innermost_[node] == kNone) innermost_[node] = loop;
    else loops_[innermost_[node]].parent = loop; // `node` stands for a loop, as its header
  }
  innermost_[header] = loop;
}

void Loops::finish() {
  const u32 count = static_cast<u32>(loops_.size());
  std::reverse(loops_.begin(), loops_.end());
  for (Loop& loop : loops_) {
    if (loop.parent != kNone) loop.parent = count - 1 - loop.parent;
  }
  for (u32& loop : innermost_) {
    if (loop != kNone) loop = count - 1 - loop;
  }
  for (Loop& loop : loops_) {
    loop.depth = loop.parent == kNone ? 1 : loops_[loop.parent].depth + 1;
    if (loop.parent != kNone) loops_[loop.parent].has_inner = true;
  }
}

void Loops::compute(const FlowGraph& graph) {
  if (!any_leads_back(graph)) {
    loops_.clear();
    fill_none(innermost_, graph.size());
    return;
  }
  begin(graph);
  for (u32 number = graph.size(); number-- != 0;) {
    const Node node = by_preorder_[number];
    activate(node);
    find_loop(graph, node);
  }
  finish();
}

} // namespace assay::analysis
