// frame_leaves_test.cpp - entries come and go in any order, and the unwinder finds exactly those that are there.
//
// The sections are hand-made for code that is never run. The unwinder is libgcc, where that is older than GCC 13; the
// tests of order and merging ask a stand-in for it as well, which reads the arrays that it is given as libgcc would.
#include "compiler/os/frame_leaves.h"
#include "compiler/os/unwind_registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <thread>

namespace assay::os {
namespace {

#if !defined(_WIN32) // where no unwinder keeps such objects

/// What libgcc would know: arrays of entries. A look-up takes the array with the greatest begin not above the pc.
std::map<const void*, u64> known; // array to its first entry's begin when it was added
std::vector<u64> thrown_through;  // pcs that must be found at every moment

u64 word(const u8* fde, u32 at) {
  u64 value = 0;
  std::memcpy(&value, fde + at, 8);
  return value;
}
const u8* find(u64 pc);
void add_array(void* entries, void*) {
  const u8* const* array = static_cast<const u8* const*>(entries);
  ASSERT_NE(array[0], nullptr);
  for (u32 i = 0; array[i + 1] != nullptr; ++i) ASSERT_LE(word(array[i], 8), word(array[i + 1], 8));
  ASSERT_TRUE(known.emplace(entries, word(array[0], 8)).second);
  for (const u64 pc : thrown_through) ASSERT_NE(find(pc), nullptr);
}
void* remove_array(const void* entries) {
  EXPECT_EQ(known.erase(entries), 1u);
  for (const u64 pc : thrown_through) EXPECT_NE(find(pc), nullptr);
  return nullptr;
}
const u8* find(u64 pc) {
  const void* best = nullptr;
  for (const auto& [array, begin] : known)
    if (begin <= pc && (best == nullptr || begin > known.at(best))) best = array;
  if (best == nullptr) return nullptr;
  const u8* const* const array = static_cast<const u8* const*>(best);
  std::size_t low = 0, high = 0;
  while (array[high] != nullptr) ++high;
  while (low < high) { // as libgcc does
    const std::size_t middle = (low + high) / 2;
    const u64 begin = word(array[middle], 8);
    if (pc < begin) high = middle;
    else if (pc >= begin + word(array[middle], 16)) low = middle + 1;
    else return array[middle];
  }
  return nullptr;
}

void put32(std::vector<u8>& out, u32 value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

/// A piece of memory: code that is not there, and its section behind it.
struct Unit {
  static constexpr u64 kBytes = 512;
  u8* at = nullptr;
  u32 functions = 0;
  u64 section_size = 0;

  Unit(u8* place, u32 count, u32 padding = 0) : at(place), functions(count) {
    std::vector<u8> out;
    put32(out, 20);
    put32(out, 0);
    for (const int byte : {1, 'z' + 0, 'R' + 0, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0})
      out.push_back(static_cast<u8>(byte));
    for (u32 i = 0; i < count; ++i) {
      put32(out, 16 + padding);
      put32(out, static_cast<u32>(out.size()));
      put32(out, static_cast<u32>(at + i * 16 - (section() + out.size())));
      put32(out, 16);
      put32(out, 0);
      out.resize(out.size() + padding);
    }
    put32(out, 0);
    section_size = out.size();
    std::memcpy(section(), out.data(), out.size());
  }
  u8* section() const { return at + 16 * functions; }
  u64 pc(u32 i) const { return reinterpret_cast<u64>(at) + 16 * i + 7; }
};

class Leaves : public testing::Test {
protected:
  Leaves() : leaves_({add_array, remove_array}), memory_(1000 * Unit::kBytes) {}
  u8* place(u32 i) { return memory_.data() + i * Unit::kBytes; }
  bool add(const Unit& unit) { return leaves_.add(unit.section(), unit.section_size); }
  bool remove(const Unit& unit) { return leaves_.remove(unit.at, unit.at + 16 * unit.functions - 1); }
  void expect(const Unit& unit, bool there) {
    for (u32 i = 0; i < unit.functions; ++i) {
      const u8* found = find(unit.pc(i));
      ASSERT_EQ(found != nullptr, there) << "function " << i;
      ASSERT_EQ(leaves_.owns(found, unit.at + 16 * i + 7), there);
    }
  }
  FrameLeaves leaves_;
  std::vector<u8> memory_;
};

TEST_F(Leaves, RandomUnitsAreFoundAsLongAsTheyAreThere) {
  std::mt19937 random(5);
  const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
  std::map<u32, Unit> there;
  for (u32 round = 0; round < 20000; ++round) {
    const u32 i = below(round < 10000 ? 1000 : 40);
    const auto found = there.find(i);
    if (found != there.end()) {
      ASSERT_TRUE(remove(found->second));
      ASSERT_NO_FATAL_FAILURE(expect(found->second, false)) << round;
      there.erase(found);
    } else {
      const Unit unit(place(i), 1 + below(5), 8 * below(3));
      ASSERT_TRUE(add(unit)) << round;
      ASSERT_NO_FATAL_FAILURE(expect(unit, true)) << round;
      there.emplace(i, unit);
    }
    if (round % 500 != 0) continue;
    for (const auto& [index, other] : there) ASSERT_NO_FATAL_FAILURE(expect(other, true)) << round << " unit " << index;
  }
  for (const auto& [i, unit] : there) ASSERT_TRUE(remove(unit));
  EXPECT_LE(leaves_.leaf_count(), 8u);
}

TEST_F(Leaves, ThereAreFewForManyUnitsInAnyOrder) {
  std::vector<u32> order(1000);
  for (u32 i = 0; i < 1000; ++i) order[i] = i;
  std::mt19937 random(9);
  for (int round = 0; round < 3; ++round) {
    for (const u32 i : order) ASSERT_TRUE(add(Unit(place(i), 5)));
    EXPECT_LE(leaves_.leaf_count(), 80u) << "for 5000 entries, round " << round;
    for (const u32 i : order) ASSERT_TRUE(leaves_.remove(place(i), place(i) + 79));
    std::shuffle(order.begin(), order.end(), random);
  }
}

TEST_F(Leaves, WhatStaysIsKnownAtEveryMomentWhileLeavesAreMadeAnew) {
  std::mt19937 random(7);
  for (u32 i = 0; i < 1000; i += 100) { // these stay
    const Unit unit(place(i), 2);
    ASSERT_TRUE(add(unit));
    thrown_through.push_back(unit.pc(0));
    thrown_through.push_back(unit.pc(1));
  }
  std::map<u32, Unit> there;
  for (u32 round = 0; round < 5000 && !HasFailure(); ++round) {
    const u32 i = static_cast<u32>(random() % 1000);
    if (i % 100 == 0) continue;
    const auto found = there.find(i);
    if (found == there.end()) {
      there.emplace(i, Unit(place(i), 1 + static_cast<u32>(random() % 5)));
      ASSERT_TRUE(add(there.at(i)));
    } else {
      ASSERT_TRUE(remove(found->second));
      there.erase(found);
    }
    if (round % 100 != 50) continue;
    const u32 first = i / 100 * 100 + 1;
    for (u32 gone = first; gone < first + 99; ++gone) {
      const auto one = there.find(gone);
      if (one == there.end()) continue;
      ASSERT_TRUE(remove(one->second));
      there.erase(one);
    }
    leaves_.forget(place(first), 99 * Unit::kBytes);
  }
  thrown_through.clear();
}

TEST_F(Leaves, NothingOfOursIsLeftInMemoryThatWasGivenBack) {
  for (u32 i = 0; i < 30; ++i) ASSERT_TRUE(add(Unit(place(i), 3)));
  ASSERT_LT(known.size(), 10u) << "leaves reach over what goes";
  for (u32 i = 10; i < 20; ++i) ASSERT_TRUE(leaves_.remove(place(i), place(i) + 47));
  leaves_.forget(place(10), 10 * Unit::kBytes);
  // Somebody else's code comes there, in one object; the unwinder asks the object that begins last before the pc.
  const Unit low(place(9), 3), foreign(place(10), 1), high(place(20), 3);
  const u8* foreign_entries[] = {foreign.section() + 24, nullptr};
  known.emplace(foreign_entries, reinterpret_cast<u64>(foreign.at));
  for (u32 i = 0; i < 3; ++i) {
    EXPECT_TRUE(leaves_.owns(find(low.pc(i)), low.at + 16 * i + 7));
    EXPECT_TRUE(leaves_.owns(find(high.pc(i)), high.at + 16 * i + 7));
  }
  for (const auto& [array, begin] : known)
    EXPECT_TRUE(array == foreign_entries || begin < foreign.pc(0) - 7 || begin >= high.pc(0) - 7);
  known.erase(foreign_entries);
  for (u32 i = 0; i < 30; ++i) {
    ASSERT_EQ(leaves_.remove(place(i), place(i) + 47), i < 10 || i >= 20);
  }
  leaves_.forget(place(0), 30 * Unit::kBytes);
  EXPECT_TRUE(known.empty()) << "no empty leaf is kept for memory that is gone";
}

TEST_F(Leaves, TheSamePlaceAgainNeedsNoCall) {
  ASSERT_TRUE(add(Unit(place(1), 3)));
  ASSERT_TRUE(add(Unit(place(0), 1)));
  const auto before = known;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(leaves_.remove(place(1), place(1) + 47));
    const Unit again(place(1), 1 + static_cast<u32>(i) % 3);
    ASSERT_TRUE(add(again));
    expect(again, true);
    ASSERT_TRUE(remove(again));
    const Unit whole(place(1), 3);
    ASSERT_TRUE(add(whole));
    expect(whole, true);
  }
  EXPECT_EQ(known, before);
}

TEST_F(Leaves, WhatOverlapsOrIsMalformedIsRefusedAndChangesNothing) {
  const Unit unit(place(2), 3);
  ASSERT_TRUE(add(unit));
  EXPECT_FALSE(add(unit));
  EXPECT_FALSE(leaves_.add(unit.section(), unit.section_size - 4)) << "no zero word";
  Unit odd(place(4), 2);
  odd.section()[16] = 0; // another encoding of pointers
  EXPECT_FALSE(add(odd));
  EXPECT_FALSE(leaves_.remove(place(4), place(4) + 31));
  expect(unit, true);
}

#endif

} // namespace
} // namespace assay::os
