// lower_folded.cpp - loads that become an operand of the operation that reads them.
//
// A load that one operation of its block reads, with nothing but pure operations between the two, is left to it
// (left_): the operation then has the load's place where it would have a register (kFoldedLoad), its check and its
// fault site included, and what these tell is the load's position (`origin`). One load at a time is on its way so, and
// only to an operation that has a form for it. At -O2 alone; looks at a few instructions behind each load. Tested in
// compiler/codegen/tests/lower_folded_test.cpp.
#include "compiler/target/x64/lower.h"

#include "assay/planted.h"
#include "compiler/target/x64/encoding.h"

namespace assay::x64 {

using codegen::Decision;
using codegen::def;
using codegen::def_tied;
using codegen::kFoldedLoad;
using codegen::kFoldedScaleShift;
using codegen::kMayFault;
using codegen::LirInst;
using codegen::use;

namespace {

constexpr u32 kMostBetween = 10; // operations between a load and its reader
constexpr u64 kMostDisplacement = 0x7fff'ffff;

} // namespace

/// Whether `value`, loaded as it is, can be an operand of this operation, the only one that reads it.
bool Lowering::takes_load(InstId reader, ValueId value) const {
  const Inst& inst = fn_->insts[reader];
  if (inst.operand_count != 2 || inst.result_count != 1 || flow_.uses(inst.first_result) == 0) return false;
  const bool is_second = operand(inst, 1) == value;
  i64 constant = 0;
  const bool with_constant = int_const(operand(inst, is_second ? 0 : 1), constant);
  const bool is_wide = size_of(type_of(value)) >= 4 && !with_constant;
  switch (inst.op) {
  case Opcode::Add: return is_wide && scaled_sum(inst.first_result) == nullptr;
  case Opcode::And:
  case Opcode::Or:
  case Opcode::Xor:
  case Opcode::Mul: return is_wide;
  case Opcode::Sub: return is_wide && is_second;
  case Opcode::FAdd:
  case Opcode::FMul: return true;
  case Opcode::FSub:
  case Opcode::FDiv: return is_second;
  case Opcode::FLt:
  case Opcode::FLe: return !is_second && !is_before_select(reader);
  case Opcode::FGt:
  case Opcode::FGe: return is_second && !is_before_select(reader);
  case Opcode::FEq:
  case Opcode::FNe:
  case Opcode::Eq:
  case Opcode::Ne:
  case Opcode::LtS:
  case Opcode::LtU:
  case Opcode::LeS:
  case Opcode::LeU:
  case Opcode::GtS:
  case Opcode::GtU:
  case Opcode::GeS:
  case Opcode::GeU: return !is_before_select(reader);
  default: return false;
  }
}

/// A select makes the comparison before it, and has no place for another operand.
bool Lowering::is_before_select(InstId comparison) const {
  InstId next = comparison + 1;
  while (codegen::is_rematerialised(fn_->insts[next].op)) ++next;
  return fn_->insts[next].op == Opcode::Select;
}

/// Whether the load need not stand where it is.
bool Lowering::leave_load(const Inst& inst) {
  const ValueId value = inst.first_result;
  if (options_.level != Level::O2 || left_ != kNone || flow_.uses(value) != 1) return false;
  if (inst.op == Opcode::Load ? memory_base_ == kNone : inst.imm > kMostDisplacement) return false;
  for (InstId at = b_.origin() + 1, end = at + kMostBetween; at < end; ++at) {
    const Inst& next = fn_->insts[at];
    for (u32 i = 0; i < next.operand_count; ++i) {
      if (operand(next, i) != value) continue;
      if (!takes_load(at, value) || !may(Decision::LoadedOperand)) return false;
      left_ = value;
      return true;
    }
    if (!info(next.op).is(kPure) && !(ASSAY_PLANTED(isel_load_over_store) && next.op == Opcode::Store)) return false;
  }
  return false;
}

void Lowering::load(const Inst& inst, Op op, u32 param) {
  if (!packed_.empty() && is_packed_load(inst.first_result)) return;
  if (leave_load(inst)) return;
  if (inst.op == Opcode::Load) linear_load(inst, op, param);
  else pointer_load(inst, op, param);
}

/// Where the load that was left accesses. False: it always traps, which has been said, and its value has a register.
bool Lowering::place_of_left(const Inst& inst, FoldedLoad& out) {
  const u32 size = size_of(inst.type);
  if (inst.op == Opcode::PLoad) {
    const u32 place = slot_place(operand(inst, 0), inst.imm, size);
    out.flags = static_cast<u16>(kFoldedLoad | (place == kNone ? kMayFault : 0));
    out.aux = place == kNone ? static_cast<u32>(inst.imm) : place;
    if (place == kNone) out.operands[out.count++] = use(reg(operand(inst, 0)));
    return true;
  }
  LinearPlace place;
  if (!linear_address(inst, size, place)) {
    vregs_[inst.first_result] = is_float(inst.type) ? float_constant(0, size) : int_constant(0, 4);
    return false;
  }
  out.count = add_place(out.operands, place);
  out.flags = static_cast<u16>(place.flags | kFoldedLoad | place.scale << kFoldedScaleShift);
  out.aux = place.end;
  return true;
}

bool Lowering::take_left(FoldedLoad& out) {
  const InstId reader = b_.origin(), load = fn_->value_defs[left_].index;
  left_ = kNone;
  b_.set_origin(load);
  const bool fits = place_of_left(fn_->insts[load], out);
  b_.set_origin(reader);
  out.origin = ASSAY_PLANTED(isel_load_position) ? reader : load;
  return fits;
}

/// An operation of two operands one of which is the load that was left. False: none is, or it has a register now.
bool Lowering::binary_with_load(const Inst& inst, Op op) {
  if (left_ == kNone) return false;
  const bool is_second = operand(inst, 1) == left_;
  if (!is_second && operand(inst, 0) != left_) return false;
  FoldedLoad load;
  if (!take_left(load)) return false;
  const VReg other = reg(operand(inst, is_second ? 0 : 1));
  Operand operands[4] = {def_tied(result(inst), 1), use(other), load.operands[0], load.operands[1]};
  load.give(b_.add_span(static_cast<u16>(op), static_cast<u8>(size_of(inst.type)), {operands, 2 + load.count}));
  return true;
}

/// A test one of whose operands is a load: SetCmp and the like, or BrCmp.
LirInst& Lowering::add_test_of_load(u16 op, const Test& test, VReg flag) {
  Operand operands[4];
  u32 count = 0;
  if (flag != kNone) operands[count++] = def(flag);
  if (test.count != 0) operands[count++] = use(test.operands[0]);
  for (u32 i = 0; i < test.load.count; ++i) operands[count++] = test.load.operands[i];
  LirInst& made = b_.add_span(op, test.size, {operands, count});
  test.load.give(made);
  return made;
}

} // namespace assay::x64
