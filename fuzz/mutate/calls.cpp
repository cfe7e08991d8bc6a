// calls.cpp - mutations of calls and of the module around functions.
//
// A call keeps its signature, so its arguments and results stay as they are. Linear in the module.
// Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/generate/draw/constants.h"
#include "fuzz/mutate/context.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

/// A table position that holds the function, added if there is none.
u32 table_position(Module& module, FunctionId callee) {
  const auto found = std::find(module.table.begin(), module.table.end(), callee);
  const u32 position = static_cast<u32>(found - module.table.begin());
  if (found == module.table.end()) module.table.push_back(callee);
  module.has_table = true;
  return position;
}

/// The operands with one more in front.
void prepend(Function& f, Inst& inst, ValueId value) {
  std::vector<ValueId> operands(1, value);
  const auto old = f.operands_of(inst);
  operands.insert(operands.end(), old.begin(), old.end());
  inst.operands = add_operands(f, operands);
  inst.operand_count = static_cast<u32>(operands.size());
}

bool direct_to_indirect(MutationContext& c, InstId id, Opcode op) {
  const FunctionId callee = c.f().insts[id].ref;
  const u64 position = table_position(c.module(), callee);
  const ValueId index = c.literal(id, c.random().coin() ? Type::I32 : Type::I64, position);
  Inst& inst = c.f().insts[id];
  prepend(c.f(), inst, index);
  inst.op = op;
  inst.ref = c.module().functions[callee].signature;
  return true;
}

bool direct_to_pointer(MutationContext& c, InstId id, Opcode op) {
  const FunctionId callee = c.f().insts[id].ref;
  if (c.module().functions[callee].imported) return false;
  const ValueId pointer = c.add(id, Opcode::FuncAddr, Type::None, Type::None, {}, Type::Ptr, callee);
  Inst& inst = c.f().insts[id];
  prepend(c.f(), inst, pointer);
  inst.op = op;
  inst.ref = c.module().functions[callee].signature;
  return true;
}

/// Through a known address or table entry: named instead.
bool to_direct(MutationContext& c, InstId id, Opcode op) {
  Inst& inst = c.f().insts[id];
  const ValueDef& def = c.f().value_defs[c.f().operand(inst, 0)];
  if (def.is_param) return false;
  const Inst& source = c.f().insts[def.index];
  FunctionId callee = kNone;
  if (source.op == Opcode::FuncAddr) callee = source.ref;
  if (source.op == Opcode::Const && source.imm < c.module().table.size()) callee = c.module().table[source.imm];
  if (callee == kNone || c.module().functions[callee].signature != inst.ref) return false;
  inst.op = op;
  inst.ref = callee;
  ++inst.operands;
  --inst.operand_count;
  return true;
}

bool is_call(const Inst& inst) { return info(inst.op).is(kCalls); }

} // namespace

bool change_call_kind(MutationContext& c) {
  const InstId id = c.random_inst(is_call);
  if (id == kNone) return false;
  const bool by_pointer = c.random().coin();
  switch (c.f().insts[id].op) {
  case Opcode::Call:
    return by_pointer ? direct_to_pointer(c, id, Opcode::CallPtr) : direct_to_indirect(c, id, Opcode::CallIndirect);
  case Opcode::TryCall:
    return by_pointer ? direct_to_pointer(c, id, Opcode::TryCallPtr)
                      : direct_to_indirect(c, id, Opcode::TryCallIndirect);
  case Opcode::TailCall: return direct_to_indirect(c, id, Opcode::TailCallIndirect);
  case Opcode::CallIndirect:
  case Opcode::CallPtr: return to_direct(c, id, Opcode::Call);
  case Opcode::TryCallIndirect:
  case Opcode::TryCallPtr: return to_direct(c, id, Opcode::TryCall);
  case Opcode::TailCallIndirect: return to_direct(c, id, Opcode::TailCall);
  default: return false;
  }
}

namespace {

/// Whether the call, or the taking of an address, may name the other function: results stay, and so does the
/// signature where it is not the call itself that passes arguments.
bool may_name(const Module& m, const Inst& inst, FunctionId other) {
  const Function& old = m.functions[inst.ref];
  const Function& next = m.functions[other];
  if (other == inst.ref) return false;
  if (inst.op == Opcode::FuncAddr) return !next.imported && next.signature == old.signature;
  const auto a = m.results_of(old), b = m.results_of(next), params = m.params_of(next);
  return std::equal(a.begin(), a.end(), b.begin(), b.end()) &&
         std::find(params.begin(), params.end(), Type::Ptr) == params.end();
}

} // namespace

/// Another function with the same results; other parameters get values at hand.
bool change_callee(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) {
    const Form form = info(inst.op).form;
    return form == Form::Call || form == Form::TryCall || form == Form::FuncAddr;
  });
  if (id == kNone) return false;
  const Module& m = c.module();
  const u32 count = static_cast<u32>(m.functions.size());
  const u32 first = c.random().below(count);
  for (u32 i = 0; i < count; ++i) {
    const FunctionId other = (first + i) % count;
    if (!may_name(m, c.f().insts[id], other)) continue;
    const Inst old = c.f().insts[id];
    std::vector<ValueId> args;
    const bool same = m.functions[other].signature == m.functions[old.ref].signature;
    for (const Type type : m.params_of(m.functions[other])) {
      if (!same) args.push_back(c.pick_or_make(type, id));
    }
    Inst& inst = c.f().insts[id];
    inst.ref = other;
    if (same) return true;
    inst.operands = add_operands(c.f(), args);
    inst.operand_count = static_cast<u32>(args.size());
    return true;
  }
  return false;
}

/// What lies outside functions: memory, data, globals, the table, slots.
bool change_module(MutationContext& c) {
  Module& m = c.module();
  Random& random = c.random();
  switch (random.below(5)) {
  case 0:
    if (m.globals.empty()) return false;
    {
      Global& global = random.pick(m.globals);
      global.initial = edge_constant(random, global.type);
    }
    return true;
  case 1:
    if (!m.has_memory || m.memory_size < 2) return false;
    for (const DataSegment& data : m.data) {
      if (data.offset + data.bytes.size() > m.memory_size - 1) return false;
    }
    m.memory_size -= 1;
    return true;
  case 2:
    if (m.data.empty() || random.pick(m.data).bytes.empty()) return false;
    for (DataSegment& data : m.data) {
      if (!data.bytes.empty()) random.pick(data.bytes) = static_cast<char>(random.below(256));
    }
    return true;
  case 3:
    if (m.table.empty()) return false;
    random.pick(m.table) = random.chance(1, 4) ? kNone : random.below(static_cast<u32>(m.functions.size()));
    return true;
  default: {
    std::vector<Slot>& slots = c.f().slots;
    if (slots.empty()) return false;
    Slot& slot = random.pick(slots); // never smaller: accesses must stay inside
    slot.size = std::min(slot.size + random.below(64), 65536u);
    slot.align = 1u << random.below(7);
    u64 total = 0;
    for (const Slot& each : slots) total += each.size + each.align;
    return total < kMaxFrameSlots;
  }
  }
}

} // namespace assay::fuzz
