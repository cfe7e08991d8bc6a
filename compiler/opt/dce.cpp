// dce.cpp - see dce.h.
#include "compiler/opt/dce.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

#include <algorithm>

namespace assay::opt {

using analysis::Node;

namespace {

bool is_root(PassContext& c, const GraphInst& inst) {
  if (info(inst.op).is(kEffect | kEnds | kCalls | kWrites)) return true;
  return may_trap(c, inst) && !ASSAY_PLANTED(opt_dead_trap_dropped);
}

} // namespace

/// The edges into each block, by block; which of its parameters each is.
void DcePass::index_edges(Graph& graph) {
  analysis::fill_zero(ends_, graph.block_count() + 1);
  analysis::fill_zero(fixed_, graph.block_count());
  index_.resize(graph.value_count());
  const auto each = [&](auto use) {
    for (Node node = 0; node < flow_->size(); ++node) {
      const BlockId block = flow_->block(node);
      const auto edges = graph.edges_of(graph.terminator(block));
      for (u32 i = 0; i < edges.size(); ++i) use(edges[i], Incoming{block, i});
    }
  };
  each([&](const GraphEdge& edge, Incoming) { ++ends_[edge.target + 1]; });
  for (std::size_t i = 1; i < ends_.size(); ++i) ends_[i] += ends_[i - 1];
  edges_.resize(ends_.back());
  next_ = ends_;
  each([&](const GraphEdge& edge, Incoming incoming) {
    edges_[next_[edge.target]++] = incoming;
    const u32 implicit = static_cast<u32>(graph.block(edge.target).params.size() - edge.args.size());
    fixed_[edge.target] = std::max(fixed_[edge.target], implicit);
  });
  for (Node node = 0; node < flow_->size(); ++node) {
    const std::vector<ValueId>& params = graph.block(flow_->block(node)).params;
    for (u32 i = 0; i < params.size(); ++i) index_[params[i]] = i;
  }
}

void DcePass::need(Graph& graph, ValueId value) {
  value = graph.now(value);
  if (needed_[value] != 0) return;
  needed_[value] = 1;
  work_.push_back(value);
}

void DcePass::need_operands(Graph& graph, const GraphInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) need(graph, graph.operand(inst, i));
}

void DcePass::need_arguments(Graph& graph, ValueId param) {
  const BlockId block = graph.value(param).block;
  const std::size_t params = graph.block(block).params.size();
  for (u32 i = ends_[block]; i < ends_[block + 1]; ++i) {
    const GraphEdge& edge = graph.edges_of(graph.terminator(edges_[i].from))[edges_[i].edge];
    const std::size_t implicit = params - edge.args.size();
    if (index_[param] >= implicit) need(graph, edge.args[index_[param] - implicit]);
  }
}

void DcePass::mark(PassContext& c) {
  Graph& graph = c.graph;
  analysis::fill_zero(needed_, graph.value_count());
  analysis::fill_zero(roots_, graph.inst_count());
  work_.clear();
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      if (!is_root(c, graph.inst(at))) continue;
      roots_[at] = 1;
      need_operands(graph, graph.inst(at));
    }
    const auto& params = graph.block(block).params;
    for (u32 i = 0; i < params.size(); ++i)
      if (block == 0 || i < fixed_[block]) need(graph, params[i]);
  }
  while (!work_.empty()) {
    const ValueId value = work_.back();
    work_.pop_back();
    if (const GraphInst* const source = graph.source(value)) need_operands(graph, *source);
    else need_arguments(graph, value);
  }
}

bool DcePass::find_unneeded(Graph& graph) {
  unneeded_.clear();
  analysis::fill_zero(gone_, graph.value_count());
  bool any = false;
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    for (const ValueId param : graph.block(block).params) {
      if (needed_[param] != 0) continue;
      gone_[param] = 1;
      any = true;
    }
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      bool wanted = roots_[at] != 0;
      for (u32 r = 0; r < inst.result_count; ++r) wanted |= needed_[inst.first_result + r] != 0;
      if (!wanted) unneeded_.push_back(at);
    }
  }
  return any || !unneeded_.empty();
}

void DcePass::run(PassContext& c) {
  flow_ = &c.analyses.order();
  index_edges(c.graph);
  mark(c);
  if (!find_unneeded(c.graph) || !c.may_rewrite(RewriteKind::DceUnneeded)) return;
  for (const InstId id : unneeded_) c.graph.remove(id);
  c.graph.remove_params(*flow_, gone_);
}

} // namespace assay::opt
