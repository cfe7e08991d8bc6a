// fused_test.cpp - the exact a * b + c agrees with the host's library where that is right, bit by bit.
#include "oracle/interpreter/fused.h"

#include "assay/types.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

namespace assay::oracle {
namespace {

TEST(Fused, RoundsOnce) {
  EXPECT_EQ(fused_multiply_add(0x1.0000000000001p+0, 0x1.0000000000001p+0, -0x1.0000000000002p+0), 0x1p-104);
  EXPECT_EQ(fused_multiply_add(0x1.000002p+0f, 0x1.fffffcp-1f, -0x1p+0f), -0x1p-46f);
  EXPECT_EQ(fused_multiply_add(1.0f, 0x1p-24f, 0x1.000002p+0f), 0x1.000004p+0f) << "a tie goes to even";
  EXPECT_EQ(fused_multiply_add(0x1p-1074, 0.5, 0x1p-1074), 0x1p-1073);
  EXPECT_EQ(fused_multiply_add(0x1.fffffffffffffp+1023, 2.0, -0x1.fffffffffffffp+1023), 0x1.fffffffffffffp+1023);
  EXPECT_EQ(fused_multiply_add(0x1p+1000, 0x1p+1000, -0x1p+1023), HUGE_VAL);
  EXPECT_EQ(fused_multiply_add(0x1p+1000, 0x1p+1000, -HUGE_VAL), -HUGE_VAL) << "the product is finite";
  EXPECT_FALSE(std::signbit(fused_multiply_add(3.0, -7.0, 21.0))) << "what cancels is +0";
  EXPECT_TRUE(std::signbit(fused_multiply_add(-0x1p-600, 0x1p-600, 0.0))) << "as the product's sign says";
  // Rounded to 64 bits first, these would be ties.
  EXPECT_EQ(fused_multiply_add(0x1.0000000000001p+0, 1.0 + 0x1p-52, 0x1p+53), 0x1p+53 + 2.0);
  EXPECT_EQ(fused_multiply_add(1.0 - 0x1p-53, 1.0 - 0x1p-53, 0x1p+53), 0x1p+53);
}

// mingw-w64's library is the one that is wrong.
#if !defined(_WIN32)

/// Any bits, or exponents near each other and few bits set, so that sums cancel and tie.
template <typename F, typename Bits> F some_float(std::mt19937_64& random, u32 kind) {
  constexpr u32 fraction = std::numeric_limits<F>::digits - 1;
  if (kind % 3 == 0) return std::bit_cast<F>(static_cast<Bits>(random()));
  const u64 all = (u64{1} << fraction) - 1;
  const u64 below = kind % 3 == 1 ? random() & random() & random() & random() & all : all ^ (random() & random() & 7);
  const u64 middle = kind % 5 == 0 ? 0 : std::numeric_limits<F>::max_exponent - 1;
  const u64 exponent = middle + (middle == 0 ? random() % 3 : random() % 120) - (middle == 0 ? 0 : 60);
  const u64 sign = random() % 2 << (sizeof(F) * 8 - 1);
  return std::bit_cast<F>(static_cast<Bits>(sign | exponent << fraction | below));
}

template <typename F, typename Bits> void expect_as_the_library(u64 seed) {
  std::mt19937_64 random(seed);
  for (u32 round = 0; round < 300000; ++round) {
    const F a = some_float<F, Bits>(random, round), b = some_float<F, Bits>(random, round / 3),
            c = some_float<F, Bits>(random, round / 9);
    const F found = fused_multiply_add(a, b, c), expected = std::fma(a, b, c);
    if (std::isnan(found) && std::isnan(expected)) continue;
    ASSERT_EQ(std::bit_cast<Bits>(found), std::bit_cast<Bits>(expected)) << std::hexfloat << a << " " << b << " " << c;
  }
}

TEST(Fused, AgreesWithTheLibrary) {
  expect_as_the_library<float, u32>(1);
  expect_as_the_library<double, u64>(2);
}

#endif

} // namespace
} // namespace assay::oracle
