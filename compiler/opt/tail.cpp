// tail.cpp - see tail.h.
#include "compiler/opt/tail.h"

#include "assay/planted.h"
#include "compiler/opt/slots.h"

namespace assay::opt {

namespace {

/// Functions that make tail calls are not copied into others (inline.h): a call of this function is one of itself.
bool is_of_itself(PassContext& c, const GraphInst& inst) {
  if (inst.op != Opcode::TailCall) return false;
  const auto& functions = c.module.functions;
  const bool other = ASSAY_PLANTED(tail_of_another) && !functions[inst.ref].imported &&
                     functions[inst.ref].signature == functions[c.source.function].signature;
  return inst.ref == c.source.function || other;
}

} // namespace

void TailPass::run(PassContext& c) {
  Graph& graph = c.graph;
  calls_.clear();
  for (BlockId block = 0; block < graph.block_count(); ++block)
    if (graph.block(block).last != kNone && is_of_itself(c, graph.terminator(block)))
      calls_.push_back(graph.block(block).last);
  const std::vector<Slot>& slots = c.module.functions[c.source.function].slots; // the first ones of the graph
  if (calls_.empty() || with_slots(0, slots) > kMostSlotBytes) return;
  BlockId begin = kNone;
  for (const InstId call : calls_) {
    if (!c.may_rewrite(slots.empty() ? RewriteKind::TailOwnCall : RewriteKind::TailOwnCallWithSlots)) break;
    if (begin == kNone) begin = graph.open_entry();
    for (u32 slot = 0; slot < slots.size() && !ASSAY_PLANTED(tail_slot_kept); ++slot) zero_slot(graph, call, slot);
    args_.clear();
    for (u32 i = 0; i < graph.inst(call).operand_count; ++i) args_.push_back(graph.operand(graph.inst(call), i));
    graph.end_with_jump(call, begin, args_);
  }
  if (begin != kNone) c.analyses.control_changed();
}

} // namespace assay::opt
