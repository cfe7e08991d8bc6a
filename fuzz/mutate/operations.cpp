// operations.cpp - mutations of instructions: their opcode, immediates and width; more of them, and fewer.
//
// Each needs a valid function and leaves one. New operations are drawn from opcodes.def, so a new row takes
// part at once. Linear in the function. Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/generate/draw/constants.h"
#include "fuzz/generate/draw/opcode_index.h"
#include "fuzz/mutate/context.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

bool ends(const Inst& inst) { return info(inst.op).is(kEnds); }

/// Whether one opcode may stand where the other is, all else unchanged.
bool same_shape(const Inst& inst, Opcode other) {
  const OpcodeInfo& a = info(inst.op);
  const OpcodeInfo& b = info(other);
  constexpr OpFlags kMatter = kReads | kWrites | kCalls | kEnds | kEffect;
  if (inst.op == other || a.form != b.form || a.operands != b.operands || a.results != b.results) return false;
  if ((a.flags & kMatter) != (b.flags & kMatter) || !types_allowed(other, inst.type, inst.from)) return false;
  const bool is_native = a.form == Form::Access && a.operands[0] == 'P';
  return !is_native || access_bytes(other, inst.type) <= access_bytes(inst.op, inst.type);
}

} // namespace

bool change_opcode(MutationContext& c) {
  Opcode found[kOpcodeCount];
  const auto alternatives = [&found](const Inst& inst) {
    const Form form = info(inst.op).form;
    if ((form != Form::Plain && form != Form::Access) || inst.type == Type::Ptr || inst.from == Type::Ptr) return 0u;
    u32 count = 0;
    for (u32 i = 0; i < kOpcodeCount; ++i) {
      if (same_shape(inst, static_cast<Opcode>(i))) found[count++] = static_cast<Opcode>(i);
    }
    return count;
  };
  const InstId id = c.random_inst(
      [](const Inst& inst) { return inst.op != Opcode::Const && !ends(inst) && inst.operand_count != 0; });
  if (id == kNone) return false;
  const u32 count = alternatives(c.f().insts[id]);
  if (count == 0) return false;
  c.f().insts[id].op = found[c.random().below(count)];
  return true;
}

bool change_literal(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) { return inst.op == Opcode::Const && inst.type != Type::Ptr; });
  if (id == kNone) return false;
  Inst& inst = c.f().insts[id];
  const u64 mask = bit_mask(inst.type);
  u64 bits = inst.imm;
  switch (c.random().below(6)) {
  case 0: bits = (bits + 1) & mask; break;
  case 1: bits = (bits - 1) & mask; break;
  case 2: bits ^= u64{1} << c.random().below(bits_of(inst.type)); break;
  case 3: bits = (~bits + 1) & mask; break;
  default: bits = edge_constant(c.random(), inst.type); break;
  }
  if (bits == inst.imm) return false;
  inst.imm = bits;
  return true;
}

bool change_offset(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) { return info(inst.op).form == Form::Access; });
  if (id == kNone) return false;
  Inst& inst = c.f().insts[id];
  u64 offset = inst.imm;
  if (info(inst.op).operands[0] == 'P') { // only ever towards the start: the end of the slot is not known
    if (offset == 0) return false;
    inst.imm = c.random().below(static_cast<u32>(std::min<u64>(offset, 0xffffffff)));
    return true;
  }
  const u64 size = std::max<u64>(c.module().memory_size, 1);
  constexpr u64 kEdges[] = {0, 4095, 4096, 32760, 32768, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, ~u64{0}};
  switch (c.random().below(5)) {
  case 0: offset += c.random().below(17) - u64{8}; break;
  case 1: offset = c.random().below(static_cast<u32>(std::min<u64>(size, 0xffffffff))); break;
  case 2: offset = size - c.random().below(9); break;
  case 3: offset = 0; break;
  default: offset = c.random().chance(1, 4) ? c.random().pick(kEdges) : offset / 2; break;
  }
  if (offset == inst.imm) return false;
  inst.imm = offset;
  return true;
}

