// lower_fold.cpp - selection of one A64 instruction for two of AIR.
//
// An operation whose value is used once, by an operation not far behind it with nothing but pure ones in between, is
// left to that user when A64 can do both at once: its operands are then read there. Which pairs these are is `absorbs`;
// the user's shape asks for what it absorbed. One at a time is on its way, or an extension and the shift of it, which
// an addition makes both. Constant time an instruction. Tested in compiler/target/a64/tests/lower_test.cpp.
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
  if (op == Opcode::Mul || user == Opcode::Mul) return Decision::ProductAdded;
  if (op == Opcode::Sext || op == Opcode::Zext) return Decision::ExtendedOperand;
  if (op == Opcode::Xor) return Decision::InvertedOperand;
  const bool is_field = user == Opcode::ShrS || op == Opcode::And || (user == Opcode::And && op == Opcode::ShrU);
  return is_field ? Decision::BitField : Decision::ShiftedOperand;
}
bool is_shift(Opcode op) {
  return op == Opcode::Shl || op == Opcode::ShrU || op == Opcode::ShrS || op == Opcode::Rotl || op == Opcode::Rotr;
}
bool is_pure(Opcode op) { return codegen::kLoweringTraits.pure_mask[static_cast<u32>(op)] != 0; }
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
  case Opcode::Add:
  case Opcode::Mul:
  case Opcode::Shl:
  case Opcode::ShrU:
  case Opcode::ShrS:
  case Opcode::Rotl:
  case Opcode::Rotr:
  case Opcode::Sext:
  case Opcode::Zext:
  case Opcode::Xor:
  case Opcode::And: break;
  default: return false;
  }
  if (counted_ != kNone && inst.op == Opcode::Zext && inst.first_result == counted_) return true;
  if (extended_ && inst.op == Opcode::Shl && operand(inst, 0) == absorbed_) { // decided with the extension
    absorbed_ = inst.first_result;
    return true;
  }
  // What absorbed something itself is made where it stands.
  if (absorbed_ != kNone || reads(inst, counted_) || flow_.uses(inst.first_result) != 1 || is_narrow(inst.type))
    return false;
  const InstId next = user_behind(at_, inst.first_result);
  if (next == kNone) return false;
  const Inst& user = fn_->insts[next];
  if (reads(user, counted_)) return false; // one of the two
  extended_ = extended_and_shifted(inst, user);
  if (!extended_ && !absorbs(user, inst)) return false;
  if (!may(decision_of(user.op, inst.op))) {
    extended_ = false;
    return false;
  }
  absorbed_ = inst.first_result;
  return true;
}

/// The instruction of the block that has the value for an operand, if it is near; else kNone.
InstId Lowering::user_behind(InstId at, ValueId value) const {
  constexpr u32 kNear = 6;
  for (u32 steps = 0; steps < kNear;) {
    const Inst& next = fn_->insts[++at];
    if (is_rematerialised(next.op)) continue;
    for (u32 i = 0; i < next.operand_count; ++i)
      if (operand(next, i) == value) return at;
    if (!is_pure(next.op)) return kNone;
    ++steps;
  }
  return kNone;
}

/// Whether an addition or subtraction will make the shift of what the extension extends.
bool Lowering::extended_and_shifted(const Inst& extension, const Inst& shift) {
  u32 count = 0;
  if ((extension.op != Opcode::Sext && extension.op != Opcode::Zext) || shift.op != Opcode::Shl) return false;
  if (operand(shift, 0) != extension.first_result || flow_.uses(shift.first_result) != 1) return false;
  if (!shift_count(shift, count) || count == 0 || count > 4) return false;
  const InstId sum = user_behind(static_cast<InstId>(&shift - fn_->insts.data()), shift.first_result);
  if (sum == kNone || reads(fn_->insts[sum], counted_)) return false;
  const Opcode op = fn_->insts[sum].op;
  const bool adds = op == Opcode::Add || op == Opcode::Sub || op == Opcode::PtrAdd;
  return adds && absorbs(fn_->insts[sum], shift);
}

