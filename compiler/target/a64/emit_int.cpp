// emit_int.cpp - code for constants, integer operations, tests and their three uses.
//
// Flags never live from one LIR operation to the next, so each expansion is free to change them. Definitions that
// may share a register with a use are written after the last read of it. Constant time an operation.
// Tested by execution (every differential check) and in compiler/target/a64/tests/compile_test.cpp.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

namespace assay::a64 {

void Emitter::imm(const LirInst& inst, u32) { as_.mov_imm(gpr(0), static_cast<u64>(inst.imm)); }

/// The low `bytes` of src, up to 64 bits; 4 of them without sign is a move that clears the upper half.
void Emitter::extend(Gpr dst, Gpr src, u32 bytes, bool sign) {
  switch (bytes) {
  case 1: sign ? as_.sxtb(Size::X, dst, src) : as_.uxtb(dst, src); break;
  case 2: sign ? as_.sxth(Size::X, dst, src) : as_.uxth(dst, src); break;
  case 4: sign ? as_.sxtw(dst, src) : as_.mov(Size::W, dst, src); break;
  default: as_.mov(Size::X, dst, src); break;
  }
}

void Emitter::zero_extend(const LirInst& inst, u32) {
  if (ASSAY_PLANTED(a64_zext_left_out) && inst.size == 4 && in_reg(1)) return as_.mov(Size::X, gpr(0), gpr(1));
  extend(gpr(0), int_in(1, kScratch), inst.size, false);
}

void Emitter::sign_extend(const LirInst& inst, u32) { extend(gpr(0), int_in(1, kScratch), inst.size, true); }

// ---- arithmetic --------------------------------------------------------------------------------------

/// 0 add, 1 sub, 2 and, 3 or, 4 xor, with b shifted.
void Emitter::arith_op(u32 kind, Size size, Gpr dst, Gpr a, Gpr b, Shift by, u32 count) {
  switch (kind) {
  case 0: as_.add(size, dst, a, b, by, count); break;
  case 1: as_.sub(size, dst, a, b, by, count); break;
  case 2: as_.and_(size, dst, a, b, by, count); break;
  case 3: as_.orr(size, dst, a, b, by, count); break;
  default: as_.eor(size, dst, a, b, by, count); break;
  }
}

/// As arith_op, and 5 mul.
void Emitter::arith(const LirInst& inst, u32 kind) {
  const Gpr b = int_in(2, kScratch);
  if (kind == 5) as_.mul(word(inst.size), gpr(0), gpr(1), b);
  else arith_op(kind, word(inst.size), gpr(0), gpr(1), b, Shift::Lsl, 0);
}

void Emitter::arith_shifted(const LirInst& inst, u32 kind) {
  const Shift by = ASSAY_PLANTED(a64_shift_is_left) ? Shift::Lsl : static_cast<Shift>(inst.cond);
  arith_op(kind, word(inst.size), gpr(0), gpr(1), gpr(2), by, static_cast<u32>(inst.imm));
}

void Emitter::logic_inverted(const LirInst& inst, u32 kind) {
  const bool other = ASSAY_PLANTED(a64_inverted_other);
  const Gpr a = gpr(other ? 2 : 1), b = gpr(other ? 1 : 2);
  if (kind == 0) as_.bic(word(inst.size), gpr(0), a, b);
  else if (kind == 1) as_.orn(word(inst.size), gpr(0), a, b);
  else as_.eon(word(inst.size), gpr(0), a, b);
}

void Emitter::arith_extended(const LirInst& inst, u32 subtract) {
  constexpr Extend extensions[2][3] = {{Extend::Uxtb, Extend::Uxth, Extend::Uxtw},
                                       {Extend::Sxtb, Extend::Sxth, Extend::Sxtw}};
  const Extend by = extensions[is_signed(inst) ? 1 : 0][inst.imm == 1 ? 0 : inst.imm == 2 ? 1 : 2];
  if (subtract != 0) as_.sub(word(inst.size), gpr(0), gpr(1), gpr(2), by, inst.cond);
  else as_.add(word(inst.size), gpr(0), gpr(1), gpr(2), by, inst.cond);
}

void Emitter::add_imm(const LirInst& inst, u32) {
  const u64 value = static_cast<u64>(inst.imm);
  if (const auto imm = add_sub_imm(value)) as_.add(word(inst.size), gpr(0), gpr(1), *imm);
  else as_.sub(word(inst.size), gpr(0), gpr(1), *add_sub_imm(0 - value));
}

void Emitter::logic_imm(const LirInst& inst, u32 kind) {
  const Size size = word(inst.size);
  const LogicalImm imm = *logical_imm(size, static_cast<u64>(inst.imm));
  if (kind == 0) as_.and_(size, gpr(0), gpr(1), imm);
  else if (kind == 1) as_.orr(size, gpr(0), gpr(1), imm);
  else as_.eor(size, gpr(0), gpr(1), imm);
}

void Emitter::multiply_add(const LirInst& inst, u32 subtract) {
  const Size size = word(inst.size);
  if ((subtract != 0) != ASSAY_PLANTED(a64_msub_for_madd)) as_.msub(size, gpr(0), gpr(1), gpr(2), gpr(3));
  else as_.madd(size, gpr(0), gpr(1), gpr(2), gpr(3));
}

void Emitter::multiply_high(const LirInst& inst, u32 sign) {
  const Gpr dst = gpr(0);
  if (inst.size == 8) {
    if (sign != 0) as_.smulh(dst, gpr(1), gpr(2));
    else as_.umulh(dst, gpr(1), gpr(2));
    return;
  }
  if (sign != 0) as_.smull(dst, gpr(1), gpr(2));
  else as_.umull(dst, gpr(1), gpr(2));
  as_.lsr(Size::X, dst, dst, 32);
}

// sdiv gives 0 for a zero divisor and the dividend for the least value by -1: the checks come first.
void Emitter::divide(const LirInst& inst, u32 sign) {
  const Size size = word(inst.size);
  const Gpr a = gpr(1), b = gpr(2);
  if ((inst.flags & codegen::kCheckZero) != 0) as_.cbz(size, b, trap_label(TrapKind::DivByZero));
  if ((inst.flags & codegen::kCheckMinusOne) != 0 && !ASSAY_PLANTED(a64_div_overflow_unchecked)) {
    // When b is not -1, the flags become such that there is no overflow.
    const Label trap = trap_label(TrapKind::IntOverflow);
    if (inst.imm != 0) {
      as_.mov_imm(kScratch, static_cast<u64>(inst.imm));
      as_.cmn(size, b, *add_sub_imm(1));
      as_.ccmp(size, a, kScratch, 0, Cond::Eq);
      as_.b(Cond::Eq, trap);
    } else {
      as_.cmn(size, b, *add_sub_imm(1));
      as_.ccmp(size, a, 1, 0, Cond::Eq); // a - 1 overflows only for the least value
      as_.b(Cond::Vs, trap);
    }
  }
  if (sign != 0) as_.sdiv(size, gpr(0), a, b);
  else as_.udiv(size, gpr(0), a, b);
}

void Emitter::remainder(const LirInst& inst, u32 sign) {
  const Size size = word(inst.size);
  if ((inst.flags & codegen::kCheckZero) != 0) as_.cbz(size, gpr(2), trap_label(TrapKind::DivByZero));
  if (sign != 0) as_.sdiv(size, kScratch, gpr(1), gpr(2));
  else as_.udiv(size, kScratch, gpr(1), gpr(2));
  as_.msub(size, gpr(0), kScratch, gpr(2), gpr(1));
}

// ---- shifts ------------------------------------------------------------------------------------------

/// 0 left, 1 right logical, 2 right arithmetic.
void Emitter::shift(const LirInst& inst, u32 kind) {
  const Size size = word(inst.size);
  const Gpr by = int_in(2, kScratch);
  if (kind == 0) as_.lslv(size, gpr(0), gpr(1), by);
  else if (kind == 1) as_.lsrv(size, gpr(0), gpr(1), by);
  else as_.asrv(size, gpr(0), gpr(1), by);
}

void Emitter::shift_imm(const LirInst& inst, u32 kind) {
  const Size size = word(inst.size);
  const u32 by = static_cast<u32>(inst.imm);
  if (kind == 0) as_.lsl(size, gpr(0), gpr(1), by);
  else if (kind == 1) as_.lsr(size, gpr(0), gpr(1), by);
  else as_.asr(size, gpr(0), gpr(1), by);
}

void Emitter::bit_field(const LirInst& inst, u32 sign) {
  const u32 width = inst.aux - (ASSAY_PLANTED(a64_field_width) && inst.aux > 1 ? 1 : 0);
  if (sign != 0) as_.sbfx(word(inst.size), gpr(0), gpr(1), static_cast<u32>(inst.imm), width);
  else as_.ubfx(word(inst.size), gpr(0), gpr(1), static_cast<u32>(inst.imm), width);
}

/// A register whose 32 bits are copies of the narrow value, so that a 32-bit rotation is one of it.
Gpr Emitter::replicated(Gpr value, u32 bytes) {
  if (bytes >= 4) return value;
  as_.mov(Size::W, kScratch, value);
  if (bytes == 1) as_.bfi(Size::W, kScratch, kScratch, 8, 8);
  if (!ASSAY_PLANTED(a64_rotate_narrow)) as_.bfi(Size::W, kScratch, kScratch, 16, 16);
  return kScratch;
}

void Emitter::rotate(const LirInst& inst, u32 to_the_right) {
  const Size size = word(inst.size);
  Gpr by = gpr(2);
  if (to_the_right == 0) {
    as_.neg(size, kScratch2, by);
    by = kScratch2;
  }
  const Gpr value = replicated(gpr(1), inst.size);
  as_.rorv(size, gpr(0), value, by);
}

void Emitter::rotate_imm(const LirInst& inst, u32) {
  const Gpr value = replicated(gpr(1), inst.size);
  as_.ror(word(inst.size), gpr(0), value, static_cast<u32>(inst.imm));
}

// ---- bits --------------------------------------------------------------------------------------------

/// A narrow value goes to the top, with a one below it that ends the count.
void Emitter::clz(const LirInst& inst, u32) {
  if (inst.size >= 4) return as_.clz(word(inst.size), gpr(0), gpr(1));
  const u32 width = 8u * inst.size;
  as_.lsl(Size::W, kScratch, gpr(1), 32 - width);
  as_.orr(Size::W, kScratch, kScratch, *logical_imm(Size::W, u64{1} << (31 - width)));
  as_.clz(Size::W, gpr(0), kScratch);
}

/// A one above a narrow value ends the count.
void Emitter::ctz(const LirInst& inst, u32) {
  const Size size = word(inst.size);
  Gpr value = gpr(1);
  if (inst.size < 4) {
    as_.orr(Size::W, kScratch, value, *logical_imm(Size::W, u64{1} << (8 * inst.size)));
    value = kScratch;
  }
  as_.rbit(size, kScratch, value);
  as_.clz(size, gpr(0), kScratch);
}

/// The vector unit counts the bits of each byte and adds them up.
void Emitter::popcnt(const LirInst& inst, u32) {
  Gpr value = gpr(1);
  if (inst.size < 4) {
    extend(kScratch, value, inst.size, false);
    value = kScratch;
  }
  as_.fmov(word(inst.size), kFloatScratch, value); // clears what lies above
  as_.cnt(kFloatScratch, kFloatScratch);
  as_.addv(kFloatScratch, kFloatScratch);
  as_.fmov(Size::W, gpr(0), kFloatScratch);
}

void Emitter::bitrev(const LirInst& inst, u32) {
  const Size size = word(inst.size);
  as_.rbit(size, gpr(0), gpr(1));
  if (inst.size < 4) as_.lsr(Size::W, gpr(0), gpr(0), 32 - 8u * inst.size);
}

void Emitter::bswap(const LirInst& inst, u32) {
  if (inst.size == 2) as_.rev16(Size::W, gpr(0), gpr(1));
  else as_.rev(word(inst.size), gpr(0), gpr(1));
}

// Narrow sums are made of extended operands: one that is not its own low part extended has overflowed. The operands
// are still needed when the value is written, so it lies in neither's register.
void Emitter::overflow(const LirInst& inst, u32 subtract) {
  const Gpr dst = gpr(0), flag = gpr(1), a = gpr(2), b = gpr(3);
  const bool sign = is_signed(inst);
  if (inst.size >= 4) {
    const Size size = word(inst.size);
    if (subtract != 0) as_.subs(size, dst, a, b);
    else as_.adds(size, dst, a, b);
    const Cond carry = (subtract != 0) != ASSAY_PLANTED(a64_borrow_is_carry) ? Cond::Cc : Cond::Cs;
    as_.cset(Size::W, flag, sign ? Cond::Vs : carry);
    return;
  }
  const Extend by = inst.size == 1 ? (sign ? Extend::Sxtb : Extend::Uxtb) : (sign ? Extend::Sxth : Extend::Uxth);
  extend(kScratch, a, inst.size, sign);
  if (subtract != 0) as_.sub(Size::W, dst, kScratch, b, by);
  else as_.add(Size::W, dst, kScratch, b, by);
  as_.cmp(Size::W, dst, dst, by);
  as_.cset(Size::W, flag, Cond::Ne);
}

void Emitter::overflow_mul(const LirInst& inst, u32) {
  const Gpr dst = gpr(0), flag = gpr(1), a = gpr(2), b = gpr(3);
  const bool sign = is_signed(inst);
  if (inst.size == 8) {
    if (sign) as_.smulh(kScratch, a, b);
    else as_.umulh(kScratch, a, b);
    as_.mul(Size::X, dst, a, b);
    // The high half must be what the low half's sign, or nothing, continues to.
    if (sign) as_.cmp(Size::X, kScratch, dst, Shift::Asr, 63);
    else as_.cmp(Size::X, kScratch, *add_sub_imm(0));
  } else if (inst.size == 4) {
    if (sign) as_.smull(dst, a, b);
    else as_.umull(dst, a, b);
    as_.cmp(Size::X, dst, dst, sign ? Extend::Sxtw : Extend::Uxtw);
  } else {
    extend(kScratch, a, inst.size, sign);
    extend(kScratch2, b, inst.size, sign);
    as_.mul(Size::W, dst, kScratch, kScratch2);
    const Extend by = inst.size == 1 ? (sign ? Extend::Sxtb : Extend::Uxtb) : (sign ? Extend::Sxth : Extend::Uxth);
    as_.cmp(Size::W, dst, dst, by);
  }
  as_.cset(Size::W, flag, Cond::Ne);
}

// ---- tests -------------------------------------------------------------------------------------------

/// Sets the flags for a comparison of values of `size` bytes, narrow ones extended. Uses x16.
void Emitter::compare(u32 size, bool sign, Gpr a, Gpr b) {
  if (size >= 4) return as_.cmp(word(size), a, b);
  const Extend by = size == 1 ? (sign ? Extend::Sxtb : Extend::Uxtb) : (sign ? Extend::Sxth : Extend::Uxth);
  extend(kScratch, a, size, sign);
  as_.cmp(Size::W, kScratch, b, by);
}

/// value or -value is an immediate of add; of narrow types it is extended as the condition wants it.
void Emitter::compare_imm(u32 size, Gpr a, i64 value) {
  if (const auto imm = add_sub_imm(static_cast<u64>(value))) as_.cmp(word(size), a, *imm);
  else as_.cmn(word(size), a, *add_sub_imm(0 - static_cast<u64>(value)));
}

namespace {

bool is_signed_cond(Cond cond) { return cond >= Cond::Ge && cond <= Cond::Le; }

} // namespace

/// Sets the flags: kind 0 "is not zero", 1 compare, 2 compare with imm, 3 floats, 4 bits of imm. `first`: the first
/// operand tested. Uses x16, x17, v31.
Cond Emitter::test(const LirInst& inst, u32 kind, u32 first, u32 size) {
  const Cond cond = static_cast<Cond>(inst.cond);
  if (kind == 3) {
    as_.fcmp(fsize(size), vreg(first), float_in(first + 1));
  } else if (kind == 1) {
    compare(size, is_signed_cond(cond), gpr(first), int_in(first + 1, kScratch2));
  } else if (kind == 2) {
    Gpr a = gpr(first);
    if (size < 4) {
      extend(kScratch, a, size, is_signed_cond(cond));
      a = kScratch;
    }
    compare_imm(size, a, inst.imm);
  } else if (kind == 4) {
    as_.tst(word(size), gpr(first), *logical_imm(word(size), static_cast<u64>(inst.imm)));
  } else {
    const Gpr a = int_in(first, kScratch);
    if (size >= 4) as_.cmp(word(size), a, *add_sub_imm(0));
    else as_.tst(Size::W, a, *logical_imm(Size::W, (u64{1} << (8 * size)) - 1));
    return Cond::Ne;
  }
  return cond;
}

/// Narrow operands are compared extended and chosen as they are.
void Emitter::min_max(const LirInst& inst, u32) {
  const Cond cond = static_cast<Cond>(inst.cond);
  compare(inst.size, is_signed_cond(cond), gpr(1), gpr(2));
  as_.csel(word(inst.size), gpr(0), gpr(1), gpr(2), cond);
}

void Emitter::set(const LirInst& inst, u32 kind) {
  const Cond cond = test(inst, kind, 1, inst.size);
  as_.cset(Size::W, gpr(0), cond);
}

void Emitter::jump_to(u32 block) {
  if (needs_jump(block)) as_.b(label_of(block));
}

void Emitter::jump(const LirInst&, u32) { jump_to(successors()[0]); }

/// Comparisons with zero need no flags: cbz, cbnz, and the sign bit's tbz, tbnz.
void Emitter::branch(const LirInst& inst, u32 kind) {
  const u32 if_true = successors()[0], if_false = successors()[1];
  const bool inverted = is_next(if_true);
  const Label target = label_of(inverted ? if_false : if_true);
  Cond cond = static_cast<Cond>(inst.cond);
  const bool with_zero = kind == 0 || (kind == 2 && inst.imm == 0);
  const bool on_zero = with_zero && inst.size >= 4 && (cond == Cond::Eq || cond == Cond::Ne);
  const bool on_sign = with_zero && (cond == Cond::Lt || cond == Cond::Ge);
  const bool shorter = (on_zero || on_sign) && may(codegen::Decision::BranchOnZero);
  if (shorter && on_zero) {
    const Gpr a = int_in(0, kScratch);
    if ((cond == Cond::Eq) != inverted) as_.cbz(word(inst.size), a, target);
    else as_.cbnz(word(inst.size), a, target);
  } else if (shorter) {
    const u32 sign_bit = 8u * inst.size - 1;
    if ((cond == Cond::Lt) != inverted) as_.tbnz(gpr(0), sign_bit, target);
    else as_.tbz(gpr(0), sign_bit, target);
  } else {
    cond = test(inst, kind, 0, inst.size);
    as_.b(inverted ? opposite(cond) : cond, target);
  }
  if (!inverted) jump_to(if_false);
}

void Emitter::branch_bit(const LirInst& inst, u32) {
  const u32 if_true = successors()[0], if_false = successors()[1];
  const bool inverted = is_next(if_true);
  const Label target = label_of(inverted ? if_false : if_true);
  const bool on_one = (static_cast<Cond>(inst.cond) == Cond::Ne) != inverted;
  if (on_one) as_.tbnz(gpr(0), static_cast<u32>(inst.imm), target);
  else as_.tbz(gpr(0), static_cast<u32>(inst.imm), target);
  if (!inverted) jump_to(if_false);
}

/// `next`: the first operand that is chosen.
void Emitter::choose(const LirInst& inst, Cond cond, u32 next) {
  const Size size = word(inst.size);
  const Gpr x = (inst.aux & kFirstZero) != 0 ? Gpr::Zr : int_in(next++, kScratch);
  const Gpr y = (inst.aux & kSecondZero) != 0 ? Gpr::Zr : int_in(next, kScratch2);
  if ((inst.aux & kOtherWay) != 0 && !ASSAY_PLANTED(a64_step_other_way)) cond = opposite(cond);
  switch (static_cast<Step>(inst.aux & kStepMask)) {
  case Step::None: as_.csel(size, gpr(0), x, y, cond); break;
  case Step::Increment: as_.csinc(size, gpr(0), x, y, cond); break;
  case Step::Invert: as_.csinv(size, gpr(0), x, y, cond); break;
  case Step::Negate: as_.csneg(size, gpr(0), x, y, cond); break;
  }
}

// The scratch registers are free again behind the test.
void Emitter::select(const LirInst& inst, u32 kind) {
  const u32 tested = kind == 0 || kind == 2 || kind == 4 ? 1 : 2;
  const Cond cond = test(inst, kind, 1, codegen::test_size(inst.flags));
  const u32 if_true = 1 + tested, if_false = if_true + 1;
  if ((inst.flags & codegen::kFloatValue) == 0) return choose(inst, cond, if_true);
  const FSize size = fsize(inst.size);
  if (in_reg(if_true) || in_reg(if_false)) {
    const Vreg x = float_in(if_true), y = float_in(if_false); // at most one of them through v31
    as_.fcsel(size, vreg(0), x, y, cond);
    return;
  }
  // Both in slots: the bits are chosen in general registers.
  const Gpr x = int_in(if_true, kScratch), y = int_in(if_false, kScratch2);
  as_.csel(Size::X, kScratch, x, y, cond);
  as_.fmov(Size::X, vreg(0), kScratch);
}

} // namespace assay::a64
