// Conversions at every boundary of every pair of types.
#include "big_int.h"
#include "harness.h"

#include <bit>
#include <cmath>
#include <limits>

namespace assay::oracle {
namespace {

u64 f32(float value) { return std::bit_cast<u32>(value); }
u64 f64(double value) { return std::bit_cast<u64>(value); }

constexpr double kInf = std::numeric_limits<double>::infinity();

/// A float-to-integer conversion by comparing with the exact bounds. Below and above include the infinities.
enum class Side { Below, Inside, Above };
Side side_of(double value, Type type, bool is_signed) {
  const double t = std::trunc(value), width = bits_of(type);
  if (is_signed)
    return t < -std::exp2(width - 1) ? Side::Below : t >= std::exp2(width - 1) ? Side::Above : Side::Inside;
  return t < 0 ? Side::Below : t >= std::exp2(width) ? Side::Above : Side::Inside;
}

/// The integral part's two's complement low bits, from the float's own significand and exponent.
u64 low_bits(double value, Type type) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(std::trunc(value)), &exponent); // value = fraction * 2^exponent
  const Big significand = Big::from_unsigned(static_cast<u64>(std::ldexp(fraction, 53)));
  Big magnitude;
  if (exponent <= 53) {
    magnitude = Big::from_unsigned(significand.bits(static_cast<u32>(53 - exponent), 64));
  } else {
    magnitude = significand;
    for (int i = 53; i < exponent; ++i) magnitude = magnitude + magnitude;
  }
  return (value < 0 ? -magnitude : magnitude).bits(0, bits_of(type));
}

