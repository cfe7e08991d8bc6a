// sequence_test.cpp - the array of plain data that compiles use: what it keeps when it grows, shrinks and is copied.
#include "compiler/codegen/sequence.h"

#include <gtest/gtest.h>

#include <utility>

namespace assay::codegen {
namespace {

TEST(Sequence, KeepsElementsWhenItGrows) {
  Sequence<u32> s;
  for (u32 i = 0; i < 1000; ++i) s.push_back(i);
  ASSERT_EQ(s.size(), 1000u);
  for (u32 i = 0; i < 1000; ++i) EXPECT_EQ(s[i], i);
  EXPECT_EQ(s.back(), 999u);
}

TEST(Sequence, ExtendGivesRoomForSeveralBehindTheOthers) {
  Sequence<u64> s;
  s.push_back(7);
  u64* const added = s.extend(500);
  for (u32 i = 0; i < 500; ++i) added[i] = i;
  ASSERT_EQ(s.size(), 501u);
  EXPECT_EQ(s[0], 7u);
  EXPECT_EQ(s[500], 499u);
  EXPECT_EQ(added, s.data() + 1);
}

TEST(Sequence, PushesACopyOfItsOwnElementWhileGrowing) {
  Sequence<u32> s;
  s.push_back(41);
  for (u32 i = 0; i < 300; ++i) s.push_back(s[0]);
  for (u32 value : s) EXPECT_EQ(value, 41u);
}

TEST(Sequence, ClearKeepsItsStorage) {
  Sequence<u32> s;
  s.assign(200, 5);
  const u32* const before = s.data();
  s.clear();
  EXPECT_TRUE(s.empty());
  s.assign(200, 6);
  EXPECT_EQ(s.data(), before);
  EXPECT_EQ(s[199], 6u);
}

TEST(Sequence, ResizeKeepsWhatIsLeft) {
  Sequence<u32> s;
  for (u32 i = 0; i < 10; ++i) s.push_back(i);
  s.resize(3);
  ASSERT_EQ(s.size(), 3u);
  s.resize(5);
  s[3] = s[4] = 9;
  EXPECT_EQ(s[2], 2u);
  s.pop_back();
  EXPECT_EQ(s.size(), 4u);
}

TEST(Sequence, ACopyIsAnotherAndAMoveTakesTheStorage) {
  Sequence<u32> s;
  s.assign(3, 1);
  Sequence<u32> copy = s;
  EXPECT_TRUE(copy == s);
  copy[0] = 2;
  EXPECT_FALSE(copy == s);
  EXPECT_EQ(s[0], 1u);
  s = copy;
  EXPECT_EQ(s[0], 2u);
  const u32* const storage = s.data();
  const Sequence<u32> moved = std::move(s);
  EXPECT_EQ(moved.data(), storage);
  EXPECT_EQ(moved.size(), 3u);
}

TEST(Sequence, AnEmptyOneHasNoElements) {
  const Sequence<u32> s;
  EXPECT_TRUE(s.empty());
  EXPECT_EQ(s.begin(), s.end());
  Sequence<u32> copy = s;
  copy.append(s.begin(), s.end());
  EXPECT_EQ(copy.size(), 0u);
}

} // namespace
} // namespace assay::codegen
