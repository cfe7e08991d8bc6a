// fused.cpp - see fused.h.
//
// Both addends are integers times powers of two: the product has at most 106 bits, so in 192 bits, with the larger one
// moved up until its first bit is bit 180, the smaller one loses bits only where it ends far below the place of
// rounding; whether any were lost is kept in the lowest. What is not finite, and zeros, are left to one operation of
// the host: those are exact. Tested in oracle/interpreter/tests/fused_test.cpp.
#include "oracle/interpreter/fused.h"

#include "assay/types.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace assay::oracle {

namespace {

constexpr int kTop = 180; // where the larger addend begins

/// A natural number of 192 bits.
struct Wide {
  u64 limb[3] = {}; // lowest first

  bool is_zero() const { return (limb[0] | limb[1] | limb[2]) == 0; }
  bool bit(int i) const { return i >= 0 && (limb[i / 64] >> (i % 64) & 1) != 0; }
  /// The place of the first bit that is set, of a number that is not zero.
  int highest() const {
    for (int i = 2; i > 0; --i)
      if (limb[i] != 0) return 64 * i + 63 - std::countl_zero(limb[i]);
    return 63 - std::countl_zero(limb[0]);
  }
  bool any_below(int count) const {
    for (int i = 0; i < 3 && count > 64 * i; ++i) {
      const int here = count - 64 * i;
      if ((here >= 64 ? limb[i] : limb[i] & ((u64{1} << here) - 1)) != 0) return true;
    }
    return false;
  }
};

Wide shifted_up(const Wide& n, int by) {
  Wide out;
  for (int i = 2; i >= by / 64; --i) {
    out.limb[i] = n.limb[i - by / 64] << (by % 64);
    if (by % 64 != 0 && i > by / 64) out.limb[i] |= n.limb[i - by / 64 - 1] >> (64 - by % 64);
  }
  return out;
}

Wide shifted_down(const Wide& n, int by) {
  Wide out;
  if (by >= 192) return out;
  for (int i = 0; i + by / 64 < 3; ++i) {
    out.limb[i] = n.limb[i + by / 64] >> (by % 64);
    if (by % 64 != 0 && i + by / 64 + 1 < 3) out.limb[i] |= n.limb[i + by / 64 + 1] << (64 - by % 64);
  }
  return out;
}

Wide sum(const Wide& a, const Wide& b) {
  Wide out;
  u64 carry = 0;
  for (int i = 0; i < 3; ++i) {
    const u64 part = a.limb[i] + carry;
    out.limb[i] = part + b.limb[i];
    carry = (part < carry ? 1 : 0) + (out.limb[i] < part ? 1 : 0);
  }
  return out;
}

bool less(const Wide& a, const Wide& b) {
  for (int i = 2; i >= 0; --i)
    if (a.limb[i] != b.limb[i]) return a.limb[i] < b.limb[i];
  return false;
}

/// a - b, where that is not negative.
Wide difference(const Wide& a, const Wide& b) {
  Wide out;
  u64 borrow = 0;
  for (int i = 0; i < 3; ++i) {
    const u64 part = a.limb[i] - borrow;
    out.limb[i] = part - b.limb[i];
    borrow = (a.limb[i] < borrow ? 1 : 0) + (part < b.limb[i] ? 1 : 0);
  }
  return out;
}

Wide product(u64 a, u64 b) {
  const u64 al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  Wide out = {{al * bl, ah * bh, 0}};
  for (const u64 middle : {al * bh, ah * bl}) out = sum(out, Wide{{middle << 32, middle >> 32, 0}});
  return out;
}

/// magnitude * 2^exponent.
struct Term {
  Wide magnitude;
  i64 exponent = 0;
  bool negative = false;

  i64 first() const { return exponent + magnitude.highest(); }
  /// The same, but for a lowest bit that stands for all that were lost.
  void move_to(i64 to) {
    const i64 by = exponent - to;
    if (by >= 0) {
      magnitude = shifted_up(magnitude, static_cast<int>(by));
    } else {
      const int down = static_cast<int>(by < -192 ? 192 : -by);
      const bool lost = magnitude.any_below(down);
      magnitude = shifted_down(magnitude, down);
      magnitude.limb[0] |= lost ? 1 : 0;
    }
    exponent = to;
  }
};

template <typename F> struct Format {
  using Bits = std::conditional_t<sizeof(F) == 4, u32, u64>;
  static constexpr int kFraction = std::numeric_limits<F>::digits - 1;
  static constexpr int kLowest = std::numeric_limits<F>::min_exponent - 1 - kFraction; // of the smallest subnormal
};

/// A finite float.
template <typename F> Term term_of(F value) {
  constexpr int fraction = Format<F>::kFraction;
  const auto bits = std::bit_cast<typename Format<F>::Bits>(value);
  const u64 below = bits & ((u64{1} << fraction) - 1);
  const int exponent = static_cast<int>(bits >> fraction & ((1u << (8 * sizeof(F) - 1 - fraction)) - 1));
  Term out;
  out.magnitude.limb[0] = exponent == 0 ? below : below | u64{1} << fraction;
  out.exponent = Format<F>::kLowest + (exponent == 0 ? 0 : exponent - 1);
  out.negative = std::signbit(value);
  return out;
}

template <typename F> F rounded(const Term& exact) {
  i64 unit = exact.first() - Format<F>::kFraction; // of the last place
  if (unit < Format<F>::kLowest) unit = Format<F>::kLowest;
  const i64 down = unit - exact.exponent;
  u64 kept = 0;
  if (down <= 0) {
    kept = shifted_up(exact.magnitude, static_cast<int>(-down)).limb[0];
  } else if (down <= 192) {
    const int places = static_cast<int>(down);
    kept = shifted_down(exact.magnitude, places).limb[0];
    const bool half = exact.magnitude.bit(places - 1);
    if (half && ((kept & 1) != 0 || exact.magnitude.any_below(places - 1))) ++kept;
  }
  const F magnitude = std::ldexp(static_cast<F>(kept), static_cast<int>(unit)); // exact, or infinite
  return exact.negative ? -magnitude : magnitude;
}

template <typename F> F fused(F a, F b, F c) {
  if (std::isfinite(a) && std::isfinite(b) && !std::isfinite(c)) return c; // the product may be too large for a float
  if (!std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) return a * b + c;
  if (c == 0) return a * b;
  const Term left = term_of(a), right = term_of(b);
  Term large = {product(left.magnitude.limb[0], right.magnitude.limb[0]), left.exponent + right.exponent,
                left.negative != right.negative};
  Term small = term_of(c);
  if (large.first() < small.first()) std::swap(large, small);
  const i64 unit = large.first() - kTop;
  large.move_to(unit);
  small.move_to(unit);
  if (large.negative == small.negative) {
    large.magnitude = sum(large.magnitude, small.magnitude);
  } else {
    if (less(large.magnitude, small.magnitude)) std::swap(large, small);
    large.magnitude = difference(large.magnitude, small.magnitude);
    if (large.magnitude.is_zero()) return 0;
  }
  return rounded<F>(large);
}

} // namespace

float fused_multiply_add(float a, float b, float c) { return fused(a, b, c); }
double fused_multiply_add(double a, double b, double c) { return fused(a, b, c); }

} // namespace assay::oracle
