// control.cpp - see control.h.
#include "compiler/opt/control.h"

#include "compiler/analysis/fill.h"

namespace assay::opt {

namespace {

using analysis::Node;

constexpr u32 kMaxRounds = 8;
/// More than one value, or one that no edge writes down.
constexpr ValueId kConflict = kNone - 1;

bool same_way(Graph& graph, const GraphEdge& a, const GraphEdge& b) {
  if (a.target != b.target) return false;
  for (std::size_t i = 0; i < a.args.size(); ++i)
    if (graph.now(a.args[i]) != graph.now(b.args[i])) return false;
  return true;
}

} // namespace

// ---- branches ----------------------------------------------------------------------------------------------

bool ControlPass::decide_branch(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  const GraphInst& branch = graph.terminator(block);
  const auto edges = graph.edges_of(branch);
  if (const GraphInst* const condition = graph.constant(graph.operand(branch, 0))) {
    if (!c.may_rewrite(RewriteKind::ControlConstantBranch)) return false;
    graph.make_jump(block, condition->imm != 0 ? 0 : 1);
    return true;
  }
  if (!same_way(graph, edges[0], edges[1]) || !c.may_rewrite(RewriteKind::ControlNeedlessBranch)) return false;
  graph.make_jump(block, 0);
  return true;
}

bool ControlPass::decide_switch(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  const GraphInst& inst = graph.terminator(block);
  const auto edges = graph.edges_of(inst);
  if (const GraphInst* const value = graph.constant(graph.operand(inst, 0))) {
    u32 chosen = inst.edge_count - 1; // the default is the last
    for (u32 i = 0; i < inst.edge_count; ++i)
      if (edges[i].kind == EdgeKind::Case && edges[i].value == value->imm) chosen = i;
    if (!c.may_rewrite(RewriteKind::ControlConstantSwitch)) return false;
    graph.make_jump(block, chosen);
    return true;
  }
  for (u32 i = 1; i < inst.edge_count; ++i)
    if (!same_way(graph, edges[0], edges[i])) return false;
  if (!c.may_rewrite(RewriteKind::ControlNeedlessSwitch)) return false;
  graph.make_jump(block, 0);
  return true;
}

bool ControlPass::decide(PassContext& c, BlockId block) {
  switch (c.graph.terminator(block).op) {
  case Opcode::Branch: return decide_branch(c, block);
  case Opcode::Switch: return decide_switch(c, block);
  default: return false;
  }
}

// ---- blocks ------------------------------------------------------------------------------------------------

/// Edges into each block.
void ControlPass::count(Graph& graph) {
  counted_ = false;
  analysis::fill_zero(edges_into_, graph.block_count());
  for (Node node = 0; node < flow_->size(); ++node)
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(node)))) ++edges_into_[edge.target];
}

/// Uses of parameters.
void ControlPass::count_uses(Graph& graph) {
  counted_ = true;
  analysis::fill_zero(uses_, graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 i = 0; i < inst.operand_count; ++i) ++uses_[graph.operand(inst, i)];
      for (const GraphEdge& edge : graph.edges_of(inst)) {
        for (const ValueId arg : edge.args) {
          const GraphValue& value = graph.value(graph.now(arg));
          if (inst.op != Opcode::Jump || value.inst != kNone || value.block != block) ++uses_[graph.now(arg)];
        }
      }
    }
  }
}

/// Does nothing but jump elsewhere, and nobody behind it reads its parameters.
bool ControlPass::is_empty(Graph& graph, BlockId id) {
  const GraphBlock& block = graph.block(id);
  if (id == 0 || block.first != block.last) return false;
  const GraphInst& jump = graph.inst(block.first);
  if (jump.op != Opcode::Jump || graph.edges_of(jump)[0].target == id) return false;
  if (!block.params.empty() && !counted_) count_uses(graph);
  for (const ValueId param : block.params)
    if (uses_[param] != 0) return false;
  return true;
}

