// unroll_test.cpp - which loops UnrollPass takes several turns of at once, what their accesses are, and that runs from
// and to any number do the same, whatever fuel there is.
#include "derived.h"

namespace assay::opt {
namespace {

std::string unrolled(const std::string& text) { return text_after(text, {PassId::Bounds, PassId::Unroll}); }

u32 count(const std::string& text, std::string_view word) {
  u32 out = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++out;
  return out;
}

/// for (%i = %from; %i LESS %n; %i += STEP) BODY, when %from is below 100, and so is %n as LESS takes it.
std::string loop(const std::string& body, const std::string& less = "lt_s", const std::string& step = "1",
                 const std::string& head = "") {
  return "memory 4096\nexport func @f(i32, i32) -> i32 {\n^e(%n: i32, %from: i32):\n  %step = const.i32 " + step +
         "\n  %two = const.i64 2\n  %most = const.i32 100\n  %few = lt_u.i32 %from, %most\n"
         "  branch %few, ^on, ^out(%from)\n^on:\n  %low = " +
         less + ".i32 %n, %most\n  branch %low, ^in, ^out(%from)\n^in:\n  jump ^head(%from)\n^head(%i: i32):\n" + head +
         "  %more = " + less + ".i32 %i, %n\n  branch %more, ^body, ^out(%i)\n^body:\n" + body +
         "  %next = add.i32 %i, %step\n  jump ^head(%next)\n^out(%last: i32):\n  return %last\n}\n";
}

/// Each turn reads what the last one has written.
const std::string kSums = "  fuel 1\n  %a = zext.i64.i32 %i\n  %x = load8_u.i32 %a, 16\n  %v = add.i32 %x, %i\n"
                          "  store8.i32 %a, 17, %v\n";

TEST(Unroll, a_short_counted_loop_gets_one_before_it_that_takes_four_turns_and_asks_once) {
  const std::string text = unrolled(loop(kSums));
  EXPECT_EQ(count(text, "fuel 1"), 5u) << text;
  EXPECT_EQ(count(text, "store8"), 5u) << text;
  EXPECT_EQ(count(text, "lt_s.i32"), 3u) << text;
  EXPECT_EQ(count(text, "max_s.i32"), 1u) << text;
}

TEST(Unroll, what_stands_in_the_header_is_done_in_each_turn) {
  const std::string text = unrolled(loop(kSums, "lt_u", "3", "  fuel 2\n"));
  EXPECT_EQ(count(text, "fuel 2"), 5u) << text;
  EXPECT_EQ(count(text, "max_u.i32"), 1u) << text;
}

TEST(Unroll, other_loops_stay) {
  const auto stays = [&](const std::string& source) {
    EXPECT_EQ(count(unrolled(source), "fuel 1"), count(source, "fuel 1")) << source;
  };
  stays(loop(kSums, "le_s"));
  stays(loop(kSums, "ne"));
  stays(loop(kSums, "lt_s", "0"));
  stays(loop(kSums, "lt_s", "-1"));
  stays(loop("  fuel 1\n  %x = mul.i32 %i, %i\n  %y = mul.i32 %x, %i\n  %z = mul.i32 %y, %i\n")); // accesses nothing
  stays(loop(kSums + "  %y = mul.i32 %x, %v\n  %z = mul.i32 %y, %y\n")); // not that short, and in no other
  stays(loop("  fuel 1\n  %a = zext.i64.i32 %i\n  %q = add.i32 %i, %i\n  store8.i32 %a, 4095, %q\n")); // may be outside
  std::string changing = loop(kSums);
  changing.replace(changing.find("add.i32 %i, %step"), 17, "add.i32 %i, %n   ");
  stays(changing);
}

TEST(Unroll, later_turns_access_memory_at_offsets_of_the_first_ones_place) {
  const std::string text = unrolled(loop("  %z = zext.i64.i32 %i\n  %a = shl.i64 %z, %two\n  store.i32 %a, 16, %i\n"));
  for (const char* const offset : {", 16, ", ", 20, ", ", 24, ", ", 28, "})
    EXPECT_EQ(count(text, offset), offset == std::string(", 16, ") ? 2u : 1u) << text;
  EXPECT_EQ(count(text, "shl.i64"), 2u) << text;
  EXPECT_EQ(count(text, "zext.i64.i32"), 2u) << text;
}

TEST(Unroll, with_no_rewrite_left_no_loop_is_copied) {
  EXPECT_EQ(count(text_after(loop(kSums), {PassId::Bounds, PassId::Unroll}, 2), "fuel 1"), 1u);
}

/// for (%i = 0; %i < %n; ++%i) memory[%i] = %x = STEP; returns the last %x, which begins as %from and all bits above.
std::string draws(const std::string& step) {
  return "memory 4096\nexport func @f(i32, i32) -> i64 {\n^e(%n: i32, %from: i32):\n  %zero = const.i32 0\n"
         "  %one = const.i32 1\n  %most = const.i32 100\n  %high = const.i64 -4294967296\n  %low = sext.i64.i32 %from\n"
         "  %seed = xor.i64 %low, %high\n  %few = lt_s.i32 %n, %most\n  branch %few, ^on, ^out(%seed)\n^on:\n"
         "  jump ^head(%zero, %seed)\n^head(%i: i32, %x: i64):\n  %more = lt_s.i32 %i, %n\n"
         "  branch %more, ^body, ^out(%x)\n^body:\n  fuel 1\n" +
         step +
         "  %a = zext.i64.i32 %i\n  %sum = add.i64 %x, %new\n  store.i64 %a, 16, %sum\n  %next = add.i32 %i, %one\n"
         "  jump ^head(%next, %new)\n^out(%last: i64):\n  return %last\n}\n";
}

std::string drawn(const std::string& times, const std::string& plus, const std::string& mask) {
  return draws("  %t = const.i64 " + times + "\n  %p = const.i64 " + plus + "\n  %k = const.i64 " + mask +
               "\n  %y = mul.i64 %x, %t\n  %z = add.i64 %y, %p\n  %new = and.i64 %z, %k\n");
}

TEST(Unroll, a_number_that_is_multiplied_and_added_to_in_each_turn_is_computed_from_what_it_was_before_all_four) {
  const std::string text = unrolled(drawn("5", "3", "65535"));
  for (const char* const each :
       {"const.i64 25\n", "const.i64 18\n", "const.i64 125\n", "const.i64 93\n", "const.i64 625\n", "const.i64 468\n"})
    EXPECT_EQ(count(text, each), 1u) << each << text;
  EXPECT_EQ(count(text, "mul.i64"), 5u) << text;
  EXPECT_EQ(count(text, "and.i64"), 5u) << text;
}

TEST(Unroll, other_numbers_wait_for_each_other) {
  const std::string other = "  %t = const.i64 5\n  %k = const.i64 65535\n  %y = mul.i64 %x, %t\n";
  for (const char* const step : {"  %z = add.i64 %y, %seed\n  %new = and.i64 %z, %k\n", "  %new = xor.i64 %y, %t\n",
                                 "  %z = add.i64 %y, %t\n  %m = const.i64 65534\n  %new = and.i64 %z, %m\n",
                                 "  %z = add.i64 %x, %t\n  %new = mul.i64 %z, %t\n"})
    EXPECT_EQ(count(unrolled(draws(other + step)), "const.i64 25\n"), 0u) << step;
}

/// The same outcome with each limit and each first number, and fuel that runs out in any turn.
void same_runs(const std::string& text, const std::vector<u64>& numbers) {
  const auto source = parse_and_verify(text);
  ASSERT_TRUE(source.ok()) << source.error().to_string();
  const auto made = parse_and_verify(unrolled(text));
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  qemu::TestHost host;
  oracle::Interpreter first, second;
  first.prepare(*source);
  second.prepare(*made);
  for (const u64 limit : numbers) {
    for (const u64 from : numbers) {
      for (const u64 fuel : {3u, 7u, 40u}) {
        const u64 args[] = {limit, from};
        Outcome a, b;
        first.run(0, args, fuel, host, a);
        second.run(0, args, fuel, host, b);
        a.position = b.position = {}; // another block
        EXPECT_EQ(first_difference(*source, a, b), "") << limit << " from " << from << " with " << fuel;
      }
    }
  }
}

TEST(Unroll, runs_from_and_to_any_number_do_the_same) {
  constexpr u64 kEnd = 0x8000'0000;
  std::vector<u64> numbers;
  for (u64 i = 0; i < 10; ++i)
    for (const u64 base : {u64{0}, kEnd - 5, u64{0x1'0000'0000} - 5}) numbers.push_back((base + i) & 0xffff'ffff);
  for (const char* const less : {"lt_s", "lt_u"})
    for (const char* const step : {"1", "2", "5", "30"}) same_runs(loop(kSums, less, step), numbers);
  same_runs(loop("  fuel 1\n  %a = zext.i64.i32 %i\n  store32.i64 %a, 16, %a\n"), numbers); // stores its place
}

TEST(Unroll, recurrences_of_any_numbers_and_masks_do_the_same) {
  const std::vector<u64> numbers{0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 0x7fff'ffff, 0x8000'0000, 0xffff'fffd};
  for (const char* const times : {"5", "-1", "6364136223846793005", "0", "4294967296", "-9223372036854775808"})
    for (const char* const plus : {"0", "1442695040888963407", "-1"})
      for (const char* const mask : {"0", "1", "65535", "9223372036854775807", "-1", "65534"})
        same_runs(drawn(times, plus, mask), numbers);
}

} // namespace
} // namespace assay::opt
