// values.cpp - mutations of what is used where.
//
// Each needs a valid function and leaves one: a value is replaced by one of its type that dominates the use.
// Linear in the function. Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/generate/draw/constants.h"
#include "fuzz/mutate/context.h"

#include <algorithm>

namespace assay::fuzz {

/// Another value of the same type that dominates the use.
bool replace_operand(MutationContext& c) {
  const Use* use = c.random_use();
  if (use == nullptr) return false;
  Function& f = c.f();
  const ValueId old = f.pool[use->pool];
  const ValueId value = c.pick_value(f.value_types[old], use->inst, old);
  if (value == kNone) return false;
  f.pool[use->pool] = value;
  return true;
}

bool operand_to_literal(MutationContext& c) {
  const Use* use = c.random_use();
  if (use == nullptr) return false;
  const Type type = c.f().value_types[c.f().pool[use->pool]];
  const ValueId value = c.literal(use->inst, type, edge_constant(c.random(), type));
  c.f().pool[use->pool] = value;
  return true;
}

bool swap_operands(MutationContext& c) {
  Function& f = c.f();
  const auto wanted = [&f](const Inst& inst) {
    return inst.operand_count >= 2 && f.operand(inst, 0) != f.operand(inst, 1) &&
           f.value_types[f.operand(inst, 0)] == f.value_types[f.operand(inst, 1)] &&
           f.value_types[f.operand(inst, 0)] != Type::Ptr;
  };
  const InstId id = c.random_inst(wanted);
  if (id == kNone) return false;
  const u32 first = f.insts[id].operands;
  std::swap(f.pool[first], f.pool[first + 1]);
  return true;
}

namespace {

/// There and back through another type; the value stays or loses precision.
ValueId cast_pair(MutationContext& c, InstId at, Type type, ValueId value) {
  const auto through = [&](Opcode there, Type middle, Opcode back) {
    const ValueId between = c.add(at, there, middle, type, {&value, 1}, middle);
    return c.add(at, back, type, middle, {&between, 1}, type);
  };
  constexpr Type kInts[] = {Type::I8, Type::I16, Type::I32, Type::I64};
  if (is_float(type)) {
    const bool is_double = type == Type::F64;
    if (c.random().coin()) return through(Opcode::Bitcast, is_double ? Type::I64 : Type::I32, Opcode::Bitcast);
    if (is_double) return through(Opcode::FDemote, Type::F32, Opcode::FPromote);
    return through(Opcode::FPromote, Type::F64, Opcode::FDemote);
  }
  const Type middle = c.random().pick(kInts);
  const bool is_signed = c.random().coin();
  const Opcode extend = is_signed ? Opcode::Sext : Opcode::Zext;
  if (size_of(middle) > size_of(type)) return through(extend, middle, Opcode::Trunc);
  if (size_of(middle) < size_of(type)) return through(Opcode::Trunc, middle, extend);
  if (size_of(type) < 4) return kNone;
  return through(Opcode::Bitcast, type == Type::I64 ? Type::F64 : Type::F32, Opcode::Bitcast);
}

} // namespace

bool wrap_in_casts(MutationContext& c) {
  const Use* use = c.random_use();
  if (use == nullptr) return false;
  const ValueId old = c.f().pool[use->pool];
  const ValueId value = cast_pair(c, use->inst, c.f().value_types[old], old);
  if (value == kNone) return false;
  c.f().pool[use->pool] = value;
  return true;
}

} // namespace assay::fuzz
