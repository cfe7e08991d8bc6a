// peak_memory_test.cpp - memory that was used and given back is seen, and forgotten when the mark is set back.
#include "fuzz/os/peak_memory.h"

#include <gtest/gtest.h>

#include <memory>

namespace assay::fuzz {
namespace {

constexpr u64 kSize = u64{64} << 20;

void use_and_give_back() {
  const auto bytes = std::make_unique<volatile u8[]>(kSize);
  for (u64 at = 0; at < kSize; at += 4096) bytes[at] = 1;
}

TEST(PeakMemory, sees_what_was_given_back_and_forgets_it_when_begun_again) {
  if (!begin_peak_memory()) GTEST_SKIP() << "this system does not tell it";
  const u64 before = peak_memory();
  ASSERT_GT(before, 0u);
  use_and_give_back();
  const u64 with = peak_memory();
  EXPECT_GE(with, before + kSize * 9 / 10);
  ASSERT_TRUE(begin_peak_memory());
  EXPECT_LT(peak_memory(), with - kSize / 2);
}

} // namespace
} // namespace assay::fuzz