/// Edges out of `block` pass by empty blocks.
bool ControlPass::skip_empty(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  if (is_try_call(graph.terminator(block).op)) return false;
  bool changed = false;
  for (GraphEdge& edge : graph.edges_of(graph.terminator(block))) {
    if (edge.target == block || !is_empty(graph, edge.target)) continue;
    if (!c.may_rewrite(RewriteKind::ControlEmptyBlock)) continue;
    const GraphBlock& empty = graph.block(edge.target);
    const GraphEdge& onward = graph.edges_of(graph.inst(empty.first))[0];
    args_.clear();
    for (const ValueId arg : onward.args) {
      ValueId passed = graph.now(arg);
      for (std::size_t i = 0; i < empty.params.size(); ++i)
        if (empty.params[i] == passed) passed = edge.args[i];
      args_.push_back(passed);
    }
    edge.target = onward.target;
    edge.args.assign(args_.begin(), args_.end());
    changed = true;
  }
  return changed;
}

/// As long as `block` jumps where nobody else does.
bool ControlPass::merge(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  bool changed = false;
  while (graph.block(block).last != kNone && graph.terminator(block).op == Opcode::Jump) {
    const BlockId next = graph.edges_of(graph.terminator(block))[0].target;
    if (next == 0 || next == block || edges_into_[next] != 1) break;
    if (!c.may_rewrite(RewriteKind::ControlStraightLine)) break;
    graph.merge_with_next(block);
    changed = true;
  }
  return changed;
}

// ---- parameters --------------------------------------------------------------------------------------------

void ControlPass::meet(Graph& graph, ValueId param, ValueId arg) {
  ValueId& candidate = candidates_[param];
  if (arg == param || candidate == arg || candidate == kConflict) return;
  if (candidate == kNone) {
    candidate = arg;
    return;
  }
  const GraphInst* const a = graph.constant(candidate);
  const GraphInst* const b = graph.constant(arg);
  const bool equal = a != nullptr && b != nullptr && a->type == b->type && a->imm == b->imm;
  if (!equal) candidate = kConflict;
}

/// The value in place of the parameter: of a constant a copy, since none of those met need be known here.
ValueId ControlPass::agreed(Graph& graph, BlockId block, ValueId param) {
  const ValueId candidate = candidates_[param];
  const GraphInst* const source = graph.constant(candidate);
  if (source == nullptr) return candidate;
  const Type type = source->type;
  const u64 bits = source->imm;
  return graph.insert_const(graph.block(block).first, type, bits);
}

bool ControlPass::same_params(PassContext& c) {
  Graph& graph = c.graph;
  analysis::fill_none(candidates_, graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(node)))) {
      const std::vector<ValueId>& params = graph.block(edge.target).params;
      const std::size_t implicit = params.size() - edge.args.size();
      for (std::size_t i = 0; i < params.size(); ++i) {
        if (i < implicit) candidates_[params[i]] = kConflict;
        else meet(graph, params[i], graph.now(edge.args[i - implicit]));
      }
    }
  }
  bool changed = false;
  analysis::fill_zero(gone_, graph.value_count());
  for (Node node = 1; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    for (const ValueId param : graph.block(block).params) {
      // A candidate that is a parameter may have been replaced by this one.
      if (candidates_[param] == kConflict || candidates_[param] == kNone) continue;
      if (graph.now(candidates_[param]) == param || !c.may_rewrite(RewriteKind::ControlSameParameter)) continue;
      graph.replace(param, agreed(graph, block, param));
      gone_[param] = 1;
      changed = true;
    }
  }
  if (changed) graph.remove_params(*flow_, gone_);
  return changed;
}

void ControlPass::run(PassContext& c) {
  for (u32 round = 0; round < kMaxRounds; ++round) {
    bool changed = false, moved = false;
    flow_ = &c.analyses.order();
    for (Node node = 0; node < flow_->size(); ++node) changed |= decide(c, flow_->block(node));
    if (changed) c.analyses.control_changed();
    flow_ = &c.analyses.order();
    changed |= same_params(c);
    count(c.graph);
    for (Node node = flow_->size(); node-- > 0;) moved |= skip_empty(c, flow_->block(node));
    if (moved) {
      c.analyses.control_changed();
      flow_ = &c.analyses.order();
      count(c.graph);
      changed = true;
    }
    moved = false;
    for (Node node = 0; node < flow_->size(); ++node) moved |= merge(c, flow_->block(node));
    if (moved) c.analyses.control_changed();
    if (!changed && !moved) return;
  }
}

} // namespace assay::opt
