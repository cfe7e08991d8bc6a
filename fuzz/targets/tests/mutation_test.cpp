// mutation_test.cpp - what an engine gets for a text: a program that can be run, whatever the text was; mostly a mutant
// of it where it was one.
#include "fuzz/targets/targets.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr std::string_view kProgram = "export func @only_here(i64) -> i64 {\n^e(%a: i64):\n  %b = const.i64 77\n"
                                      "  %r = add.i64 %a, %b\n  return %r\n}\n";

/// What becomes of the text.
std::string mutated(std::string_view text, u64 seed) {
  std::vector<std::uint8_t> bytes(kMaxInput);
  std::copy(text.begin(), text.end(), bytes.begin());
  const std::size_t size = mutate_text(bytes.data(), text.size(), bytes.size(), seed);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

bool has_body(std::string_view text) {
  Module module;
  if (!program_of(text, module)) return false;
  return std::any_of(module.functions.begin(), module.functions.end(), [](const Function& f) { return !f.imported; });
}

TEST(TargetMutation, makes_a_program_of_nothing_and_of_what_is_none) {
  for (const std::string_view text : {std::string_view(), std::string_view("\n"), std::string_view("memory 16\n"),
                                      std::string_view("import @log(i64)\n"), std::string_view("func @f(\xff")}) {
    for (u64 seed = 1; seed <= 20; ++seed) EXPECT_TRUE(has_body(mutated(text, seed))) << text << ", seed " << seed;
  }
}

TEST(TargetMutation, keeps_most_of_a_program_and_makes_some_anew) {
  u32 kept = 0, anew = 0;
  for (u64 seed = 1; seed <= 400; ++seed) {
    const std::string text = mutated(kProgram, seed);
    EXPECT_TRUE(has_body(text)) << "seed " << seed;
    ++(text.find("@only_here") != text.npos ? kept : anew);
  }
  EXPECT_GT(kept, 300u);
  EXPECT_GT(anew, 20u) << "one in eight is fresh, so that a corpus of nothing much does not stay one";
}

TEST(TargetMutation, is_the_same_for_the_same_seed) {
  for (u64 seed = 1; seed <= 20; ++seed) EXPECT_EQ(mutated(kProgram, seed), mutated(kProgram, seed));
  EXPECT_NE(mutated(kProgram, 1), mutated(kProgram, 2));
}

} // namespace
} // namespace assay::fuzz
