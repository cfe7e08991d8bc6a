// idle_test.cpp - which loops IdlePass passes by: none that does something, none whose end is not sure, which is tried
// out for every beginning and limit of i8.
#include "derived.h"

namespace assay::opt {
namespace {

std::string passed_by(const std::string& text) { return text_after(text, {PassId::Idle}); }
bool has_loop(const std::string& text) { return text.find("branch") != std::string::npos; }

/// `for (%i = %n; test; %i += 1) body`, left in its header.
std::string counted(const std::string& body, const std::string& test = "lt_s.i32 %i, %m",
                    const std::string& last = "%m") {
  return "memory 4096\nimport @host()\nexport func @f(i32, i32) -> i32 {\n^e(%n: i32, %m: i32):\n  %one = const.i32 1\n"
         "  jump ^head(%n)\n^head(%i: i32):\n  %more = " +
         test + "\n  branch %more, ^body, ^out\n^body:\n" + body +
         "  %next = add.i32 %i, %one\n  jump ^head(%next)\n^out:\n  return " + last + "\n}\n";
}

TEST(Idle, a_loop_that_only_counts_is_passed_by_and_its_ends_joined) {
  EXPECT_EQ(passed_by(counted("")), "memory 4096\nimport @host()\n\nexport func @f(i32, i32) -> i32 {\n"
                                    "^b0(%0: i32, %1: i32):\n  %2 = const.i32 1\n  return %1\n}\n");
  EXPECT_FALSE(has_loop(passed_by(counted("  %x = mul.i32 %i, %m\n"))));
}

TEST(Idle, what_does_something_stays) {
  EXPECT_TRUE(has_loop(passed_by(counted("  fuel 1\n"))));
  EXPECT_TRUE(has_loop(passed_by(counted("  store.i32 %one, 0, %i\n"))));
  EXPECT_TRUE(has_loop(passed_by(counted("  %x = load.i32 %i, 0\n")))) << "it may trap";
  EXPECT_TRUE(has_loop(passed_by(counted("  %x = div_s.i32 %i, %m\n"))));
  EXPECT_FALSE(has_loop(passed_by(counted("  %x = load.i32 %one, 0\n"))));
  EXPECT_TRUE(has_loop(passed_by(counted("  call @host()\n"))));
}

TEST(Idle, what_is_read_behind_stays) {
  EXPECT_TRUE(has_loop(passed_by(counted("", "lt_s.i32 %i, %m", "%i"))));
  std::string passed = counted("");
  passed.replace(passed.find("^out\n^body"), 4, "^out(%i)");
  passed.replace(passed.find("^out:\n"), 5, "^out(%p: i32):");
  EXPECT_TRUE(has_loop(passed_by(passed)));
}

TEST(Idle, what_is_left_elsewhere_too_stays) {
  const std::string body = "  %t = eq.i32 %i, %one\n  branch %t, ^out, ^on\n^on:\n";
  EXPECT_TRUE(has_loop(passed_by(counted(body))));
}

TEST(Idle, limits_that_the_loop_changes_say_nothing) {
  EXPECT_TRUE(has_loop(
      passed_by(counted("", "lt_s.i32 %i, %far")
                    .replace(0, 0, "")
                    .insert(counted("", "lt_s.i32 %i, %far").find("  %more"), "  %far = add.i32 %i, %one\n"))));
}

TEST(Idle, loops_around_loops_go_as_well_and_guards_before_them) {
  const std::string text = passed_by(R"(export func @f(i64, i64) -> i64 {
^e(%n: i64, %m: i64):
  %zero = const.i64 0
  %one = const.i64 1
  %any = lt_s.i64 %zero, %n
  branch %any, ^outer(%zero), ^out
^outer(%i: i64):
  jump ^inner(%zero)
^inner(%k: i64):
  %j = add.i64 %k, %one
  %more = lt_s.i64 %j, %m
  branch %more, ^inner(%j), ^next
^next:
  %ni = add.i64 %i, %one
  %again = lt_s.i64 %ni, %n
  branch %again, ^outer(%ni), ^out
^out:
  return %m
}
)");
  EXPECT_EQ(text.find("branch"), std::string::npos) << text;
  EXPECT_EQ(text.find("jump"), std::string::npos) << text;
}

TEST(Idle, loops_one_after_another_go_each_and_one_that_works_stays) {
  std::string text = "memory 64\nexport func @f(i32) -> i32 {\n^e(%n: i32):\n  %zero = const.i32 0\n"
                     "  %one = const.i32 1\n  jump ^h0(%zero)\n";
  for (const char digit : std::string("0123")) {
    const std::string d(1, digit), next(1, static_cast<char>(digit + 1));
    text += "^h" + d + "(%i" + d + ": i32):\n" + (digit == '2' ? "  store.i32 %zero, 0, %i2\n" : "") + "  %j" + d +
            " = add.i32 %i" + d + ", %one\n  %t" + d + " = lt_s.i32 %j" + d + ", %n\n  branch %t" + d + ", ^h" + d +
            "(%j" + d + "), ^x" + d + "\n^x" + d + ":\n  " +
            (digit == '3' ? "return %n\n" : "jump ^h" + next + "(%zero)\n");
  }
  const std::string made = passed_by(text + "}\n");
  EXPECT_NE(made.find("branch"), std::string::npos) << made;
  EXPECT_EQ(made.find("branch"), made.rfind("branch")) << made;
}

TEST(Idle, two_blocks_that_lead_to_a_loop_stay_two) {
  const std::string text = passed_by(R"(export func @f(i32, i32) -> i32 {
^e(%n: i32, %m: i32):
  %zero = const.i32 0
  %one = const.i32 1
  branch %n, ^a, ^b
^a:
  jump ^head(%zero)
^b:
  jump ^head(%one)
^head(%i: i32):
  %next = add.i32 %i, %one
  %more = lt_s.i32 %next, %m
  branch %more, ^head(%next), ^out
^out:
  %sum = add.i32 %n, %m
  return %sum
}
)");
  EXPECT_EQ(text.find("lt_s"), std::string::npos) << text;
  EXPECT_NE(text.find("branch"), std::string::npos) << text;
}

