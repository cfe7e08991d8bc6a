// sccp.cpp - see sccp.h.
#include "compiler/opt/sccp.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/ir/op_shape.h"
#include "compiler/opt/fold.h"

#include <algorithm>

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kMostSweeps = 12;
/// All edges may be taken.
constexpr u32 kUndecided = kNone;

} // namespace

SccpPass::SccpPass() : folds_(kOpcodeCount) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    constexpr OpFlags kNever = kReads | kWrites | kCalls | kEnds | kEffect;
    const ir::OpShape& shape = ir::shape(static_cast<Opcode>(i));
    folds_[i] = shape.form == Form::Plain && !shape.is(kNever) && shape.operand_count != 0;
  }
}

/// Whether what is passed for a parameter surely varies: it is loaded or called for, or counts.
bool SccpPass::varies(Graph& graph, ValueId param, ValueId arg) {
  const InstId made = graph.value(arg).inst;
  if (made == kNone) return false;
  const GraphInst& inst = graph.inst(made);
  if (folds_[static_cast<u32>(inst.op)] == 0) return true;
  if ((inst.op != Opcode::Add && inst.op != Opcode::Sub) || graph.operand(inst, 0) != param) return false;
  const GraphInst* const step = graph.constant(graph.operand(inst, 1));
  return step != nullptr && step->imm != 0;
}

/// Whether a parameter may turn out to be constant: a constant is passed for it, and nothing that varies. Without one,
/// what is constant is simplification's.
bool SccpPass::worth_it(Graph& graph) {
  constexpr u8 kConstant = 1, kVaries = 2;
  analysis::fill_zero(passed_, graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(node)))) {
      const std::vector<ValueId>& params = graph.block(edge.target).params;
      const std::size_t implicit = params.size() - edge.args.size();
      for (std::size_t i = 0; i < edge.args.size(); ++i) {
        const ValueId param = params[implicit + i], arg = graph.now(edge.args[i]);
        if (graph.constant(arg) != nullptr) passed_[param] |= kConstant;
        else if (varies(graph, param, arg)) passed_[param] |= kVaries;
      }
    }
  }
  return std::find(passed_.begin(), passed_.end(), kConstant) != passed_.end();
}

void SccpPass::begin(Graph& graph) {
  cells_.assign(graph.value_count(), {});
  progress_.assign(flow_->size(), Progress::Unreached);
  progress_[0] = Progress::New;
  analysis::fill_none(decided_, flow_->size());
  for (Node node = 1; node < flow_->size(); ++node)
    for (const ValueId param : graph.block(flow_->block(node)).params) cells_[param].state = State::Unknown;
  // What a try_call itself passes has a parameter, whether or not a way leads to the call.
  for (Node node = 0; node < flow_->size(); ++node) {
    const GraphInst& last = graph.terminator(flow_->block(node));
    if (!is_try_call(last.op)) continue;
    for (const GraphEdge& edge : graph.edges_of(last)) {
      const std::vector<ValueId>& params = graph.block(edge.target).params;
      for (std::size_t i = 0; i + edge.args.size() < params.size(); ++i) cells_[params[i]].state = State::Varies;
    }
  }
}

// ---- the lattice -------------------------------------------------------------------------------------------

void SccpPass::meet(Cell& cell, const Cell& with, bool passed) {
  const Cell before = cell;
  if (cell.state == State::Unknown) cell = with;
  else if (with.state == State::Varies || (with.state == State::Constant && with.bits != cell.bits))
    cell.state = State::Varies;
  if (ASSAY_PLANTED(sccp_late_way_ignored) && passed && before.state == State::Constant) cell = before;
  again_ = again_ || (passed && cell.state != before.state);
}

void SccpPass::pass_on(Graph& graph, Node from, const GraphEdge& edge) {
  const Node to = flow_->node(edge.target);
  const bool passed = to <= from; // in this sweep
  if (progress_[to] == Progress::Unreached) {
    progress_[to] = Progress::New;
    again_ = again_ || passed;
  }
  const std::vector<ValueId>& params = graph.block(edge.target).params;
  const std::size_t implicit = params.size() - edge.args.size();
  for (std::size_t i = 0; i < edge.args.size(); ++i) {
    const ValueId arg = graph.now(edge.args[i]);
    meet(cells_[params[implicit + i]], cells_[arg], passed);
    settled_ = settled_ && (cells_[arg].state == State::Varies || graph.constant(arg) != nullptr);
  }
}

