// sink.cpp - see sink.h.
#include "compiler/opt/sink.h"

namespace assay::opt {

using analysis::Node;

namespace {

bool is_comparison(Opcode op) {
  return (op >= Opcode::Eq && op <= Opcode::GeU) || (op >= Opcode::FEq && op <= Opcode::FGe);
}

} // namespace

void SinkPass::count_uses(Graph& graph, const analysis::FlowGraph& flow) {
  uses_.assign(graph.value_count(), 0);
  for (Node node = 0; node < flow.size(); ++node) {
    for (InstId at = graph.block(flow.block(node)).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 i = 0; i < inst.operand_count; ++i) ++uses_[graph.operand(inst, i)];
      for (const GraphEdge& edge : graph.edges_of(inst))
        for (const ValueId arg : edge.args) ++uses_[graph.now(arg)];
    }
  }
}

void SinkPass::run(PassContext& c) {
  Graph& graph = c.graph;
  const analysis::FlowGraph& flow = c.analyses.flow();
  count_uses(graph, flow);
  for (Node node = 0; node < flow.size(); ++node) {
    const BlockId block = flow.block(node);
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      if (inst.op != Opcode::Branch && inst.op != Opcode::Select) continue;
      const ValueId condition = graph.operand(inst, 0);
      const InstId source = graph.value(condition).inst;
      if (source == kNone || uses_[condition] != 1 || graph.inst(source).block != block) continue;
      if (!is_comparison(graph.inst(source).op) || graph.inst(source).next == at || !c.may_rewrite()) continue;
      graph.move(source, at);
    }
  }
}

} // namespace assay::opt
