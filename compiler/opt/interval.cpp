// interval.cpp - see interval.h. Bounds of up to 32 bits are computed exactly in 64; of i64s only what is far from its
// ends is, so that no step here overflows.
#include "compiler/opt/interval.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::opt {

namespace {

// Two of the first have a sum, two of the second a product, that an i64 holds.
constexpr i64 kFar = (i64{1} << 62) - 1, kRoot = i64{1} << 31;

bool within(const Interval& a, i64 limit) { return a.lo >= -limit && a.hi <= limit; }
/// Where a sum with another such does not wrap.
bool far_from_ends(const Interval& a) { return within(a, kFar + (ASSAY_PLANTED(bounds_half_wraps) ? 1 : 0)); }

/// What did not wrap, or anything.
Interval fit(i64 lo, i64 hi, Type type) {
  const Interval all = all_of(type);
  if (ASSAY_PLANTED(bounds_wrap_ignored)) return {std::clamp(lo, all.lo, all.hi), std::clamp(hi, all.lo, all.hi)};
  return lo < all.lo || hi > all.hi ? all : Interval{lo, hi};
}

Interval product(const Interval& a, const Interval& b, Type type) {
  if (!within(a, kRoot) || !within(b, kRoot)) return all_of(type);
  const auto [lo, hi] = std::minmax({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
  return fit(lo, hi, type);
}

/// The least 2^n - 1 that is no less.
i64 all_ones(i64 value) {
  u64 bits = static_cast<u64>(value);
  for (u32 shift = 1; shift < 64; shift *= 2) bits |= bits >> shift;
  return static_cast<i64>(bits);
}

Interval bitwise(Opcode op, const Interval& a, const Interval& b, Type type) {
  if (op == Opcode::And) {
    if (a.lo < 0 && b.lo < 0) return all_of(type);
    return {0, a.lo < 0 ? b.hi : b.lo < 0 ? a.hi : std::min(a.hi, b.hi)};
  }
  if (a.lo < 0 || b.lo < 0) return all_of(type);
  return {op == Opcode::Or ? std::max(a.lo, b.lo) : 0, all_ones(std::max(a.hi, b.hi))};
}

Interval shifted(Opcode op, const Interval& a, const Interval& count, Type type) {
  const i64 bits = i64{8} * size_of(type);
  if (!count.is_one() || count.lo < 0 || count.lo >= bits) {
    const bool shrinks = op != Opcode::Shl && a.lo >= 0;
    return shrinks ? Interval{0, a.hi} : all_of(type);
  }
  if (op == Opcode::Shl) {
    if (count.lo > 30) return a.lo == 0 && a.hi == 0 ? a : all_of(type);
    const i64 factor = i64{1} << count.lo;
    return product(a, {factor, factor}, type);
  }
  if (op == Opcode::ShrS || a.lo >= 0 || count.lo == 0) return {a.lo >> count.lo, a.hi >> count.lo};
  return {0, static_cast<i64>(bit_mask(type) >> count.lo)};
}

/// Divisors that may be 0 trap, or give what is not asked for.
Interval quotient(Opcode op, const Interval& a, const Interval& b, Type type) {
  if (op == Opcode::DivU && a.lo >= 0) return b.lo > 0 ? Interval{a.lo / b.hi, a.hi / b.lo} : Interval{0, a.hi};
  if (op != Opcode::DivS || b.lo < 1) return all_of(type);
  return {a.lo / (a.lo < 0 ? b.lo : b.hi), a.hi / (a.hi < 0 ? b.hi : b.lo)};
}

Interval remainder(Opcode op, const Interval& a, const Interval& b, Type type) {
  if (op == Opcode::RemU) {
    if (a.lo < 0) return b.lo > 0 ? Interval{0, b.hi - 1} : all_of(type);
    return {0, b.lo > 0 ? std::min(a.hi, b.hi - 1) : a.hi};
  }
  if (b.lo < -kFar) return all_of(type);
  const i64 most = std::max({i64{0}, b.hi - 1, -b.lo - 1});
  return {a.lo < 0 ? std::max(a.lo, -most) : 0, a.hi > 0 ? std::min(a.hi, most) : 0};
}

/// The upper halves of products of i32s: what divisions by constants have become.
Interval upper_half(Opcode op, const Interval& a, const Interval& b, Type type) {
  if (type != Type::I32) return all_of(type);
  if (op == Opcode::MulHS) {
    const auto [lo, hi] = std::minmax({a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi});
    return {lo >> 32, hi >> 32};
  }
  const auto most = [&](const Interval& of) {
    return of.hi < 0 || of.lo >= 0 ? static_cast<u64>(of.hi) & bit_mask(type) : bit_mask(type);
  };
  return fit(0, static_cast<i64>(most(a) * most(b) >> 32), type);
}

Interval least_or_most(Opcode op, const Interval& a, const Interval& b, Type type) {
  const bool is_signed = op == Opcode::MinS || op == Opcode::MaxS || (a.lo >= 0 && b.lo >= 0);
  if (op == Opcode::MinS || op == Opcode::MinU) {
    if (is_signed) return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
    if (a.lo < 0 && b.lo < 0) return all_of(type);
    return {0, a.lo < 0 ? b.hi : a.hi};
  }
  return is_signed ? Interval{std::max(a.lo, b.lo), std::max(a.hi, b.hi)} : all_of(type);
}

Interval cast(const GraphInst& inst, const Interval& a, Type type) {
  if (inst.op == Opcode::Sext) return a;
  if (inst.op == Opcode::Zext) return a.lo >= 0 ? a : Interval{0, static_cast<i64>(bit_mask(inst.from))};
  return all_of(type).contains(a) ? a : all_of(type);
}

Interval constant(const GraphInst& inst, Type type) {
  const u32 unused = 64 - 8 * size_of(type);
  const i64 value = static_cast<i64>(inst.imm << unused) >> unused;
  return {value, value};
}

} // namespace

bool sum_fits(const Interval& a, const Interval& b, Type type) {
  return far_from_ends(a) && far_from_ends(b) && all_of(type).contains({a.lo + b.lo, a.hi + b.hi});
}

Interval interval_of(const GraphInst& inst, Type result, const Interval* in) {
  if (is_comparison(inst.op)) return {0, 1};
  const i64 bits = i64{8} * size_of(result);
  switch (inst.op) {
  case Opcode::Const: return constant(inst, result);
  case Opcode::Add:
    if (!far_from_ends(in[0]) || !far_from_ends(in[1])) return all_of(result);
    return fit(in[0].lo + in[1].lo, in[0].hi + in[1].hi, result);
  case Opcode::Sub:
    if (!far_from_ends(in[0]) || !far_from_ends(in[1])) return all_of(result);
    return fit(in[0].lo - in[1].hi, in[0].hi - in[1].lo, result);
  case Opcode::Mul: return product(in[0], in[1], result);
  case Opcode::MulHS:
  case Opcode::MulHU: return upper_half(inst.op, in[0], in[1], result);
  case Opcode::And:
  case Opcode::Or:
  case Opcode::Xor: return bitwise(inst.op, in[0], in[1], result);
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU: return shifted(inst.op, in[0], in[1], result);
  case Opcode::DivS:
  case Opcode::DivU: return quotient(inst.op, in[0], in[1], result);
  case Opcode::RemS:
  case Opcode::RemU: return remainder(inst.op, in[0], in[1], result);
  case Opcode::MinS:
  case Opcode::MinU:
  case Opcode::MaxS:
  case Opcode::MaxU: return least_or_most(inst.op, in[0], in[1], result);
  case Opcode::Select: return join(in[1], in[2]);
  case Opcode::Sext:
  case Opcode::Zext:
  case Opcode::Trunc: return cast(inst, in[0], result);
  case Opcode::Clz:
  case Opcode::Ctz:
  case Opcode::Popcnt: return {0, bits};
  case Opcode::Load8U:
  case Opcode::PLoad8U: return {0, 255};
  case Opcode::Load16U:
  case Opcode::PLoad16U: return {0, 65535};
  case Opcode::Load32U:
  case Opcode::PLoad32U: return {0, static_cast<i64>(bit_mask(Type::I32))};
  default: return all_of(result);
  }
}

} // namespace assay::opt
