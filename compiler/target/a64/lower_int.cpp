// lower_int.cpp - selection for integer operations, comparisons and selects.
//
// Values of i8 and i16 lie in registers with junk above; an operation whose low bits depend on higher ones (shift
// right, division, high product) first extends; comparisons, counts and overflow tests do so in their expansion.
// Constant time an instruction. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "compiler/target/a64/lower.h"

#include "assay/planted.h"
#include "compiler/target/a64/encoding.h"

#include <bit>

namespace assay::a64 {

using codegen::CommonOp;
using codegen::Decision;
using codegen::def;
using codegen::is_narrow;
using codegen::kCheckMinusOne;
using codegen::kCheckZero;
using codegen::kSigned;
using codegen::LirInst;
using codegen::use;
using codegen::use_any;
using codegen::word_size;

namespace {

/// The least value of a signed type, sign-extended.
i64 least(Type type) { return -(i64{1} << (bits_of(type) - 1)); }

/// What holds of (b, a) when `cond` holds of (a, b).
Cond exchanged(Cond cond) {
  switch (cond) {
  case Cond::Lt: return Cond::Gt;
  case Cond::Gt: return Cond::Lt;
  case Cond::Le: return Cond::Ge;
  case Cond::Ge: return Cond::Le;
  case Cond::Cc: return Cond::Hi;
  case Cond::Hi: return Cond::Cc;
  case Cond::Ls: return Cond::Cs;
  case Cond::Cs: return Cond::Ls;
  default: return cond;
  }
}
bool is_signed_cond(Cond cond) { return cond >= Cond::Ge && cond <= Cond::Le; }

bool is_add_imm(i64 value) {
  return add_sub_imm(static_cast<u64>(value)).has_value() || add_sub_imm(0 - static_cast<u64>(value)).has_value();
}

// The column `param` of rules.def, for a comparison that is made by its user.
constexpr u32 param_of(Opcode opcode) {
#define ACCESS(size, is_signed) 0
#define RULE(name, shape, op, param) \
  case Opcode::name: return static_cast<u32>(param);
  switch (opcode) {
#include "compiler/target/a64/rules.def"
  }
#undef ACCESS
  return 0;
}

} // namespace

/// Of a constant, for which nothing stands where it is, and of what nobody reads.
void Lowering::nothing_here(const Inst& inst, Op, u32) {
  if (!codegen::is_rematerialised(inst.op) && !may_leave_out(inst)) instruction(inst.op, inst);
}

void Lowering::instruction(Opcode op, const Inst& inst) {
  at_ = static_cast<InstId>(&inst - fn_->insts.data());
  if (absorbed_later(inst) || stepped_later(inst)) return;
#define ACCESS(size, is_signed) ((size) | ((is_signed) ? 0x100u : 0u))
#define RULE(opcode, shape, made, param) \
  case Opcode::opcode: shape(inst, Op::made, static_cast<u32>(param)); return;
  switch (op) {
#include "compiler/target/a64/rules.def"
  }
#undef ACCESS
}

bool Lowering::add_immediate(ValueId value, i64& out) const {
  return int_const(value, out) && is_add_imm(out) && may(Decision::Immediate);
}

bool Lowering::logic_immediate(ValueId value, Type type, i64& out) const {
  if (!int_const(value, out)) return false;
  const Size size = size_of_bytes(word_size(type));
  if (size == Size::W) out = static_cast<i64>(static_cast<u32>(out));
  return logical_imm(size, static_cast<u64>(out)).has_value() && may(Decision::Immediate);
}

// ---- arithmetic --------------------------------------------------------------------------------------

void Lowering::add(const Inst& inst, Op op, u32) {
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  const u32 size = inst.op == Opcode::PtrAdd ? 8 : word_size(inst.type);
  if (counted_ != kNone && (counted_ == a || counted_ == b)) return add_counted(inst, counted_ == a ? b : a);
  if ((absorbed_ == a || absorbed_ == b) && add_absorbed(inst, absorbed_ == a ? b : a, false)) return;
  i64 constant = 0;
  if (inst.op == Opcode::Add && add_immediate(a, constant)) std::swap(a, b);
  if (add_immediate(b, constant)) {
    const VReg source = reg(a);
    add_op(Op::AddI, size, {def(result(inst)), use(source)}).imm = constant;
    return;
  }
  const VReg left = reg(a), right = reg(b);
  add_op(op, size, {def(result(inst)), use(left), use_any(right)});
}

void Lowering::subtract(const Inst& inst, Op op, u32) {
  if (absorbed_ == operand(inst, 1) && add_absorbed(inst, operand(inst, 0), true)) return;
  const VReg left = reg(operand(inst, 0));
  i64 constant = 0;
  if (add_immediate(operand(inst, 1), constant)) {
    add_op(Op::AddI, word_size(inst.type), {def(result(inst)), use(left)}).imm = -constant;
    return;
  }
  const VReg right = reg(operand(inst, 1));
  add_op(op, word_size(inst.type), {def(result(inst)), use(left), use_any(right)});
}

void Lowering::bitwise(const Inst& inst, Op op, u32 immediate_op) {
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  if (absorbed_ == a || absorbed_ == b) {
    if (field_absorbed(inst) || logic_absorbed(inst, absorbed_ == a ? b : a)) return;
  }
  i64 constant = 0;
  if (logic_immediate(a, inst.type, constant)) std::swap(a, b);
  if (logic_immediate(b, inst.type, constant)) {
    const VReg source = reg(a);
    add_op(static_cast<Op>(immediate_op), word_size(inst.type), {def(result(inst)), use(source)}).imm = constant;
    return;
  }
  const VReg left = reg(a), right = reg(b);
  add_op(op, word_size(inst.type), {def(result(inst)), use(left), use_any(right)});
}

/// A constant of one more than a power of two adds the number to its shifted self.
void Lowering::multiply(const Inst& inst, Op op, u32) {
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  if (absorbed_ == a || absorbed_ == b) {
    const VReg number = reg(absorbed_ == a ? b : a);
    absorbed_ = kNone;
    add_op(Op::Madd, word_size(inst.type), {def(result(inst)), use(number), use(number), use(number)});
    return;
  }
  i64 constant = 0;
  if (int_const(a, constant)) std::swap(a, b);
  if (int_const(b, constant) && constant > 2 && std::has_single_bit(static_cast<u64>(constant) - 1) &&
      may(Decision::ProductBySum)) {
    const VReg number = reg(a);
    add_op(Op::AddS, word_size(inst.type), {def(result(inst)), use(number), use(number)}).imm =
        std::countr_zero(static_cast<u64>(constant) - 1) + (ASSAY_PLANTED(a64_product_shift) ? 1 : 0);
    return;
  }
  if (int_const(b, constant) && constant > 1 && std::has_single_bit(static_cast<u64>(constant)) &&
      may(Decision::ProductByShift)) {
    const VReg number = reg(a);
    add_op(Op::ShlI, word_size(inst.type), {def(result(inst)), use(number)}).imm =
        std::countr_zero(static_cast<u64>(constant));
    return;
  }
  const VReg left = reg(operand(inst, 0)), right = reg(operand(inst, 1));
  add_op(op, word_size(inst.type), {def(result(inst)), use(left), use_any(right)});
}

void Lowering::multiply_high(const Inst& inst, Op op, u32 is_signed) {
  if (is_narrow(inst.type)) {
    const VReg a = extended(operand(inst, 0), is_signed != 0), b = extended(operand(inst, 1), is_signed != 0);
    const VReg product = new_int();
    add_op(Op::Mul, 4, {def(product), use(a), use_any(b)});
    add_op(is_signed != 0 ? Op::SarI : Op::ShrI, 4, {def(result(inst)), use(product)}).imm = bits_of(inst.type);
    return;
  }
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a), use(b)});
}

