// fuel_test.cpp - bound_with_fuel cuts every cycle of blocks and of calls, and nothing else.
#include "fuzz/mutate/nan.h"
#include "fuzz/mutate/tests/helpers.h"

namespace assay::fuzz {
namespace {

/// Fuel that was missing; afterwards there is none missing.
u32 inserted(std::string_view text) {
  Module module = module_of(text);
  const bool bounded = fuel_bounded(module);
  const u32 count = bound_with_fuel(module);
  EXPECT_EQ(bounded, count == 0);
  EXPECT_TRUE(verify(module).ok());
  EXPECT_TRUE(fuel_bounded(module));
  EXPECT_EQ(bound_with_fuel(module), 0u);
  return count;
}

TEST(BoundWithFuel, straight_code_needs_none) {
  EXPECT_EQ(inserted("func @g() {\n^b0:\n  return\n}\nfunc @f() {\n^b0:\n  call @g()\n  return\n}\n"), 0u);
}

TEST(BoundWithFuel, a_loop_needs_one) {
  EXPECT_EQ(inserted("func @f(i32) {\n^b0(%x: i32):\n  jump ^b1\n^b1:\n  branch %x, ^b1, ^b2\n^b2:\n  return\n}\n"),
            1u);
}

TEST(BoundWithFuel, fuel_anywhere_in_the_cycle_is_enough) {
  EXPECT_EQ(
      inserted("func @f(i32) {\n^b0(%x: i32):\n  jump ^b1\n^b1:\n  branch %x, ^b2, ^b3\n^b2:\n  fuel 2\n  jump ^b1\n"
               "^b3:\n  return\n}\n"),
      0u);
}

TEST(BoundWithFuel, fuel_of_nothing_does_not_count) {
  EXPECT_EQ(
      inserted("func @f(i32) {\n^b0(%x: i32):\n  jump ^b1\n^b1:\n  fuel 0\n  branch %x, ^b1, ^b2\n^b2:\n  return\n}\n"),
      1u);
}

TEST(BoundWithFuel, irreducible_cycles_are_cut) {
  EXPECT_EQ(
      inserted("func @f(i32) {\n^b0(%x: i32):\n  branch %x, ^b1, ^b2\n^b1:\n  branch %x, ^b2, ^b3\n^b2:\n  jump ^b1\n"
               "^b3:\n  return\n}\n"),
      1u);
}

TEST(BoundWithFuel, recursion_needs_fuel_at_the_entry_before_the_call) {
  EXPECT_EQ(inserted("func @f() {\n^b0:\n  call @f()\n  return\n}\n"), 1u);
  EXPECT_EQ(inserted("func @f() {\n^b0:\n  call @f()\n  fuel 1\n  return\n}\n"), 1u);
  EXPECT_EQ(inserted("func @f() {\n^b0:\n  fuel 1\n  call @f()\n  return\n}\n"), 0u);
  EXPECT_EQ(inserted("func @f() {\n^b0:\n  tail_call @f()\n}\n"), 1u);
}

TEST(BoundWithFuel, recursion_through_the_table_an_address_and_the_host_is_seen) {
  EXPECT_EQ(inserted("table [@f]\nfunc @f() {\n^b0:\n  %i = const.i32 0\n  call_indirect () %i()\n  return\n}\n"), 1u);
  EXPECT_EQ(inserted("func @f() {\n^b0:\n  %p = func_addr @f\n  call_ptr () %p()\n  return\n}\n"), 1u);
  EXPECT_EQ(inserted("import @call_back(i64) -> i64\nexport func @f(i64) -> i64 {\n^b0(%x: i64):\n"
                     "  %r = call @call_back(%x)\n  return %r\n}\n"),
            1u);
}

TEST(BoundWithFuel, calls_through_the_table_reach_their_signature_only) {
  EXPECT_EQ(inserted("table [@f]\nfunc @f() {\n^b0:\n  %i = const.i32 0\n  call_indirect (i32) %i(%i)\n  return\n}\n"),
            0u);
}

} // namespace
} // namespace assay::fuzz
