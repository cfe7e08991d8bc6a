// nan_test.cpp - where canonicalise_exposed_nans inserts fcanon, and where it need not.
#include "fuzz/mutate/nan.h"

#include "fuzz/mutate/tests/helpers.h"

namespace assay::fuzz {
namespace {

TEST(CanonicaliseNans, guards_a_returned_sum) {
  Module module =
      module_of("func @f(f64, f64) -> f64 {\n^b0(%a: f64, %b: f64):\n  %s = fadd.f64 %a, %b\n  return %s\n}\n");
  EXPECT_EQ(canonicalise_exposed_nans(module), 1u);
  EXPECT_TRUE(verify(module).ok());
  EXPECT_EQ(to_text(module), "func @f(f64, f64) -> f64 {\n^b0(%0: f64, %1: f64):\n  %2 = fadd.f64 %0, %1\n"
                             "  %3 = fcanon.f64 %2\n  return %3\n}\n");
}

TEST(CanonicaliseNans, leaves_arithmetic_chains_and_comparisons_alone) {
  Module module = module_of("func @f(f32) -> i8 {\n^b0(%a: f32):\n  %s = fmul.f32 %a, %a\n  %t = fsqrt.f32 %s\n"
                            "  %c = flt.f32 %t, %s\n  return %c\n}\n");
  EXPECT_EQ(canonicalise_exposed_nans(module), 0u);
}

TEST(CanonicaliseNans, one_fcanon_serves_all_exposing_uses_of_a_value) {
  Module module =
      module_of("memory 64\nglobal @g : f64 = 0x0p+0\nfunc @f(f64) -> f64 {\n^b0(%a: f64):\n"
                "  %s = fdiv.f64 %a, %a\n  %z = const.i32 0\n  store.f64 %z, 0, %s\n  global_set.f64 @g, %s\n"
                "  %n = fneg.f64 %s\n  %t = fadd.f64 %s, %n\n  %c = fcanon.f64 %t\n  return %c\n}\n");
  EXPECT_EQ(canonicalise_exposed_nans(module), 1u);
  EXPECT_TRUE(verify(module).ok());
}

TEST(CanonicaliseNans, guards_edges_calls_selects_bitcasts_and_sign_operations) {
  Module module =
      module_of("import @log(f32)\nfunc @f(f32, f32) -> i32 {\n^b0(%a: f32, %b: f32):\n"
                "  %1 = fadd.f32 %a, %b\n  %2 = fsub.f32 %a, %b\n  %3 = fmul.f32 %a, %b\n  %4 = fdiv.f32 %a, %b\n"
                "  call @log(%1)\n  %i = bitcast.i32.f32 %2\n  %s = select.f32 %i, %3, %a\n  jump ^b1(%4)\n"
                "^b1(%p: f32):\n  return %i\n}\n");
  EXPECT_EQ(canonicalise_exposed_nans(module), 4u);
  EXPECT_TRUE(verify(module).ok());
}

TEST(CanonicaliseNans, a_second_time_does_nothing) {
  Module module =
      module_of("func @f(f64, f64) -> f64 {\n^b0(%a: f64, %b: f64):\n  %s = fmax.f64 %a, %b\n  return %s\n}\n");
  EXPECT_EQ(canonicalise_exposed_nans(module), 1u);
  const std::string once = to_text(module);
  EXPECT_EQ(canonicalise_exposed_nans(module), 0u);
  EXPECT_EQ(to_text(module), once);
}

TEST(MakesArbitraryNan, is_true_of_arithmetic_only) {
  for (const Opcode op : {Opcode::FAdd, Opcode::Fma, Opcode::FMin, Opcode::FPromote, Opcode::FNearest, Opcode::FSqrt}) {
    EXPECT_TRUE(makes_arbitrary_nan(op)) << info(op).name;
  }
  for (const Opcode op : {Opcode::FNeg, Opcode::FAbs, Opcode::FCopysign, Opcode::FCanon, Opcode::Select, Opcode::Load,
                          Opcode::I2fS, Opcode::Bitcast}) {
    EXPECT_FALSE(makes_arbitrary_nan(op)) << info(op).name;
  }
}

} // namespace
} // namespace assay::fuzz
