// lower_int.cpp - selection for integer operations, comparisons and selects.
//
// Values of i8 and i16 lie in registers with junk above; an operation whose low bits depend on higher ones (shift
// right, division, high product, counts) first extends, everything else works on 32 bits or on the exact width.
// Constant time an instruction. Tested in compiler/codegen/tests/lower_test.cpp.
#include "compiler/target/x64/lower.h"

#include "assay/planted.h"
#include "compiler/target/x64/encoding.h"

#include <bit>

namespace assay::x64 {

using codegen::CommonOp;
using codegen::Decision;
using codegen::def;
using codegen::def_early_fixed;
using codegen::def_fixed;
using codegen::def_tied;
using codegen::is_narrow;
using codegen::kCheckMinusOne;
using codegen::kCheckZero;
using codegen::kExtension;
using codegen::kFloatValue;
using codegen::kSigned;
using codegen::LirInst;
using codegen::temp;
using codegen::temp_fixed;
using codegen::use;
using codegen::use_any;
using codegen::use_fixed;
using codegen::use_late;
using codegen::with_test_size;
using codegen::word_size;

namespace {

constexpr codegen::PReg kRax = index_of(Gpr::Rax), kRcx = index_of(Gpr::Rcx), kRdx = index_of(Gpr::Rdx);

/// The least value of a signed type, sign-extended.
i64 least(Type type) { return -(i64{1} << (bits_of(type) - 1)); }

/// What holds of (b, a) when `cond` holds of (a, b).
Cond exchanged(Cond cond) {
  switch (cond) {
  case Cond::L: return Cond::G;
  case Cond::G: return Cond::L;
  case Cond::Le: return Cond::Ge;
  case Cond::Ge: return Cond::Le;
  case Cond::B: return Cond::A;
  case Cond::A: return Cond::B;
  case Cond::Be: return Cond::Ae;
  case Cond::Ae: return Cond::Be;
  default: return cond;
  }
}

// The column `param` of rules.def, for a comparison that is made by its user.
constexpr u32 param_of(Opcode opcode) {
#define ACCESS(size, is_signed) 0
#define RULE(name, shape, op, param) \
  case Opcode::name: return static_cast<u32>(param);
  switch (opcode) {
#include "compiler/target/x64/rules.def"
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
#define ACCESS(size, is_signed) ((size) | ((is_signed) ? 0x100u : 0u))
#define RULE(opcode, shape, made, param) \
  case Opcode::opcode: shape(inst, Op::made, static_cast<u32>(param)); return;
  switch (op) {
#include "compiler/target/x64/rules.def"
  }
#undef ACCESS
}

bool Lowering::immediate(ValueId value, i64& out) const {
  if (!int_const(value, out)) return false;
  const bool fits = fits_imm32(out) || (ASSAY_PLANTED(isel_imm32_unsigned) && fits_uimm32(static_cast<u64>(out)));
  return fits && may(Decision::Immediate);
}

// ---- arithmetic --------------------------------------------------------------------------------------

void Lowering::add(const Inst& inst, Op op, u32) {
  if (const Scaled* const scaled = scaled_sum(inst.first_result)) {
    const VReg base = reg(scaled->base), index = reg(scaled->index);
    add_op(Op::AddScaled, 8, {def(result(inst)), use(base), use(index)}).imm = scaled->shift;
    return;
  }
  if (binary_with_load(inst, Op::AddTied)) return;
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  const u32 size = inst.op == Opcode::PtrAdd ? 8 : word_size(inst.type);
  i64 constant = 0;
  if (inst.op == Opcode::Add && immediate(a, constant)) std::swap(a, b);
  if (immediate(b, constant)) {
    if (inst.op == Opcode::Add && add_to_product(inst, a, constant)) return;
    const VReg source = reg(a);
    add_op(Op::AddI, size, {def(result(inst)), use(source)}).imm = constant;
    return;
  }
  const VReg left = reg(a), right = reg(b);
  add_op(op, size, {def(result(inst)), use(left), use_any(right)});
}

/// The product that nobody else reads and that was made last becomes the sum. Not what is left of it in a narrower
/// type: that has the product's register, but the product may have other readers, and another size.
bool Lowering::add_to_product(const Inst& inst, ValueId product, i64 constant) {
  const VReg made = vregs_[product];
  LirInst& last = b_.function().insts.back();
  const bool is_product = last.op == code_of(Op::Times) && b_.function().operands[last.operands].vreg == made;
  if (!is_product || last.imm != 0 || flow_.uses(product) != 1) return false;
  if (fn_->value_defs[product].index != last.origin && !ASSAY_PLANTED(isel_sum_of_narrowed)) return false;
  if (!may(Decision::AddedToProduct)) return false;
  last.imm = constant;
  last.origin = b_.origin();
  vregs_[inst.first_result] = made;
  return true;
}

void Lowering::subtract(const Inst& inst, Op op, u32) {
  if (binary_with_load(inst, op)) return;
  const VReg left = reg(operand(inst, 0));
  i64 constant = 0;
  if (immediate(operand(inst, 1), constant) && (fits_imm32(-constant) || ASSAY_PLANTED(isel_negated_imm)) &&
      may(Decision::NegatedImmediate)) {
    add_op(Op::AddI, word_size(inst.type), {def(result(inst)), use(left)}).imm = -constant;
    return;
  }
  const VReg right = reg(operand(inst, 1));
  add_op(op, word_size(inst.type), {def_tied(result(inst), 1), use(left), use_any(right)});
}

void Lowering::bitwise(const Inst& inst, Op op, u32 immediate_op) {
  if (binary_with_load(inst, op)) return;
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  i64 constant = 0;
  if (immediate(a, constant)) std::swap(a, b);
  if (immediate(b, constant)) {
    const VReg source = reg(a);
    add_op(static_cast<Op>(immediate_op), word_size(inst.type), {def_tied(result(inst), 1), use(source)}).imm =
        constant;
    return;
  }
  if (!ends_here(a) && ends_here(b) && may(Decision::SwappedOperands))
    std::swap(a, b); // the register of the first becomes the result's
  const VReg left = reg(a), right = reg(b);
  add_op(op, word_size(inst.type), {def_tied(result(inst), 1), use(left), use_any(right)});
}

void Lowering::multiply(const Inst& inst, Op op, u32) {
  if (binary_with_load(inst, op)) return;
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  i64 constant = 0;
  if (immediate(a, constant)) std::swap(a, b);
  if (immediate(b, constant)) {
    const VReg source = reg(a);
    if ((constant == 3 || constant == 5 || constant == 9) && may(Decision::ProductByLea)) {
      add_op(Op::Times, word_size(inst.type), {def(result(inst)), use(source)}).aux = constant == 3   ? 1
                                                                                      : constant == 5 ? 2
                                                                                                      : 3;
      return;
    }
    if (constant > 1 && std::has_single_bit(static_cast<u64>(constant)) && may(Decision::ProductByShift)) {
      const u32 count = static_cast<u32>(std::countr_zero(static_cast<u64>(constant)));
      add_op(Op::ShlI, word_size(inst.type), {def_tied(result(inst), 1), use(source)}).imm = count;
      return;
    }
    add_op(Op::ImulI, word_size(inst.type), {def(result(inst)), use_any(source)}).imm = constant;
    return;
  }
  if (!ends_here(a) && ends_here(b) && may(Decision::SwappedOperands))
    std::swap(a, b); // the register of the first becomes the result's
  const VReg left = reg(a), right = reg(b);
  add_op(op, word_size(inst.type), {def_tied(result(inst), 1), use(left), use_any(right)});
}

void Lowering::multiply_high(const Inst& inst, Op op, u32 is_signed) {
  if (is_narrow(inst.type)) {
    const VReg a = extended(operand(inst, 0), is_signed != 0), b = extended(operand(inst, 1), is_signed != 0);
    const VReg product = new_int();
    add_op(Op::Imul, 4, {def_tied(product, 1), use(a), use_any(b)});
    add_op(is_signed != 0 ? Op::SarI : Op::ShrI, 4, {def_tied(result(inst), 1), use(product)}).imm = bits_of(inst.type);
    return;
  }
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type),
         {def_fixed(result(inst), kRdx), def_fixed(new_int(), kRax), use_fixed(a, kRax), use_any(b)});
}

void Lowering::divide(const Inst& inst, Op op, u32 is_signed) {
  const bool narrow = is_narrow(inst.type);
  const VReg a = narrow ? extended(operand(inst, 0), is_signed != 0) : reg(operand(inst, 0));
  const VReg b = narrow ? extended(operand(inst, 1), is_signed != 0) : reg(operand(inst, 1));
  LirInst& division =
      add_op(op, word_size(inst.type),
             {def_fixed(result(inst), kRax), temp_fixed(new_int(), kRdx), use_fixed(a, kRax), use_late(b)});
  division.flags = division_checks(is_signed != 0, operand(inst, 1));
  division.imm = narrow && is_signed != 0 ? least(inst.type) : 0;
  if (ASSAY_PLANTED(isel_narrow_min_div)) division.imm = 0;
}

void Lowering::remainder(const Inst& inst, Op op, u32 is_signed) {
  const bool narrow = is_narrow(inst.type);
  const VReg a = narrow ? extended(operand(inst, 0), is_signed != 0) : reg(operand(inst, 0));
  const VReg b = narrow ? extended(operand(inst, 1), is_signed != 0) : reg(operand(inst, 1));
  LirInst& division =
      add_op(op, word_size(inst.type),
             {def_early_fixed(result(inst), kRdx), def_fixed(new_int(), kRax), use_fixed(a, kRax), use_late(b)});
  division.flags = division_checks(is_signed != 0, operand(inst, 1));
}

// ---- shifts ------------------------------------------------------------------------------------------

// The processor takes a count modulo 32 or 64; for narrower types it is masked first.
void Lowering::shift(const Inst& inst, Op op, u32 immediate_op) {
  const u32 width = bits_of(inst.type);
  const bool to_the_right = op != Op::ShlC;
  i64 constant = 0;
  const bool known = int_const(operand(inst, 1), constant) && may(Decision::ConstantCount);
  if (known && (static_cast<u64>(constant) & (width - 1)) == 0) {
    same_register(inst, op, 0);
    return;
  }
  const VReg value =
      to_the_right && is_narrow(inst.type) ? extended(operand(inst, 0), op == Op::SarC) : reg(operand(inst, 0));
  if (known) {
    LirInst& shift =
        add_op(static_cast<Op>(immediate_op), word_size(inst.type), {def_tied(result(inst), 1), use(value)});
    shift.imm = static_cast<i64>(static_cast<u64>(constant) & (width - 1));
    return;
  }
  VReg count = reg(operand(inst, 1));
  if (is_narrow(inst.type) && !ASSAY_PLANTED(isel_shift_count_unmasked)) {
    const VReg masked = new_int();
    add_op(Op::AndI, 4, {def_tied(masked, 1), use(count)}).imm = width - 1;
    count = masked;
  }
  add_op(op, word_size(inst.type), {def_tied(result(inst), 1), use(value), use_fixed(count, kRcx)});
}

void Lowering::rotate(const Inst& inst, Op op, u32 immediate_op) {
  const u32 width = bits_of(inst.type);
  i64 constant = 0;
  if (int_const(operand(inst, 1), constant) && may(Decision::ConstantCount)) {
    const u64 count = static_cast<u64>(constant) & (width - 1);
    if (count == 0) {
      same_register(inst, op, 0);
      return;
    }
    const VReg value = reg(operand(inst, 0));
    add_op(static_cast<Op>(immediate_op), size_of(inst.type), {def_tied(result(inst), 1), use(value)}).imm =
        static_cast<i64>(count);
    return;
  }
  const VReg value = reg(operand(inst, 0)), count = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(value), use_fixed(count, kRcx)});
}

