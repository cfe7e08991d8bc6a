// constants.cpp - draws edge literals.
//
// Float literals are written as bits: no host arithmetic takes part, so every host draws the same.
// A few nanoseconds a draw. Tested in fuzz/generate/draw/tests/constants_test.cpp.
#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

// Positive; the sign is drawn. 0, least subnormal, greatest subnormal, least normal, epsilon, 0.5 and below,
// 1, 1.5, 2, 2.5, 3, 127.., 128, 255.., 256, 32768, 65536, the integer boundaries, greatest finite, infinity.
constexpr u64 kDoubles[] = {
    0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000, 0x3cb0000000000000,
    0x3fe0000000000000, 0x3fdfffffffffffff, 0x3ff0000000000000, 0x3ff8000000000000, 0x4000000000000000,
    0x4004000000000000, 0x4008000000000000, 0x405fc00000000000, 0x4060000000000000, 0x406fe00000000000,
    0x4070000000000000, 0x40e0000000000000, 0x40f0000000000000, 0x41dfffffffc00000, 0x41e0000000000000,
    0x41efffffffe00000, 0x41f0000000000000, 0x4330000000000000, 0x4340000000000000, 0x43e0000000000000,
    0x43f0000000000000, 0x47efffffe0000000, 0x47effffff0000000, 0x7fefffffffffffff, 0x7ff0000000000000,
};
constexpr u64 kDoubleNans[] = {0x7ff8000000000000, 0xfff8000000000000, 0x7ff8000000000001,
                               0x7ff0000000000001, 0xfffdeadbeefcafe0, 0x7fffffffffffffff};
constexpr u32 kFloats[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x34000000, 0x3f000000, 0x3effffff, 0x3f800000,
    0x3fc00000, 0x40000000, 0x40200000, 0x40400000, 0x42fe0000, 0x43000000, 0x437f0000, 0x43800000,
    0x47000000, 0x47800000, 0x4affffff, 0x4b000000, 0x4b800000, 0x4effffff, 0x4f000000, 0x4f7fffff,
    0x4f800000, 0x5effffff, 0x5f000000, 0x5f800000, 0x7f7fffff, 0x7f800000,
};
constexpr u32 kFloatNans[] = {0x7fc00000, 0xffc00000, 0x7fc00001, 0x7f800001, 0xffedcafe, 0x7fffffff};

u64 float_bits(Random& random, bool is_double) {
  const u64 sign = random.chance(1, 3) ? (is_double ? u64{1} << 63 : u64{1} << 31) : 0;
  switch (random.below(8)) {
  case 0: return is_double ? random.next() : random.next() >> 32;
  case 1: return is_double ? random.pick(kDoubleNans) : random.pick(kFloatNans);
  case 2: { // a neighbour, one unit in the last place away
    const u64 bits = is_double ? random.pick(kDoubles) : random.pick(kFloats);
    return (random.coin() ? bits + 1 : bits - (bits != 0)) | sign;
  }
  default: return (is_double ? random.pick(kDoubles) : random.pick(kFloats)) | sign;
  }
}

u64 rounding_bits(Random& random, u32 width) {
  const u32 digits = width == 64 && random.coin() ? 53 : 24;
  const u32 top = random.coin() ? width - 1 : random.between(digits, width - 1);
  const u64 half = u64{1} << (top - digits);
  const u64 odd = random.coin() ? half << 1 : 0; // the float below ends in one: a tie goes up
  return (u64{1} << top) + odd + half + random.below(3) - 1;
}

u64 int_bits(Random& random, u32 width) {
  const u64 power = u64{1} << random.below(width);
  switch (random.below(width < 32 ? 12 : 13)) {
  case 0: return 0;
  case 1: return 1;
  case 2: return ~u64{0};
  case 3: return u64{1} << (width - 1);
  case 4: return (u64{1} << (width - 1)) - 1;
  case 5: return power;
  case 6: return power - 1;
  case 7: return ~power + 1;
  case 8: return (u64{1} << 31) + random.below(5) - 2;
  case 9: return random.next();
  case 10: return (u64{1} << (8u << random.below(3))) + random.below(5) - 2;
  case 11: return static_cast<u64>(random.below(33)) - 16;
  default: return rounding_bits(random, width);
  }
}

} // namespace

u64 edge_constant(Random& random, Type type) {
  switch (type) {
  case Type::F32: return float_bits(random, false) & bit_mask(type);
  case Type::F64: return float_bits(random, true);
  case Type::Ptr:
  case Type::None: return 0;
  default: return int_bits(random, bits_of(type)) & bit_mask(type);
  }
}

u64 edge_rounding(Random& random, Type type) { return rounding_bits(random, bits_of(type)) & bit_mask(type); }

u64 edge_immediate(Random& random, Type type) {
  // Of i64 the limits of 32 bits are half of all: only there an instruction's constant is narrower than its operand.
  const u32 size = std::min(random.below(type == Type::I64 ? 4 : 3), 2u);
  const u64 limit = u64{1} << ((8u << size) - random.below(2));
  const u64 near = random.coin() ? limit : limit + random.below(3) - 1;
  return (random.coin() ? near : ~near + 1) & bit_mask(type);
}

u64 edge_divisor(Random& random, Type type) {
  const u32 width = bits_of(type);
  const u64 power = u64{1} << random.below(width);
  u64 bits = 0;
  switch (random.below(7)) {
  case 0: bits = power; break;
  case 1: bits = power + 1; break;
  case 2: bits = ~power + 1; break;
  case 3: bits = ~u64{0}; break;
  case 4: bits = u64{1} << (width - 1); break;
  case 5: bits = random.next(); break;
  default: bits = random.between(1, 12); break;
  }
  bits &= bit_mask(type);
  return bits != 0 ? bits : 1;
}

u64 edge_count(Random& random, Type type) {
  const u32 width = bits_of(type);
  switch (random.below(8)) {
  case 0: return 0;
  case 1: return width - 1;
  case 2: return width;
  case 3: return width + 1;
  case 4: return (u64{2} * width - 1) & bit_mask(type);
  case 5: return random.next() & bit_mask(type);
  default: return random.below(width);
  }
}

u64 float_limit(Random& random, Type float_type, Type int_type, bool is_signed) {
  // The guard is `|x| < limit`, so a limit of 2^(bits of magnitude) is exact; lower ones are drawn too.
  const u32 magnitude = bits_of(int_type) - (is_signed ? 1 : 0);
  const u32 exponent = random.coin() ? magnitude : random.between(1, magnitude);
  return float_type == Type::F64 ? u64{1023 + exponent} << 52 : u64{127 + exponent} << 23;
}

} // namespace assay::fuzz
