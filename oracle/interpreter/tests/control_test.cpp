// Blocks, switches, fuel, traps and their positions.
#include "harness.h"

namespace assay::oracle {
namespace {

TEST(Control, block_arguments_are_passed_all_at_once) {
  Program p(R"(func @f(i64) -> i64, i64, i64 {
^b(%n: i64):
  %a = const.i64 1
  %b = const.i64 2
  %c = const.i64 3
  jump ^head(%n, %a, %b, %c)
^head(%i: i64, %x: i64, %y: i64, %z: i64):
  %one = const.i64 1
  %less = sub.i64 %i, %one
  branch %i, ^head(%less, %y, %z, %x), ^exit
^exit:
  return %x, %y, %z
}
)");
  EXPECT_EQ(p.values("f", {0}), (Values{1, 2, 3}));
  EXPECT_EQ(p.values("f", {1}), (Values{2, 3, 1}));
  EXPECT_EQ(p.values("f", {2}), (Values{3, 1, 2}));
}

TEST(Control, branch_takes_any_nonzero_condition) {
  Program p(R"(func @f(i16) -> i8 {
^b(%c: i16):
  %a = const.i8 1
  %z = const.i8 0
  branch %c, ^r(%a), ^r(%z)
^r(%v: i8):
  return %v
}
)");
  EXPECT_EQ(p.values("f", {0}), (Values{0}));
  EXPECT_EQ(p.values("f", {0x8000}), (Values{1}));
  EXPECT_EQ(p.values("f", {2}), (Values{1}));
}

TEST(Control, switch_compares_in_the_width_of_its_type) {
  Program p(R"(func @f(i8) -> i32 {
^b(%v: i8):
  %d = const.i32 9
  %n = const.i32 5
  switch.i8 %v [0: ^r(%d), -1: ^r(%n), 127: ^trap], ^other
^other:
  %z = const.i32 0
  jump ^r(%z)
^trap:
  trap user3
^r(%x: i32):
  return %x
}
)");
  EXPECT_EQ(p.values("f", {0}), (Values{9}));
  EXPECT_EQ(p.values("f", {255}), (Values{5}));
  EXPECT_EQ(p.values("f", {1}), (Values{0}));
  EXPECT_TRUE(trapped(p.run("f", {127}), TrapKind::User3, p.at("f", 2, 0)));
}

TEST(Control, a_trap_names_function_block_and_instruction) {
  Program p(R"(func @g(i32) -> i32 {
^b(%x: i32):
  branch %x, ^one, ^two
^one:
  return %x
^two:
  %a = const.i32 1
  %b = const.i32 0
  %q = div_u.i32 %a, %b
  return %q
}
func @f() -> i32 {
^b:
  %z = const.i32 0
  %r = call @g(%z)
  return %r
}
)");
  EXPECT_TRUE(trapped(p.run("f", {}), TrapKind::DivByZero, p.at("g", 2, 2)));
}

TEST(Control, every_trap_can_be_named) {
  for (u32 kind = 0; kind < kTrapCount; ++kind) {
    const TrapKind trap = static_cast<TrapKind>(kind);
    Program p("func @f() {\n^b:\n  %0 = const.i8 1\n  trap " + std::string(name_of(trap)) + "\n}\n");
    EXPECT_TRUE(trapped(p.run("f", {}), trap, {0, 0, 1}));
  }
}

constexpr std::string_view kFuel = "func @f() {\n^b:\n  fuel 10\n  fuel 5\n  return\n}\n";

TEST(Control, fuel_is_taken_and_what_is_left_is_told) {
  Program p(kFuel);
  EXPECT_EQ(p.run("f", {}, 15).kind, OutcomeKind::Returned);
  EXPECT_EQ(p.run("f", {}, 15).fuel_left, 0u);
  EXPECT_EQ(p.run("f", {}, 100).fuel_left, 85u);
}

TEST(Control, too_little_fuel_is_all_taken_and_traps_there) {
  Program p(kFuel);
  const Outcome& got = p.run("f", {}, 14);
  EXPECT_TRUE(trapped(got, TrapKind::OutOfFuel, p.at("f", 0, 1)));
  EXPECT_EQ(got.fuel_left, 0u);
  EXPECT_TRUE(trapped(p.run("f", {}, 9), TrapKind::OutOfFuel, p.at("f", 0, 0)));
}

TEST(Control, a_run_without_end_is_refused_at_the_step_limit) {
  Program p("func @f() {\n^b:\n  jump ^c\n^c:\n  jump ^c\n}\n");
  p.interpreter().set_step_limit(1000);
  EXPECT_EQ(p.run("f", {}).kind, OutcomeKind::Refused);
}

TEST(Control, bytes_zeroed_filled_and_copied_count_as_steps) {
  const auto ends = [](const std::string& body, u64 steps) {
    Program p("memory 4096\nfunc @slot() {\n  slot $s : 1600 align 8\n^b:\n  return\n}\nfunc @f() {\n^b:\n" + body +
              "  return\n}\n");
    p.interpreter().set_step_limit(steps);
    return p.run("f", {}).kind == OutcomeKind::Returned;
  };
  const std::string numbers = "  %0 = const.i64 0\n  %n = const.i64 1600\n  %v = const.i8 0\n";
  EXPECT_TRUE(ends("  call @slot()\n", 102));
  EXPECT_FALSE(ends("  call @slot()\n", 101));
  EXPECT_TRUE(ends(numbers + "  memory_fill.i64 %0, %v, %n\n", 101));
  EXPECT_FALSE(ends(numbers + "  memory_fill.i64 %0, %v, %n\n", 100));
  EXPECT_TRUE(ends(numbers + "  memory_copy.i64 %0, %0, %n\n", 101));
  EXPECT_FALSE(ends(numbers + "  memory_copy.i64 %0, %0, %n\n", 100));
}

TEST(Control, results_keep_their_types) {
  Program p("func @f(f32, i8, ptr) -> ptr, f32, i8 {\n^b(%a: f32, %b: i8, %c: ptr):\n  return %c, %a, %b\n}\n");
  const Outcome& got = p.run("f", {0x3f800000, 0x1ff, 5});
  EXPECT_EQ(got.values, (Values{5, 0x3f800000, 0xff})); // arguments are cut to their width
  EXPECT_EQ(got.value_types, (std::vector<Type>{Type::Ptr, Type::F32, Type::I8}));
}

} // namespace
} // namespace assay::oracle