/// A plain operation on values at hand, and one later use that takes its result.
bool insert_operation(MutationContext& c) {
  const Use* use = c.random_use();
  if (use == nullptr) return false;
  const OpcodeIndex& index = opcode_index();
  const ValueId old = c.f().pool[use->pool];
  const Type wanted = c.f().value_types[old];
  for (u32 tries = 0; tries < 64; ++tries) {
    const Combination& chosen = index.combinations[c.random().below(static_cast<u32>(index.combinations.size()))];
    const OpcodeInfo& row = info(chosen.op);
    if (row.is(kTraps) && !c.random().chance(1, 8)) continue;
    if (type_of_letter(row.results[0], chosen.type, chosen.from) != wanted) continue;
    ValueId operands[3];
    const u32 count = static_cast<u32>(row.operands.size());
    for (u32 i = 0; i < count; ++i) {
      Type type = type_of_letter(row.operands[i], chosen.type, chosen.from);
      if (type == Type::None) type = Type::I8; // 'C': any integer
      operands[i] = type == wanted && c.random().coin() ? old : c.pick_or_make(type, use->inst);
    }
    c.f().pool[use->pool] = c.add_row(use->inst, chosen.op, chosen.type, chosen.from, {operands, count});
    return true;
  }
  return false;
}

/// A load that a later use takes, or a store of a value at hand, at an address within memory.
bool insert_access(MutationContext& c) {
  const Module& module = c.module();
  const Use* use = c.random_use();
  if (!module.has_memory || module.memory_size < 8 || use == nullptr) return false;
  const OpcodeIndex& index = opcode_index();
  const Type wanted = c.f().value_types[c.f().pool[use->pool]];
  const bool is_load = c.random().coin();
  const std::vector<Access>& rows = is_load ? index.loads : index.stores;
  const u32 first = c.random().below(static_cast<u32>(rows.size()));
  for (u32 i = 0; i < rows.size(); ++i) {
    const Access& row = rows[(first + i) % rows.size()];
    if (row.type != wanted) continue;
    const Type type = c.random().coin() ? Type::I32 : Type::I64;
    const u64 room = std::min<u64>(module.memory_size - row.bytes, 0x7fffffff);
    const u64 address = c.random().below(static_cast<u32>(room) + 1);
    const u64 offset = c.random().below(static_cast<u32>(room - address) + 1);
    const ValueId base = c.literal(use->inst, type, address);
    if (is_load) {
      c.f().pool[use->pool] = c.add(use->inst, row.op, row.type, {base}, kNone, offset);
    } else {
      const ValueId operands[] = {base, c.f().pool[use->pool]};
      c.add(use->inst, row.op, row.type, Type::None, operands, Type::None, kNone, offset);
    }
    return true;
  }
  return false;
}

/// The instruction goes; other values of the types take the place of its results.
bool delete_instruction(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) { return !ends(inst); });
  if (id == kNone) return false;
  Function& f = c.f();
  const Inst inst = f.insts[id];
  for (u32 i = 0; i < inst.result_count; ++i) {
    const ValueId result = inst.first_result + i;
    if (std::find(f.pool.begin(), f.pool.end(), result) == f.pool.end()) continue;
    const ValueId other = c.pick_or_make(f.value_types[result], id);
    if (other == kNone) return false;
    c.replace_uses(result, other);
  }
  c.finish();
  // What was inserted stands before the instruction, in its block: find it again by what it defines.
  const InstId now = inst.result_count != 0 ? f.value_defs[inst.first_result].index : id;
  erase_inst(f, now);
  return true;
}