// ---- counts, orders ----------------------------------------------------------------------------------

void Lowering::min_max(const Inst& inst, Op op, u32 cond) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a), use_any(b)}).cond = static_cast<u8>(cond);
}

void Lowering::leading_zeros(const Inst& inst, Op op, u32) {
  const bool narrow = is_narrow(inst.type);
  const VReg a = narrow ? extended(operand(inst, 0), false) : reg(operand(inst, 0));
  LirInst& count = add_op(op, word_size(inst.type), {def(result(inst)), use_any(a)});
  count.imm = narrow ? 32 - bits_of(inst.type) : 0;
  count.flags = options_.features.lzcnt && may(Decision::Extension) ? kExtension : 0;
}

void Lowering::trailing_zeros(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  const bool extension = options_.features.bmi1 && may(Decision::Extension);
  add_op(op, size_of(inst.type), {def(result(inst)), use_any(a)}).flags = extension ? kExtension : 0;
}

void Lowering::population(const Inst& inst, Op op, u32) {
  const VReg a = is_narrow(inst.type) ? extended(operand(inst, 0), false) : reg(operand(inst, 0));
  if (options_.features.popcnt && may(Decision::Extension)) {
    add_op(op, word_size(inst.type), {def(result(inst)), use_any(a)});
    return;
  }
  add_op(Op::PopcntSoft, word_size(inst.type), {def_tied(result(inst), 1), use(a), temp(new_int())});
}