// ---- ends ------------------------------------------------------------------------------------------------------

struct Tried {
  const char* op;
  bool (*holds)(i32 a, i32 b); // sign-extended
};
u32 low(i32 value) { return static_cast<u32>(value) & 0xff; }
const Tried kTried[] = {
    {"eq", [](i32 a, i32 b) { return a == b; }},
    {"ne", [](i32 a, i32 b) { return a != b; }},
    {"lt_s", [](i32 a, i32 b) { return a < b; }},
    {"le_s", [](i32 a, i32 b) { return a <= b; }},
    {"gt_s", [](i32 a, i32 b) { return a > b; }},
    {"ge_s", [](i32 a, i32 b) { return a >= b; }},
    {"lt_u", [](i32 a, i32 b) { return low(a) < low(b); }},
    {"le_u", [](i32 a, i32 b) { return low(a) <= low(b); }},
    {"gt_u", [](i32 a, i32 b) { return low(a) > low(b); }},
    {"ge_u", [](i32 a, i32 b) { return low(a) >= low(b); }},
};

struct Shape {
  bool turned, of_next, in_header, stays_when_false;
};

std::string shaped(const Tried& tried, const Shape& shape, i32 step, const std::string& limit) {
  const std::string counter = shape.of_next ? "%next" : "%i";
  const std::string operands = shape.turned ? limit + ", " + counter : counter + ", " + limit;
  const std::string on = shape.in_header ? "^body" : "^head(%next)";
  return "export func @f(i8, i8) -> i8 {\n^e(%s: i8, %n: i8):\n  %by = const.i8 " + std::to_string(step) +
         "\n  %k = const.i8 " + (limit == "%n" ? "0" : limit.substr(1)) + "\n  jump ^head(%s)\n^head(%i: i8):\n" +
         "  %next = add.i8 %i, %by\n  %t = " + tried.op + ".i8 " + operands + "\n  branch %t, " +
         (shape.stays_when_false ? "^out, " + on : on + ", ^out") + "\n" +
         (shape.in_header ? "^body:\n  jump ^head(%next)\n" : "") + "^out:\n  return %n\n}\n";
}

bool does_end(const Tried& tried, const Shape& shape, i32 step, i32 from, i32 limit) {
  i32 i = from;
  for (u32 turns = 0; turns < 257; ++turns) {
    const i32 next = static_cast<i8>(i + step), counter = shape.of_next ? next : i;
    const bool holds = shape.turned ? tried.holds(limit, counter) : tried.holds(counter, limit);
    if (holds == shape.stays_when_false) return true;
    i = next;
  }
  return false;
}

/// Of loops with this limit, "%n" for any: those passed by must all end.
u32 try_out(const Tried& tried, const Shape& shape, i32 step, const std::string& limit) {
  const std::string constant = limit == "%n" ? limit : "%" + limit;
  std::string text = shaped(tried, shape, step, constant);
  if (limit != "%n") // the constant has a name
    for (std::size_t at = text.find(constant); at != std::string::npos; at = text.find(constant, at))
      text.replace(at, constant.size(), "%k");
  if (has_loop(passed_by(text))) return 0;
  for (i32 from = -128; from < 128; from += limit == "%n" ? 5 : 1) {
    for (i32 to = -128; to < 128; ++to) {
      if (limit != "%n" && to != std::stoi(limit)) continue;
      EXPECT_TRUE(does_end(tried, shape, step, from, to)) << from << " to " << to << "\n" << text;
      if (::testing::Test::HasFailure()) return 1;
    }
  }
  return 1;
}

TEST(Idle, every_loop_of_i8_that_is_passed_by_ends) {
  u32 gone = 0;
  for (const Tried& tried : kTried) {
    for (u32 bits = 0; bits < 16; ++bits) {
      const Shape shape = {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
      for (const i32 step : {-3, -1, 0, 1, 2, 127}) {
        for (const char* limit : {"%n", "-128", "-127", "-1", "0", "1", "125", "127"})
          gone += try_out(tried, shape, step, limit);
      }
    }
  }
  EXPECT_GT(gone, 500u);
}

TEST(Idle, usual_loops_are_passed_by) {
  const Shape plain = {false, true, false, false};
  EXPECT_EQ(try_out(kTried[2], plain, 1, "%n"), 1u);
  EXPECT_EQ(try_out(kTried[4], plain, -1, "%n"), 1u);
  EXPECT_EQ(try_out(kTried[1], plain, -1, "0"), 1u);
  EXPECT_EQ(try_out(kTried[2], plain, 2, "100"), 1u);
  EXPECT_EQ(try_out(kTried[2], plain, 2, "%n"), 0u);
  EXPECT_EQ(try_out(kTried[3], plain, 1, "%n"), 0u);
}

} // namespace
} // namespace assay::opt
