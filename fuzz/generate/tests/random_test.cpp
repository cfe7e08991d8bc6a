// random_test.cpp - the generator's numbers: known values, bounds, weights.
#include "fuzz/generate/random.h"

#include <gtest/gtest.h>

#include <array>

namespace assay::fuzz {
namespace {

TEST(Random, splitmix_gives_the_published_sequence) {
  // Vigna's splitmix64.c, seed 1234567.
  u64 state = 1234567;
  EXPECT_EQ(splitmix64(state), 6457827717110365317u);
  EXPECT_EQ(splitmix64(state), 3203168211198807973u);
  EXPECT_EQ(splitmix64(state), 9817491932198370423u);
}

TEST(Random, same_seed_gives_the_same_draws) {
  Random a(42), b(42), c(43);
  bool all_equal = true;
  for (int i = 0; i < 100; ++i) {
    const u64 draw = a.next();
    EXPECT_EQ(draw, b.next());
    all_equal = all_equal && draw == c.next();
  }
  EXPECT_FALSE(all_equal);
}

TEST(Random, below_reaches_every_number_and_none_beyond) {
  Random random(1);
  std::array<u32, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen.at(random.below(7));
  for (const u32 count : seen) {
    EXPECT_GT(count, 800u);
    EXPECT_LT(count, 1200u);
  }
  EXPECT_EQ(random.below(0), 0u);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, range_is_inclusive_at_both_ends) {
  Random random(2);
  bool low = false, high = false;
  for (int i = 0; i < 200; ++i) {
    const u32 draw = random.in({3, 6});
    ASSERT_GE(draw, 3u);
    ASSERT_LE(draw, 6u);
    low = low || draw == 3;
    high = high || draw == 6;
  }
  EXPECT_TRUE(low && high);
}

TEST(Random, chance_never_and_always) {
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(random.chance(Chance{0, 1}));
    EXPECT_TRUE(random.chance(Chance{1, 1}));
  }
}

TEST(Random, weighted_follows_the_weights) {
  Random random(4);
  const u32 weights[] = {0, 3, 1};
  std::array<u32, 3> seen{};
  for (int i = 0; i < 8000; ++i) ++seen.at(random.weighted(weights));
  EXPECT_EQ(seen[0], 0u);
  EXPECT_NEAR(seen[1], 6000, 300);
  EXPECT_NEAR(seen[2], 2000, 300);
}

TEST(Random, derived_seeds_differ) { EXPECT_NE(derive_seed(7, 0), derive_seed(7, 1)); }

} // namespace
} // namespace assay::fuzz
