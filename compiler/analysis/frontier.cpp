// frontier.cpp - see frontier.h.
#include "compiler/analysis/frontier.h"

#include <algorithm>

namespace assay::analysis {

void Frontier::begin(const FlowGraph& graph, const Dominators& dominators) {
  graph_ = &graph;
  dominators_ = &dominators;
  round_ = 0;
  for (std::vector<u32>* marks : {&live_, &def_, &met_, &visited_}) marks->assign(graph.size(), 0);
}

void Frontier::live_in(std::span<const Node> uses, std::span<const Node> defs) {
  ++round_;
  for (const Node def : defs) def_[def] = round_;
  stack_.clear();
  const auto mark = [&](Node node) {
    if (live_[node] == round_) return;
    live_[node] = round_;
    stack_.push_back(node);
  };
  for (const Node use : uses) mark(use);
  while (!stack_.empty()) {
    const Node node = stack_.back();
    stack_.pop_back();
    for (const Node pred : graph_->preds(node)) {
      if (def_[pred] != round_) mark(pred);
    }
  }
}

// An edge that no dominator takes leads from the subtree of a definition to a node of its frontier if that is no deeper
// than the definition. Looked at deepest first, no subtree need be visited twice. Where the variable is not live, no
// need to go down: the edge's source has the value of the nearest definition or meeting point above it, which is on its
// way live all along.
void Frontier::meet(std::span<const Node> defs, std::vector<Node>& out) {
  out.clear();
  roots_.clear();
  const auto look_at = [&](Node node) {
    roots_.push_back({dominators_->level(node), node});
    std::push_heap(roots_.begin(), roots_.end());
  };
  for (const Node def : defs) {
    def_[def] = round_;
    look_at(def);
  }
  while (!roots_.empty()) {
    const Root root = roots_.front();
    std::pop_heap(roots_.begin(), roots_.end());
    roots_.pop_back();
    if (visited_[root.node] == round_) continue;
    visited_[root.node] = round_;
    stack_.assign(1, root.node);
    while (!stack_.empty()) {
      const Node node = stack_.back();
      stack_.pop_back();
      for (const Node succ : graph_->succs(node)) {
        if (dominators_->level(succ) > root.level || (succ != 0 && dominators_->idom(succ) == node) ||
            met_[succ] == round_)
          continue;
        met_[succ] = round_;
        if (live_[succ] != round_) continue;
        out.push_back(succ);
        if (def_[succ] != round_) look_at(succ);
      }
      for (const Node child : dominators_->children(node)) {
        if (visited_[child] == round_ || live_[child] != round_) continue;
        visited_[child] = round_;
        stack_.push_back(child);
      }
    }
  }
  std::sort(out.begin(), out.end());
}

} // namespace assay::analysis
