// constants_test.cpp - edge literals: within their width, and the edges are really among them.
#include "fuzz/generate/draw/constants.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>

namespace assay::fuzz {
namespace {

constexpr Type kNumbers[] = {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64};
constexpr Type kInts[] = {Type::I8, Type::I16, Type::I32, Type::I64};

TEST(EdgeConstant, stays_within_the_width) {
  Random random(1);
  for (const Type type : kNumbers) {
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(edge_constant(random, type) & ~bit_mask(type), 0u);
  }
}

TEST(EdgeConstant, draws_the_edges_of_every_integer_type) {
  Random random(2);
  for (const Type type : kInts) {
    std::set<u64> seen;
    for (int i = 0; i < 4000; ++i) seen.insert(edge_constant(random, type));
    const u64 min = u64{1} << (bits_of(type) - 1);
    for (const u64 edge : {u64{0}, u64{1}, bit_mask(type), min, min - 1, min >> 1})
      EXPECT_TRUE(seen.count(edge)) << edge;
  }
}

TEST(EdgeConstant, draws_nan_infinity_subnormals_and_negative_zero) {
  Random random(3);
  bool nan = false, infinite = false, subnormal = false, minus_zero = false, two_to_63 = false;
  for (int i = 0; i < 4000; ++i) {
    const double value = std::bit_cast<double>(edge_constant(random, Type::F64));
    nan = nan || std::isnan(value);
    infinite = infinite || std::isinf(value);
    subnormal = subnormal || std::fpclassify(value) == FP_SUBNORMAL;
    minus_zero = minus_zero || (value == 0 && std::signbit(value));
    two_to_63 = two_to_63 || value == 9223372036854775808.0;
  }
  EXPECT_TRUE(nan && infinite && subnormal && minus_zero && two_to_63);
}

/// How often the value lies one above the middle between two neighbouring f64: truncating it first rounds it down.
TEST(EdgeConstant, draws_what_only_the_last_bit_rounds_up) {
  Random random(7);
  int seen = 0;
  for (int i = 0; i < 4000; ++i) {
    const u64 bits = edge_constant(random, Type::I64);
    const bool dropped_bit_decides = (bits >> 63) != 0 && (bits & 0xfff) == 0x401;
    seen += dropped_bit_decides;
    if (dropped_bit_decides) {
      EXPECT_NE(static_cast<double>(bits), 2 * static_cast<double>(bits >> 1));
    }
  }
  EXPECT_GT(seen, 4);
}

TEST(EdgeImmediate, draws_both_sides_of_each_limit_of_a_field) {
  Random random(8);
  std::set<u64> seen;
  for (int i = 0; i < 4000; ++i) seen.insert(edge_immediate(random, Type::I64));
  for (const u64 limit : {u64{127}, u64{128}, u64{65535}, u64{65536}, u64{0x7fffffff}, u64{0x80000000}, u64{0xffffffff},
                          u64{0x100000000}}) {
    EXPECT_TRUE(seen.count(limit)) << limit;
    EXPECT_TRUE(seen.count(~limit + 1)) << limit;
  }
}

TEST(EdgeDivisor, is_never_zero) {
  Random random(4);
  for (const Type type : kInts) {
    for (int i = 0; i < 2000; ++i) {
      const u64 bits = edge_divisor(random, type);
      EXPECT_NE(bits, 0u);
      EXPECT_EQ(bits & ~bit_mask(type), 0u);
    }
  }
}

TEST(EdgeCount, draws_zero_the_width_and_beyond) {
  Random random(5);
  std::set<u64> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(edge_count(random, Type::I32));
  for (const u64 count : {0u, 31u, 32u, 33u}) EXPECT_TRUE(seen.count(count)) << count;
}

TEST(FloatLimit, everything_below_it_converts) {
  Random random(6);
  for (const Type type : kInts) {
    for (const bool is_signed : {false, true}) {
      const double most = std::ldexp(1.0, static_cast<int>(bits_of(type)) - (is_signed ? 1 : 0));
      for (int i = 0; i < 200; ++i) {
        EXPECT_LE(std::bit_cast<double>(float_limit(random, Type::F64, type, is_signed)), most);
        EXPECT_LE(std::bit_cast<float>(static_cast<u32>(float_limit(random, Type::F32, type, is_signed))), most);
      }
    }
  }
}

} // namespace
} // namespace assay::fuzz