/// The instruction once more, right after itself; a later use takes the second result.
bool duplicate_instruction(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) { return !ends(inst); });
  if (id == kNone) return false;
  Function& f = c.f();
  Inst copy = f.insts[id];
  std::vector<ValueId> operands(f.operands_of(copy).begin(), f.operands_of(copy).end());
  std::vector<u32> uses;
  for (const Use& use : c.uses()) {
    const ValueId value = f.pool[use.pool];
    if (value >= copy.first_result && value < copy.first_result + copy.result_count) uses.push_back(use.pool);
  }
  copy.operands = add_operands(f, operands);
  const ValueId first = f.value_count();
  for (u32 i = 0; i < copy.result_count; ++i) add_value(f, f.value_types[copy.first_result + i]);
  if (!uses.empty()) {
    u32& use = f.pool[c.random().pick(uses)];
    use = first + (use - copy.first_result);
  }
  copy.first_result = first;
  c.queue(id + 1, copy);
  return true;
}

/// Two neighbours of which the second does not use the first change places.
bool swap_neighbours(MutationContext& c) {
  Function& f = c.f();
  const InstId id = c.random_inst([](const Inst& inst) { return !ends(inst); });
  if (id == kNone || ends(f.insts[id + 1])) return false;
  Inst& first = f.insts[id];
  Inst& second = f.insts[id + 1];
  for (const ValueId operand : f.operands_of(second)) {
    if (operand >= first.first_result && operand < first.first_result + first.result_count) return false;
  }
  std::swap(first, second);
  for (const InstId at : {id, id + 1}) {
    const Inst& inst = f.insts[at];
    for (u32 i = 0; i < inst.result_count; ++i) f.value_defs[inst.first_result + i].index = at;
  }
  return true;
}

/// A binary operation is done in a wider or narrower type between casts.
bool change_width(MutationContext& c) {
  const InstId id = c.random_inst([](const Inst& inst) {
    const OpcodeInfo& row = info(inst.op);
    return row.form == Form::Plain && row.operands == "TT" && row.results == "T" && is_int(inst.type) && row.is(kPure);
  });
  if (id == kNone) return false;
  constexpr Type kInts[] = {Type::I8, Type::I16, Type::I32, Type::I64};
  const Inst old = c.f().insts[id];
  const Type other = c.random().pick(kInts);
  if (other == old.type || !types_allowed(old.op, other, Type::None)) return false;
  const bool is_wider = size_of(other) > size_of(old.type);
  const Opcode extend = c.random().coin() ? Opcode::Sext : Opcode::Zext;
  ValueId operands[2];
  for (u32 i = 0; i < 2; ++i) {
    const ValueId operand = c.f().operand(old, i);
    operands[i] = c.add(id, is_wider ? extend : Opcode::Trunc, other, old.type, {&operand, 1}, other);
  }
  const ValueId result = c.add(id, old.op, other, Type::None, operands, other);
  Inst& inst = c.f().insts[id];
  inst.op = is_wider ? Opcode::Trunc : extend;
  inst.from = other;
  inst.operand_count = 1;
  c.f().pool[inst.operands] = result;
  return true;
}

/// Many values at the start of a block, all of them used at its end.
bool add_pressure(MutationContext& c) {
  const Use* use = c.random_use();
  if (use == nullptr) return false;
  const Function& f = c.f();
  const Type type = f.value_types[f.pool[use->pool]];
  const InstId start = f.blocks[use->block].first_inst;
  constexpr Opcode kInts[] = {Opcode::Add, Opcode::Xor, Opcode::Mul, Opcode::Rotl};
  constexpr Opcode kFloats[] = {Opcode::FAdd, Opcode::FMul, Opcode::FSub, Opcode::FMin};
  const u32 count = c.random().between(8, 40);
  std::vector<ValueId> live;
  for (u32 i = 0; i < count; ++i) {
    const ValueId a = c.pick_or_make(type, start);
    const ValueId b = c.random().coin() && !live.empty() ? live.back() : c.pick_or_make(type, start);
    const Opcode op = is_float(type) ? c.random().pick(kFloats) : c.random().pick(kInts);
    live.push_back(c.add(start, op, type, {a, b}));
  }
  ValueId sum = c.f().pool[use->pool];
  for (const ValueId value : live)
    sum = c.add(use->inst, is_float(type) ? Opcode::FAdd : Opcode::Xor, type, {sum, value});
  c.f().pool[use->pool] = sum;
  return true;
}

} // namespace assay::fuzz