std::vector<double> boundaries() {
  std::vector<double> values = {0.0, -0.0, 0.5, 0.999999999, 1.0, 1.5, 123456.789, 1e300, 5e-324, kInf};
  for (int power : {7, 8, 15, 16, 31, 32, 63, 64}) {
    const double bound = std::exp2(power);
    for (double v : {bound, bound - 1, bound + 1, bound - 0.5, bound + 0.5, bound + 0.999, std::nextafter(bound, 0.0),
                     std::nextafter(bound, kInf), std::nextafter(bound + 1, 0.0)}) {
      values.push_back(v);
    }
  }
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

void check_to_integer(Type from, bool is_signed) {
  for (Type type : kIntTypes) {
    OneOp exact(is_signed ? Opcode::F2iS : Opcode::F2iU, type, from);
    OneOp saturating(is_signed ? Opcode::F2iSatS : Opcode::F2iSatU, type, from);
    const u64 sign = u64{1} << (bits_of(type) - 1), mask = bit_mask(type);
    for (double wide : boundaries()) {
      const double value = from == Type::F32 ? double{static_cast<float>(wide)} : wide;
      const u64 bits = from == Type::F32 ? f32(static_cast<float>(wide)) : f64(wide);
      switch (side_of(value, type, is_signed)) {
      case Side::Inside:
        EXPECT_EQ(exact.value({bits}), low_bits(value, type)) << value << " to " << name_of(type);
        EXPECT_EQ(saturating.value({bits}), low_bits(value, type)) << value << " to " << name_of(type);
        break;
      case Side::Below:
        EXPECT_TRUE(trapped(exact.run({bits}), TrapKind::BadConversion, {0, 0, 0})) << value;
        EXPECT_EQ(saturating.value({bits}), is_signed ? sign : 0) << value;
        break;
      case Side::Above:
        EXPECT_TRUE(trapped(exact.run({bits}), TrapKind::BadConversion, {0, 0, 0})) << value;
        EXPECT_EQ(saturating.value({bits}), is_signed ? sign - 1 : mask) << value;
        break;
      }
    }
    const u64 nan = from == Type::F32 ? 0xffc00000 : 0x7ff0000000000001;
    EXPECT_TRUE(trapped(exact.run({nan}), TrapKind::BadConversion, {0, 0, 0}));
    EXPECT_EQ(saturating.value({nan}), 0u);
  }
}

TEST(Convert, f32_to_signed_integers) { check_to_integer(Type::F32, true); }
TEST(Convert, f32_to_unsigned_integers) { check_to_integer(Type::F32, false); }
TEST(Convert, f64_to_signed_integers) { check_to_integer(Type::F64, true); }
TEST(Convert, f64_to_unsigned_integers) { check_to_integer(Type::F64, false); }

TEST(Convert, known_bounds_of_f64_to_i64) {
  OneOp s(Opcode::F2iS, Type::I64, Type::F64), u(Opcode::F2iU, Type::I64, Type::F64);
  EXPECT_EQ(s.value({0xc3e0000000000000}), 0x8000000000000000u); // -2^63
  EXPECT_TRUE(trapped(s.run({0xc3e0000000000001}), TrapKind::BadConversion, {0, 0, 0}));
  EXPECT_EQ(s.value({0x43dfffffffffffff}), 0x7ffffffffffffc00u);
  EXPECT_TRUE(trapped(s.run({0x43e0000000000000}), TrapKind::BadConversion, {0, 0, 0}));
  EXPECT_EQ(u.value({0x43efffffffffffff}), 0xfffffffffffff800u);
  EXPECT_TRUE(trapped(u.run({0x43f0000000000000}), TrapKind::BadConversion, {0, 0, 0}));
  EXPECT_EQ(u.value({f64(-0.999)}), 0u);
}

/// The float nearest to an integer magnitude, found by trying: the neighbours of a guess, and the exact distances.
template <typename Float> Float nearest_by_search(u64 magnitude) {
  const Big exact = Big::from_unsigned(magnitude);
  const auto to_big = [](Float value) {
    int exponent = 0;
    const double fraction = std::frexp(double{value}, &exponent);
    const u64 significand = static_cast<u64>(std::ldexp(fraction, 53));
    Big big = Big::from_unsigned(exponent < 53 ? significand >> (53 - exponent) : significand);
    for (int i = 53; i < exponent; ++i) big = big + big;
    return big;
  };
  const auto distance = [&](Float value) {
    const Big d = to_big(value) - exact;
    return d.negative() ? -d : d;
  };
  const Float guess = static_cast<Float>(static_cast<double>(magnitude));
  Float best = std::nextafter(guess, Float(0));
  for (Float candidate : {guess, std::nextafter(guess, std::numeric_limits<Float>::infinity())}) {
    const Big d = distance(candidate), b = distance(best);
    using Bits = std::conditional_t<sizeof(Float) == 4, u32, u64>;
    if (d < b || (d == b && (std::bit_cast<Bits>(candidate) & 1) == 0)) best = candidate;
  }
  return best;
}

std::vector<u64> interesting_integers(Type type) {
  std::vector<u64> values = edge_values(type);
  for (u32 top = 0; top < bits_of(type); ++top) {
    for (u32 ulp : {23u, 24u, 25u, 52u, 53u, 54u}) {
      const u64 one = u64{1} << top, half = top >= ulp ? u64{1} << (top - ulp) : 0;
      for (u64 v :
           {one, one - 1, one + 1, one + half, one + half + 1, one + half - 1, one + 3 * half, one + 3 * half + 1}) {
        values.push_back(v & bit_mask(type));
      }
    }
  }
  return values;
}

TEST(Convert, integers_to_floats_round_once_to_nearest_even) {
  for (Type from : kIntTypes) {
    OneOp signed32(Opcode::I2fS, Type::F32, from), unsigned32(Opcode::I2fU, Type::F32, from);
    OneOp signed64(Opcode::I2fS, Type::F64, from), unsigned64(Opcode::I2fU, Type::F64, from);
    const u64 sign = u64{1} << (bits_of(from) - 1);
    for (u64 value : interesting_integers(from)) {
      const bool negative = (value & sign) != 0;
      const u64 magnitude = negative ? (Big() - Big::from_signed(value, bits_of(from))).bits(0, 64) : value;
      EXPECT_EQ(unsigned32.value({value}), value == 0 ? 0 : f32(nearest_by_search<float>(value))) << value;
      EXPECT_EQ(unsigned64.value({value}), value == 0 ? 0 : f64(nearest_by_search<double>(value))) << value;
      const float small = magnitude == 0 ? 0.0f : nearest_by_search<float>(magnitude);
      const double large = magnitude == 0 ? 0.0 : nearest_by_search<double>(magnitude);
      EXPECT_EQ(signed32.value({value}), f32(negative ? -small : small)) << value;
      EXPECT_EQ(signed64.value({value}), f64(negative ? -large : large)) << value;
    }
  }
}

TEST(Convert, unsigned64to_f32_does_not_round_twice) {
  // 2^63 + 2^39 + 1: through f64 the 1 is lost and the tie goes down; rounded once it goes up.
  EXPECT_EQ(OneOp(Opcode::I2fU, Type::F32, Type::I64).value({0x8000008000000001}), 0x5f000001u);
  EXPECT_EQ(OneOp(Opcode::I2fU, Type::F32, Type::I64).value({0x8000008000000000}), 0x5f000000u);
  EXPECT_EQ(OneOp(Opcode::I2fU, Type::F32, Type::I64).value({~u64{0}}), 0x5f800000u);
  EXPECT_EQ(OneOp(Opcode::I2fS, Type::F32, Type::I64).value({0x8000000000000000}), 0xdf000000u);
}

TEST(Convert, fpromote_is_exact) {
  OneOp f(Opcode::FPromote, Type::F64, Type::F32);
  EXPECT_EQ(f.value({0x00000001}), 0x36a0000000000000u); // 2^-149
  EXPECT_EQ(f.value({0x007fffff}), 0x380fffffc0000000u);
  EXPECT_EQ(f.value({0x7f7fffff}), 0x47efffffe0000000u);
  EXPECT_EQ(f.value({0x80000000}), 0x8000000000000000u);
  EXPECT_EQ(f.value({0xff800000}), 0xfff0000000000000u);
  EXPECT_TRUE(std::isnan(std::bit_cast<double>(f.value({0x7f800001}))));
}

TEST(Convert, fdemote_rounds_to_nearest_even_through_subnormals_and_overflow) {
  OneOp f(Opcode::FDemote, Type::F32, Type::F64);
  EXPECT_EQ(f.value({0x3ff0000010000000}), 0x3f800000u); // 1 + half an ulp, a tie to even
  EXPECT_EQ(f.value({0x3ff0000010000001}), 0x3f800001u);
  EXPECT_EQ(f.value({0x3ff0000030000000}), 0x3f800002u); // the next tie goes up
  EXPECT_EQ(f.value({0x47efffffefffffff}), 0x7f7fffffu); // just below the overflow threshold
  EXPECT_EQ(f.value({0x47effffff0000000}), 0x7f800000u); // at it
  EXPECT_EQ(f.value({0x47f0000000000000}), 0x7f800000u); // 2^128
  EXPECT_EQ(f.value({0xc7f0000000000000}), 0xff800000u);
  EXPECT_EQ(f.value({0x7ff0000000000000}), 0x7f800000u);
  EXPECT_EQ(f.value({0x3690000000000000}), 0x00000000u); // half of the least subnormal, a tie to even
  EXPECT_EQ(f.value({0x3690000000000001}), 0x00000001u);
  EXPECT_EQ(f.value({0xb690000000000000}), 0x80000000u);
  EXPECT_EQ(f.value({0x368fffffffffffff}), 0x00000000u);
  EXPECT_EQ(f.value({0x36a8000000000000}), 0x00000002u); // 1.5 of the least, a tie to even
  EXPECT_EQ(f.value({0x380fffffe0000000}), 0x00800000u); // rounds up to the least normal
  EXPECT_EQ(f.value({0x0000000000000001}), 0x00000000u);
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(static_cast<u32>(f.value({0x7ff0000000000001})))));
}

