// thread_test.cpp - which ways ThreadPass sends past a branch, and which it must leave. That programs mean the same is
// passes_test.cpp's.
#include "derived.h"

namespace assay::opt {
namespace {

std::string after(const std::string& text) { return text_after(text, {PassId::Thread}); }

u32 occurrences(const std::string& text, std::string_view word) {
  u32 count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

/// Two ways to a block ^j: with %k, which is 1, and with the second parameter. `join` is what stands there, up to its
/// branch; the ways behind it return 10 and 20.
std::string joined(const std::string& join, const std::string& yes = "  %r = const.i64 10\n",
                   const std::string& entry = "branch %0, ^a, ^b") {
  return "memory 64\nimport @h()\nexport func @f(i64, i64) -> i64 {\n^e(%0: i64, %1: i64):\n  %k = const.i64 1\n  " +
         entry + "\n^a:\n  fuel 1\n  jump ^j(%k)\n^b:\n  fuel 2\n  jump ^j(%1)\n^j(%c: i64):\n" + join + "\n^yes:\n" +
         yes + "  return %r\n^no:\n  %n = const.i64 20\n  return %n\n}\n";
}

TEST(Thread, an_edge_with_a_constant_goes_where_that_leads) {
  const std::string text = after(joined("  branch %c, ^yes, ^no"));
  EXPECT_NE(text.find("fuel 1\n  jump ^b2\n^b2:\n  jump ^b5\n"), std::string::npos) << text;
  EXPECT_NE(text.find("fuel 2\n  jump ^b4(%1)"), std::string::npos) << text;
}

TEST(Thread, what_the_block_computes_from_the_constant_is_known_and_its_effects_are_copied) {
  const std::string text =
      after(joined("  fuel 7\n  store.i64 %0, 0, %1\n  %one = const.i64 1\n  %d = sub.i64 %c, %one\n"
                   "  branch %d, ^yes, ^no"));
  EXPECT_EQ(occurrences(text, "fuel 7"), 2u) << text;
  EXPECT_EQ(occurrences(text, "store.i64"), 2u) << text;
  EXPECT_EQ(occurrences(text, "branch"), 2u) << text; // that of the entry, and for the other way
  EXPECT_EQ(occurrences(text, "jump"), 3u) << text;
}

TEST(Thread, a_branch_behind_one_on_the_same_value_is_decided) {
  const std::string text = after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  branch %0, ^j(%0), ^j(%0)\n"
                                 "^j(%c: i64):\n  fuel 1\n  branch %c, ^yes, ^no\n^yes:\n  %2 = const.i64 10\n"
                                 "  return %2\n^no:\n  %3 = const.i64 20\n  return %3\n}\n");
  EXPECT_EQ(occurrences(text, "branch"), 1u) << text;
  EXPECT_EQ(occurrences(text, "fuel 1"), 2u) << text;
}

TEST(Thread, a_true_value_is_not_one_of_its_numbers) {
  const std::string text =
      after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  branch %0, ^j, ^j\n"
            "^j:\n  %one = const.i64 1\n  %c = eq.i64 %0, %one\n  branch %c, ^yes, ^no\n"
            "^yes:\n  %2 = const.i64 10\n  return %2\n^no:\n  %3 = const.i64 20\n  return %3\n}\n");
  EXPECT_EQ(occurrences(text, "branch"), 2u) << text; // on the false edge it is 0, and so not 1
}

TEST(Thread, a_switch_knows_its_cases_and_is_decided_by_one) {
  const std::string text =
      after("export func @f(i32) -> i64 {\n^e(%0: i32):\n  switch.i32 %0 [4: ^j, 9: ^j], ^j\n^j:\n  fuel 1\n"
            "  switch.i32 %0 [9: ^yes], ^no\n^yes:\n  %2 = const.i64 10\n  return %2\n^no:\n  %3 = const.i64 20\n"
            "  return %3\n}\n");
  EXPECT_EQ(occurrences(text, "switch"), 2u) << text;
  EXPECT_EQ(occurrences(text, "jump"), 2u) << text; // for 4 and for 9; the default may be either
}

TEST(Thread, blocks_that_others_read_from_call_or_are_long_stay) {
  const std::string read = joined("  branch %c, ^yes, ^no", "  %r = add.i64 %c, %c\n");
  EXPECT_EQ(occurrences(after(read), "jump"), 2u);
  EXPECT_EQ(occurrences(after(joined("  call @h()\n  branch %c, ^yes, ^no")), "call"), 1u);
  std::string many;
  for (int i = 0; i < 7; ++i) many += "  fuel 1\n";
  EXPECT_EQ(occurrences(after(joined(many + "  branch %c, ^yes, ^no")), "branch"), 2u);
}

TEST(Thread, what_the_block_passes_on_comes_from_its_copy) {
  const std::string text = after(
      "export func @f(i64, i64) -> i64 {\n^e(%0: i64, %1: i64):\n  %k = const.i64 1\n  branch %0, ^j(%k, %1), ^j(%1, %0)\n"
      "^j(%c: i64, %d: i64):\n  %s = mul.i64 %d, %0\n  %t = add.i64 %c, %c\n  branch %c, ^yes(%s, %t, %d), ^no\n"
      "^yes(%x: i64, %y: i64, %z: i64):\n  %u = add.i64 %x, %y\n  %v = xor.i64 %u, %z\n  return %v\n^no:\n"
      "  return %1\n}\n");
  EXPECT_EQ(occurrences(text, "mul.i64 %1, %0"), 1u) << text;
  EXPECT_NE(text.find("%4 = const.i64 2\n  jump ^b3(%3, %4, %1)"), std::string::npos) << text;
}

TEST(Thread, ways_into_a_loop_do_not_pass_its_header) {
  const std::string text = after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  %k = const.i64 1\n  jump ^h(%k)\n"
                                 "^h(%c: i64):\n  branch %c, ^body, ^x\n^body:\n  fuel 1\n  jump ^h(%0)\n^x:\n"
                                 "  return %0\n}\n");
  EXPECT_NE(text.find("jump ^b1(%1)"), std::string::npos) << text;
}

TEST(Thread, a_copy_is_looked_at_in_its_turn) {
  const std::string text = after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  %k = const.i64 1\n"
                                 "  branch %0, ^j(%k), ^j(%0)\n^j(%c: i64):\n  branch %c, ^i(%c), ^no\n^i(%d: i64):\n"
                                 "  branch %d, ^yes, ^no\n^yes:\n  fuel 5\n  return %0\n^no:\n  return %0\n}\n");
  EXPECT_EQ(occurrences(text, "branch"), 1u) << text; // zero on the other way
}

} // namespace
} // namespace assay::opt
