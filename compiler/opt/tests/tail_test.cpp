// tail_test.cpp - which tail calls TailPass makes jumps, and what it does before them. That programs mean the same,
// call stacks included, is passes_test.cpp's and that of corpus/run/tail_calls_of_itself.air.
#include "derived.h"

namespace assay::opt {
namespace {

std::string after_tail(const std::string& text, u64 rewrites = ~u64{0}) {
  return text_after(text, {PassId::Tail}, rewrites);
}

/// A function that calls `callee` in tail, with these slots.
std::string caller(const std::string& callee, const std::string& slots) {
  return "export func @f(i64, i64) -> i64 {\n" + slots +
         "^e(%a: i64, %b: i64):\n  fuel 1\n  branch %a, ^more, ^exit\n^more:\n  tail_call " + callee +
         "(%b, %a)\n^exit:\n  return %b\n}\nfunc @g(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n  return %a\n}\n";
}

TEST(Tail, a_call_of_itself_jumps_to_where_the_function_begins) {
  const std::string text = after_tail(caller("@f", ""));
  EXPECT_NE(text.find("^b0(%0: i64, %1: i64):\n  jump ^b1(%0, %1)\n^b1(%2: i64, %3: i64):\n  fuel 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("jump ^b1(%3, %2)"), std::string::npos) << text;
  EXPECT_EQ(text.find("tail_call"), std::string::npos) << text;
}

TEST(Tail, a_call_of_another_function_stays) {
  const std::string text = after_tail(caller("@g", ""));
  EXPECT_NE(text.find("tail_call @g(%1, %0)"), std::string::npos) << text;
  EXPECT_EQ(text.find("jump"), std::string::npos) << text;
}

TEST(Tail, slots_become_zero_before_the_jump_unless_they_are_large) {
  const std::string text = after_tail(caller("@f", "  slot $s : 13 align 8\n"));
  EXPECT_NE(text.find("pstore.i64 %4, 0, %5\n"), std::string::npos) << text;
  EXPECT_NE(text.find("pstore.i32 %4, 8, %6\n"), std::string::npos) << text;
  EXPECT_NE(text.find("pstore.i8 %4, 12, %7\n  jump ^b1"), std::string::npos) << text;
  EXPECT_NE(after_tail(caller("@f", "  slot $s : 65 align 8\n")).find("tail_call @f"), std::string::npos);
}

TEST(Tail, with_no_rewrite_left_nothing_changes) {
  const std::string text = after_tail(caller("@f", ""), 0);
  EXPECT_NE(text.find("tail_call @f"), std::string::npos) << text;
  EXPECT_EQ(text.find("jump"), std::string::npos) << text;
}

} // namespace
} // namespace assay::opt