void Lowering::divide(const Inst& inst, Op op, u32 is_signed) {
  const bool narrow = is_narrow(inst.type);
  const VReg a = narrow ? extended(operand(inst, 0), is_signed != 0) : reg(operand(inst, 0));
  const VReg b = narrow ? extended(operand(inst, 1), is_signed != 0) : reg(operand(inst, 1));
  LirInst& division = add_op(op, word_size(inst.type), {def(result(inst)), use(a), use(b)});
  division.flags = division_checks(is_signed != 0, operand(inst, 1));
  division.imm = narrow && is_signed != 0 ? least(inst.type) : 0;
  if (ASSAY_PLANTED(a64_narrow_min_div)) division.imm = 0;
}

/// The quotient times the divisor, taken off: the least value by -1 gives 0 by itself, so only zero is checked.
void Lowering::remainder(const Inst& inst, Op op, u32 is_signed) {
  const bool narrow = is_narrow(inst.type);
  const VReg a = narrow ? extended(operand(inst, 0), is_signed != 0) : reg(operand(inst, 0));
  const VReg b = narrow ? extended(operand(inst, 1), is_signed != 0) : reg(operand(inst, 1));
  LirInst& division = add_op(op, word_size(inst.type), {def(result(inst)), use(a), use(b)});
  division.flags = division_checks(is_signed != 0, operand(inst, 1)) & kCheckZero;
}

