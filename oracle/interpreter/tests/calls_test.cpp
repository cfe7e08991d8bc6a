// Calls between AIR functions: recursion and its limit, tail calls, tables.
#include "harness.h"

namespace assay::oracle {
namespace {

TEST(Calls, recursion_gives_each_activation_its_own_values) {
  Program p(R"(func @fib(i32) -> i32 {
^b(%n: i32):
  %two = const.i32 2
  %small = lt_s.i32 %n, %two
  branch %small, ^base, ^step
^base:
  return %n
^step:
  %one = const.i32 1
  %a = sub.i32 %n, %one
  %b = sub.i32 %n, %two
  %x = call @fib(%a)
  %y = call @fib(%b)
  %r = add.i32 %x, %y
  return %r
}
)");
  EXPECT_EQ(p.values("fib", {20}), (Values{6765}));
}

/// `make(0), make(1), ... make(39)`.
template <typename Make> std::string list_of_40(std::string_view separator, Make make) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += std::string(i == 0 ? "" : separator) + make(i);
  return text;
}

TEST(Calls, many_arguments_and_results_keep_their_order) {
  const auto number = [](std::string_view prefix) {
    return [prefix](int i) { return std::string(prefix) + std::to_string(i); };
  };
  const std::string types = list_of_40(", ", [](int) { return "i64"; });
  const std::string params = list_of_40(", ", [](int i) { return "%a" + std::to_string(i) + ": i64"; });
  const std::string reversed = list_of_40(", ", [](int i) { return "%a" + std::to_string(39 - i); });
  const std::string constants =
      list_of_40("\n", [](int i) { return "  %a" + std::to_string(i) + " = const.i64 " + std::to_string(i); });
  const std::string args = list_of_40(", ", number("%a")), results = list_of_40(", ", number("%r"));
  Program p("func @g(" + types + ") -> " + types + " {\n^b(" + params + "):\n  return " + reversed + "\n}\n" +
            "func @f() -> " + types + " {\n^b:\n" + constants + "\n  " + results + " = call @g(" + args +
            ")\n  return " + results + "\n}\n");
  const Values got = p.values("f", {});
  ASSERT_EQ(got.size(), 40u);
  for (u64 i = 0; i < 40; ++i) EXPECT_EQ(got[i], 39 - i);
}

constexpr std::string_view kDown = R"(func @down(i64) -> i64 {
^b(%n: i64):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  branch %n, ^more, ^end
^more:
  %r = call @down(%less)
  return %r
^end:
  return %n
}
func @start(i64) -> i64 {
^b(%n: i64):
  %r = call @down(%n)
  return %r
}
)";

TEST(Calls, recursion_without_end_traps_at_the_entry_of_the_callee) {
  Program p(kDown);
  EXPECT_TRUE(trapped(p.run("start", {~u64{0}}), TrapKind::StackOverflow, p.at("down", 0, 0)));
}

TEST(Calls, the_overflow_is_at_the_callee_not_the_caller) {
  Program p(R"(func @a() {
^b:
  call @b()
  return
}
func @b() {
^b:
  %x = const.i8 0
  call @a()
  return
}
)");
  static_assert(kMaxDepth % 2 == 0);
  EXPECT_TRUE(trapped(p.run("a", {}), TrapKind::StackOverflow, p.at("a", 0, 0)));
  EXPECT_TRUE(trapped(p.run("b", {}), TrapKind::StackOverflow, p.at("b", 0, 0)));
}

TEST(Calls, depth_is_limited_exactly) {
  Program p(kDown);
  EXPECT_EQ(p.run("down", {kMaxDepth - 1}).kind, OutcomeKind::Returned);
  EXPECT_TRUE(trapped(p.run("down", {kMaxDepth}), TrapKind::StackOverflow, p.at("down", 0, 0)));
  EXPECT_EQ(p.values("down", {10}), (Values{0})); // and the interpreter is as before
}

TEST(Calls, bytes_of_slots_are_limited_too) {
  Program p(R"(func @f(i64) {
  slot $s : 1000000
^b(%n: i64):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  branch %n, ^more, ^end
^more:
  call @f(%less)
  return
^end:
  return
}
)");
  EXPECT_EQ(p.run("f", {10}).kind, OutcomeKind::Returned);
  EXPECT_TRUE(trapped(p.run("f", {1000}), TrapKind::StackOverflow, p.at("f", 0, 0)));
}

TEST(Calls, a_million_tail_calls_use_no_stack) {
  Program p(R"(func @even(i64, i64) -> i64 {
  slot $s : 100
^b(%n: i64, %acc: i64):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  %more = add.i64 %acc, %n
  branch %n, ^go, ^end
^go:
  tail_call @odd(%more, %less)
^end:
  return %acc
}
func @odd(i64, i64) -> i64 {
^b(%acc: i64, %n: i64):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  %more = add.i64 %acc, %n
  branch %n, ^go, ^end
^go:
  tail_call @even(%less, %more)
^end:
  return %acc
}
)");
  EXPECT_EQ(p.values("even", {1000000, 0}), (Values{500000500000}));
}

constexpr std::string_view kTable = R"(table [@inc, null, @two, @inc]
func @inc(i32) -> i32 {
^b(%x: i32):
  %one = const.i32 1
  %r = add.i32 %x, %one
  return %r
}
func @two() -> i32 {
^b:
  %r = const.i32 2
  return %r
}
func @f(i32) -> i32 {
^b(%i: i32):
  %x = const.i32 10
  %r = call_indirect (i32) -> i32 %i(%x)
  return %r
}
func @g(i64) -> i32 {
^b(%i: i64):
  %x = const.i32 10
  tail_call_indirect (i32) -> i32 %i(%x)
}
func @h(i32) -> i32 {
^b(%i: i32):
  %x = const.i32 10
  try_call_indirect (i32) -> i32 %i(%x) -> ^ok, catch_all ^bad
^ok(%r: i32):
  return %r
^bad(%e: ptr):
  trap unreachable
}
)";

TEST(Calls, indirect_calls_go_through_the_table) {
  Program p(kTable);
  for (const char* f : {"f", "g", "h"}) {
    EXPECT_EQ(p.values(f, {0}), (Values{11})) << f;
    EXPECT_EQ(p.values(f, {3}), (Values{11})) << f;
  }
}

TEST(Calls, bad_indirect_calls_trap_at_the_call) {
  Program p(kTable);
  for (const char* f : {"f", "g", "h"}) {
    for (u64 index : {u64{1}, u64{2}, u64{4}, u64{0xffffffff}}) {
      EXPECT_TRUE(trapped(p.run(f, {index}), TrapKind::BadIndirectCall, p.at(f, 0, 1))) << f << index;
    }
  }
  EXPECT_TRUE(trapped(p.run("g", {u64{1} << 32}), TrapKind::BadIndirectCall, p.at("g", 0, 1)));
}

} // namespace
} // namespace assay::oracle
