// Float operations: tables of known bits (written down from IEEE 754, not computed), and f32 arithmetic against
// f64 arithmetic rounded once more, which is exact for + - * / and sqrt (53 >= 2 * 24 + 2).
#include "harness.h"

#include <bit>
#include <cmath>
#include <limits>

namespace assay::oracle {
namespace {

u64 f32(float value) { return std::bit_cast<u32>(value); }
u64 f64(double value) { return std::bit_cast<u64>(value); }
float as_f32(u64 bits) { return std::bit_cast<float>(static_cast<u32>(bits)); }
double as_f64(u64 bits) { return std::bit_cast<double>(bits); }

constexpr u64 kNan32 = 0x7fc00000, kNan64 = 0x7ff8000000000000;
constexpr u64 kSignalling32 = 0x7f800001, kSignalling64 = 0x7ff0000000000001;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr float kInf32 = std::numeric_limits<float>::infinity();

const std::vector<u64> kFloats32 = {
    0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff,
    0xff7fffff, 0x7f800000, 0xff800000, 0x3f000000, 0x3effffff, 0x3fc00000, 0x40490fdb, 0x3eaaaaab, 0x4b000000,
    0x4b7fffff, 0xcb000001, 0x34000000, 0x33800000, 0x33800001, 0x1a2b3c4d, 0x5f000000, kNan32,     kSignalling32};

/// Whether two results are the same bits, or both a NaN.
bool same32(u64 a, u64 b) { return a == b || (std::isnan(as_f32(a)) && std::isnan(as_f32(b))); }

template <typename Exact> void check_f32_against_f64(Opcode op, Exact exact) {
  OneOp f(op, Type::F32);
  for (u64 a : kFloats32) {
    for (u64 b : kFloats32) {
      const double wide = exact(double{as_f32(a)}, double{as_f32(b)});
      const u64 got = f.value({a, b});
      EXPECT_TRUE(same32(got, f32(static_cast<float>(wide))))
          << info(op).name << std::hex << ' ' << a << ", " << b << ": " << got;
    }
  }
}

TEST(Float, f32_arithmetic_is_f64_arithmetic_rounded_once_more) {
  check_f32_against_f64(Opcode::FAdd, [](double a, double b) { return a + b; });
  check_f32_against_f64(Opcode::FSub, [](double a, double b) { return a - b; });
  check_f32_against_f64(Opcode::FMul, [](double a, double b) { return a * b; });
  check_f32_against_f64(Opcode::FDiv, [](double a, double b) {
    if (b != 0) return a / b;
    return std::isnan(a) || a == 0 ? as_f64(kNan64) : std::copysign(kInf, a) * std::copysign(1.0, b);
  });
  OneOp root(Opcode::FSqrt, Type::F32);
  for (u64 a : kFloats32) {
    EXPECT_TRUE(same32(root.value({a}), f32(static_cast<float>(std::sqrt(double{as_f32(a)}))))) << std::hex << a;
  }
}

struct Row64 {
  Opcode op;
  u64 a, b, result;
};

TEST(Float, f64_arithmetic_gives_known_bits) {
  const Row64 rows[] = {
      {Opcode::FAdd, 0x3fb999999999999a, 0x3fc999999999999a, 0x3fd3333333333334}, // 0.1 + 0.2
      {Opcode::FAdd, 0x4340000000000000, 0x3ff0000000000000, 0x4340000000000000}, // 2^53 + 1, a tie to even
      {Opcode::FAdd, 0x4340000000000001, 0x3ff0000000000000, 0x4340000000000002}, // the tie above goes up
      {Opcode::FAdd, 0x8000000000000000, 0x0000000000000000, 0x0000000000000000}, // -0 + 0
      {Opcode::FAdd, 0x7fefffffffffffff, 0x7c90000000000000, 0x7ff0000000000000}, // max + half an ulp overflows
      {Opcode::FSub, 0x0010000000000000, 0x0000000000000001, 0x000fffffffffffff}, // into the subnormals
      {Opcode::FSub, 0x3ff0000000000000, 0x3ff0000000000000, 0x0000000000000000}, // 1 - 1 = +0
      {Opcode::FMul, 0x3fb999999999999a, 0x3fb999999999999a, 0x3f847ae147ae147c}, // 0.1 * 0.1
      {Opcode::FMul, 0x0000000000000001, 0x3fe0000000000000, 0x0000000000000000}, // least * 0.5, a tie to even
      {Opcode::FMul, 0x0000000000000003, 0x3fe0000000000000, 0x0000000000000002}, // 3 * least * 0.5
      {Opcode::FMul, 0x8000000000000001, 0x3fe0000000000000, 0x8000000000000000}, // -0
      {Opcode::FDiv, 0x3ff0000000000000, 0x4008000000000000, 0x3fd5555555555555}, // 1 / 3
      {Opcode::FDiv, 0x3ff0000000000000, 0x8000000000000000, 0xfff0000000000000}, // 1 / -0
      {Opcode::FDiv, 0xfff0000000000000, 0x8000000000000000, 0x7ff0000000000000}, // -inf / -0
      {Opcode::FDiv, 0x0010000000000000, 0x4000000000000000, 0x0008000000000000}, // into the subnormals
  };
  for (const Row64& row : rows) {
    EXPECT_EQ(OneOp(row.op, Type::F64).value({row.a, row.b}), row.result) << info(row.op).name << std::hex << row.a;
  }
  EXPECT_EQ(OneOp(Opcode::FSqrt, Type::F64).value({0x4000000000000000}), 0x3ff6a09e667f3bcdu);
  EXPECT_EQ(OneOp(Opcode::FSqrt, Type::F64).value({0x8000000000000000}), 0x8000000000000000u);
}

TEST(Float, invalid_operations_give_a_nan) {
  EXPECT_TRUE(std::isnan(as_f64(OneOp(Opcode::FDiv, Type::F64).value({0, 0x8000000000000000}))));
  EXPECT_TRUE(std::isnan(as_f64(OneOp(Opcode::FSub, Type::F64).value({f64(kInf), f64(kInf)}))));
  EXPECT_TRUE(std::isnan(as_f64(OneOp(Opcode::FMul, Type::F64).value({f64(kInf), 0}))));
  EXPECT_TRUE(std::isnan(as_f64(OneOp(Opcode::FSqrt, Type::F64).value({f64(-1)}))));
  EXPECT_TRUE(std::isnan(as_f32(OneOp(Opcode::FAdd, Type::F32).value({kSignalling32, f32(1)}))));
}

TEST(Float, fma_rounds_once) {
  OneOp f(Opcode::Fma, Type::F64), g(Opcode::Fma, Type::F32);
  // (1 + 2^-52)^2 - (1 + 2^-51) = 2^-104; rounding the product first would give 0.
  EXPECT_EQ(f.value({0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002}), 0x3970000000000000u);
  // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46.
  EXPECT_EQ(g.value({0x3f800001, 0x3f800001, 0xbf800002}), 0x28800000u);
  // (1 + 2^-23) * 1.5 is a tie, which goes up to even; 2^-80 less breaks it, but would be lost through f64.
  EXPECT_EQ(g.value({0x3f800001, 0x3fc00000, 0x80000000}), 0x3fc00002u);
  EXPECT_EQ(g.value({0x3f800001, 0x3fc00000, f32(-std::ldexp(1.0f, -80))}), 0x3fc00001u);
  EXPECT_EQ(g.value({f32(kInf32), f32(1), f32(1)}), f32(kInf32));
}

TEST(Float, fma_of_f32_agrees_with_f64_where_that_is_exact) {
  OneOp f(Opcode::Fma, Type::F32);
  // Small integers: product and sum fit 53 bits, so rounding once from f64 is the definition.
  for (int a = -4099; a < 4099; a += 331) {
    for (int b = -65537; b < 65537; b += 5003) {
      for (int c : {-16777217, -1, 0, 3, 33554435}) {
        const double exact = double(a) * b + double(float(c));
        EXPECT_EQ(f.value({f32(float(a)), f32(float(b)), f32(float(c))}), f32(static_cast<float>(exact)));
      }
    }
  }
}

TEST(Float, minimum_and_maximum_order_zeros_and_keep_nan) {
  OneOp min(Opcode::FMin, Type::F64), max(Opcode::FMax, Type::F64);
  const u64 pos = 0, neg = 0x8000000000000000;
  EXPECT_EQ(min.value({pos, neg}), neg);
  EXPECT_EQ(min.value({neg, pos}), neg);
  EXPECT_EQ(max.value({pos, neg}), pos);
  EXPECT_EQ(max.value({neg, pos}), pos);
  EXPECT_EQ(max.value({neg, neg}), neg);
  EXPECT_EQ(min.value({f64(-3), f64(2)}), f64(-3));
  EXPECT_EQ(max.value({f64(-3), f64(2)}), f64(2));
  EXPECT_EQ(min.value({f64(-kInf), f64(2)}), f64(-kInf));
  for (u64 nan : {kNan64, kSignalling64, kNan64 | neg}) {
    EXPECT_TRUE(std::isnan(as_f64(min.value({nan, f64(1)}))));
    EXPECT_TRUE(std::isnan(as_f64(min.value({f64(1), nan}))));
    EXPECT_TRUE(std::isnan(as_f64(max.value({nan, f64(1)}))));
    EXPECT_TRUE(std::isnan(as_f64(max.value({f64(1), nan}))));
  }
}

TEST(Float, sign_operations_keep_every_other_bit) {
  for (u64 bits : kFloats32) {
    EXPECT_EQ(OneOp(Opcode::FNeg, Type::F32).value({bits}), bits ^ 0x80000000u);
    EXPECT_EQ(OneOp(Opcode::FAbs, Type::F32).value({bits}), bits & 0x7fffffffu);
    EXPECT_EQ(OneOp(Opcode::FCopysign, Type::F32).value({bits, 0x80000000}), bits | 0x80000000u);
    EXPECT_EQ(OneOp(Opcode::FCopysign, Type::F32).value({bits, 0x3f800000}), bits & 0x7fffffffu);
  }
  EXPECT_EQ(OneOp(Opcode::FNeg, Type::F64).value({kSignalling64}), kSignalling64 | 0x8000000000000000u);
}

struct IntegralRow {
  double value, ceil, floor, trunc, nearest;
};
constexpr IntegralRow kIntegral[] = {
    {0.0, 0.0, 0.0, 0.0, 0.0},       {-0.0, -0.0, -0.0, -0.0, -0.0}, {0.5, 1.0, 0.0, 0.0, 0.0},
    {-0.5, -0.0, -1.0, -0.0, -0.0},  {1.5, 2.0, 1.0, 1.0, 2.0},      {-1.5, -1.0, -2.0, -1.0, -2.0},
    {2.5, 3.0, 2.0, 2.0, 2.0},       {-2.5, -2.0, -3.0, -2.0, -2.0}, {0.75, 1.0, 0.0, 0.0, 1.0},
    {-0.75, -0.0, -1.0, -0.0, -1.0}, {0.25, 1.0, 0.0, 0.0, 0.0},     {3.0, 3.0, 3.0, 3.0, 3.0},
    {1e30, 1e30, 1e30, 1e30, 1e30},  {kInf, kInf, kInf, kInf, kInf}, {-kInf, -kInf, -kInf, -kInf, -kInf},
};

TEST(Float, to_integral_follows_the_direction_and_keeps_the_sign_of_zero) {
  for (const IntegralRow& row : kIntegral) {
    EXPECT_EQ(OneOp(Opcode::FCeil, Type::F64).value({f64(row.value)}), f64(row.ceil)) << row.value;
    EXPECT_EQ(OneOp(Opcode::FFloor, Type::F64).value({f64(row.value)}), f64(row.floor)) << row.value;
    EXPECT_EQ(OneOp(Opcode::FTrunc, Type::F64).value({f64(row.value)}), f64(row.trunc)) << row.value;
    EXPECT_EQ(OneOp(Opcode::FNearest, Type::F64).value({f64(row.value)}), f64(row.nearest)) << row.value;
    const float value = static_cast<float>(row.value);
    EXPECT_EQ(OneOp(Opcode::FCeil, Type::F32).value({f32(value)}), f32(static_cast<float>(row.ceil))) << value;
    EXPECT_EQ(OneOp(Opcode::FFloor, Type::F32).value({f32(value)}), f32(static_cast<float>(row.floor))) << value;
    EXPECT_EQ(OneOp(Opcode::FTrunc, Type::F32).value({f32(value)}), f32(static_cast<float>(row.trunc))) << value;
    EXPECT_EQ(OneOp(Opcode::FNearest, Type::F32).value({f32(value)}), f32(static_cast<float>(row.nearest))) << value;
  }
}

TEST(Float, to_integral_agrees_with_the_library_on_every_exponent) {
  OneOp ceil(Opcode::FCeil, Type::F32), floor(Opcode::FFloor, Type::F32), trunc(Opcode::FTrunc, Type::F32),
      nearest(Opcode::FNearest, Type::F32);
  for (u32 exponent = 0; exponent < 255; ++exponent) {
    for (u32 fraction : {0u, 1u, 0x400000u, 0x400001u, 0x3fffffu, 0x7fffffu, 0x7ffffeu, 0x2aaaaau}) {
      for (u32 sign : {0u, 0x80000000u}) {
        const u64 bits = sign | exponent << 23 | fraction;
        const float value = as_f32(bits);
        EXPECT_EQ(ceil.value({bits}), f32(std::ceil(value)));
        EXPECT_EQ(floor.value({bits}), f32(std::floor(value)));
        EXPECT_EQ(trunc.value({bits}), f32(std::trunc(value)));
        EXPECT_EQ(nearest.value({bits}), f32(std::nearbyint(value)));
      }
    }
  }
}

TEST(Float, to_integral_of_the_largest_fractions_rounds_right) {
  OneOp f(Opcode::FNearest, Type::F64);
  EXPECT_EQ(f.value({0x3fdfffffffffffff}), 0u);                  // just below 0.5
  EXPECT_EQ(f.value({0x432fffffffffffff}), 0x4330000000000000u); // 2^52 - 0.5, a tie
  EXPECT_EQ(f.value({0x432ffffffffffffd}), 0x432ffffffffffffcu); // 2^52 - 1.5, a tie
  EXPECT_TRUE(std::isnan(as_f64(f.value({kSignalling64}))));
}

TEST(Float, comparisons_are_false_when_unordered_except_fne) {
  struct Row {
    Opcode op;
    u64 less, equal, greater, unordered;
  };
  const Row rows[] = {{Opcode::FEq, 0, 1, 0, 0}, {Opcode::FNe, 1, 0, 1, 1}, {Opcode::FLt, 1, 0, 0, 0},
                      {Opcode::FLe, 1, 1, 0, 0}, {Opcode::FGt, 0, 0, 1, 0}, {Opcode::FGe, 0, 1, 1, 0}};
  for (const Row& row : rows) {
    OneOp f(row.op, Type::F64), g(row.op, Type::F32);
    EXPECT_EQ(f.value({f64(1), f64(2)}), row.less);
    EXPECT_EQ(f.value({f64(2), f64(2)}), row.equal);
    EXPECT_EQ(f.value({f64(-0.0), f64(0.0)}), row.equal);
    EXPECT_EQ(f.value({f64(kInf), f64(2)}), row.greater);
    EXPECT_EQ(f.value({kNan64, f64(2)}), row.unordered);
    EXPECT_EQ(f.value({kNan64, kNan64}), row.unordered);
    EXPECT_EQ(g.value({f32(-1), f32(1)}), row.less);
    EXPECT_EQ(g.value({0x00000001, 0x00000000}), row.greater); // subnormals are kept
    EXPECT_EQ(g.value({f32(1), kSignalling32}), row.unordered);
  }
}

TEST(Float, fcanon_changes_nothing_but_nan) {
  for (u64 bits : kFloats32) {
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    EXPECT_EQ(OneOp(Opcode::FCanon, Type::F32).value({bits}), nan ? kNan32 : bits);
  }
  EXPECT_EQ(OneOp(Opcode::FCanon, Type::F64).value({0xfff0000000000123}), kNan64);
}

} // namespace
} // namespace assay::oracle
