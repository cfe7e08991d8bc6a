// turns_test.cpp - which loops TurnsPass writes out, what their copies hold, and that they do the same with any fuel,
// ways out of them included.
#include "derived.h"

namespace assay::opt {
namespace {

std::string written_out(const std::string& text) { return text_after(text, {PassId::Turns}); }

u32 times(const std::string& text, std::string_view word) {
  u32 out = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++out;
  return out;
}

/// for (%i = FROM; %i TEST TO; %i = %i OP BY) BODY, which begins a block and ends by a jump to ^on; then REST of the
/// function, of which ^out(%sum) is a block.
std::string loop(const std::string& test, const std::string& step, const std::string& body,
                 const std::string& rest = "", const std::string& from = "0") {
  return "memory 4096\nexport func @f(i32, i32) -> i32 {\n^e(%n: i32, %m: i32):\n  %from = const.i32 " + from +
         "\n  %zero = const.i32 0\n  %one = const.i32 1\n  jump ^head(%from, %zero)\n^head(%i: i32, %s: i32):\n" +
         test + "  branch %more, ^body, ^out(%s)\n^body:\n" + body + "^on(%x: i32):\n  %sum = add.i32 %s, %x\n" + step +
         "  jump ^head(%next, %sum)\n^out(%last: i32):\n  return %last\n" + rest + "}\n";
}

const std::string kBelow4 = "  %k = const.i32 4\n  %more = lt_s.i32 %i, %k\n";
const std::string kNext = "  %next = add.i32 %i, %one\n";
/// With branches, an effect, and another way for each of two arguments.
const std::string kWays = "  fuel 1\n  %t = lt_s.i32 %i, %n\n  branch %t, ^yes, ^no\n^yes:\n  %y = mul.i32 %i, %m\n"
                          "  jump ^on(%y)\n^no:\n  fuel 2\n  %z = xor.i32 %i, %m\n  jump ^on(%z)\n";

const std::string kLittle = "  fuel 1\n  jump ^on(%m)\n";

/// The same outcome for some arguments, and fuel that runs out in any turn.
void same_runs(const std::string& text) {
  const auto source = parse_and_verify(text);
  ASSERT_TRUE(source.ok()) << source.error().to_string();
  const auto made = parse_and_verify(written_out(text));
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  qemu::TestHost host;
  oracle::Interpreter first, second;
  first.prepare(*source);
  second.prepare(*made);
  for (const u64 n : {0u, 1u, 2u, 3u, 5u, 0xffff'ffffu}) {
    for (u64 fuel = 0; fuel < 20; ++fuel) {
      const u64 args[] = {n, n * 7 + 3};
      Outcome a, b;
      first.run(0, args, fuel, host, a);
      second.run(0, args, fuel, host, b);
      a.position = b.position = {}; // another block
      EXPECT_EQ(first_difference(*source, a, b), "") << n << " with " << fuel << "\n" << text;
    }
  }
}

/// `fuel 1` stands in each turn.
void expect_turns(const std::string& text, u32 turns) {
  const std::string made = written_out(text);
  EXPECT_EQ(times(made, "fuel 1"), turns) << made;
  same_runs(text);
}

TEST(Turns, a_loop_of_four_turns_with_branches_becomes_four_copies_without_a_test) {
  const std::string text = loop(kBelow4, kNext, kWays);
  expect_turns(text, 4);
  const std::string made = written_out(text);
  EXPECT_EQ(times(made, "fuel 2"), 4u) << made;
  EXPECT_EQ(times(made, "branch"), 4u) << made; // of the body
}

TEST(Turns, their_number_is_what_the_test_says_turn_by_turn) {
  expect_turns(
      loop("  %k = const.i32 3\n  %more = ge_s.i32 %i, %k\n", "  %next = sub.i32 %i, %one\n", kLittle, "", "9"), 7);
  expect_turns(
      loop("  %k = const.i32 128\n  %more = lt_u.i32 %i, %k\n", "  %next = shl.i32 %i, %one\n", kLittle, "", "1"), 7);
  expect_turns(loop("  %k = const.i32 8\n  %more = ne.i32 %i, %k\n", kNext, kLittle), 8);
  expect_turns(loop("  %k = const.i32 8\n  %j = add.i32 %i, %one\n  %more = le_u.i32 %j, %k\n", kNext, kLittle), 8);
}

TEST(Turns, a_test_where_the_loop_jumps_back_counts_the_last_turn) {
  const std::string text =
      "memory 64\nexport func @f(i32, i32) -> i32 {\n^e(%n: i32, %m: i32):\n  %zero = const.i32 0\n"
      "  %one = const.i32 1\n  %k = const.i32 3\n  jump ^head(%zero, %zero)\n^head(%i: i32, %s: i32):\n  fuel 1\n"
      "  %t = lt_s.i32 %i, %n\n  branch %t, ^yes, ^on(%m)\n^yes:\n  %y = mul.i32 %i, %m\n  jump ^on(%y)\n"
      "^on(%x: i32):\n  %sum = add.i32 %s, %x\n  %next = add.i32 %i, %one\n  %more = lt_s.i32 %next, %k\n"
      "  branch %more, ^head(%next, %sum), ^out\n^out:\n  %r = xor.i32 %sum, %next\n  return %r\n}\n";
  expect_turns(text, 3);
}

TEST(Turns, other_ways_out_stay_where_nobody_behind_reads_what_the_loop_computes) {
  const std::string early = "  fuel 1\n  %t = eq.i32 %i, %n\n  branch %t, ^out(%i), ^on(%m)\n";
  expect_turns(loop(kBelow4, kNext, early), 4);
  const std::string read = "  fuel 1\n  %q = add.i32 %s, %i\n  %t = eq.i32 %i, %n\n  branch %t, ^late, ^on(%m)\n";
  expect_turns(loop(kBelow4, kNext, read, "^late:\n  jump ^later\n^later:\n  return %q\n"), 1);
}

TEST(Turns, a_block_that_ends_where_only_the_loop_leads_is_copied_with_it) {
  const std::string read = "  fuel 1\n  %q = add.i32 %s, %i\n  %t = eq.i32 %i, %n\n  branch %t, ^late, ^on(%m)\n";
  const std::string text = loop(kBelow4, kNext, read, "^late:\n  return %q\n");
  expect_turns(text, 4);
  EXPECT_EQ(times(written_out(text), "return"), 5u);
}

TEST(Turns, two_loops_behind_each_other_are_both_written_out) {
  const std::string second =
      "^late(%w: i32):\n  jump ^head2(%zero, %w)\n^head2(%j: i32, %u: i32):\n"
      "  %k2 = const.i32 2\n  %more2 = lt_s.i32 %j, %k2\n  branch %more2, ^body2, ^end\n^body2:\n"
      "  fuel 1\n  %v = mul.i32 %u, %m\n  %next2 = add.i32 %j, %one\n  jump ^head2(%next2, %v)\n"
      "^end:\n  return %u\n";
  std::string text = loop(kBelow4, kNext, kWays, second);
  text.replace(text.find("  return %last\n"), 15, "  jump ^late(%last)\n");
  expect_turns(text, 6);
  // The first one's other way out leads into the second, in each of its turns.
  std::string early =
      loop(kBelow4, kNext, "  fuel 1\n  %t = eq.i32 %i, %n\n  branch %t, ^head2(%zero, %i), ^on(%m)\n", second);
  early.replace(early.find("  return %last\n"), 15, "  jump ^late(%last)\n");
  expect_turns(early, 5);
}

TEST(Turns, other_loops_stay) {
  const auto stays = [](const std::string& text) { expect_turns(text, 1); };
  stays(loop("  %k = const.i32 9\n  %more = lt_s.i32 %i, %k\n", kNext, kWays));       // too many turns
  stays(loop("  %k = const.i32 8\n  %more = lt_s.i32 %i, %k\n", kNext, kWays));       // many of not so few instructions
  stays(loop("  %more = lt_s.i32 %i, %n\n", kNext, kWays));                           // who knows how many
  stays(loop(kBelow4, "  %next = add.i32 %i, %x\n", kWays));                          // nor here
  stays(loop(kBelow4, "  %next = mul.i32 %i, %one\n", "  fuel 1\n  jump ^on(%m)\n")); // without end
  std::string large = "  fuel 1\n", last = "%m";
  for (u32 i = 0; i < 60; ++i) {
    const std::string next = "%l" + std::to_string(i);
    large += "  " + next + " = mul.i32 " + last + ", %i\n";
    last = next;
  }
  stays(loop(kBelow4, kNext, large + "  jump ^on(" + last + ")\n"));
}

TEST(Turns, with_no_rewrite_left_no_loop_is_copied) {
  EXPECT_EQ(times(text_after(loop(kBelow4, kNext, kWays), {PassId::Turns}, 0), "fuel 1"), 1u);
}

TEST(Turns, with_the_other_passes_nothing_is_left_of_the_counter) {
  const std::string made = text_after(loop(kBelow4, kNext, "  fuel 1\n  %y = mul.i32 %i, %m\n  jump ^on(%y)\n"),
                                      {PassId::Turns, PassId::Control, PassId::Simplify, PassId::Gvn, PassId::Dce});
  EXPECT_EQ(times(made, "branch"), 0u) << made;
  EXPECT_EQ(times(made, "lt_s"), 0u) << made;
}

} // namespace
} // namespace assay::opt
