// features_test.cpp - features of programs, and which programs are kept for them.
#include "fuzz/campaign/features.h"

#include "assay/text.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::fuzz {
namespace {

Module program(const std::string& body) {
  auto module =
      parse_module("export func @f(i32, i32) -> i32 {\n^0(%a: i32, %b: i32):\n" + body + "  return %r\n}\n", "<test>");
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  return module ? std::move(*module) : Module();
}

std::vector<u32> features(const std::string& body) {
  std::vector<u32> out;
  features_of(program(body), out);
  return out;
}

TEST(Features, operation_and_its_neighbour_are_features) {
  const auto one = features("  %r = add.i32 %a, %b\n");
  EXPECT_EQ(one.size(), 4u); // add, return, and what stands before each
  EXPECT_NE(one, features("  %r = sub.i32 %a, %b\n"));
  EXPECT_EQ(one, features("  %r = add.i32 %b, %a\n")) << "operands are none";
}

TEST(Features, table_has_the_lowest_number_whatever_the_order) {
  std::vector<std::atomic<u64>> table(kFeatureCount);
  for (auto& cell : table) cell.store(kNoProgram);
  const Module module = program("  %r = add.i32 %a, %b\n");
  auto& cells = *reinterpret_cast<FeatureTable*>(table.data());
  note_features(module, 9, cells);
  note_features(module, 4, cells);
  note_features(module, 6, cells);
  std::vector<u32> own;
  features_of(module, own);
  for (const u32 feature : own) EXPECT_EQ(cells[feature].load(), 5u) << "program 4";
  note_features(module, 0, cells);
  for (const u32 feature : own) EXPECT_EQ(cells[feature].load(), 1u) << "the first program is not the corpus";
}

TEST(Features, programs_that_are_first_with_most_are_chosen) {
  const std::vector<FirstSeen> seen{{1, 50}, {2, 50}, {3, 7}, {4, 50}, {5, 9}, {6, 7}, {7, 8}};
  EXPECT_EQ(choose_programs(seen, 2), (std::vector<u64>{50, 7}));
  EXPECT_EQ(choose_programs(seen, 9), (std::vector<u64>{50, 7, 8, 9}));
  EXPECT_TRUE(choose_programs({}, 3).empty());
}

TEST(Features, minimal_cover_keeps_all_features_and_drops_what_adds_none) {
  const std::vector<std::vector<u32>> items{{1, 2}, {2, 3}, {1, 2, 3, 3}, {4}, {4}, {}};
  const std::vector<std::size_t> sizes{1, 1, 9, 5, 2, 1};
  EXPECT_EQ(minimal_cover(items, sizes), (std::vector<u32>{2, 4})) << "the smaller of two alike";
}

} // namespace
} // namespace assay::fuzz