void Lowering::bit_reverse(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a), temp(new_int())});
}

void Lowering::byte_swap(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a)});
}

void Lowering::overflow(const Inst& inst, Op op, u32 cond) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  const VReg value = result(inst), flag = result(inst, 1);
  add_op(op, size_of(inst.type), {def_tied(value, 2), def(flag), use(a), use_any(b)}).cond = static_cast<u8>(cond);
}

// The widening multiply gives unsigned overflow for every size, and the only signed one for bytes (in ax).
void Lowering::overflow_mul(const Inst& inst, Op op, u32 is_signed) {
  if (is_signed != 0 && inst.type != Type::I8) {
    overflow(inst, op, static_cast<u32>(Cond::O));
    return;
  }
  const Op wide = is_signed != 0 ? Op::MulWideS : Op::MulWideU;
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  const VReg value = result(inst), flag = result(inst, 1);
  if (inst.type == Type::I8) {
    add_op(wide, 1, {def_fixed(value, kRax), def(flag), use_fixed(a, kRax), use_any(b)});
    return;
  }
  add_op(wide, size_of(inst.type),
         {def_fixed(value, kRax), def(flag), def_fixed(new_int(), kRdx), use_fixed(a, kRax), use_any(b)});
}

void Lowering::extend(const Inst& inst, Op op, u32) {
  const bool unsigned_load = is_loaded(operand(inst, 0));
  if (options_.level == Level::O2 && unsigned_load && (op == Op::Zx || ASSAY_PLANTED(isel_sext_of_load)) &&
      may(Decision::LoadedExtended))
    return same_register(inst, op, 0);
  if (op == Op::Zx && inst.from == Type::I32 && is_clean(operand(inst, 0)) && may(Decision::CleanExtended))
    return same_register(inst, op, 0);
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.from), {def(result(inst)), use_any(a)});
}