// ---- shifts ------------------------------------------------------------------------------------------

// The processor takes a count modulo 32 or 64; for narrower types it is masked first.
void Lowering::shift(const Inst& inst, Op op, u32 immediate_op) {
  if (absorbed_ == operand(inst, 0) && field_absorbed(inst)) return;
  const u32 width = bits_of(inst.type);
  const bool to_the_right = op != Op::ShlV;
  u32 constant = 0;
  const bool known = shift_count(inst, constant) && may(Decision::ConstantCount);
  if (known && constant == 0) {
    same_register(inst, op, 0);
    return;
  }
  const VReg value =
      to_the_right && is_narrow(inst.type) ? extended(operand(inst, 0), op == Op::SarV) : reg(operand(inst, 0));
  if (known) {
    add_op(static_cast<Op>(immediate_op), word_size(inst.type), {def(result(inst)), use(value)}).imm = constant;
    return;
  }
  VReg count = reg(operand(inst, 1));
  if (is_narrow(inst.type) && !ASSAY_PLANTED(a64_shift_count_unmasked)) {
    const VReg masked = new_int();
    add_op(Op::AndI, 4, {def(masked), use(count)}).imm = width - 1;
    count = masked;
  }
  add_op(op, word_size(inst.type), {def(result(inst)), use(value), use_any(count)});
}

/// There is only a rotation to the right: one to the left by a constant is one by what is missing to the width.
void Lowering::rotate(const Inst& inst, Op op, u32 to_the_right) {
  const u32 width = bits_of(inst.type);
  u32 count = 0;
  if (shift_count(inst, count) && may(Decision::ConstantCount)) {
    if (count == 0) {
      same_register(inst, op, 0);
      return;
    }
    const VReg value = reg(operand(inst, 0));
    add_op(Op::RorI, size_of(inst.type), {def(result(inst)), use(value)}).imm =
        to_the_right != 0 ? count : width - count;
    return;
  }
  const VReg value = reg(operand(inst, 0)), by = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def(result(inst)), use(value), use(by)});
}

// ---- counts, orders ----------------------------------------------------------------------------------

void Lowering::min_max(const Inst& inst, Op op, u32 cond) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a), use(b)}).cond = static_cast<u8>(cond);
}

void Lowering::unary(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a)});
}

void Lowering::overflow(const Inst& inst, Op op, u32 flags) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  const VReg value = result(inst), flag = result(inst, 1);
  // The value is written while the operands are still needed.
  add_op(op, size_of(inst.type), {def(value), def(flag), codegen::use_late(a), codegen::use_late(b)}).flags =
      static_cast<u16>(flags);
}

void Lowering::extend(const Inst& inst, Op op, u32) {
  if (options_.level == Level::O2 && op == Op::Zx && is_loaded(operand(inst, 0)) && may(Decision::LoadedExtended))
    return same_register(inst, op, 0);
  if (op == Op::Zx && inst.from == Type::I32 && is_clean(operand(inst, 0)) && may(Decision::CleanExtended))
    return same_register(inst, op, 0);
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.from), {def(result(inst)), use_any(a)});
}

// ---- comparisons -------------------------------------------------------------------------------------

