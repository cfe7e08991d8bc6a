// lower_packed_test.cpp - which neighbouring f64 are computed and stored at once on x64, and which must not be.
#include "compile_support.h"
#include "compiler/codegen/lowering.h"

namespace assay::codegen {
namespace {

u32 packed_in(const std::string& body, const std::string& head = "") {
  CompileOptions options;
  options.level = Level::O2;
  const LirFunction f =
      lower("memory 65536\n" + head + "export func @f(i32, i32, f64, f64) {\n" +
                "^e(%a: i32, %b: i32, %x: f64, %y: f64):\n %z = const.i32 1024\n" +
                " %mask = const.i32 4088\n %p = and.i32 %a, %mask\n %q = and.i32 %b, %mask\n" + body + " return\n}\n",
            options);
  const std::string names = " " + op_names(f) + " ";
  u32 count = 0;
  for (std::size_t at = names.find(" packed "); at != std::string::npos; at = names.find(" packed ", at + 1)) ++count;
  return count;
}

/// %n = from `at` + offset times %x, and stored `to`: with what stands between.
std::string product(const std::string& name, const std::string& at, u32 from, const std::string& to, u32 offset) {
  return " %l" + name + " = load.f64 " + at + ", " + std::to_string(from) + "\n %m" + name + " = fmul.f64 %l" + name +
         ", %x\n store.f64 " + to + ", " + std::to_string(offset) + ", %m" + name + "\n";
}

TEST(LowerPacked, NeighboursAtTheSameAddressAreOneInEitherOrder) {
  EXPECT_EQ(packed_in(product("1", "%z", 0, "%z", 64) + product("2", "%z", 8, "%z", 72)), 1u);
  EXPECT_EQ(packed_in(product("1", "%z", 8, "%z", 72) + product("2", "%z", 0, "%z", 64)), 1u);
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%p", 64) + product("2", "%p", 8, "%p", 72)), 1u);
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%p", 0) + product("2", "%p", 8, "%p", 8)), 1u); // each in its own place
}

TEST(LowerPacked, TwoPairsOfFourAreTwo) {
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%p", 0) + product("2", "%p", 8, "%p", 8) +
                      product("3", "%p", 16, "%p", 16) + product("4", "%p", 24, "%p", 24)),
            2u);
}

TEST(LowerPacked, OtherAddressesAreKnownToBeApartByTheirIntervals) {
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%q", 4096) + product("2", "%p", 8, "%q", 4104)), 0u); // 4,096 is read, too
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%q", 4104) + product("2", "%p", 8, "%q", 4112)), 1u);
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%q", 0) + product("2", "%p", 8, "%q", 8)), 0u);
}

TEST(LowerPacked, WhatTheFirstStoresIsNotLoadedBefore) {
  EXPECT_EQ(packed_in(product("1", "%z", 0, "%z", 8) + product("2", "%z", 8, "%z", 16)), 0u);
  const std::string between = " store.f64 %q, 0, %y\n";
  EXPECT_EQ(packed_in(product("1", "%p", 0, "%p", 8192) + between + product("2", "%p", 8, "%p", 8200)), 0u);
  EXPECT_EQ(
      packed_in(product("1", "%p", 0, "%p", 8192) + " store.f64 %q, 16384, %y\n" + product("2", "%p", 8, "%p", 8200)),
      1u);
}

TEST(LowerPacked, WhatSeesMemoryKeepsThemApart) {
  const std::string first = product("1", "%z", 0, "%z", 64), second = product("2", "%z", 8, "%z", 72);
  EXPECT_EQ(packed_in(first + " fuel 1\n" + second), 0u);
  EXPECT_EQ(packed_in(first + " call @h()\n" + second, "import @h()\n"), 0u);
  EXPECT_EQ(packed_in(first + " %t = load.f64 %b, 0\n" + second), 0u); // may trap
  EXPECT_EQ(packed_in(first + " %t = div_u.i32 %a, %b\n" + second), 0u);
  EXPECT_EQ(packed_in(first + " %t = mul.i32 %a, %b\n" + second), 1u);
}

TEST(LowerPacked, ValuesMustBeMadeAlikeAndReadOnce) {
  const std::string first = product("1", "%z", 0, "%z", 64);
  EXPECT_EQ(packed_in(first + " %l = load.f64 %z, 8\n %m = fadd.f64 %l, %x\n store.f64 %z, 72, %m\n"), 0u);
  EXPECT_EQ(packed_in(first + " %l = load.f64 %z, 16\n %m = fmul.f64 %l, %x\n store.f64 %z, 72, %m\n"), 0u);
  EXPECT_EQ(packed_in(first + product("2", "%z", 8, "%z", 72) + " store.f64 %z, 256, %m2\n"), 0u);
  EXPECT_EQ(packed_in(" store.f64 %z, 0, %x\n store.f64 %z, 8, %y\n"), 0u); // no less work
}

TEST(LowerPacked, NaNsAreMadeCanonicalOnTheWay) {
  const auto canonical = [](const std::string& n, u32 offset) {
    const std::string at = std::to_string(offset);
    return " %l" + n + " = load.f64 %p, " + at + "\n %m" + n + " = fmul.f64 %l" + n + ", %x\n %n" + n +
           " = fcanon.f64 %m" + n + "\n store.f64 %p, " + at + ", %n" + n + "\n";
  };
  EXPECT_EQ(packed_in(canonical("1", 0) + canonical("2", 8)), 1u);
  EXPECT_EQ(packed_in(canonical("1", 0) + product("2", "%p", 8, "%p", 8)), 0u);
}

TEST(LowerPacked, TwoLoadsAndTwoValuesAreTheMost) {
  const std::string tail = " store.f64 %z, 64, %r\n store.f64 %z, 72, %s\n";
  EXPECT_EQ(packed_in(" %l = load.f64 %z, 0\n %m = load.f64 %z, 8\n %i = load.f64 %z, 160\n %j = load.f64 %z, 168\n"
                      " %t = fmul.f64 %l, %x\n %u = fmul.f64 %m, %y\n %r = fdiv.f64 %t, %i\n %s = fdiv.f64 %u, %j\n" +
                      tail),
            1u);
  EXPECT_EQ(packed_in(" %l = load.f64 %z, 0\n %m = load.f64 %z, 8\n %i = load.f64 %z, 160\n %j = load.f64 %z, 168\n"
                      " %n = load.f64 %z, 320\n %o = load.f64 %z, 328\n %t = fadd.f64 %l, %n\n %u = fadd.f64 %m, %o\n"
                      " %r = fdiv.f64 %t, %i\n %s = fdiv.f64 %u, %j\n" +
                      tail),
            0u);
}

TEST(LowerPacked, OnlyAtO2AndOnlyWhereTheDecisionIsMade) {
  CompileOptions options;
  const std::string text = "memory 65536\nexport func @f(f64) {\n^e(%x: f64):\n %z = const.i32 1024\n" +
                           product("1", "%z", 0, "%z", 64) + product("2", "%z", 8, "%z", 72) + " return\n}\n";
  const auto has = [&] { return op_names(lower(text, options)).find("packed") != std::string::npos; };
  EXPECT_FALSE(has());
  options.level = Level::O2;
  EXPECT_TRUE(has());
  options.passes.decision_limits[static_cast<u32>(DecisionArea::Selection)] = 0;
  EXPECT_FALSE(has());
}

} // namespace
} // namespace assay::codegen
