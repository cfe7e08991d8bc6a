// layout_test.cpp - where emission puts a function's blocks.
#include "compile_support.h"

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

} // namespace
} // namespace assay::codegen
