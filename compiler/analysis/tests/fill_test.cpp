// fill_test.cpp - tables have so many elements, all of them what they were filled with, whatever they held before.
#include "compiler/analysis/fill.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::analysis {
namespace {

TEST(Fill, GivesSoManyElementsOfTheValueWhateverWasThere) {
  Table<u32> table;
  Table<u8> bytes;
  for (const std::size_t count : {0u, 1u, 63u, 64u, 65u, 1000u, 7u, 128u, 0u, 300u}) {
    fill_none(table, count);
    EXPECT_EQ(table.size(), count);
    EXPECT_EQ(static_cast<std::size_t>(std::count(table.begin(), table.end(), kNone)), count);
    std::fill(table.begin(), table.end(), 17u);
    fill_zero(table, count);
    EXPECT_EQ(static_cast<std::size_t>(std::count(table.begin(), table.end(), 0u)), count);
    std::fill(table.begin(), table.end(), 18u);
    fill_zero(bytes, count);
    EXPECT_EQ(static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), 0)), count);
    std::fill(bytes.begin(), bytes.end(), u8{19});
  }
}

TEST(Fill, ATableThatGrowsByAValueIsFilledWithIt) {
  Table<u32> table;
  fill_none(table, 10);
  table.resize(200, 5);
  EXPECT_EQ(std::count(table.begin(), table.end(), 5u), 190);
  table.push_back(6);
  EXPECT_EQ(table.back(), 6u);
  EXPECT_EQ(std::count(table.begin(), table.begin() + 10, kNone), 10);
}

} // namespace
} // namespace assay::analysis