/// Whether the operation can have the constant, one of its operands, as an immediate.
bool Lowering::has_room(const Inst& user, i64 constant) const {
  if (user.op == Opcode::Sub) return false; // it is on the left
  const Size size = size_of_bytes(user.op == Opcode::PtrAdd ? 8 : word_size(user.type));
  const u64 bits = static_cast<u64>(constant);
  if (is_logic(user.op)) return logical_imm(size, size == Size::W ? bits & 0xffffffffu : bits).has_value();
  return add_sub_imm(bits).has_value() || add_sub_imm(0 - bits).has_value();
}

/// An `and` with a constant that can be an immediate of tst.
bool Lowering::mask_of(const Inst& inst, i64& mask) const {
  if (inst.op != Opcode::And || !int_const(operand(inst, 1), mask)) return false;
  const Size size = size_of_bytes(word_size(inst.type));
  if (size == Size::W) mask = static_cast<i64>(static_cast<u32>(mask));
  return logical_imm(size, static_cast<u64>(mask)).has_value();
}

/// Whether the user asks for nothing but whether the masked value is zero.
bool Lowering::absorbs_mask(const Inst& user, const Inst& inst) const {
  i64 mask = 0, zero = 0;
  if (user.op == Opcode::Branch || user.op == Opcode::Select) {
    if (operand(user, 0) != inst.first_result) return false;
  } else {
    if (user.op != Opcode::Eq && user.op != Opcode::Ne) return false; // which have two operands
    const ValueId other = operand(user, operand(user, 0) == inst.first_result ? 1 : 0);
    if (!int_const(other, zero) || zero != 0) return false;
  }
  return (user.result_count == 0 || flow_.uses(user.first_result) != 0) && mask_of(inst, mask);
}

/// x + 1 that is multiplied by x: x is added to its square.
bool Lowering::absorbs_sum(const Inst& user, const Inst& inst) const {
  i64 constant = 0;
  if (user.op != Opcode::Mul || flow_.uses(user.first_result) == 0) return false;
  if (!int_const(operand(inst, 1), constant) || constant != 1) return false;
  return operand(user, operand(user, 0) == inst.first_result ? 1 : 0) == operand(inst, 0);
}

/// Whether it is ~x.
bool Lowering::inverts(const Inst& inst) const {
  i64 constant = 0;
  return inst.op == Opcode::Xor && int_const(operand(inst, 1), constant) && constant == -1;
}

bool Lowering::absorbs(const Inst& user, const Inst& inst) const {
  const ValueId value = inst.first_result;
  if (user.operand_count == 0) return false;
  i64 constant = 0;
  u32 count = 0;
  if (inst.op == Opcode::And) return absorbs_mask(user, inst);
  if (inst.op == Opcode::Add) return absorbs_sum(user, inst);
  // A user whose own value nobody reads is left out, and would absorb nothing.
  if (user.operand_count != 2 || user.result_count != 1 || flow_.uses(user.first_result) == 0) return false;
  const bool is_right = operand(user, 1) == value;
  if (!is_right && operand(user, 0) != value) return false;
  const ValueId other = operand(user, is_right ? 0 : 1);
  if (user.op == Opcode::ShrS && inst.op == Opcode::Shl && !is_right) { // a signed field
    u32 left = 0;
    return shift_count(inst, left) && left != 0 && shift_count(user, count) && count >= left;
  }
  if (user.op == Opcode::And && inst.op == Opcode::ShrU && int_const(other, constant)) { // an unsigned field
    if (!shift_count(inst, count) || count == 0) return false;
    const u64 mask = static_cast<u64>(constant) & bit_mask(user.type);
    return is_mask(mask) && count + static_cast<u32>(std::popcount(mask)) <= bits_of(user.type);
  }
  if (int_const(other, constant) && has_room(user, constant)) return false; // an immediate does as well
  const bool shifted = is_shift(inst.op) && shift_count(inst, count) && count != 0;
  if (is_logic(user.op)) return shifted || inverts(inst);
  const bool adds = user.op == Opcode::Add || (user.op == Opcode::PtrAdd && is_right);
  if (!adds && !(user.op == Opcode::Sub && is_right)) return false;
  if (is_shift(inst.op)) return shifted && inst.op != Opcode::Rotl && inst.op != Opcode::Rotr;
  return inst.op == Opcode::Mul || inst.op == Opcode::Sext || inst.op == Opcode::Zext;
}

