// fused_test.cpp - a * b + c is rounded once: known hard cases, and the library's result where that is right.
#include "compiler/jit/fused.h"

#include "assay/types.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace assay::jit {
namespace {

constexpr double kMost = std::numeric_limits<double>::max(), kLeast = 0x1p-1074;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Hard {
  double a, b, c, result;
};
/// What is lost when the product is rounded, or when the sum is rounded to the 64 bits of an x87 register first.
constexpr Hard kHard[] = {
    {0x1.0000000000001p+0, 0x1.0000000000001p+0, -0x1.0000000000002p+0,
     0x1p-104}, // all but the product's last bit goes
    {0x1.fffffffffffffp+0, 0x1.fffffffffffffp+0, -0x1.ffffffffffffep+1, 0x1p-104},
    {0x1.0000000000001p+0, 0x1.0000000000001p+0, 0x1p+53, 0x1.0000000000001p+53}, // just above a tie
    {-0x1.0000000000001p+0, 0x1.0000000000001p+0, -0x1p+53, -0x1.0000000000001p+53},
    {0x1.fffffffffffffp-1, 0x1.fffffffffffffp-1, 0x1p+53, 0x1p+53}, // just below one
    {0x1.0000000000001p+53, 0x1p-53, 0x1.fffffffffffffp+53, 0x1p+54},
    {0x1p-540, -0x1p-540, 0x1.0000000000001p+0, 0x1.0000000000001p+0},      // too small to matter
    {0x1.0000000000001p+0, 0x1p-53, 0x1p+0, 0x1.0000000000001p+0},          // a tie but for the product's last bit
    {0x1p-537, 0x1.8p-537, -kLeast, 0},                                     // a tie between subnormals, to even
    {0x1.8p-539, 0x1p-537, 0x1p-1022, 0x1p-1022},                           // 3/8 of a last place
    {0x1.0000000000001p-538, 0x1p-537, 0x1p-1022, 0x1.0000000000001p-1022}, // just above half a last place
    {0x1.fffffffffffffp+1023, 2.0, -kMost, kMost},                          // the product alone is infinite
    {0x1p+1000, 0x1p+1000, -0x1p+1023, kInfinity},
    {0x1p+1000, 0x1p+1000, -kInfinity, -kInfinity},
    {-0x1p+1000, 0x1p+1000, kInfinity, kInfinity},
    {0x1p+512, 0x1p+512, -0x1p+970, kInfinity},           // a tie at the end of the range
    {0x1p+512, 0x1p+512, -0x1.0000000000001p+970, kMost}, // just below it
};

/// As a library does that has only a format of 64 bits.
double twice_rounded(const Hard& h) {
  volatile long double product = static_cast<long double>(h.a) * h.b;
  volatile long double sum = product + h.c;
  return static_cast<double>(sum);
}

TEST(FusedMultiplyAdd, RoundsOnce) {
  u32 harder = 0;
  for (const Hard& h : kHard) {
    EXPECT_EQ(std::bit_cast<u64>(exact_fma_f64(h.a, h.b, h.c)), std::bit_cast<u64>(h.result))
        << std::hexfloat << h.a << " * " << h.b << " + " << h.c << " = " << exact_fma_f64(h.a, h.b, h.c);
    EXPECT_EQ(exact_fma_f64(h.b, -h.a, -h.c), -h.result);
    EXPECT_EQ(fma_f64(h.a, h.b, h.c), h.result) << "what compiled code calls";
    harder += twice_rounded(h) != h.result;
  }
  if constexpr (std::numeric_limits<long double>::digits == 64) {
    EXPECT_GE(harder, 5u) << "the cases tell the two apart";
  }
}

TEST(FusedMultiplyAdd, RoundsFloatsOnce) {
  EXPECT_EQ(exact_fma_f32(0x1.000002p+0f, 0x1.fffffcp-1f, -0x1p+0f), -0x1p-46f);
  EXPECT_EQ(exact_fma_f32(1.0f, 0x1p-24f, 0x1.000002p+0f), 0x1.000004p+0f) << "a tie goes to even";
  EXPECT_EQ(exact_fma_f32(0x1p-75f, 0x1p-75f, 0x1p-149f), 0x1p-148f) << "also between subnormals";
  // By way of doubles, this would be a tie.
  EXPECT_EQ(exact_fma_f32(0x1.000002p-24f, 0x1p-30f, 0x1.000001p+0f), 0x1p+0f);
  EXPECT_EQ(exact_fma_f32(0x1p-24f, 1.0f + 0x1p-23f, 1.0f), 0x1.000002p+0f);
  EXPECT_EQ(exact_fma_f32(0x1.fffffep+127f, 2.0f, -0x1.fffffep+127f), 0x1.fffffep+127f);
  EXPECT_EQ(exact_fma_f32(0x1p+100f, 0x1p+100f, 1.0f), HUGE_VALF);
}

TEST(FusedMultiplyAdd, SignsOfZeros) {
  EXPECT_FALSE(std::signbit(exact_fma_f64(3.0, -7.0, 21.0))) << "what cancels is +0";
  EXPECT_FALSE(std::signbit(exact_fma_f64(-3.0, 7.0, 21.0)));
  EXPECT_TRUE(std::signbit(exact_fma_f64(-0x1p-600, 0x1p-600, 0.0))) << "as the product's sign says";
  EXPECT_TRUE(std::signbit(exact_fma_f64(-0x1p-1000, 0x1p-1000, 0.0)));
  EXPECT_TRUE(std::signbit(exact_fma_f64(-0.0, 1.0, -0.0)));
  EXPECT_FALSE(std::signbit(exact_fma_f64(-0.0, 1.0, 0.0)));
  EXPECT_TRUE(std::isnan(exact_fma_f64(kInfinity, 0.0, 1.0)));
  EXPECT_TRUE(std::isnan(exact_fma_f64(kInfinity, 1.0, -kInfinity)));
}

// mingw-w64's library is the one that is wrong.
#if !defined(_WIN32)

/// Any bits, or exponents near each other and few bits set, so that sums cancel and tie.
template <typename F, typename Bits> F some_float(std::mt19937_64& random, u32 kind) {
  constexpr u32 fraction = std::numeric_limits<F>::digits - 1;
  constexpr u64 below = (u64{1} << fraction) - 1, bias = std::numeric_limits<F>::max_exponent - 1;
  const u64 any = random();
  if (kind == 0) return std::bit_cast<F>(static_cast<Bits>(any));
  const u64 sign = (any & 1) << (8 * sizeof(F) - 1);
  if (kind == 1) return std::bit_cast<F>(static_cast<Bits>(sign | (any >> 1 & 3) << fraction | (random() & below)));
  const u64 digits = kind == 2 ? random() & random() & random() & random() & below : below ^ (random() & 7);
  const u64 exponent = (any >> 4) % 64 == 0 ? 2 * bias + 1 : bias - 60 + (any >> 4) % 120; // sometimes infinite or NaN
  return std::bit_cast<F>(static_cast<Bits>(sign | exponent << fraction | ((any >> 20) % 2 == 0 ? digits : 0)));
}

template <typename F, typename Bits> void expect_as_the_library(F (*fused)(F, F, F), u64 seed) {
  std::mt19937_64 random(seed);
  for (u32 round = 0; round < 200000; ++round) {
    const F a = some_float<F, Bits>(random, round & 3), b = some_float<F, Bits>(random, round >> 2 & 3),
            c = some_float<F, Bits>(random, round >> 4 & 3);
    const F found = fused(a, b, c), expected = std::fma(a, b, c);
    if (std::isnan(found) && std::isnan(expected)) continue;
    ASSERT_EQ(std::bit_cast<Bits>(found), std::bit_cast<Bits>(expected)) << std::hexfloat << a << " " << b << " " << c;
  }
}

TEST(FusedMultiplyAdd, AgreesWithTheLibrary) {
  expect_as_the_library<float, u32>(&exact_fma_f32, 1);
  expect_as_the_library<double, u64>(&exact_fma_f64, 2);
}

#endif

} // namespace
} // namespace assay::jit
