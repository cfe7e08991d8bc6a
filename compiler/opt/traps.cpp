// traps.cpp - see traps.h.
#include "compiler/opt/traps.h"

#include "assay/planted.h"

namespace assay::opt {

namespace {

bool division_may_trap(Graph& graph, const GraphInst& inst) {
  const GraphInst* const divisor = graph.constant(graph.operand(inst, 1));
  if (divisor == nullptr || divisor->imm == 0) return true;
  return inst.op == Opcode::DivS && divisor->imm == bit_mask(inst.type); // MIN / -1
}

/// No unsigned value above this: of a constant itself, of what is masked by one that.
u64 most_of(Graph& graph, ValueId value) {
  const GraphInst* const inst = graph.source(value);
  if (inst == nullptr) return ~u64{0};
  if (inst->op == Opcode::Const) return inst->imm;
  if (inst->op != Opcode::And) return ASSAY_PLANTED(traps_sum_for_mask) && inst->op == Opcode::Add ? 0 : ~u64{0};
  const GraphInst* const mask = graph.constant(graph.operand(*inst, 1));
  return mask == nullptr ? ~u64{0} : mask->imm;
}

/// The memory never shrinks.
bool load_may_trap(PassContext& context, const GraphInst& inst) {
  const u64 size = context.module.memory_size, from = most_of(context.graph, context.graph.operand(inst, 0));
  return from > size || inst.imm > size - from || access_bytes(inst.op, inst.type) > size - from - inst.imm;
}

} // namespace

bool may_trap(PassContext& context, const GraphInst& inst) {
  if (!info(inst.op).is(kTraps)) return false;
  switch (inst.op) {
  case Opcode::DivS:
  case Opcode::DivU:
  case Opcode::RemS:
  case Opcode::RemU: return division_may_trap(context.graph, inst);
  case Opcode::Load:
  case Opcode::Load8S:
  case Opcode::Load8U:
  case Opcode::Load16S:
  case Opcode::Load16U:
  case Opcode::Load32S:
  case Opcode::Load32U: return load_may_trap(context, inst);
  default: return true;
  }
}

} // namespace assay::opt
