// layout_test.cpp - where emission puts a function's blocks.
#include "compile_support.h"

#include <algorithm>

namespace assay::codegen {
namespace {

/// Offsets of the calls that raise a trap, and of the last return.
struct Places {
  std::vector<u32> dead_ends;
  u32 last_return = 0;
};

Places places_of(const CodeObject& object) {
  Places out;
  for (const debug::Line& line : disassemble(object, object.functions.back())) {
    if (line.text == "ud2") out.dead_ends.push_back(line.offset);
    if (line.text == "ret") out.last_return = line.offset;
  }
  return out;
}

constexpr const char* kTrapFirst =
    "export func @f(i32, i32) -> i32 {\n^e(%a: i32, %b: i32):\n branch %a, ^bad, ^on\n^bad:\n trap user3\n^on:\n"
    " branch %b, ^worse, ^well\n^worse:\n trap user4\n^well:\n return %b\n}\n";

TEST(Layout, AtO2WhatEndsInATrapStandsBehindEverythingElse) {
  CompileOptions o2;
  o2.level = Level::O2;
  const Places places = places_of(compile(kTrapFirst, o2));
  ASSERT_EQ(places.dead_ends.size(), 3u); // and the check of the stack
  EXPECT_LT(places.dead_ends[0], places.last_return);
  EXPECT_GT(places.dead_ends[1], places.last_return);
  const Places plain = places_of(compile(kTrapFirst));
  EXPECT_LT(plain.dead_ends[1], plain.last_return);
}

TEST(Layout, WithNoDecisionLeftItStandsWhereItDid) {
  CompileOptions o2;
  o2.level = Level::O2;
  for (u64& limit : o2.passes.decision_limits) limit = 0;
  const Places places = places_of(compile(kTrapFirst, o2));
  EXPECT_LT(places.dead_ends[1], places.last_return);
}

/// The body goes on to the header, which has more than a test: what stood between them would be executed in each turn.
TEST(Layout, NothingIsFilledInBetweenTheTurnsOfALoop) {
  CompileOptions o2;
  o2.level = Level::O2;
  const CodeObject object =
      compile("memory 65536\nexport func @f(i64, i32) -> i64 {\n^e(%a: i64, %b: i32):\n %z = const.i32 0\n"
              " %k = const.i64 12\n %one = const.i32 1\n jump ^outer(%a, %z)\n^outer(%o: i64, %m: i32):\n"
              " %t = lt_s.i32 %m, %b\n branch %t, ^head(%o), ^out\n^head(%i: i64):\n %w = load.i32 %i, 0\n"
              " %c = lt_s.i32 %w, %b\n branch %c, ^body, ^behind\n^body:\n %n = add.i64 %i, %k\n jump ^head(%n)\n"
              "^behind:\n %next = add.i32 %m, %one\n %p = mul.i64 %i, %i\n jump ^outer(%p, %next)\n"
              "^out:\n return %a\n}\n",
              o2);
  const std::vector<debug::Line> lines = disassemble(object, object.functions.back());
  const auto is = [](const char* text) {
    return [=](const debug::Line& line) { return line.text.find(text) != std::string::npos; };
  };
  const auto step = std::find_if(lines.begin(), lines.end(), is(", 0xc"));
  ASSERT_NE(step, lines.end());
  EXPECT_TRUE(is("cmp")(*(step + 1))) << (step + 1)->text;
}

} // namespace
} // namespace assay::codegen