/// The only edge of a branch or switch that can be taken, as far as is known.
u32 SccpPass::decided_edge(Graph& graph, const GraphInst& inst) {
  if (inst.op != Opcode::Branch && inst.op != Opcode::Switch) return kUndecided;
  const Cell& cell = cells_[graph.operand(inst, 0)];
  if (cell.state != State::Constant) return kUndecided;
  if (inst.op == Opcode::Branch) {
    if (ASSAY_PLANTED(sccp_true_is_one)) return cell.bits == 1 ? 0 : 1;
    return cell.bits != 0 ? 0 : 1;
  }
  const auto edges = graph.edges_of(inst);
  for (u32 i = 0; i < edges.size(); ++i)
    if (edges[i].kind == EdgeKind::Case && edges[i].value == cell.bits) return i;
  return inst.edge_count - 1; // the default is the last
}

void SccpPass::leave(Graph& graph, Node node) {
  const GraphInst& last = graph.terminator(flow_->block(node));
  const auto edges = graph.edges_of(last);
  const u32 decided = decided_[node] = decided_edge(graph, last);
  if (decided != kUndecided) {
    settled_ = false;
    pass_on(graph, node, edges[decided]);
    return;
  }
  for (const GraphEdge& edge : edges) pass_on(graph, node, edge);
}

/// Of an operation that may be folded. Operands were evaluated before: what computes them is on each way here.
void SccpPass::evaluate(Graph& graph, const GraphInst& inst) {
  u64 operands[3] = {}, results[2] = {};
  u32 known = 0;
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Cell& cell = cells_[graph.operand(inst, i)];
    if (cell.state != State::Constant) break;
    operands[known++] = cell.bits;
  }
  const bool folds = known == inst.operand_count && fold(inst.op, inst.type, inst.from, {operands, known}, results);
  for (u32 r = 0; r < inst.result_count; ++r)
    cells_[inst.first_result + r] = folds ? Cell{results[r], State::Constant} : Cell{};
  settled_ = settled_ && !folds;
}

void SccpPass::visit(Graph& graph, Node node) {
  const bool first = progress_[node] == Progress::New;
  settled_ = true;
  for (InstId at = graph.block(flow_->block(node)).first; at != kNone; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    if (inst.op == Opcode::Const) cells_[inst.first_result] = {inst.imm, State::Constant};
    else if (folds_[static_cast<u32>(inst.op)] != 0 && (first || cells_[inst.first_result].state == State::Constant))
      evaluate(graph, inst);
  }
  leave(graph, node);
  progress_[node] = settled_ ? Progress::Settled : Progress::Open;
}

bool SccpPass::converges(Graph& graph) {
  for (u32 sweeps = 0; sweeps < kMostSweeps; ++sweeps) {
    again_ = false;
    for (Node node = 0; node < flow_->size(); ++node)
      if (progress_[node] == Progress::New || progress_[node] == Progress::Open) visit(graph, node);
    if (!again_) return true;
  }
  return false;
}

// ---- rewriting ---------------------------------------------------------------------------------------------

/// Whether each way to the block may be taken, as far as was found.
bool SccpPass::all_ways_taken(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  for (const Node pred : c.analyses.flow().preds(flow_->node(block))) {
    if (progress_[pred] == Progress::Unreached) return false;
    const GraphInst& last = graph.terminator(flow_->block(pred));
    const u32 decided = decided_[pred];
    if (decided != kUndecided && graph.edges_of(last)[decided].target != block) return false;
  }
  return true;
}

void SccpPass::rewrite_params(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  for (const ValueId param : graph.block(block).params) {
    if (cells_[param].state != State::Constant) continue;
    const bool all = all_ways_taken(c, block);
    if (!c.may_rewrite(all ? RewriteKind::SccpParameter : RewriteKind::SccpParameterPastWay)) continue;
    graph.replace(param, graph.insert_const(graph.block(block).first, graph.value(param).type, cells_[param].bits));
    gone_[param] = 1;
    any_gone_ = true;
  }
}

void SccpPass::rewrite_insts(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  for (InstId at = graph.block(block).first; at != kNone;) {
    const GraphInst inst = graph.inst(at);
    const InstId id = at;
    at = inst.next;
    if (folds_[static_cast<u32>(inst.op)] == 0 || cells_[inst.first_result].state != State::Constant) continue;
    if (!c.may_rewrite(RewriteKind::SccpOperation)) return;
    for (u32 r = 0; r < inst.result_count; ++r) {
      const ValueId value = inst.first_result + r;
      graph.replace(value, graph.insert_const(id, graph.value(value).type, cells_[value].bits));
    }
    graph.remove(id);
  }
}

void SccpPass::run(PassContext& c) {
  flow_ = &c.analyses.order();
  if (!worth_it(c.graph)) return;
  begin(c.graph);
  if (!converges(c.graph)) return;
  any_gone_ = false;
  analysis::fill_zero(gone_, c.graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    if (progress_[node] == Progress::Unreached) continue;
    rewrite_insts(c, flow_->block(node));
    if (node != 0) rewrite_params(c, flow_->block(node));
  }
  if (any_gone_) c.graph.remove_params(*flow_, gone_);
}

} // namespace assay::opt
