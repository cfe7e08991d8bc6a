// fuel_test.cpp - OreOptions::fuel bounds every program: loops of each kind, and recursion, end by a trap.
#include "assay/ore.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

Outcome run(const char* body, bool fuel, u64 budget) {
  const OreResult ore = compile_ore(body, "test", {fuel});
  EXPECT_TRUE(ore.ok()) << (ore.ok() ? "" : ore.errors[0].to_string());
  oracle::Interpreter interpreter;
  interpreter.prepare(ore.module);
  interpreter.set_step_limit(100000);
  qemu::TestHost host;
  Outcome out;
  interpreter.run(ore.module.find_function("main"), {}, budget, host, out);
  return out;
}

TEST(OreFuel, ends_what_would_not_end) {
  for (const char* program : {"export fn main() { while true { } }", "export fn main() { main(); }",
                              "export fn main() { var i = 0; while i < 1 { if i == 0 { continue; } i += 1; } }",
                              "export fn main() { for i in 0..2000000000 { } }"}) {
    const Outcome out = run(program, true, 1000);
    EXPECT_EQ(out.kind, OutcomeKind::Trapped) << program;
    EXPECT_EQ(out.trap, TrapKind::OutOfFuel) << program;
    EXPECT_EQ(out.fuel_left, 0u) << program;
  }
}

TEST(OreFuel, is_taken_at_entry_and_each_turn_and_only_if_asked_for) {
  constexpr const char* kProgram = "fn f() { } export fn main() { var i = 0; while i < 3 { f(); i += 1; } }";
  const Outcome with = run(kProgram, true, 100), without = run(kProgram, false, 100);
  EXPECT_EQ(with.kind, OutcomeKind::Returned);
  EXPECT_EQ(without.kind, OutcomeKind::Returned);
  EXPECT_EQ(without.fuel_left, 100u);
  EXPECT_EQ(with.fuel_left, 100u - 1 - 3 - 3); // main, f three times, three ways around
}

} // namespace
} // namespace assay
