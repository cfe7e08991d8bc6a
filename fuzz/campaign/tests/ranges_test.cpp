// ranges_test.cpp - sets of program numbers: what is done, what lacks, whatever the order in which it comes.
#include "fuzz/campaign/ranges.h"

#include <gtest/gtest.h>

#include <random>

namespace assay::fuzz {
namespace {

TEST(Ranges, neighbours_become_one_and_overlaps_count_once) {
  RangeSet set;
  set.add({10, 20});
  set.add({30, 40});
  set.add({20, 30});
  ASSERT_EQ(set.ranges().size(), 1u);
  EXPECT_EQ(set.ranges()[0], (NumberRange{10, 40}));
  set.add({0, 15});
  set.add({5, 5});
  EXPECT_EQ(set.count(), 40u);
  EXPECT_EQ(set.first_gap(), 40u);
}

TEST(Ranges, gaps_are_what_lacks_in_pieces) {
  RangeSet set;
  set.add({4, 8});
  set.add({10, 12});
  const std::vector<NumberRange> expected{{0, 3}, {3, 4}, {8, 10}, {12, 15}, {15, 16}};
  EXPECT_EQ(set.gaps(16, 3), expected);
  EXPECT_TRUE(set.gaps(0, 3).empty());
  EXPECT_EQ(set.gaps(6, 100), (std::vector<NumberRange>{{0, 4}}));
  EXPECT_EQ(set.first_gap(), 0u);
  EXPECT_EQ(set.end(), 12u);
}

TEST(Ranges, agrees_with_a_set_of_numbers) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    RangeSet set;
    std::vector<bool> dumb(200, false);
    for (int i = 0; i < 30; ++i) {
      const u64 begin = random() % 190;
      const u64 end = begin + random() % 10;
      set.add({begin, end});
      for (u64 n = begin; n < end; ++n) dumb[n] = true;
    }
    u64 count = 0;
    for (u64 n = 0; n < dumb.size(); ++n) {
      EXPECT_EQ(set.contains(n), dumb[n]);
      count += dumb[n];
    }
    EXPECT_EQ(set.count(), count);
    for (const NumberRange& gap : set.gaps(dumb.size(), 7))
      for (u64 n = gap.begin; n < gap.end; ++n) EXPECT_FALSE(dumb[n]);
    for (std::size_t i = 1; i < set.ranges().size(); ++i)
      EXPECT_LT(set.ranges()[i - 1].end, set.ranges()[i].begin) << "they touch";
  }
}

} // namespace
} // namespace assay::fuzz
