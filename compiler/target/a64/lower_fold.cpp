// lower_fold.cpp - selection of one A64 instruction for two of AIR.
//
// An operation whose value is used once, by the operation right behind it (constants apart), is left to that user when
// A64 can do both at once: its operands are then read there. Which pairs these are is `absorbs`; the user's shape asks
// for what it absorbed. Constant time an instruction. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "compiler/target/a64/lower.h"

#include "assay/planted.h"

#include <bit>

namespace assay::a64 {

using codegen::Decision;
using codegen::def;
using codegen::is_narrow;
using codegen::kSigned;
using codegen::LirInst;
using codegen::use;
using codegen::word_size;

namespace {

using codegen::is_rematerialised;
bool is_logic(Opcode op) { return op == Opcode::And || op == Opcode::Or || op == Opcode::Xor; }
/// What it is to leave an operation to its user.
Decision decision_of(Opcode user, Opcode op) {
  if (user == Opcode::Branch) return Decision::BranchOnBit;
  if (op == Opcode::Mul) return Decision::ProductAdded;
  if (op == Opcode::Sext || op == Opcode::Zext) return Decision::ExtendedOperand;
  return user == Opcode::ShrS || op == Opcode::ShrU ? Decision::BitField : Decision::ShiftedOperand;
}
/// A run of ones from bit 0 on.
bool is_mask(u64 value) { return value != 0 && (value & (value + 1)) == 0; }

} // namespace

/// A constant count, modulo the width.
bool Lowering::shift_count(const Inst& inst, u32& count) const {
  i64 constant = 0;
  if (!int_const(operand(inst, 1), constant)) return false;
  count = static_cast<u32>(static_cast<u64>(constant) & (bits_of(inst.type) - 1));
  return true;
}

/// Whether the value is left to its user; if so, notes it in absorbed_.
bool Lowering::absorbed_later(const Inst& inst) {
  switch (inst.op) {
  case Opcode::Mul:
  case Opcode::Shl:
  case Opcode::ShrU:
  case Opcode::Sext:
  case Opcode::Zext:
  case Opcode::And: break;
  default: return false;
  }
  // What absorbed something itself is made where it stands.
  if (absorbed_ != kNone || flow_.uses(inst.first_result) != 1 || is_narrow(inst.type)) return false;
  InstId next = at_ + 1;
  while (is_rematerialised(fn_->insts[next].op)) ++next;
  const Inst& user = fn_->insts[next];
  if (!absorbs(user, inst) || !may(decision_of(user.op, inst.op))) return false;
  absorbed_ = inst.first_result;
  return true;
}

bool Lowering::absorbs(const Inst& user, const Inst& inst) const {
  const ValueId value = inst.first_result;
  if (user.operand_count == 0) return false;
  i64 constant = 0;
  u32 count = 0;
  if (user.op == Opcode::Branch) {
    if (operand(user, 0) != value || inst.op != Opcode::And || !int_const(operand(inst, 1), constant)) return false;
    return std::has_single_bit(static_cast<u64>(constant) & bit_mask(inst.type));
  }
  // A user whose own value nobody reads is left out, and would absorb nothing.
  if (user.operand_count != 2 || user.result_count != 1 || flow_.uses(user.first_result) == 0) return false;
  const bool is_right = operand(user, 1) == value;
  if (!is_right && operand(user, 0) != value) return false;
  const ValueId other = operand(user, is_right ? 0 : 1);
  if (user.op == Opcode::ShrS && inst.op == Opcode::Shl && !is_right) { // a signed field
    u32 left = 0;
    return shift_count(inst, left) && left != 0 && shift_count(user, count) && count >= left;
  }
  if (user.op == Opcode::And && inst.op == Opcode::ShrU) { // an unsigned field
    if (!shift_count(inst, count) || count == 0 || !int_const(other, constant)) return false;
    const u64 mask = static_cast<u64>(constant) & bit_mask(user.type);
    return is_mask(mask) && count + static_cast<u32>(std::popcount(mask)) <= bits_of(user.type);
  }
  if (int_const(other, constant)) return false; // an immediate does as well
  if (is_logic(user.op)) return inst.op == Opcode::Shl && shift_count(inst, count) && count != 0;
  const bool adds = user.op == Opcode::Add || (user.op == Opcode::PtrAdd && is_right);
  if (!adds && !(user.op == Opcode::Sub && is_right)) return false;
  if (inst.op == Opcode::Shl) return shift_count(inst, count) && count != 0;
  return inst.op == Opcode::Mul || inst.op == Opcode::Sext || inst.op == Opcode::Zext;
}

/// `plain` plus or minus the absorbed value.
bool Lowering::add_absorbed(const Inst& inst, ValueId plain, bool subtract) {
  const Inst& source = definition(absorbed_);
  absorbed_ = kNone;
  const u32 size = inst.op == Opcode::PtrAdd ? 8 : word_size(inst.type);
  const VReg first = reg(plain), a = reg(operand(source, 0));
  if (source.op == Opcode::Mul) {
    const VReg b = reg(operand(source, 1));
    add_op(subtract ? Op::Msub : Op::Madd, size, {def(result(inst)), use(a), use(b), use(first)});
    return true;
  }
  if (source.op == Opcode::Shl) {
    u32 count = 0;
    shift_count(source, count);
    add_op(subtract ? Op::SubS : Op::AddS, size, {def(result(inst)), use(first), use(a)}).imm = count;
    return true;
  }
  LirInst& sum = add_op(subtract ? Op::SubX : Op::AddX, size, {def(result(inst)), use(first), use(a)});
  sum.imm = size_of(source.from);
  sum.flags = (source.op == Opcode::Sext) != ASSAY_PLANTED(a64_extend_signedness) ? u16{kSigned} : u16{0};
  return true;
}

/// `plain` and, or, xor the absorbed shift.
bool Lowering::logic_absorbed(const Inst& inst, ValueId plain) {
  const Inst& source = definition(absorbed_);
  absorbed_ = kNone;
  u32 count = 0;
  shift_count(source, count);
  const VReg first = reg(plain), a = reg(operand(source, 0));
  const Op op = inst.op == Opcode::And ? Op::AndS : inst.op == Opcode::Or ? Op::OrS : Op::XorS;
  add_op(op, word_size(inst.type), {def(result(inst)), use(first), use(a)}).imm = count;
  return true;
}

/// and(shr_u(a, n), mask), or shr_s(shl(a, n), m).
bool Lowering::field_absorbed(const Inst& inst) {
  const Inst& source = definition(absorbed_);
  u32 count = 0, right = 0;
  if (inst.op == Opcode::And && source.op == Opcode::ShrU) {
    const ValueId mask_value = operand(inst, operand(inst, 0) == absorbed_ ? 1 : 0);
    absorbed_ = kNone;
    i64 mask = 0;
    int_const(mask_value, mask);
    shift_count(source, count);
    const VReg a = reg(operand(source, 0));
    LirInst& field = add_op(Op::FieldU, word_size(inst.type), {def(result(inst)), use(a)});
    field.imm = count;
    field.aux = static_cast<u32>(std::popcount(static_cast<u64>(mask) & bit_mask(inst.type)));
    return true;
  }
  if (inst.op != Opcode::ShrS) return false;
  absorbed_ = kNone;
  shift_count(source, count);
  shift_count(inst, right);
  const VReg a = reg(operand(source, 0));
  LirInst& field = add_op(Op::FieldS, word_size(inst.type), {def(result(inst)), use(a)});
  field.imm = right - count;
  field.aux = bits_of(inst.type) - right;
  return true;
}

/// A branch on one bit.
bool Lowering::branch_absorbed(const Inst&) {
  const Inst& source = definition(absorbed_);
  absorbed_ = kNone;
  i64 constant = 0;
  int_const(operand(source, 1), constant);
  const VReg a = reg(operand(source, 0));
  LirInst& branch = add_op(Op::BrBit, 8, {use(a)});
  branch.imm = std::countr_zero(static_cast<u64>(constant) & bit_mask(source.type));
  branch.cond = static_cast<u8>(Cond::Ne);
  return true;
}

} // namespace assay::a64