TEST(Convert, fdemote_agrees_with_the_host_on_many_exponents) {
  OneOp f(Opcode::FDemote, Type::F32, Type::F64);
  for (u64 exponent = 860; exponent < 1151; ++exponent) {
    for (u64 fraction : {u64{0}, u64{1}, u64{0x10000000}, u64{0x10000001}, u64{0x30000000}, u64{0xfffffffffffff},
                         u64{0x8000000000000}, u64{0x5555555555555}, u64{0xffffff0000000}}) {
      const u64 bits = exponent << 52 | fraction;
      if (bits >= 0x47effffff0000000) continue; // overflow is for the table above
      EXPECT_EQ(f.value({bits}), f32(static_cast<float>(std::bit_cast<double>(bits)))) << std::hex << bits;
    }
  }
}

TEST(Convert, bitcast_keeps_the_bits) {
  EXPECT_EQ(OneOp(Opcode::Bitcast, Type::F32, Type::I32).value({0x7f800001}), 0x7f800001u);
  EXPECT_EQ(OneOp(Opcode::Bitcast, Type::I64, Type::F64).value({0xfff0000000000123}), 0xfff0000000000123u);
  EXPECT_EQ(OneOp(Opcode::Bitcast, Type::Ptr, Type::I64).value({0x123456789}), 0x123456789u);
}

} // namespace
} // namespace assay::oracle
