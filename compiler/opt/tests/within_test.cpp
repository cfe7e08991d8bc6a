// within_test.cpp - which loops WithinPass copies, what of them is not checked, and that runs from and to any number do
// the same, whatever fuel there is and wherever they leave the memory.
#include "derived.h"

namespace assay::opt {
namespace {

std::string within(const std::string& text) { return text_after(text, {PassId::Within}); }

u32 times_in(const std::string& text, std::string_view word) {
  u32 out = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++out;
  return out;
}

/// for (%i = %from; %i LESS %n; %i += 1) BODY, with %b: i64 from outside.
std::string loop_of(const std::string& body, const std::string& less = "lt_s", const std::string& next = "%i, %one") {
  return "memory 4096\nexport func @f(i32, i32, i64) -> i32 {\n^e(%from: i32, %n: i32, %b: i64):\n"
         "  %one = const.i32 1\n  %two = const.i64 2\n  %zero = const.i32 0\n  jump ^head(%from, %zero)\n"
         "^head(%i: i32, %s: i32):\n  %more = " +
         less + ".i32 %i, %n\n  branch %more, ^body, ^out\n^body:\n  fuel 1\n" + body + "  %next = add.i32 " + next +
         "\n  %sum = add.i32 %s, %x\n  jump ^head(%next, %sum)\n^out:\n  %r = xor.i32 %s, %i\n  return %r\n}\n";
}

const std::string kAtIndex = "  %w = sext.i64.i32 %i\n  %a = shl.i64 %w, %two\n";
const std::string kPlain = kAtIndex + "  %x = load.i32 %a, 8\n  store.i32 %a, 12, %i\n";
const std::string kBehindBase = kAtIndex + "  %p = add.i64 %b, %a\n  %x = load.i32 %p, 8\n";
const std::string kTwo = kAtIndex + "  %x = load.i32 %a, 8\n  %j = add.i32 %i, %one\n  %v = zext.i64.i32 %j\n"
                                    "  %y = load8_u.i32 %v, 0\n";
const std::string kNextBehindBase = "  %j = add.i32 %i, %one\n  %w = zext.i64.i32 %j\n  %a = shl.i64 %w, %two\n"
                                    "  %p = add.i64 %b, %a\n  %x = load.i32 %p, 8\n";
const std::string kAtBase = "  %x = load.i32 %b, 8\n";

TEST(Within, a_counted_loop_gets_one_before_it_whose_test_bounds_its_addresses) {
  const std::string text = within(loop_of(kPlain));
  EXPECT_EQ(times_in(text, "fuel 1"), 2u) << text;
  EXPECT_EQ(times_in(text, "lt_u.i32"), 1u) << text;
  EXPECT_EQ(times_in(text, "lt_s.i32"), 2u) << "the copy's is not read any more\n" << text;
  EXPECT_EQ(times_in(within(loop_of(kBehindBase)), "le_u.i64"), 1u);
  EXPECT_EQ(times_in(within(loop_of(kAtBase)), "le_u.i64"), 1u);
}

// Runs on the oracle cannot show it: what is marked as inside is checked there all the same.
TEST(Within, bounds_are_the_last_places_inside) {
  const std::string bytes = "  %w = zext.i64.i32 %i\n  %x = load8_u.i32 %w, 96\n  store8.i32 %w, 99, %x\n";
  EXPECT_EQ(times_in(within(loop_of(bytes)), "const.i32 3997\n"), 1u) << "3996 + 99 is the last byte";
  EXPECT_EQ(times_in(within(loop_of(kPlain)), "const.i32 1021\n"), 1u) << "4 * 1020 + 12 is the last word";
  EXPECT_EQ(times_in(within(loop_of(kTwo)), "const.i32 1022\n"), 1u) << "4 * 1021 + 8 is, and there are more bytes";
  for (const std::string& body : {kBehindBase, kAtBase})
    EXPECT_NE(times_in(within(loop_of(body)), "const.i64 4084\n"), 0u) << "4084 + 8 is the last word";
}

TEST(Within, parameters_that_nothing_compares_are_asked_for_where_that_replaces_two_checks) {
  const std::string one = kAtIndex + "  %x = load.i32 %a, 8\n";
  EXPECT_EQ(times_in(within(loop_of(one, "ne")), "fuel 1"), 1u);
  EXPECT_EQ(times_in(within(loop_of(kPlain, "ne")), "fuel 1"), 1u) << "the same address twice is checked once";
  const std::string text = within(loop_of(kTwo, "ne"));
  EXPECT_EQ(times_in(text, "fuel 1"), 2u) << text;
  EXPECT_EQ(times_in(text, "return"), 2u) << "what is behind it is copied, too\n" << text;
}

TEST(Within, constants_of_addresses_go_to_the_accesses_of_the_copy) {
  const std::string text = within(loop_of(kTwo));
  EXPECT_EQ(times_in(text, "= load8_u.i32") - times_in(text, ", 0\n"), 1u) << text;
  EXPECT_EQ(times_in(text, ", 1\n"), 1u) << text;
  EXPECT_EQ(times_in(text, "zext.i64.i32"), 2u) << "one of the index in the copy, which its word is at, too\n" << text;
  const std::string shifted = within(loop_of(kNextBehindBase));
  EXPECT_EQ(times_in(shifted, ", 12\n"), 1u) << shifted;
  EXPECT_EQ(times_in(shifted, ", 8\n"), 1u) << shifted;
}

TEST(Within, other_loops_stay) {
  const auto stays = [](const std::string& source) {
    EXPECT_EQ(times_in(within(source), "fuel 1"), times_in(source, "fuel 1")) << source;
  };
  stays(loop_of("  %x = add.i32 %i, %n\n"));                                                // accesses nothing
  stays(loop_of("  %w = zext.i64.i32 %s\n  %x = load.i32 %w, 8\n", "ne"));                  // once
  stays(loop_of("  %m = mul.i32 %i, %n\n  %w = zext.i64.i32 %m\n  %x = load.i32 %w, 8\n")); // at any place
  stays(loop_of("  %w = sext.i64.i32 %i\n  %a = sub.i64 %b, %w\n  %x = load.i32 %a, 8\n")); // downwards
  stays(loop_of(kAtIndex + "  %x = load.i32 %a, 4093\n"));                                  // always outside
}

/// for (%i = %from, %k = %n; %i LESS %k; %i += 1, %k -= FALL) two bytes change places, or words far behind one another.
std::string meeting(const std::string& less, const std::string& fall, const std::string& beyond = "8") {
  return "memory 4096\nexport func @f(i32, i32, i64) -> i32 {\n^e(%from: i32, %n: i32, %b: i64):\n"
         "  %one = const.i32 1\n  %minus = const.i32 -1\n  %two = const.i32 2\n  %zero = const.i32 0\n"
         "  jump ^head(%from, %n, %zero)\n^head(%i: i32, %k: i32, %s: i32):\n  %more = " +
         less +
         ".i32 %i, %k\n  branch %more, ^body, ^out\n^body:\n  fuel 1\n  %v = zext.i64.i32 %i\n  %w = zext.i64.i32 %k\n"
         "  %x = load8_u.i32 %v, 8\n  %y = load8_u.i32 %w, " +
         beyond + "\n  store8.i32 %v, 8, %y\n  store8.i32 %w, " + beyond +
         ", %x\n  %next = add.i32 %i, %one\n  %last = " + fall +
         "\n  %d = add.i32 %s, %x\n  %sum = xor.i32 %d, %i\n  jump ^head(%next, %last, %sum)\n"
         "^out:\n  %r = xor.i32 %s, %k\n  return %r\n}\n";
}

TEST(Within, a_limit_that_falls_to_meet_the_counter_is_asked_for_once) {
  for (const char* fall : {"sub.i32 %k, %one", "add.i32 %k, %minus"}) {
    const std::string text = within(meeting("lt_s", fall));
    EXPECT_EQ(times_in(text, "fuel 1"), 2u) << text;
    EXPECT_EQ(times_in(text, "lt_u.i32"), 2u) << "before the loop, and in each turn\n" << text;
    EXPECT_EQ(times_in(text, "const.i32 4088\n"), 2u) << "4087 + 8 is the last byte, for both\n" << text;
    EXPECT_EQ(times_in(within(meeting("lt_s", fall, "3000")), "const.i32 1096\n"), 1u) << "1095 + 3000 is";
  }
  for (const char* fall : {"sub.i32 %k, %two", "add.i32 %k, %one", "sub.i32 %k, %i", "sub.i32 %one, %k"})
    EXPECT_EQ(times_in(within(meeting("lt_s", fall)), "fuel 1"), 1u) << fall;
}

TEST(Within, stopped_before_its_rewrite_it_changes_nothing) {
  EXPECT_EQ(times_in(text_after(loop_of(kPlain), {PassId::Within}, 0), "fuel 1"), 1u);
}

/// The same outcome with counters, limits and bases of all kinds, and fuel that runs out in any turn.
void expect_same(const std::string& text) {
  const auto source = parse_and_verify(text);
  ASSERT_TRUE(source.ok()) << source.error().to_string();
  const auto made = parse_and_verify(text_after(text, {PassId::Within, PassId::Unroll}));
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  qemu::TestHost host;
  oracle::Interpreter first, second;
  first.prepare(*source);
  second.prepare(*made);
  const u64 numbers[] = {0, 1, 5, 1018, 1020, 1021, 1022, 1024, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
  const u64 bases[] = {0, 8, 4076, 4080, 4084, 4085, 4088, 4096, u64{1} << 40, ~u64{0}, ~u64{7}};
  for (const u64 from : numbers) {
    for (const u64 to : numbers) {
      for (const u64 base : bases) {
        const u64 args[] = {from, to, base};
        Outcome a, b;
        first.run(0, args, 40, host, a);
        second.run(0, args, 40, host, b);
        a.position = b.position = {}; // another block
        EXPECT_EQ(first_difference(*source, a, b), "") << from << " to " << to << " at " << base;
      }
    }
  }
}

TEST(Within, whatever_the_counter_the_limit_and_the_base_are_the_program_does_the_same) {
  for (const char* less : {"lt_s", "lt_u", "ne"}) {
    for (const std::string& body :
         {kPlain, kBehindBase, kNextBehindBase, kAtBase, kTwo, kPlain + "  store8.i32 %b, 0, %x\n"}) {
      expect_same(loop_of(body, less));
      expect_same(loop_of(body, less, "%i, %n")); // not by one
    }
  }
  for (const char* less : {"lt_s", "lt_u"}) {
    for (const char* fall : {"sub.i32 %k, %one", "add.i32 %k, %minus", "sub.i32 %k, %two"}) {
      expect_same(meeting(less, fall));
      expect_same(meeting(less, fall, "3000"));
    }
  }
}

} // namespace
} // namespace assay::opt
