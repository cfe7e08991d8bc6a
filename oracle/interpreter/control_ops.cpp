// control_ops.cpp - calls, terminators, exceptions, fuel (docs/air.md, "Operations", "Traps", "Exceptions").
//
// A call saves its place, so that the call stack names it, and pushes a frame; a tail call drops its own frame
// first, when the callee is known to be right. A try_call is a call whose clauses `Machine::unwind` reads from the
// instruction when an exception passes. Cost: arguments and results.
// Tested in oracle/interpreter/tests/{control,calls,exceptions,host}_test.cpp.
#include "oracle/interpreter/machine.h"

namespace assay::oracle {

namespace {

/// The function that an indirect call means, or kNone: outside the table, null, or of another signature.
FunctionId table_callee(const Machine& m, const Inst& inst) {
  const u64 index = m.operand(inst, 0);
  if (index >= m.module->table.size()) return kNone;
  const FunctionId callee = m.module->table[index];
  return callee != kNone && m.module->functions[callee].signature == inst.ref ? callee : kNone;
}

/// The function that a call through a ptr means, or kNone.
FunctionId pointer_callee(const Machine& m, const Inst& inst) {
  const FunctionId callee = m.function_of(m.operand(inst, 0));
  return callee != kNone && m.module->functions[callee].signature == inst.ref ? callee : kNone;
}

/// Calls with operands [first_arg, ...), keeping this frame or giving it up.
Flow call(Machine& m, const Inst& inst, FunctionId callee, u32 first_arg) {
  m.collect(inst, first_arg);
  m.save_place();
  return m.invoke(callee);
}

Flow tail_call(Machine& m, const Inst& inst, FunctionId callee, u32 first_arg) {
  m.collect(inst, first_arg);
  m.drop_frame();
  return m.invoke(callee);
}

Flow call_through_table(Machine& m, const Inst& inst) {
  const FunctionId callee = table_callee(m, inst);
  return callee == kNone ? m.trap(TrapKind::BadIndirectCall) : call(m, inst, callee, 1);
}

Flow call_through_pointer(Machine& m, const Inst& inst) {
  const FunctionId callee = pointer_callee(m, inst);
  return callee == kNone ? m.refuse("a call of a ptr that is no function of that signature") : call(m, inst, callee, 1);
}

const Edge& edge(const Machine& m, const Inst& inst, u32 index) { return m.function->edges[inst.first_edge + index]; }

} // namespace

// -- calls -------------------------------------------------------------------------------------------

ASSAY_EVALUATE(Call) { return call(m, inst, inst.ref, 0); }
ASSAY_EVALUATE(CallIndirect) { return call_through_table(m, inst); }
ASSAY_EVALUATE(FuncAddr) { return m.give(inst, Machine::function_pointer(inst.ref)); }
ASSAY_EVALUATE(CallPtr) { return call_through_pointer(m, inst); }
ASSAY_EVALUATE(TryCall) { return call(m, inst, inst.ref, 0); }
ASSAY_EVALUATE(TryCallIndirect) { return call_through_table(m, inst); }
ASSAY_EVALUATE(TryCallPtr) { return call_through_pointer(m, inst); }
ASSAY_EVALUATE(TailCall) { return tail_call(m, inst, inst.ref, 0); }
ASSAY_EVALUATE(TailCallIndirect) {
  const FunctionId callee = table_callee(m, inst);
  return callee == kNone ? m.trap(TrapKind::BadIndirectCall) : tail_call(m, inst, callee, 1);
}

ASSAY_EVALUATE(Return) {
  m.collect(inst, 0);
  m.drop_frame();
  return m.deliver();
}

// -- blocks ------------------------------------------------------------------------------------------

ASSAY_EVALUATE(Jump) { return m.take_edge(edge(m, inst, 0)); }
ASSAY_EVALUATE(Branch) { return m.take_edge(edge(m, inst, m.operand(inst, 0) != 0 ? 0 : 1)); }

ASSAY_EVALUATE(Switch) {
  const u64 value = m.operand(inst, 0);
  const u32 cases = inst.edge_count - 1; // the default is the last
  u32 taken = 0;
  while (taken < cases && edge(m, inst, taken).value != value) ++taken;
  return m.take_edge(edge(m, inst, taken));
}

// -- exceptions and traps ----------------------------------------------------------------------------

ASSAY_EVALUATE(Trap) { return m.trap(static_cast<TrapKind>(inst.imm)); }

ASSAY_EVALUATE(Throw) {
  m.collect(inst, 0);
  m.flying.tag = inst.ref;
  m.flying.payload.assign(m.transfer.begin(), m.transfer.end());
  m.flying.origin = nullptr;
  return m.throw_flying(TraceKind::Throw);
}

ASSAY_EVALUATE(Rethrow) {
  if (!m.fly_again(m.operand(inst, 0))) return m.trap(TrapKind::Unreachable);
  return m.throw_flying(TraceKind::Rethrow);
}

// -- fuel --------------------------------------------------------------------------------------------

ASSAY_EVALUATE(Fuel) {
  if (m.fuel < inst.imm) {
    m.fuel = 0;
    return m.trap(TrapKind::OutOfFuel);
  }
  m.fuel -= inst.imm;
  return Flow::Next;
}

} // namespace assay::oracle
