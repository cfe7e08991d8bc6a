// gvn_apart_test.cpp - which loads are known behind stores of f64 that do not meet them, as Bounds says.
#include "derived.h"

namespace assay::opt {
namespace {

/// Loads that are left of two of the same place with `between` standing there.
u32 loads_around(const std::string& between, std::initializer_list<PassId> passes = {PassId::Bounds, PassId::Gvn}) {
  const std::string text =
      text_after("memory 65536\nimport @h()\nexport func @f(i32, i32, f64, ptr) -> f64 {\n"
                 "^e(%i: i32, %k: i32, %x: f64, %n: ptr):\n  %mask = const.i32 4088\n  %p = and.i32 %i, %mask\n"
                 "  %q = and.i32 %k, %mask\n  %w = const.i64 1\n  %a = load.f64 %p, 0\n" +
                     between + "  %b = load.f64 %p, 0\n  %r = fsub.f64 %a, %b\n  return %r\n}\n",
                 passes);
  u32 count = 0;
  for (std::size_t at = text.find(" load.f64"); at != std::string::npos; at = text.find(" load.f64", at + 1)) ++count;
  return count;
}

TEST(GvnApart, a_store_between_known_limits_leaves_loads_alone_that_are_outside_of_them) {
  EXPECT_EQ(loads_around("  store.f64 %q, 4096, %x\n"), 1u);
  EXPECT_EQ(loads_around("  store.f64 %q, 4095, %x\n"), 2u) << "the last byte";
  EXPECT_EQ(loads_around("  store.f64 %q, 0, %x\n"), 2u);
  EXPECT_EQ(loads_around("  store.f64 %q, 8192, %x\n  store.f64 %q, 4104, %x\n"), 1u);
  EXPECT_EQ(loads_around("  store.f64 %q, 8192, %x\n  store.f64 %q, 8, %x\n"), 2u);
  EXPECT_EQ(loads_around("  store.f64 %q, 8, %x\n  store.f64 %q, 8192, %x\n"), 2u);
  EXPECT_EQ(loads_around("  store.f64 %p, 0, %x\n"), 1u) << "that is what it stored";
  EXPECT_EQ(loads_around("  store.f64 %p, 0, %x\n  store.f64 %q, 8192, %x\n"), 1u);
}

TEST(GvnApart, what_else_writes_is_thought_to_write_anywhere) {
  const std::string apart = "  store.f64 %q, 8192, %x\n";
  EXPECT_EQ(loads_around(apart, {PassId::Gvn}), 2u) << "nothing is known of it";
  EXPECT_EQ(loads_around("  store.i64 %q, 8192, %w\n"), 2u) << "no f64";
  EXPECT_EQ(loads_around(apart + "  call @h()\n"), 2u);
  EXPECT_EQ(loads_around("  call @h()\n" + apart), 2u);
  EXPECT_EQ(loads_around(apart + "  pstore.f64 %n, 0, %x\n"), 2u);
  EXPECT_EQ(loads_around("  %c = pload.f64 %n, 0\n" + apart + "  %d = pload.f64 %n, 0\n  %s = fadd.f64 %c, %d\n"), 1u);
}

TEST(GvnApart, so_many_stores_are_looked_at_and_no_more) {
  std::string stores;
  for (u32 i = 0; i < 16; ++i) stores += "  store.f64 %q, " + std::to_string(8192 + 8 * i) + ", %x\n";
  EXPECT_EQ(loads_around(stores), 1u);
  EXPECT_EQ(loads_around(stores + "  store.f64 %q, 32768, %x\n"), 2u);
}

TEST(GvnApart, stores_of_one_way_are_not_those_of_the_other) {
  const auto ways = [](const std::string& one, const std::string& other) {
    return "  branch %i, ^b, ^c\n^b:\n" + one + "  %y = load.f64 %p, 0\n  return %y\n^c:\n" + other;
  };
  const std::string meets = "  store.f64 %q, 0, %x\n", apart = "  store.f64 %q, 8192, %x\n";
  EXPECT_EQ(loads_around(ways(apart, apart)), 1u);
  EXPECT_EQ(loads_around(ways(meets, apart)), 2u);
  EXPECT_EQ(loads_around(ways(apart, meets)), 2u);
  EXPECT_EQ(loads_around(ways(meets, meets)), 3u);
}

} // namespace
} // namespace assay::opt
