// counted_test.cpp - which loops need no fuel: a table of shapes, and all that random numbers make of one, which the
// oracle runs.
#include "fuzz/mutate/counted.h"

#include "fuzz/generate/tests/test_host.h"
#include "fuzz/mutate/nan.h"
#include "fuzz/mutate/tests/helpers.h"
#include "oracle/interpreter/interpreter.h"

#include <random>

namespace assay::fuzz {
namespace {

/// The loop of `@f` is headed by ^b1; ^b2 is behind it, or its other block where there is a ^b3.
bool is_counted(const std::string& text) {
  const Module module = module_of(text);
  return counted_way_back(module.functions.back(), 1) != kNone;
}

/// `do body; while (test);`, from %first on.
std::string one_block(const std::string& before, const std::string& body, const std::string& first = "%zero") {
  return "export func @f(i32, i32) -> i32 {\n^b0(%x: i32, %y: i32):\n  %zero = const.i32 0\n  %one = const.i32 1\n" +
         before + "  jump ^b1(" + first + ")\n^b1(%i: i32):\n  %next = add.i32 %i, %one\n" + body +
         "  branch %more, ^b1(%next), ^b2\n^b2:\n  return %x\n}\n";
}

std::string two_blocks(const std::string& before, const std::string& test, const std::string& back = "%next") {
  return "export func @f(i32, i32) -> i32 {\n^b0(%x: i32, %y: i32):\n  %zero = const.i32 0\n  %one = const.i32 1\n" +
         before + "  jump ^b1(%zero)\n^b1(%i: i32):\n" + test + "  branch %more, ^b2, ^b3\n^b2:\n" +
         "  %next = add.i32 %i, %one\n  jump ^b1(" + back + ")\n^b3:\n  return %x\n}\n";
}

TEST(Counted, from_a_known_number_to_a_known_one) {
  const std::string limit = "  %n = const.i32 9\n";
  EXPECT_TRUE(is_counted(one_block(limit, "  %more = lt_u.i32 %next, %n\n")));
  EXPECT_TRUE(is_counted(one_block(limit, "  %more = gt_s.i32 %n, %i\n")));
  EXPECT_TRUE(is_counted(two_blocks(limit, "  %more = ne.i32 %i, %n\n")));
  EXPECT_TRUE(
      is_counted(two_blocks(limit, "  %less = ge_u.i32 %i, %n\n  %o = const.i8 0\n  %more = eq.i8 %less, %o\n")));
  EXPECT_FALSE(is_counted(two_blocks(limit, "  %less = ge_u.i32 %i, %n\n  %more = eq.i8 %less, %less\n")));
  EXPECT_FALSE(is_counted(one_block(limit, "  %more = ge_u.i32 %next, %n\n", "%n"))) << "four thousand million turns";
  EXPECT_FALSE(is_counted(two_blocks("  %n = const.i32 64\n", "  %more = lt_s.i32 %i, %n\n")));
  EXPECT_TRUE(is_counted(two_blocks("  %n = const.i32 63\n", "  %more = lt_s.i32 %i, %n\n")));
}

TEST(Counted, to_numbers_that_a_mask_leaves) {
  EXPECT_TRUE(is_counted(two_blocks("  %m = const.i32 15\n  %n = and.i32 %x, %m\n", "  %more = lt_s.i32 %i, %n\n")));
  EXPECT_FALSE(is_counted(two_blocks("  %m = const.i32 16\n  %n = and.i32 %x, %m\n", "  %more = lt_s.i32 %i, %n\n")));
  const std::string less = "  %m = const.i32 7\n  %k = and.i32 %x, %m\n  %n = sub.i32 %k, %one\n";
  EXPECT_TRUE(is_counted(two_blocks(less, "  %more = lt_s.i32 %i, %n\n")));
  EXPECT_FALSE(is_counted(two_blocks(less, "  %more = lt_u.i32 %i, %n\n"))) << "-1 is far away";
  EXPECT_FALSE(is_counted(two_blocks("", "  %more = lt_u.i32 %i, %x\n")));
}

TEST(Counted, limits_of_the_loop_itself_say_nothing) {
  const std::string mask = "  %m = const.i32 15\n";
  EXPECT_FALSE(is_counted(one_block(mask, "  %n = and.i32 %next, %m\n  %more = le_u.i32 %n, %next\n")));
  EXPECT_TRUE(is_counted(one_block(mask, "  %n = const.i32 3\n  %more = lt_u.i32 %next, %n\n")));
}

TEST(Counted, what_is_no_counter_says_nothing) {
  const std::string limit = "  %n = const.i32 9\n", test = "  %more = lt_u.i32 %i, %n\n";
  EXPECT_TRUE(is_counted(two_blocks(limit, test)));
  EXPECT_FALSE(is_counted(two_blocks(limit, test, "%i")));
  EXPECT_FALSE(is_counted(two_blocks(limit, test, "%zero")));
  EXPECT_FALSE(is_counted(two_blocks(limit + "  %more = lt_u.i32 %x, %n\n", ""))) << "a test made before";
  EXPECT_FALSE(is_counted(two_blocks(limit, "  %more = lt_u.i32 %y, %n\n")));
}

TEST(Counted, each_other_way_in_counts) {
  const std::string text = "export func @f(i32) -> i32 {\n^b0(%x: i32):\n  %zero = const.i32 0\n  %one = const.i32 1\n"
                           "  %n = const.i32 9\n  branch %x, ^b1(%zero), ^b1(FIRST)\n^b1(%i: i32):\n"
                           "  %next = add.i32 %i, %one\n  %more = lt_u.i32 %next, %n\n  branch %more, ^b1(%next), ^b2\n"
                           "^b2:\n  return %x\n}\n";
  const auto with = [&](const std::string& first) {
    std::string out = text;
    return is_counted(out.replace(out.find("FIRST"), 5, first));
  };
  EXPECT_TRUE(with("%n"));
  EXPECT_FALSE(with("%x"));
}

TEST(Counted, another_way_into_the_second_block_makes_it_none) {
  std::string text = two_blocks("  %n = const.i32 9\n", "  %more = lt_u.i32 %i, %n\n");
  EXPECT_TRUE(is_counted(text));
  text.replace(text.find("  branch %more, ^b2, ^b3"), 24, "  branch %more, ^b2, ^b4");
  text.replace(text.find("^b3:"), 4, "^b4:\n  branch %x, ^b2, ^b3\n^b3:");
  EXPECT_FALSE(is_counted(text));
}

TEST(Counted, needs_no_fuel_and_a_cycle_around_it_needs_one) {
  Module counted = module_of(two_blocks("  %n = const.i32 9\n", "  %more = lt_u.i32 %i, %n\n"));
  EXPECT_EQ(bound_with_fuel(counted), 0u);
  Module around = module_of("export func @f(i32) {\n^b0(%x: i32):\n  %zero = const.i32 0\n  %one = const.i32 1\n"
                            "  %n = const.i32 9\n  jump ^b1(%zero)\n^b1(%i: i32):\n  %next = add.i32 %i, %one\n"
                            "  %more = lt_u.i32 %next, %n\n  branch %more, ^b1(%next), ^b2\n^b2:\n"
                            "  branch %x, ^b1(%zero), ^b3\n^b3:\n  return\n}\n");
  EXPECT_FALSE(fuel_bounded(around));
  EXPECT_EQ(bound_with_fuel(around), 1u);
}

/// Runs all that is said to end, and counts what was.
TEST(Counted, loops_of_random_numbers_end_as_is_said) {
  constexpr const char* kOrders[] = {"eq", "ne", "lt_s", "lt_u", "le_s", "le_u", "gt_s", "gt_u", "ge_s", "ge_u"};
  constexpr const char* kTypes[] = {"i8", "i16", "i32", "i64"};
  std::mt19937_64 random(1);
  u32 ending = 0;
  for (u32 i = 0; i < 2000; ++i) {
    const std::string type = kTypes[random() % 4], order = kOrders[random() % 10];
    const auto small = [&] { return std::to_string(static_cast<int>(random() % 40) - 20); };
    const bool of_next = random() % 2 == 0, stays = random() % 2 == 0;
    const std::string number = of_next ? "%next" : "%i", ways = stays ? "^b1(%next), ^b2" : "^b2, ^b1(%next)";
    const std::string text = "export func @f(" + type + ") -> " + type + " {\n^b0(%x: " + type + "):\n  %m = const." +
                             type + " " + std::to_string(random() % 18) + "\n  %k = and." + type +
                             " %x, %m\n  %c = const." + type + " " + small() + "\n  %n = add." + type +
                             " %k, %c\n  %first = const." + type + " " + small() + "\n  %by = const." + type + " " +
                             small() + "\n  jump ^b1(%first)\n^b1(%i: " + type + "):\n  %next = add." + type +
                             " %i, %by\n  %more = " + order + "." + type + " " + number + ", %n\n  branch %more, " +
                             ways + "\n^b2:\n  return %n\n}\n";
    Module module = module_of(text);
    if (counted_way_back(module.functions.back(), 1) == kNone) continue;
    ++ending;
    // Fuel in each turn shows how many there were.
    ASSERT_EQ(bound_with_fuel(module), 0u);
    std::string fuelled = text;
    fuelled.insert(fuelled.find("  %next"), "  fuel 1\n");
    const Module limited = module_of(fuelled);
    oracle::Interpreter oracle;
    oracle.prepare(limited);
    TestHost host;
    Outcome outcome;
    for (u64 x = 0; x < 32; ++x) {
      oracle.run(0, {&x, 1}, kMostCountedTurns, host, outcome);
      ASSERT_EQ(outcome.kind, OutcomeKind::Returned) << text << "of " << x;
    }
  }
  EXPECT_GT(ending, 300u);
}

} // namespace
} // namespace assay::fuzz
