// sink.cpp - see sink.h.
#include "compiler/opt/sink.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kMany = kNone - 1; // readers: several blocks

/// What may run anywhere, and takes no register where it stands that its reader would not need.
bool is_work(PassContext& c, const GraphInst& inst) {
  if (inst.result_count != 1 || inst.operand_count == 0) return false;
  if (info(inst.op).is(kReads | kWrites | kCalls | kEnds | kEffect)) return false;
  return !may_trap(c, inst) || ASSAY_PLANTED(sink_traps);
}

} // namespace

void SinkPass::read(ValueId value, u32 once) {
  u32& known = reader_[value];
  known = known == kNone ? once : (known | 1) == (once | 1) ? once | 1 : kMany;
}

bool SinkPass::is_read_once(ValueId value) const { return (reader_[value] & 1) == 0 && reader_[value] != kMany; }

void SinkPass::count_reads(Graph& graph) {
  analysis::fill_none(reader_, graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    const u32 once = 2 * flow_->block(node);
    for (InstId at = graph.block(flow_->block(node)).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 i = 0; i < inst.operand_count; ++i) read(graph.operand(inst, i), once);
      for (GraphEdge& edge : graph.edges_of(inst))
        for (ValueId& arg : edge.args) read(arg = graph.now(arg), once);
    }
  }
}

bool SinkPass::is_only_branched_to(Graph& graph, Node node) const {
  const auto preds = flow_->preds(node);
  if (preds.size() != 1) return false;
  const Opcode op = graph.terminator(flow_->block(preds[0])).op;
  return op == Opcode::Branch || op == Opcode::Switch;
}

/// Whether `to` is in no loop that `from` is not in.
bool SinkPass::stays_in_loops(Node from, Node to) const {
  const u32 depth = loops_->depth(to);
  u32 loop = loops_->of(from);
  while (loop != kNone && loops_->all()[loop].depth > depth) loop = loops_->all()[loop].parent;
  return loop == loops_->of(to);
}

void SinkPass::comparison(PassContext& c, InstId reader) {
  Graph& graph = c.graph;
  const ValueId condition = graph.operand(graph.inst(reader), 0);
  const InstId source = graph.value(condition).inst;
  if (source == kNone || graph.inst(source).block != graph.inst(reader).block) return;
  if (!is_comparison(graph.inst(source).op) || graph.inst(source).next == reader) return;
  if (is_read_once(condition) && c.may_rewrite(RewriteKind::SinkComparison)) graph.move(source, reader);
}

void SinkPass::work(PassContext& c, Node node, InstId id) {
  Graph& graph = c.graph;
  const GraphInst& inst = graph.inst(id);
  const u32 reader = reader_[inst.first_result];
  if (reader >= kMany || !is_work(c, inst)) return;
  const Node to = flow_->node(reader / 2);
  if (!is_only_branched_to(graph, to) || !stays_in_loops(node, to)) return;
  if (!c.may_rewrite(RewriteKind::SinkWork)) return;
  graph.move(id, graph.block(reader / 2).first);
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const ValueId operand = graph.operand(inst, i);
    reader_[operand] = is_read_once(operand) ? reader & ~1u : kMany;
  }
}

/// Whether the value is read between the instruction and the end of its block, which is not far.
bool SinkPass::is_read_behind(Graph& graph, InstId id, ValueId value) const {
  constexpr u32 kNear = 16;
  for (u32 steps = 0; steps < kNear && (id = graph.inst(id).next) != kNone; ++steps) {
    const GraphInst& inst = graph.inst(id);
    for (u32 i = 0; i < inst.operand_count; ++i)
      if (graph.operand(inst, i) == value) return true;
  }
  return false;
}

/// What makes the parameter's next value goes to the end of the turn, if the parameter is read behind it, as that of
/// a counter is by addresses.
void SinkPass::step(PassContext& c, InstId id, ValueId param) {
  Graph& graph = c.graph;
  const GraphInst& inst = graph.inst(id);
  const bool counts = inst.op == Opcode::Add && graph.constant(graph.operand(inst, 1)) != nullptr;
  if (!is_work(c, inst) || (!counts && !is_read_behind(graph, id, param))) return;
  const InstId last = graph.block(inst.block).last, before = graph.inst(last).prev;
  // Nothing comes between a comparison and its branch.
  const bool is_tested = graph.inst(last).op == Opcode::Branch && is_comparison(graph.inst(before).op);
  const InstId end = is_tested ? before : last;
  if (inst.next != end && id != end && c.may_rewrite(RewriteKind::SinkStep)) graph.move(id, end);
}

void SinkPass::steps(PassContext& c, Node node) {
  Graph& graph = c.graph;
  const BlockId block = flow_->block(node);
  for (const GraphEdge& edge : graph.edges_of(graph.terminator(block))) {
    const std::vector<ValueId>& params = graph.block(edge.target).params;
    if (flow_->node(edge.target) > node || edge.args.size() != params.size()) continue;
    for (std::size_t i = 0; i < params.size(); ++i) {
      const InstId made = graph.value(edge.args[i]).inst;
      if (made != kNone && graph.inst(made).block == block && is_read_once(edge.args[i])) step(c, made, params[i]);
    }
  }
}

/// From the end of each block on, so that what is read by what went can go as well.
void SinkPass::run(PassContext& c) {
  Graph& graph = c.graph;
  flow_ = &c.analyses.flow();
  loops_ = &c.analyses.loops();
  count_reads(graph);
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    for (InstId at = graph.block(block).last; at != kNone;) {
      const InstId id = at;
      const GraphInst& inst = graph.inst(id);
      at = inst.prev;
      if (inst.op == Opcode::Branch || inst.op == Opcode::Select) comparison(c, id);
      if (inst.result_count == 1 && reader_[inst.first_result] / 2 != block) work(c, node, id);
    }
    if (loops_->of(node) != kNone) steps(c, node);
  }
}

} // namespace assay::opt