Lowering::Test Lowering::compare_test(const Inst& inst) {
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  if (absorbed_ == a || absorbed_ == b) return mask_test(inst.op == Opcode::Eq ? Cond::Eq : Cond::Ne);
  Test test;
  test.size = static_cast<u8>(size_of(inst.type));
  if (ASSAY_PLANTED(a64_narrow_compare_wide)) test.size = static_cast<u8>(word_size(inst.type));
  test.cond = static_cast<u8>(param_of(inst.op));
  if (is_float(inst.type)) {
    test.kind = 3;
  } else {
    i64 constant = 0;
    if (int_const(a, constant) && !int_const(b, constant) && may(Decision::ComparisonTurned)) {
      std::swap(a, b);
      test.cond = static_cast<u8>(exchanged(static_cast<Cond>(test.cond)));
    }
    const bool known = int_const(b, test.imm);
    if (known && is_narrow(inst.type) && !is_signed_cond(static_cast<Cond>(test.cond)))
      test.imm = static_cast<i64>(static_cast<u64>(test.imm) & bit_mask(inst.type));
    test.kind = known && is_add_imm(test.imm) && may(Decision::Immediate) ? 2 : 1;
    const bool clean = test.size < 4 && !is_signed_cond(static_cast<Cond>(test.cond)) && options_.level == Level::O2;
    // What loads have left is compared as it is; a constant in a register has its sign above it.
    if (clean && is_loaded(a) && (test.kind == 2 || is_loaded(b)) && may(Decision::LoadedExtended)) test.size = 4;
  }
  test.operands[test.count++] = use(reg(a));
  if (test.kind != 2) test.operands[test.count++] = use_any(reg(b));
  else if (ASSAY_PLANTED(a64_compare_imm_sign) && test.imm < 0) test.imm = -test.imm;
  return test;
}

/// The test that decides a branch or select: the comparison skipped for it, bits of a mask, or "is not zero".
Lowering::Test Lowering::test_of(ValueId condition) {
  if (condition == absorbed_) return mask_test(Cond::Ne);
  if (condition == fused_) {
    fused_ = kNone;
    return compare_test(definition(condition));
  }
  Test test;
  test.size = static_cast<u8>(size_of(type_of(condition)));
  // With zeros above it, the whole register can be compared with zero.
  if (test.size < 4 && options_.level == Level::O2 && is_loaded(condition) && may(Decision::LoadedExtended))
    test.size = 4;
  test.cond = static_cast<u8>(Cond::Ne);
  test.operands[0] = use_any(reg(condition));
  test.count = 1;
  return test;
}

LirInst& Lowering::add_test(Op first, const Test& test, std::span<const Operand> before,
                            std::span<const Operand> after) {
  Operand all[6];
  u32 count = 0;
  for (const Operand& operand : before) all[count++] = operand;
  for (u32 i = 0; i < test.count; ++i) all[count++] = test.operands[i];
  for (const Operand& operand : after) all[count++] = operand;
  LirInst& inst = b_.add_span(static_cast<u16>(code_of(first) + test.kind), test.size, {all, count});
  inst.cond = test.cond;
  inst.imm = test.imm;
  return inst;
}

static_assert(static_cast<u32>(Op::SetMask) == static_cast<u32>(Op::SetCmp) + 3);
static_assert(static_cast<u32>(Op::BrMask) == static_cast<u32>(Op::BrTest) + 4);
static_assert(static_cast<u32>(Op::SelMask) == static_cast<u32>(Op::SelTest) + 4);

void Lowering::compare(const Inst& inst, Op, u32) {
  if (left_to_user(inst) || counted_later(inst)) return;
  Test test = compare_test(inst);
  const Operand flag = def(result(inst));
  --test.kind; // there is no SetTest
  add_test(Op::SetCmp, test, {&flag, 1}, {});
}

void Lowering::branch(const Inst& inst, Op op, u32) {
  const Test test = test_of(operand(inst, 0));
  if (test.kind == 4 && std::has_single_bit(static_cast<u64>(test.imm))) {
    LirInst& branch = add_op(Op::BrBit, 8, {test.operands[0]});
    branch.imm = std::countr_zero(static_cast<u64>(test.imm));
    branch.cond = test.cond;
    return;
  }
  add_test(op, test, {}, {});
}

} // namespace assay::a64
