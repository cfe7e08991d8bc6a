// stopwatch_test.cpp - time of a campaign while clocks jump and the process stands still.
#include "fuzz/campaign/stopwatch.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

TEST(CampaignTime, leap_forward_counts_as_a_second_and_is_told) {
  double clock = 100;
  Stopwatch watch([&clock] { return clock; });
  clock += 0.5;
  EXPECT_DOUBLE_EQ(watch.look(), 0.5);
  clock += 3600;
  EXPECT_DOUBLE_EQ(watch.look(), 1.5);
  EXPECT_DOUBLE_EQ(watch.left_out(), 3599);
}

TEST(CampaignTime, never_goes_backwards) {
  double clock = 100;
  Stopwatch watch([&clock] { return clock; });
  clock = 40;
  EXPECT_DOUBLE_EQ(watch.look(), 0);
  clock = 40.25;
  EXPECT_DOUBLE_EQ(watch.look(), 0.25) << "from where it is now";
}

} // namespace
} // namespace assay::fuzz
