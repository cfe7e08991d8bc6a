// integer_ops.cpp - constants, integers, comparison, selection, integer width (docs/air.md, "Operations").
//
// Values come in and go out zero above the width. Everything is done in u64 (i64 where sign matters), so the only
// widths that need care are those where 64 bits are not enough: products, whose full 128 bits are made by long
// multiplication, and overflow flags, which are read from sign bits. O(width) at most.
// Tested in oracle/interpreter/tests/integer_test.cpp against independently written wide arithmetic.
#include "oracle/interpreter/machine.h"

#include <bit>

namespace assay::oracle {

namespace {

i64 sign_extend(Type type, u64 value) {
  const u32 unused = 64 - bits_of(type);
  return static_cast<i64>(value << unused) >> unused;
}

u64 min_of(Type type) { return u64{1} << (bits_of(type) - 1); }

/// The sign bit of a value of the type.
bool is_negative(Type type, u64 value) { return (value & min_of(type)) != 0; }

struct Wide {
  u64 low, high;
};

/// The full product, from four products of 32-bit halves.
Wide multiply_unsigned(u64 a, u64 b) {
  const u64 a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
  const u64 low = a0 * b0;
  const u64 mid = a1 * b0 + (low >> 32);
  const u64 mid2 = a0 * b1 + (mid & 0xffffffff);
  return {mid2 << 32 | (low & 0xffffffff), a1 * b1 + (mid >> 32) + (mid2 >> 32)};
}

/// A negative factor counts as itself plus 2^64, which puts the other factor too much into the high half.
Wide multiply_signed(i64 a, i64 b) {
  Wide product = multiply_unsigned(static_cast<u64>(a), static_cast<u64>(b));
  if (a < 0) product.high -= static_cast<u64>(b);
  if (b < 0) product.high -= static_cast<u64>(a);
  return product;
}

/// Bits [width, 2 * width) of a product.
u64 high_half(Type type, Wide product) {
  const u32 width = bits_of(type);
  return width == 64 ? product.high : product.low >> width;
}

struct Operands {
  u64 a, b;
};
Operands two(const Machine& m, const Inst& inst) { return {m.operand(inst, 0), m.operand(inst, 1)}; }

struct SignedOperands {
  i64 a, b;
};
SignedOperands two_signed(const Machine& m, const Inst& inst) {
  return {sign_extend(inst.type, m.operand(inst, 0)), sign_extend(inst.type, m.operand(inst, 1))};
}

u32 shift_count(const Machine& m, const Inst& inst) {
  return static_cast<u32>(m.operand(inst, 1) % bits_of(inst.type));
}

u64 rotate_left(Type type, u64 value, u32 count) {
  return count == 0 ? value : value << count | value >> (bits_of(type) - count);
}

Flow truth(Machine& m, const Inst& inst, bool value) { return m.give(inst, value ? 1 : 0); }

} // namespace

ASSAY_EVALUATE(Const) { return m.give(inst, inst.imm); }

// -- arithmetic --------------------------------------------------------------------------------------

ASSAY_EVALUATE(Add) { return m.give_int(inst, m.operand(inst, 0) + m.operand(inst, 1)); }
ASSAY_EVALUATE(Sub) { return m.give_int(inst, m.operand(inst, 0) - m.operand(inst, 1)); }
ASSAY_EVALUATE(Mul) { return m.give_int(inst, m.operand(inst, 0) * m.operand(inst, 1)); }

ASSAY_EVALUATE(MulHS) {
  const auto [a, b] = two_signed(m, inst);
  return m.give_int(inst, high_half(inst.type, multiply_signed(a, b)));
}

ASSAY_EVALUATE(MulHU) {
  const auto [a, b] = two(m, inst);
  return m.give_int(inst, high_half(inst.type, multiply_unsigned(a, b)));
}

ASSAY_EVALUATE(DivS) {
  const auto [a, b] = two_signed(m, inst);
  if (b == 0) return m.trap(TrapKind::DivByZero);
  if (b == -1 && m.operand(inst, 0) == min_of(inst.type)) return m.trap(TrapKind::IntOverflow);
  return m.give_int(inst, static_cast<u64>(a / b));
}

ASSAY_EVALUATE(DivU) {
  const auto [a, b] = two(m, inst);
  if (b == 0) return m.trap(TrapKind::DivByZero);
  return m.give(inst, a / b);
}

ASSAY_EVALUATE(RemS) {
  const auto [a, b] = two_signed(m, inst);
  if (b == 0) return m.trap(TrapKind::DivByZero);
  if (b == -1) return m.give(inst, 0);
  return m.give_int(inst, static_cast<u64>(a % b));
}

ASSAY_EVALUATE(RemU) {
  const auto [a, b] = two(m, inst);
  if (b == 0) return m.trap(TrapKind::DivByZero);
  return m.give(inst, a % b);
}

// -- bits --------------------------------------------------------------------------------------------

ASSAY_EVALUATE(And) { return m.give(inst, m.operand(inst, 0) & m.operand(inst, 1)); }
ASSAY_EVALUATE(Or) { return m.give(inst, m.operand(inst, 0) | m.operand(inst, 1)); }
ASSAY_EVALUATE(Xor) { return m.give(inst, m.operand(inst, 0) ^ m.operand(inst, 1)); }

ASSAY_EVALUATE(Shl) { return m.give_int(inst, m.operand(inst, 0) << shift_count(m, inst)); }
ASSAY_EVALUATE(ShrU) { return m.give(inst, m.operand(inst, 0) >> shift_count(m, inst)); }
ASSAY_EVALUATE(ShrS) {
  return m.give_int(inst, static_cast<u64>(sign_extend(inst.type, m.operand(inst, 0)) >> shift_count(m, inst)));
}

ASSAY_EVALUATE(Rotl) { return m.give_int(inst, rotate_left(inst.type, m.operand(inst, 0), shift_count(m, inst))); }
ASSAY_EVALUATE(Rotr) {
  const u32 width = bits_of(inst.type);
  return m.give_int(inst, rotate_left(inst.type, m.operand(inst, 0), (width - shift_count(m, inst)) % width));
}

ASSAY_EVALUATE(MinS) {
  const auto [a, b] = two_signed(m, inst);
  return m.give_int(inst, static_cast<u64>(a < b ? a : b));
}
ASSAY_EVALUATE(MinU) {
  const auto [a, b] = two(m, inst);
  return m.give(inst, a < b ? a : b);
}
ASSAY_EVALUATE(MaxS) {
  const auto [a, b] = two_signed(m, inst);
  return m.give_int(inst, static_cast<u64>(a > b ? a : b));
}
ASSAY_EVALUATE(MaxU) {
  const auto [a, b] = two(m, inst);
  return m.give(inst, a > b ? a : b);
}

ASSAY_EVALUATE(Clz) {
  return m.give(inst, static_cast<u64>(std::countl_zero(m.operand(inst, 0))) - (64 - bits_of(inst.type)));
}
ASSAY_EVALUATE(Ctz) {
  const u64 value = m.operand(inst, 0);
  return m.give(inst, value == 0 ? bits_of(inst.type) : static_cast<u64>(std::countr_zero(value)));
}
ASSAY_EVALUATE(Popcnt) { return m.give(inst, static_cast<u64>(std::popcount(m.operand(inst, 0)))); }

ASSAY_EVALUATE(Bitrev) {
  const u64 value = m.operand(inst, 0);
  u64 reversed = 0;
  for (u32 i = 0; i < bits_of(inst.type); ++i) reversed = reversed << 1 | (value >> i & 1);
  return m.give(inst, reversed);
}

ASSAY_EVALUATE(Bswap) {
  const u64 value = m.operand(inst, 0);
  u64 reversed = 0;
  for (u32 i = 0; i < size_of(inst.type); ++i) reversed = reversed << 8 | (value >> (8 * i) & 0xff);
  return m.give(inst, reversed);
}

// -- with overflow -----------------------------------------------------------------------------------

ASSAY_EVALUATE(AddOS) {
  // Overflow: both operands have the sign that the sum has not.
  const auto [a, b] = two(m, inst);
  const u64 sum = a + b;
  return m.give_with_flag(inst, sum, is_negative(inst.type, (a ^ sum) & (b ^ sum)));
}
ASSAY_EVALUATE(AddOU) {
  const auto [a, b] = two(m, inst);
  const u64 sum = (a + b) & bit_mask(inst.type);
  return m.give_with_flag(inst, sum, sum < a);
}
ASSAY_EVALUATE(SubOS) {
  // Overflow: the operands differ in sign, and the difference has not the sign of the first.
  const auto [a, b] = two(m, inst);
  const u64 difference = a - b;
  return m.give_with_flag(inst, difference, is_negative(inst.type, (a ^ b) & (a ^ difference)));
}
ASSAY_EVALUATE(SubOU) {
  const auto [a, b] = two(m, inst);
  return m.give_with_flag(inst, a - b, a < b);
}
ASSAY_EVALUATE(MulOS) {
  // No overflow: all bits from the result's sign bit up are equal, through both words.
  const auto [a, b] = two_signed(m, inst);
  const Wide product = multiply_signed(a, b);
  const i64 low = sign_extend(inst.type, product.low);
  const bool fits = static_cast<u64>(low) == product.low && product.high == (low < 0 ? ~u64{0} : 0);
  return m.give_with_flag(inst, product.low, !fits);
}
ASSAY_EVALUATE(MulOU) {
  const auto [a, b] = two(m, inst);
  const Wide product = multiply_unsigned(a, b);
  return m.give_with_flag(inst, product.low, product.high != 0 || product.low > bit_mask(inst.type));
}

// -- comparison --------------------------------------------------------------------------------------

ASSAY_EVALUATE(Eq) { return truth(m, inst, m.operand(inst, 0) == m.operand(inst, 1)); }
ASSAY_EVALUATE(Ne) { return truth(m, inst, m.operand(inst, 0) != m.operand(inst, 1)); }
ASSAY_EVALUATE(LtU) { return truth(m, inst, m.operand(inst, 0) < m.operand(inst, 1)); }
ASSAY_EVALUATE(LeU) { return truth(m, inst, m.operand(inst, 0) <= m.operand(inst, 1)); }
ASSAY_EVALUATE(GtU) { return truth(m, inst, m.operand(inst, 0) > m.operand(inst, 1)); }
ASSAY_EVALUATE(GeU) { return truth(m, inst, m.operand(inst, 0) >= m.operand(inst, 1)); }
ASSAY_EVALUATE(LtS) {
  const auto [a, b] = two_signed(m, inst);
  return truth(m, inst, a < b);
}
ASSAY_EVALUATE(LeS) {
  const auto [a, b] = two_signed(m, inst);
  return truth(m, inst, a <= b);
}
ASSAY_EVALUATE(GtS) {
  const auto [a, b] = two_signed(m, inst);
  return truth(m, inst, a > b);
}
ASSAY_EVALUATE(GeS) {
  const auto [a, b] = two_signed(m, inst);
  return truth(m, inst, a >= b);
}

// -- choice and width --------------------------------------------------------------------------------

ASSAY_EVALUATE(Select) { return m.give(inst, m.operand(inst, m.operand(inst, 0) != 0 ? 1 : 2)); }
ASSAY_EVALUATE(Sext) { return m.give_int(inst, static_cast<u64>(sign_extend(inst.from, m.operand(inst, 0)))); }
ASSAY_EVALUATE(Zext) { return m.give(inst, m.operand(inst, 0)); }
ASSAY_EVALUATE(Trunc) { return m.give_int(inst, m.operand(inst, 0)); }

} // namespace assay::oracle