// ---- comparisons -------------------------------------------------------------------------------------

Lowering::Test Lowering::compare_test(const Inst& inst) {
  ValueId a = operand(inst, 0), b = operand(inst, 1);
  Test test;
  test.size = static_cast<u8>(size_of(inst.type));
  if (ASSAY_PLANTED(isel_narrow_compare_wide)) test.size = static_cast<u8>(word_size(inst.type));
  test.cond = static_cast<u8>(param_of(inst.op));
  ValueId loaded = left_ != kNone && (a == left_ || b == left_) ? left_ : kNone; // without a register
  if (loaded != kNone && !take_left(test.load)) loaded = kNone;
  if (is_float(inst.type)) {
    if (inst.op == Opcode::FLt || inst.op == Opcode::FLe || a == loaded) std::swap(a, b);
    test.kind = 3;
  } else if (immediate(b, test.imm)) {
    test.kind = 2;
  } else if (immediate(a, test.imm) && may(Decision::ComparisonTurned)) {
    std::swap(a, b);
    test.cond = static_cast<u8>(exchanged(static_cast<Cond>(test.cond)));
    test.kind = 2;
  } else {
    test.kind = 1;
    if (a == loaded) {
      std::swap(a, b);
      test.cond = static_cast<u8>(exchanged(static_cast<Cond>(test.cond)));
    }
  }
  if (a != loaded) test.operands[test.count++] = reg(a);
  if (test.kind != 2 && b != loaded) test.operands[test.count++] = reg(b);
  return test;
}

