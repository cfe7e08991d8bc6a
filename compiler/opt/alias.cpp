// alias.cpp - see alias.h.
#include "compiler/opt/alias.h"

#include "assay/planted.h"

namespace assay::opt {

namespace {

constexpr u32 kMaxPointerSteps = 16;

bool is_native(Opcode op) {
  switch (op) {
  case Opcode::PLoad:
  case Opcode::PLoad8S:
  case Opcode::PLoad8U:
  case Opcode::PLoad16S:
  case Opcode::PLoad16U:
  case Opcode::PLoad32S:
  case Opcode::PLoad32U:
  case Opcode::PStore:
  case Opcode::PStore8:
  case Opcode::PStore16:
  case Opcode::PStore32: return true;
  default: return false;
  }
}

bool points_to_slot(Graph& graph, ValueId pointer) {
  for (u32 i = 0; i < kMaxPointerSteps; ++i) {
    const GraphInst* const source = graph.source(pointer);
    if (source == nullptr) return false;
    if (source->op == Opcode::SlotAddr) return true;
    if (source->op != Opcode::PtrAdd) return false;
    pointer = graph.operand(*source, 0);
  }
  return false;
}

} // namespace

MemoryKind kind_of(Graph& graph, const GraphInst& inst) {
  if (!info(inst.op).is(kReads | kWrites)) return kMemoryKinds;
  if (inst.op == Opcode::GlobalGet || inst.op == Opcode::GlobalSet) return kGlobals;
  if (is_native(inst.op)) return points_to_slot(graph, graph.operand(inst, 0)) ? kSlots : kOther;
  return kLinear;
}

MemoryMask written_by(Graph& graph, const GraphInst& inst) {
  if (info(inst.op).is(kCalls)) return kAllMemory;
  if (!info(inst.op).is(kWrites)) return 0;
  const MemoryKind kind = kind_of(graph, inst);
  if (kind == kOther && !ASSAY_PLANTED(gvn_pointer_never_slot)) return kAllMemory;
  return mask_of(kind) | mask_of(kOther);
}

} // namespace assay::opt
