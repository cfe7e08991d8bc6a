// float_ops.cpp - floats and conversions (docs/air.md, "Operations").
//
// A value holds the bits. + - * / sqrt and (on Windows: fused.h) fma are the host's IEEE 754 arithmetic, one operation
// at a time, in its default mode (to nearest even, subnormals kept); everything else is written out over bits or exact
// comparisons, so nothing depends on the library's ideas of NaN, zero signs, rounding modes or exception flags. The
// payload of a NaN that arithmetic makes is free. Tested in oracle/interpreter/tests/{float,convert}_test.cpp.
#include "oracle/interpreter/fused.h"
#include "oracle/interpreter/machine.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>

namespace assay::oracle {

static_assert(FLT_EVAL_METHOD == 0, "each operation must round to its own type");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

namespace {

// mingw-w64's does not on x64; Microsoft's need not be trusted either.
#if defined(_WIN32)
constexpr bool kLibraryRoundsOnce = false;
#else
constexpr bool kLibraryRoundsOnce = true;
#endif

/// How a format is laid out, and its C++ type.
struct Single {
  using Float = float;
  using Bits = u32;
  static constexpr u32 kMantissa = 23, kBias = 127;
};
struct Double {
  using Float = double;
  using Bits = u64;
  static constexpr u32 kMantissa = 52, kBias = 1023;
};

template <typename F> constexpr u64 sign_bit() { return u64{1} << (sizeof(typename F::Bits) * 8 - 1); }
template <typename F> constexpr u64 infinity_bits() { return u64{2 * F::kBias + 1} << F::kMantissa; }
template <typename F> constexpr u64 quiet_bit() { return u64{1} << (F::kMantissa - 1); }
template <typename F> constexpr u64 canonical_nan() { return infinity_bits<F>() | quiet_bit<F>(); }
template <typename F> bool is_nan(u64 bits) { return (bits & ~sign_bit<F>()) > infinity_bits<F>(); }

template <typename F> typename F::Float to_float(u64 bits) {
  return std::bit_cast<typename F::Float>(static_cast<typename F::Bits>(bits));
}
template <typename F> u64 to_bits(typename F::Float value) { return std::bit_cast<typename F::Bits>(value); }

/// Calls `operation` with the format of the type as its argument.
template <typename Operation> Flow with_format(Type type, Operation operation) {
  return type == Type::F32 ? operation(Single{}) : operation(Double{});
}

/// Results of operations on one, two floats: `operation` has C++ floats of the right type.
template <typename Operation> Flow arithmetic(Machine& m, const Inst& inst, Operation operation) {
  return with_format(inst.type, [&](auto format) {
    using F = decltype(format);
    return m.give(inst, to_bits<F>(operation(to_float<F>(m.operand(inst, 0)), to_float<F>(m.operand(inst, 1)))));
  });
}

template <typename Operation> Flow comparison(Machine& m, const Inst& inst, Operation operation) {
  return with_format(inst.type, [&](auto format) {
    using F = decltype(format);
    return m.give(inst, operation(to_float<F>(m.operand(inst, 0)), to_float<F>(m.operand(inst, 1))) ? 1 : 0);
  });
}

template <typename Operation> Flow on_bits(Machine& m, const Inst& inst, Operation operation) {
  return with_format(inst.type, [&](auto format) { return m.give(inst, operation(format, m.operand(inst, 0))); });
}

// -- to integral -------------------------------------------------------------------------------------

/// Towards zero: clears the fraction bits. The sign stays, so -0.5 becomes -0.
template <typename F> u64 truncated(u64 bits) {
  if (is_nan<F>(bits)) return bits | quiet_bit<F>();
  const u64 exponent = (bits & ~sign_bit<F>()) >> F::kMantissa;
  if (exponent < F::kBias) return bits & sign_bit<F>();
  if (exponent >= F::kBias + F::kMantissa) return bits;
  return bits & ~((u64{1} << (F::kMantissa - (exponent - F::kBias))) - 1);
}

template <typename F> u64 ceiling(u64 bits) {
  const auto t = to_float<F>(truncated<F>(bits));
  return t < to_float<F>(bits) ? to_bits<F>(t + 1) : to_bits<F>(t);
}

template <typename F> u64 flooring(u64 bits) {
  const auto t = to_float<F>(truncated<F>(bits));
  return t > to_float<F>(bits) ? to_bits<F>(t - 1) : to_bits<F>(t);
}

/// Ties to even. The distance to the truncated value is exact: where there is a fraction, both are close.
template <typename F> u64 nearest(u64 bits) {
  const u64 truncated_bits = truncated<F>(bits);
  const auto t = to_float<F>(truncated_bits);
  const auto fraction = to_float<F>(bits & ~sign_bit<F>()) - to_float<F>(truncated_bits & ~sign_bit<F>());
  const auto half = t / 2;
  const bool odd = to_float<F>(truncated<F>(to_bits<F>(half))) != half;
  if (!(fraction > 0.5 || (fraction == 0.5 && odd))) return truncated_bits;
  return to_bits<F>((bits & sign_bit<F>()) != 0 ? t - 1 : t + 1);
}

// -- minimum and maximum -----------------------------------------------------------------------------

template <typename F> u64 minimum(u64 a, u64 b) {
  if (is_nan<F>(a) || is_nan<F>(b)) return canonical_nan<F>();
  if (to_float<F>(a) == to_float<F>(b)) return a | b; // the same number, or zeros: -0 if either is
  return to_float<F>(a) < to_float<F>(b) ? a : b;
}

template <typename F> u64 maximum(u64 a, u64 b) {
  if (is_nan<F>(a) || is_nan<F>(b)) return canonical_nan<F>();
  if (to_float<F>(a) == to_float<F>(b)) return a & b; // the same number, or zeros: +0 if either is
  return to_float<F>(a) > to_float<F>(b) ? a : b;
}

// -- conversions -------------------------------------------------------------------------------------

/// The operand of a float-to-integer conversion, truncated. Both formats fit a double exactly.
double truncated_operand(const Machine& m, const Inst& inst) {
  const u64 bits = m.operand(inst, 0);
  const double value = inst.from == Type::F32 ? to_float<Single>(bits) : to_float<Double>(bits);
  return to_float<Double>(truncated<Double>(to_bits<Double>(value)));
}

/// 2^exponent, exactly.
double power_of_two(u32 exponent) { return to_float<Double>(u64{Double::kBias + exponent} << Double::kMantissa); }

enum class Range : u8 { Below, Inside, Above, NotANumber };

/// Where an integral number lies relative to the values of an integer type.
Range range_of(Type type, bool is_signed, double value) {
  if (value != value) return Range::NotANumber;
  const u32 width = bits_of(type);
  const double low = is_signed ? -power_of_two(width - 1) : 0.0;
  const double beyond = power_of_two(is_signed ? width - 1 : width);
  return value < low ? Range::Below : value >= beyond ? Range::Above : Range::Inside;
}

/// An integral number inside the range of the type, as its bits.
u64 integer_bits(Type type, bool is_signed, double value) {
  const u64 bits = is_signed ? static_cast<u64>(static_cast<i64>(value)) : static_cast<u64>(value);
  return bits & bit_mask(type);
}

Flow convert_or_trap(Machine& m, const Inst& inst, bool is_signed) {
  const double value = truncated_operand(m, inst);
  if (range_of(inst.type, is_signed, value) != Range::Inside) return m.trap(TrapKind::BadConversion);
  return m.give(inst, integer_bits(inst.type, is_signed, value));
}

Flow convert_saturating(Machine& m, const Inst& inst, bool is_signed) {
  const double value = truncated_operand(m, inst);
  const u64 sign = u64{1} << (bits_of(inst.type) - 1);
  switch (range_of(inst.type, is_signed, value)) {
  case Range::NotANumber: return m.give(inst, 0);
  case Range::Below: return m.give(inst, is_signed ? sign : 0);
  case Range::Above: return m.give(inst, is_signed ? sign - 1 : bit_mask(inst.type));
  case Range::Inside: break;
  }
  return m.give(inst, integer_bits(inst.type, is_signed, value));
}

/// value / 2^dropped, to nearest, ties to even. 0 < dropped < 64.
u64 shift_rounding(u64 value, u32 dropped) {
  const u64 rest = value & ((u64{1} << dropped) - 1);
  const u64 half = u64{1} << (dropped - 1);
  const u64 kept = value >> dropped;
  return kept + (rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0);
}

/// The float nearest to an integer, ties to even, rounded once. Magnitudes below 2^64 never overflow a format.
template <typename F> u64 rounded(bool negative, u64 magnitude) {
  const u64 sign = negative ? sign_bit<F>() : 0;
  if (magnitude == 0) return sign;
  const u32 top = 63 - static_cast<u32>(std::countl_zero(magnitude));
  const u64 significand =
      top <= F::kMantissa ? magnitude << (F::kMantissa - top) : shift_rounding(magnitude, top - F::kMantissa);
  // The significand's leading bit adds the last 1 to the exponent, and so does a carry out of rounding.
  return sign | ((u64{F::kBias + top - 1} << F::kMantissa) + significand);
}

/// The f32 nearest to an f64, ties to even; written out because C++ leaves overflow undefined.
u64 demoted(u64 bits) {
  constexpr u32 kLeast = Double::kBias - Single::kBias + 1; // f64 exponent field of the least normal f32
  constexpr u32 kExtra = Double::kMantissa - Single::kMantissa;
  if (is_nan<Double>(bits)) return canonical_nan<Single>();
  const u64 sign = (bits & sign_bit<Double>()) >> 32;
  const u32 exponent = static_cast<u32>((bits & ~sign_bit<Double>()) >> Double::kMantissa);
  if (exponent > Double::kBias + Single::kBias) return sign | infinity_bits<Single>();
  if (exponent < kLeast - Single::kMantissa - 1) return sign; // less than half of the least subnormal
  const u64 significand = (bits & ((u64{1} << Double::kMantissa) - 1)) | u64{1} << Double::kMantissa;
  if (exponent < kLeast) return sign | shift_rounding(significand, kExtra + kLeast - exponent);
  return sign | ((u64{exponent - kLeast} << Single::kMantissa) + shift_rounding(significand, kExtra));
}

Flow from_integer(Machine& m, const Inst& inst, bool negative, u64 magnitude) {
  return with_format(inst.type,
                     [&](auto format) { return m.give(inst, rounded<decltype(format)>(negative, magnitude)); });
}

} // namespace

// -- arithmetic --------------------------------------------------------------------------------------

ASSAY_EVALUATE(FAdd) {
  return arithmetic(m, inst, [](auto a, auto b) { return a + b; });
}
ASSAY_EVALUATE(FSub) {
  return arithmetic(m, inst, [](auto a, auto b) { return a - b; });
}
ASSAY_EVALUATE(FMul) {
  return arithmetic(m, inst, [](auto a, auto b) { return a * b; });
}
ASSAY_EVALUATE(FDiv) {
  return with_format(inst.type, [&](auto format) {
    using F = decltype(format);
    const u64 a = m.operand(inst, 0), b = m.operand(inst, 1);
    if ((b & ~sign_bit<F>()) != 0) return m.give(inst, to_bits<F>(to_float<F>(a) / to_float<F>(b)));
    // Division by zero is written out: IEEE 754 defines it, C++ does not.
    if (is_nan<F>(a) || (a & ~sign_bit<F>()) == 0) return m.give(inst, canonical_nan<F>());
    return m.give(inst, infinity_bits<F>() | ((a ^ b) & sign_bit<F>()));
  });
}
ASSAY_EVALUATE(FSqrt) {
  return on_bits(m, inst, [](auto format, u64 a) {
    using F = decltype(format);
    return to_bits<F>(std::sqrt(to_float<F>(a)));
  });
}
ASSAY_EVALUATE(Fma) {
  return with_format(inst.type, [&](auto format) {
    using F = decltype(format);
    const auto a = to_float<F>(m.operand(inst, 0)), b = to_float<F>(m.operand(inst, 1)),
               c = to_float<F>(m.operand(inst, 2));
    return m.give(inst, to_bits<F>(kLibraryRoundsOnce ? std::fma(a, b, c) : fused_multiply_add(a, b, c)));
  });
}
ASSAY_EVALUATE(FMin) {
  return on_bits(m, inst, [&](auto format, u64 a) { return minimum<decltype(format)>(a, m.operand(inst, 1)); });
}
ASSAY_EVALUATE(FMax) {
  return on_bits(m, inst, [&](auto format, u64 a) { return maximum<decltype(format)>(a, m.operand(inst, 1)); });
}

// -- sign bits ---------------------------------------------------------------------------------------

ASSAY_EVALUATE(FNeg) {
  return on_bits(m, inst, [](auto format, u64 a) { return a ^ sign_bit<decltype(format)>(); });
}
ASSAY_EVALUATE(FAbs) {
  return on_bits(m, inst, [](auto format, u64 a) { return a & ~sign_bit<decltype(format)>(); });
}
ASSAY_EVALUATE(FCopysign) {
  return on_bits(m, inst, [&](auto format, u64 a) {
    constexpr u64 sign = sign_bit<decltype(format)>();
    return (a & ~sign) | (m.operand(inst, 1) & sign);
  });
}

// -- to integral -------------------------------------------------------------------------------------

ASSAY_EVALUATE(FCeil) {
  return on_bits(m, inst, [](auto format, u64 a) { return ceiling<decltype(format)>(a); });
}
ASSAY_EVALUATE(FFloor) {
  return on_bits(m, inst, [](auto format, u64 a) { return flooring<decltype(format)>(a); });
}
ASSAY_EVALUATE(FTrunc) {
  return on_bits(m, inst, [](auto format, u64 a) { return truncated<decltype(format)>(a); });
}
ASSAY_EVALUATE(FNearest) {
  return on_bits(m, inst, [](auto format, u64 a) { return nearest<decltype(format)>(a); });
}

// -- comparison --------------------------------------------------------------------------------------

ASSAY_EVALUATE(FEq) {
  return comparison(m, inst, [](auto a, auto b) { return a == b; });
}
ASSAY_EVALUATE(FNe) {
  return comparison(m, inst, [](auto a, auto b) { return a != b; });
}
ASSAY_EVALUATE(FLt) {
  return comparison(m, inst, [](auto a, auto b) { return a < b; });
}
ASSAY_EVALUATE(FLe) {
  return comparison(m, inst, [](auto a, auto b) { return a <= b; });
}
ASSAY_EVALUATE(FGt) {
  return comparison(m, inst, [](auto a, auto b) { return a > b; });
}
ASSAY_EVALUATE(FGe) {
  return comparison(m, inst, [](auto a, auto b) { return a >= b; });
}
ASSAY_EVALUATE(FCanon) {
  return on_bits(m, inst, [](auto format, u64 a) {
    using F = decltype(format);
    return is_nan<F>(a) ? canonical_nan<F>() : a;
  });
}

// -- conversions -------------------------------------------------------------------------------------

ASSAY_EVALUATE(F2iS) { return convert_or_trap(m, inst, true); }
ASSAY_EVALUATE(F2iU) { return convert_or_trap(m, inst, false); }
ASSAY_EVALUATE(F2iSatS) { return convert_saturating(m, inst, true); }
ASSAY_EVALUATE(F2iSatU) { return convert_saturating(m, inst, false); }

ASSAY_EVALUATE(I2fS) {
  const u64 value = m.operand(inst, 0);
  const bool negative = (value >> (bits_of(inst.from) - 1) & 1) != 0;
  return from_integer(m, inst, negative, negative ? (~value + 1) & bit_mask(inst.from) : value);
}
ASSAY_EVALUATE(I2fU) { return from_integer(m, inst, false, m.operand(inst, 0)); }

ASSAY_EVALUATE(FPromote) { return m.give(inst, to_bits<Double>(to_float<Single>(m.operand(inst, 0)))); }
ASSAY_EVALUATE(FDemote) { return m.give(inst, demoted(m.operand(inst, 0))); }
ASSAY_EVALUATE(Bitcast) { return m.give(inst, m.operand(inst, 0)); }

} // namespace assay::oracle
