// sink.cpp - see sink.h.
#include "compiler/opt/sink.h"

namespace assay::opt {

using analysis::Node;

void SinkPass::run(PassContext& c) {
  Graph& graph = c.graph;
  const analysis::BlockOrder& flow = c.analyses.order();
  bool counted = false;
  for (Node node = 0; node < flow.size(); ++node) {
    const BlockId block = flow.block(node);
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      if (inst.op != Opcode::Branch && inst.op != Opcode::Select) continue;
      const ValueId condition = graph.operand(inst, 0);
      const InstId source = graph.value(condition).inst;
      if (source == kNone || graph.inst(source).block != block) continue;
      if (!is_comparison(graph.inst(source).op) || graph.inst(source).next == at) continue;
      if (!counted) graph.count_uses(flow, uses_);
      counted = true;
      if (uses_[condition] != 1 || !c.may_rewrite(RewriteKind::SinkComparison)) continue;
      graph.move(source, at);
    }
  }
}

} // namespace assay::opt
