// section_table_test.cpp - ranges are found while they are there, in any order of coming and going, by any thread.
#include "compiler/os/section_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

namespace assay::os {
namespace {

UnwindSections range(u64 begin, u64 size) {
  UnwindSections out;
  out.begin = begin;
  out.end = begin + size;
  out.dwarf = begin + 1;
  out.dwarf_size = size;
  out.compact = begin + 2;
  out.compact_size = size + 1;
  out.base = begin / 2;
  return out;
}

bool is_whole(const UnwindSections& s) {
  const u64 size = s.end - s.begin;
  return s.dwarf == s.begin + 1 && s.dwarf_size == size && s.compact == s.begin + 2 && s.compact_size == size + 1 &&
         s.base == s.begin / 2;
}

/// What a map says that is looked through by hand.
bool agrees(const SectionTable& table, const std::map<u64, u64>& expected, u64 pc) {
  auto above = expected.upper_bound(pc);
  const bool there = above != expected.begin() && pc < (--above)->second;
  UnwindSections found;
  if (table.find(pc, found) != there) return false;
  return !there || (found.begin == above->first && found.end == above->second && is_whole(found));
}

TEST(SectionTable, OnlyPcsOfARangeAreFound) {
  SectionTable table;
  UnwindSections found;
  EXPECT_FALSE(table.find(0, found));
  ASSERT_TRUE(table.add(range(1000, 16)));
  EXPECT_FALSE(table.find(999, found));
  EXPECT_TRUE(table.find(1000, found));
  EXPECT_TRUE(table.find(1015, found));
  EXPECT_FALSE(table.find(1016, found));
  EXPECT_TRUE(is_whole(found));
  EXPECT_FALSE(table.find(~u64{0}, found));
}

TEST(SectionTable, RangesThatMeetOthersAreRefused) {
  SectionTable table;
  ASSERT_TRUE(table.add(range(1000, 100)));
  for (const auto& [begin, size] :
       {std::pair<u64, u64>{1000, 1}, {1099, 10}, {950, 51}, {900, 300}, {1000, 100}, {1050, 0}}) {
    EXPECT_FALSE(table.add(range(begin, size))) << begin;
  }
  EXPECT_TRUE(table.add(range(1100, 1)));
  EXPECT_TRUE(table.add(range(999, 1)));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.remove(1001));
  EXPECT_TRUE(table.remove(1000));
  EXPECT_FALSE(table.remove(1000));
  UnwindSections found;
  EXPECT_FALSE(table.find(1050, found));
  EXPECT_TRUE(table.find(1100, found));
}

class Orders : public testing::TestWithParam<int> {};

TEST_P(Orders, ManyRangesComeAndGo) {
  constexpr u64 kRanges = 5000;
  std::vector<u64> order(kRanges);
  for (u64 i = 0; i < kRanges; ++i) order[i] = i;
  std::mt19937_64 random(7);
  if (GetParam() == 1) std::reverse(order.begin(), order.end());
  if (GetParam() == 2) std::shuffle(order.begin(), order.end(), random);
  SectionTable table;
  UnwindSections found;
  for (const u64 i : order) ASSERT_TRUE(table.add(range(64 + i * 64, 32 + i % 33)));
  EXPECT_EQ(table.size(), kRanges);
  for (u64 i = 0; i < kRanges; ++i) {
    ASSERT_TRUE(table.find(64 + i * 64 + 31 + i % 33, found)) << i;
    ASSERT_EQ(found.begin, 64 + i * 64);
    ASSERT_EQ(table.find(64 + i * 64 + 32 + i % 33, found), i % 33 == 32 && i + 1 < kRanges);
  }
  if (GetParam() == 2) std::shuffle(order.begin(), order.end(), random);
  for (const u64 i : order) ASSERT_TRUE(table.remove(64 + i * 64));
  EXPECT_EQ(table.size(), 0u);
  for (u64 i = 0; i < kRanges; ++i) ASSERT_FALSE(table.find(64 + i * 64, found));
  EXPECT_LE(table.spare_chunks(), 64u) << "what nobody looks at is given back";
}
std::string order_name(const testing::TestParamInfo<int>& order) {
  const char* const names[] = {"Ascending", "Descending", "Random"};
  return names[order.param];
}
INSTANTIATE_TEST_SUITE_P(Of, Orders, testing::Values(0, 1, 2), order_name);

/// Wide ranges come where the directory still has rows for narrow ones that have gone.
TEST(SectionTable, AgreesWithAMapWhileRangesOfAllSizesComeAndGo) {
  std::mt19937_64 random(11);
  SectionTable table;
  std::map<u64, u64> expected;
  const auto free_of = [&](u64 begin, u64 end) {
    const auto above = expected.lower_bound(end);
    return above == expected.begin() || std::prev(above)->second <= begin;
  };
  for (int round = 0; round < 60000; ++round) {
    const bool growing = round / 10000 % 2 == 0;
    const u64 begin = random() % 400000, size = random() % 40 == 0 ? 1 + random() % 20000 : 1 + random() % 60;
    if (random() % 4 < (growing ? 3u : 1u)) {
      const bool fits = free_of(begin, begin + size);
      ASSERT_EQ(table.add(range(begin, size)), fits) << round;
      if (fits) expected[begin] = begin + size;
    } else if (!expected.empty()) {
      auto one = expected.lower_bound(begin);
      if (one == expected.end()) one = expected.begin();
      ASSERT_TRUE(table.remove(one->first)) << round;
      expected.erase(one);
    }
    ASSERT_EQ(table.size(), expected.size());
    for (int look = 0; look < 4; ++look) ASSERT_TRUE(agrees(table, expected, random() % 420000)) << round;
    ASSERT_TRUE(agrees(table, expected, begin)) << round;
  }
}

/// Ranges that stay are found at every moment, and nothing half-made is, while neighbours come and go.
TEST(SectionTable, LookingUpTakesNoNoticeOfOthersChanges) {
  constexpr u64 kStaying = 1000;
  SectionTable table;
  for (u64 i = 0; i < kStaying; ++i) ASSERT_TRUE(table.add(range(1000 + i * 100, 40)));
  std::atomic<bool> stop{false};
  std::atomic<u64> missed{0}, torn{0}, looked{0};
  const auto look = [&](u64 seed) {
    std::mt19937_64 random(seed);
    UnwindSections found;
    while (!stop.load()) {
      const u64 i = random() % kStaying;
      if (!table.find(1000 + i * 100 + 39, found) || found.begin != 1000 + i * 100) ++missed;
      if (table.find(1050 + i * 100, found) && !(found.begin == 1050 + i * 100 && is_whole(found))) ++torn;
      ++looked;
    }
  };
  std::vector<std::thread> readers;
  for (u64 seed : {1, 2, 3}) readers.emplace_back(look, seed);
  const auto change = [&](u64 from) { // each its own ranges, in between
    std::mt19937_64 random(from);
    std::vector<bool> there(kStaying);
    for (int round = 0; round < 40000; ++round) {
      const u64 i = from + 2 * (random() % (kStaying / 2));
      if (there[i]) ASSERT_TRUE(table.remove(1050 + i * 100));
      else ASSERT_TRUE(table.add(range(1050 + i * 100, 10)));
      there[i] = !there[i];
    }
  };
  std::thread other([&] { change(1); });
  change(0);
  other.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(missed.load(), 0u);
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_GT(looked.load(), 0u);
}

} // namespace
} // namespace assay::os
