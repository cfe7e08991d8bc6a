// magic_test.cpp - the numbers of magic.h satisfy the condition that is necessary and sufficient for them to divide.
//
// Let m be the whole factor, 2^p the denominator, e = m d - 2^p, and n the largest dividend with remainder d - 1, for
// which a quotient that is too large shows first. floor(m x / 2^p) is x / d for all x just when 0 <= e and e n < 2^p.
// Below zero, where the quotient is rounded up, it is just when 0 < e and e n <= 2^p. Numbers of up to 129 bits are
// needed: pairs of words.
#include "compiler/opt/magic.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace assay::opt {
namespace {

/// high * 2^64 + low.
struct Wide {
  u64 high = 0, low = 0;
};

Wide product(u64 a, u64 b) {
  Wide out;
  for (u32 i = 0; i < 64; ++i) {
    if ((b >> i & 1) == 0) continue;
    const u64 low = a << i;
    out.high += (i == 0 ? 0 : a >> (64 - i)) + (out.low + low < low);
    out.low += low;
  }
  return out;
}

Wide power(u32 exponent) { return exponent < 64 ? Wide{0, u64{1} << exponent} : Wide{u64{1} << (exponent - 64), 0}; }
Wide minus(Wide a, Wide b) { return {a.high - b.high - (a.low < b.low), a.low - b.low}; }
bool less_equal(Wide a, Wide b) { return a.high != b.high ? a.high < b.high : a.low <= b.low; }

/// The largest number up to `bound` that leaves d - 1.
u64 worst_up_to(u64 bound, u64 divisor) { return bound - (bound % divisor + 1) % divisor; }

bool below_power(Wide a, u32 exponent) {
  return exponent >= 128 || (less_equal(a, power(exponent)) && !less_equal(power(exponent), a));
}

::testing::AssertionResult wrong(u64 divisor, Type type, const Magic& magic) {
  return ::testing::AssertionFailure() << divisor << " " << name_of(type) << ": factor " << magic.factor << " shift "
                                       << magic.shift;
}

/// e is less than d: what is lost above 2^128 on the way does not matter.
::testing::AssertionResult divides_unsigned(u64 divisor, Type type) {
  const Magic magic = magic_unsigned(divisor, type);
  const u32 bits = bits_of(type), p = bits + magic.shift;
  if (magic.shift > bits || (magic.wide && magic.shift == 0)) return wrong(divisor, type, magic);
  Wide all = product(magic.factor, divisor);
  if (magic.wide) { // 2^N d more
    const Wide more = bits == 64 ? Wide{divisor, 0} : Wide{0, divisor << bits};
    all = {all.high + more.high + (all.low + more.low < all.low), all.low + more.low};
  }
  const Wide error = p == 128 ? all : minus(all, power(p));
  if (error.high != 0 || error.low > divisor) return wrong(divisor, type, magic);
  if (!below_power(product(error.low, worst_up_to(bit_mask(type), divisor)), p)) return wrong(divisor, type, magic);
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult divides_signed(u64 divisor, Type type) {
  const Magic magic = magic_signed(divisor, type);
  const u32 bits = bits_of(type), p = bits + magic.shift;
  if (magic.shift >= bits) return wrong(divisor, type, magic);
  const Wide error = minus(product(magic.factor, divisor), power(p));
  if (error.high != 0 || error.low > divisor || error.low == 0) return wrong(divisor, type, magic);
  const u64 most = bit_mask(type) >> 1;
  if (!below_power(product(error.low, worst_up_to(most, divisor)), p)) return wrong(divisor, type, magic);
  if (!less_equal(product(error.low, worst_up_to(most + 1, divisor)), power(p))) return wrong(divisor, type, magic);
  return ::testing::AssertionSuccess();
}

TEST(Magic, every_narrow_divisor) {
  for (const Type type : {Type::I8, Type::I16})
    for (u64 d = 2; d <= bit_mask(type); ++d) {
      ASSERT_TRUE(divides_unsigned(d, type));
      if (d <= bit_mask(type) >> 1) {
        ASSERT_TRUE(divides_signed(d, type));
      }
    }
}

TEST(Magic, wide_divisors) {
  std::mt19937_64 random(5);
  for (const Type type : {Type::I32, Type::I64}) {
    std::vector<u64> divisors;
    for (u64 d = 2; d < 2000; ++d) divisors.push_back(d);
    for (u32 bit = 2; bit < bits_of(type); ++bit)
      for (u64 near = 0; near < 8; ++near) {
        divisors.push_back((u64{1} << bit) + near);
        divisors.push_back((u64{1} << bit) - near);
        divisors.push_back(random() >> bit);
      }
    for (u64 near = 0; near < 2000; ++near) divisors.push_back(bit_mask(type) - near);
    for (u64 d : divisors) {
      d &= bit_mask(type);
      if (d < 2) continue;
      ASSERT_TRUE(divides_unsigned(d, type));
      if (d <= bit_mask(type) >> 1) {
        ASSERT_TRUE(divides_signed(d, type));
      }
    }
  }
}

} // namespace
} // namespace assay::opt
