// fused.cpp - see fused.h.
//
// Fixed point with a lowest bit that sticks: the product's first bit is put at bit 124 or 125 of 128, the addend's at
// 125, then the one that stands for less is moved down until both mean the same, and its lowest bit is set when a bit
// was lost. A number that loses bits is shorter than the other by 20 places or more, so that taking it away leaves the
// first bit where it was or one below, far above the bit that sticks. Whether the sum then lies in the normal or the
// subnormal range, its bits are those of its last place's exponent and of what is left of it, added up: a carry of the
// rounding moves on into the exponent by itself. Tested in compiler/jit/tests/fused_test.cpp.
#include "compiler/jit/fused.h"

#include "assay/planted.h"
#include "assay/types.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace assay::jit {

namespace {

struct U128 {
  u64 high = 0, low = 0;
};

bool operator<(const U128& a, const U128& b) { return a.high != b.high ? a.high < b.high : a.low < b.low; }
U128 operator+(const U128& a, const U128& b) {
  const u64 low = a.low + b.low;
  return {a.high + b.high + (low < a.low ? 1 : 0), low};
}
U128 operator-(const U128& a, const U128& b) { return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low}; }

U128 up(const U128& n, u32 by) { // by less than 128
  if (by >= 64) return {n.low << (by - 64), 0};
  return by == 0 ? n : U128{n.high << by | n.low >> (64 - by), n.low << by};
}
U128 down(const U128& n, u64 by) {
  if (by >= 128) return {};
  if (by >= 64) return {0, n.high >> (by - 64)};
  return by == 0 ? n : U128{n.high >> by, n.low >> by | n.high << (64 - by)};
}
/// The lowest bit stands for all that are lost as well.
U128 down_sticking(const U128& n, u64 by) {
  U128 out = down(n, by);
  const U128 back = by >= 128 ? U128{} : up(out, static_cast<u32>(by));
  if (back.high != n.high || back.low != n.low) out.low |= 1;
  return out;
}

/// Of numbers below 2^53: two of the four partial products cannot carry.
U128 product(u64 a, u64 b) {
  const u64 a_low = a & 0xffffffffu, b_low = b & 0xffffffffu;
  const u64 middle = (a >> 32) * b_low + a_low * (b >> 32);
  return U128{(a >> 32) * (b >> 32) + (middle >> 32), middle << 32} + U128{0, a_low * b_low};
}

/// A finite number that is not zero: significand * 2^exponent, of 53 bits.
struct Parts {
  u64 significand = 0;
  i64 exponent = 0;
  bool negative = false;
};
Parts parts_of(double value) {
  const u64 bits = std::bit_cast<u64>(value);
  const u64 fraction = bits & ((u64{1} << 52) - 1);
  const i64 field = static_cast<i64>(bits >> 52 & 0x7ff);
  Parts out = {field == 0 ? fraction : fraction | u64{1} << 52, field == 0 ? -1074 : field - 1075, bits >> 63 != 0};
  const int zeros = std::countl_zero(out.significand) - 11;
  out.significand <<= zeros;
  out.exponent -= zeros;
  return out;
}

/// A format: digits of the significand, the exponent of the last place of the smallest numbers, and the exponent field
/// of infinity.
struct Format {
  int digits;
  i64 lowest;
  u64 infinity;
};
constexpr Format kF32{24, -149, 0xff}, kF64{53, -1074, 0x7ff};

/// The magnitude's bits in the format.
u64 rounded(const U128& magnitude, i64 exponent, const Format& to) {
  const int zeros = magnitude.high != 0 ? std::countl_zero(magnitude.high) : 64 + std::countl_zero(magnitude.low);
  const i64 last_place = std::max(exponent + 127 - zeros - (to.digits - 1), to.lowest);
  const i64 dropped = last_place - exponent;
  u64 kept = 0; // beyond 127 there is less than half a last place
  if (dropped <= 0) {
    kept = up(magnitude, static_cast<u32>(-dropped)).low;
  } else if (dropped < 128) {
    const U128 whole = down(magnitude, static_cast<u64>(dropped));
    const U128 rest = magnitude - up(whole, static_cast<u32>(dropped));
    const U128 half = up({0, 1}, static_cast<u32>(dropped) - 1);
    kept = whole.low;
    if (half < rest || (!(rest < half) && (kept & 1) != 0)) ++kept;
  }
  const u64 field = static_cast<u64>(last_place - to.lowest);
  const u64 infinity = to.infinity << (to.digits - 1);
  return field >= to.infinity ? infinity : std::min((field << (to.digits - 1)) + kept, infinity);
}

/// The sum's bits in the format, but for the sign.
u64 fused(const Parts& a, const Parts& b, const Parts& c, const Format& to, bool& negative) {
  U128 large = up(product(a.significand, b.significand), 20), small = {c.significand << 9, 0};
  i64 exponent = a.exponent + b.exponent - 20;
  const i64 apart = exponent - (c.exponent - 73);
  const bool product_negative = a.negative != b.negative;
  if (apart >= 0) {
    small = down_sticking(small, static_cast<u64>(apart));
  } else {
    large = down_sticking(large, static_cast<u64>(-apart));
    exponent -= apart;
  }
  negative = product_negative;
  if (product_negative == c.negative) return rounded(large + small, exponent, to);
  if (large < small) {
    negative = c.negative;
    std::swap(large, small);
  }
  const U128 left = large - small;
  if ((left.high | left.low) != 0) return rounded(left, exponent, to);
  negative = false;
  return 0;
}

/// Where the arithmetic of the processor rounds once, or not at all. NaN for a difference of infinities.
template <typename F> bool is_simple(F a, F b, F c, F& result) {
  if (std::isfinite(a) && std::isfinite(b) && !std::isfinite(c)) {
    result = c + c;
  } else if (!std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) {
    const F exact = a * b; // zero, infinite or NaN
    result = exact + c;
  } else if (c == 0) {
    result = a * b;
  } else {
    return false;
  }
  return true;
}

} // namespace

double exact_fma_f64(double a, double b, double c) {
  double simple = 0;
  if (is_simple(a, b, c, simple)) return simple;
  bool negative = false;
  const u64 bits = fused(parts_of(a), parts_of(b), parts_of(c), kF64, negative);
  return std::bit_cast<double>(bits | (negative ? u64{1} << 63 : 0));
}

float exact_fma_f32(float a, float b, float c) {
  float simple = 0;
  if (is_simple(a, b, c, simple)) return simple;
  bool negative = false;
  const u64 bits = fused(parts_of(a), parts_of(b), parts_of(c), kF32, negative);
  return std::bit_cast<float>(static_cast<u32>(bits) | (negative ? 1u << 31 : 0u));
}

#if defined(_WIN32) && (defined(__x86_64__) || defined(_M_X64))
constexpr bool kRoundsTwice = true; // the C library's
#else
constexpr bool kRoundsTwice = false;
#endif

float fma_f32(float a, float b, float c) { return kRoundsTwice ? exact_fma_f32(a, b, c) : std::fma(a, b, c); }
double fma_f64(double a, double b, double c) {
  if (ASSAY_PLANTED(rt_fma_rounds_twice)) return a * b + c;
  return kRoundsTwice ? exact_fma_f64(a, b, c) : std::fma(a, b, c);
}

} // namespace assay::jit