/// `plain` plus or minus the absorbed value.
bool Lowering::add_absorbed(const Inst& inst, ValueId plain, bool subtract) {
  u32 count = 0;
  const Inst& last = definition(absorbed_);
  if (extended_) shift_count(last, count);
  const Inst& source = extended_ ? definition(operand(last, 0)) : last;
  absorbed_ = kNone;
  extended_ = false;
  const u32 size = inst.op == Opcode::PtrAdd ? 8 : word_size(inst.type);
  const VReg first = reg(plain), a = reg(operand(source, 0));
  if (source.op == Opcode::Mul) {
    const VReg b = reg(operand(source, 1));
    add_op(subtract ? Op::Msub : Op::Madd, size, {def(result(inst)), use(a), use(b), use(first)});
    return true;
  }
  if (is_shift(source.op)) {
    give_shift(add_op(subtract ? Op::SubS : Op::AddS, size, {def(result(inst)), use(first), use(a)}), source);
    return true;
  }
  LirInst& sum = add_op(subtract ? Op::SubX : Op::AddX, size, {def(result(inst)), use(first), use(a)});
  sum.imm = size_of(source.from);
  sum.cond = static_cast<u8>(count);
  sum.flags = (source.op == Opcode::Sext) != ASSAY_PLANTED(a64_extend_signedness) ? u16{kSigned} : u16{0};
  return true;
}

/// `plain` and, or, xor the absorbed shift, or inversion.
bool Lowering::logic_absorbed(const Inst& inst, ValueId plain) {
  const Inst& source = definition(absorbed_);
  absorbed_ = kNone;
  const VReg first = reg(plain), a = reg(operand(source, 0));
  if (source.op == Opcode::Xor) {
    const Op inverted = inst.op == Opcode::And ? Op::AndN : inst.op == Opcode::Or ? Op::OrN : Op::XorN;
    add_op(inverted, word_size(inst.type), {def(result(inst)), use(first), use(a)});
    return true;
  }
  const Op op = inst.op == Opcode::And ? Op::AndS : inst.op == Opcode::Or ? Op::OrS : Op::XorS;
  give_shift(add_op(op, word_size(inst.type), {def(result(inst)), use(first), use(a)}), source);
  return true;
}

/// How the last operand is shifted. To the left it is rotated by what is missing to the width.
void Lowering::give_shift(LirInst& inst, const Inst& shift) const {
  u32 count = 0;
  shift_count(shift, count);
  Shift by = Shift::Ror;
  if (shift.op == Opcode::Shl) by = Shift::Lsl;
  else if (shift.op == Opcode::ShrU) by = Shift::Lsr;
  else if (shift.op == Opcode::ShrS) by = Shift::Asr;
  inst.imm = shift.op == Opcode::Rotl ? bits_of(shift.type) - count : count;
  inst.cond = static_cast<u8>(by);
}

/// and(shr_u(a, n), mask), or shr_s(shl(a, n), m).
bool Lowering::field_absorbed(const Inst& inst) {
  const Inst& source = definition(absorbed_);
  u32 count = 0, right = 0;
  if (inst.op == Opcode::And && source.op == Opcode::ShrU) {
    const ValueId mask_value = operand(inst, operand(inst, 0) == absorbed_ ? 1 : 0);
    i64 mask = 0;
    if (!int_const(mask_value, mask)) return false;
    absorbed_ = kNone;
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

/// Whether any of the bits is set that the absorbed operation leaves, or none.
Lowering::Test Lowering::mask_test(Cond cond) {
  const Inst& source = definition(absorbed_);
  absorbed_ = kNone;
  Test test;
  test.kind = 4;
  test.size = static_cast<u8>(word_size(source.type));
  test.cond = static_cast<u8>(cond);
  mask_of(source, test.imm);
  if (ASSAY_PLANTED(a64_tested_mask) && test.imm > 1) test.imm &= ~(test.imm - 1);
  test.operands[test.count++] = use(reg(operand(source, 0)));
  return test;
}

} // namespace assay::a64
