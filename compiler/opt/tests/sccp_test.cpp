// sccp_test.cpp - what SccpPass finds constant, and what it must not. That programs mean the same is passes_test.cpp's.
#include "derived.h"

namespace assay::opt {
namespace {

std::string after(const std::string& text, std::initializer_list<PassId> passes = {PassId::Sccp}) {
  return text_after(text, passes);
}

bool has(const std::string& text, std::string_view word) { return text.find(word) != std::string::npos; }

/// A loop whose %k is 3 at first, and `again` after a turn; what it does with %k is said before.
std::string loop(const std::string& body, const std::string& again) {
  return "import @h() -> i64\nexport func @f(i64) -> i64 {\n^e(%0: i64):\n  %three = const.i64 3\n"
         "  %one = const.i64 1\n  jump ^h(%0, %three)\n^h(%n: i64, %k: i64):\n  fuel 1\n  " +
         body + "\n  %m = sub.i64 %n, %one\n  branch %m, ^h(%m, " + again + "), ^x\n^x:\n  return %k\n}\n";
}

TEST(Sccp, a_parameter_that_stays_the_same_round_a_loop_is_a_constant) {
  const std::string same = "%d = sub.i64 %k, %three\n  %again = add.i64 %three, %d";
  EXPECT_TRUE(
      has(after(loop(same, "%again"), {PassId::Sccp, PassId::Dce}), "^b1(%2: i64):\n  %3 = const.i64 3\n  fuel 1"));
  EXPECT_FALSE(has(after(loop(same, "%again")), "add.i64"));
}

TEST(Sccp, one_that_changes_is_not) {
  const std::string text = after(loop("%again = add.i64 %k, %one", "%again"));
  EXPECT_TRUE(has(text, "add.i64")) << text;
  EXPECT_TRUE(has(after(loop("%again = call @h()", "%again")), "^b1(%3: i64, %4: i64):")) << text;
}

TEST(Sccp, a_way_that_is_never_taken_passes_nothing) {
  const std::string text = after(loop("%odd = eq.i64 %k, %one\n  branch %odd, ^odd, ^even\n^odd:\n  %x = call @h()\n"
                                      "  jump ^meet(%x)\n^even:\n  jump ^meet(%three)\n^meet(%again: i64):",
                                      "%again"),
                                 {PassId::Sccp, PassId::Control, PassId::Dce});
  EXPECT_FALSE(has(text, "call")) << text;
  EXPECT_TRUE(has(text, "%3 = const.i64 3\n  fuel 1")) << text;
  EXPECT_TRUE(has(text, "return %3")) << text;
}

TEST(Sccp, a_branch_on_any_constant_but_zero_is_taken) {
  const std::string text = after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  %two = const.i64 2\n  jump ^b(%two)\n"
                                 "^b(%c: i64):\n  branch %c, ^x(%two), ^x(%0)\n^x(%r: i64):\n  return %r\n}\n");
  EXPECT_TRUE(has(text, "const.i64 2\n  return")) << text;
}

TEST(Sccp, a_switch_goes_to_its_case_or_its_default) {
  const auto with = [](const std::string& value) {
    return after("export func @f(i64) -> i64 {\n^e(%0: i64):\n  %v = const.i32 " + value +
                 "\n  jump ^s(%v)\n^s(%c: i32):\n  %p = const.i64 70\n  %q = const.i64 90\n"
                 "  switch.i32 %c [7: ^x(%p), 8: ^x(%0)], ^x(%q)\n^x(%r: i64):\n  return %r\n}\n");
  };
  EXPECT_TRUE(has(with("7"), "const.i64 70\n  return"));
  EXPECT_TRUE(has(with("9"), "const.i64 90\n  return"));
  EXPECT_FALSE(has(with("8"), "0\n  return"));
}

TEST(Sccp, what_traps_stays) {
  const std::string text = after("export func @f() -> i64 {\n^e:\n  %zero = const.i64 0\n  jump ^b(%zero)\n"
                                 "^b(%z: i64):\n  %q = div_u.i64 %z, %z\n  return %q\n}\n");
  EXPECT_TRUE(has(text, "div_u")) << text;
}

TEST(Sccp, what_a_call_returns_to_a_handler_or_behind_it_varies) {
  const std::string text = after("tag @t(i64)\nimport @h() -> i64\nexport func @f() -> i64 {\n^e:\n"
                                 "  %k = const.i64 5\n  try_call @h() -> ^ok(%k), catch @t ^bad(%k)\n"
                                 "^ok(%r: i64, %five: i64):\n  %s = add.i64 %r, %five\n  return %s\n"
                                 "^bad(%p: i64, %also: i64):\n  %t = mul.i64 %p, %also\n  return %t\n}\n");
  EXPECT_TRUE(has(text, "add.i64")) << text;
  EXPECT_TRUE(has(text, "mul.i64")) << text;
  EXPECT_TRUE(has(text, "-> ^b1, catch @t ^b2\n")) << text;
}

TEST(Sccp, a_call_that_no_way_leads_to_still_passes_its_results) {
  const std::string text = after("tag @t(i64)\nimport @h() -> i64\nexport func @f() -> i64 {\n^e:\n"
                                 "  %k = const.i64 5\n  jump ^b(%k)\n^b(%c: i64):\n  branch %c, ^meet(%k), ^call\n"
                                 "^call:\n  try_call @h() -> ^meet, catch @t ^meet\n"
                                 "^meet(%r: i64):\n  return %r\n}\n");
  EXPECT_TRUE(has(text, "-> ^b3, catch @t ^b3\n")) << text;
  EXPECT_TRUE(has(text, "^b3(%2: i64):\n  return %2")) << text;
}

} // namespace
} // namespace assay::opt