/// The test that decides a branch or select: the comparison skipped for it, or "is not zero".
Lowering::Test Lowering::test_of(ValueId condition) {
  if (condition == fused_) {
    fused_ = kNone;
    return compare_test(fn_->insts[fn_->value_defs[condition].index]);
  }
  Test test;
  test.size = static_cast<u8>(size_of(type_of(condition)));
  test.cond = static_cast<u8>(Cond::Ne);
  test.operands[0] = reg(condition);
  test.count = 1;
  return test;
}

static_assert(static_cast<u32>(Op::SetF) == static_cast<u32>(Op::SetCmp) + 2);
static_assert(static_cast<u32>(Op::BrF) == static_cast<u32>(Op::BrTest) + 3);
static_assert(static_cast<u32>(Op::SelF) == static_cast<u32>(Op::SelTest) + 3);

void Lowering::compare(const Inst& inst, Op, u32) {
  if (left_to_user(inst)) return;
  const Test test = compare_test(inst);
  const VReg flag = result(inst);
  const u32 op = code_of(Op::SetCmp) + test.kind - 1; // there is no SetTest
  LirInst& made = test.load.flags != 0 ? add_test_of_load(static_cast<u16>(op), test, flag)
                  : test.count == 1    ? add_op(static_cast<Op>(op), test.size, {def(flag), use_any(test.operands[0])})
                                       : add_op(static_cast<Op>(op), test.size,
                                                {def(flag), use(test.operands[0]), use_any(test.operands[1])});
  made.cond = test.cond;
  made.imm = test.imm;
}

void Lowering::select(const Inst& inst, Op first, u32) {
  const Test test = test_of(operand(inst, 0));
  const VReg if_true = reg(operand(inst, 1)), if_false = reg(operand(inst, 2)), a = test.operands[0];
  const Op op = static_cast<Op>(code_of(first) + test.kind);
  const u32 size = word_size(inst.type);
  LirInst& made =
      test.count == 1
          ? add_op(op, size, {def_tied(result(inst), 3), use_any(a), use_any(if_true), use(if_false)})
          : add_op(op, size,
                   {def_tied(result(inst), 4), use(a), use_any(test.operands[1]), use_any(if_true), use(if_false)});
  made.cond = test.cond;
  made.imm = test.imm;
  made.flags = with_test_size(is_float(inst.type) ? kFloatValue : 0, test.size);
}

void Lowering::branch(const Inst& inst, Op first, u32) {
  const Test test = test_of(operand(inst, 0));
  const Op op = static_cast<Op>(code_of(first) + test.kind);
  LirInst& made = test.load.flags != 0 ? add_test_of_load(code_of(op), test, kNone)
                  : test.count == 1    ? add_op(op, test.size, {use_any(test.operands[0])})
                                       : add_op(op, test.size, {use(test.operands[0]), use_any(test.operands[1])});
  made.cond = test.cond;
  made.imm = test.imm;
}

} // namespace assay::x64
