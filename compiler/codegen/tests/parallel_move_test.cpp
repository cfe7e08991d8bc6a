// parallel_move_test.cpp - every set of moves over a few locations gives what moving all at once would give.
#include "compiler/codegen/regalloc_parallel_move.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace assay::codegen {
namespace {

Location place(u32 n) { return n < 4 ? Location::reg(static_cast<PReg>(n)) : Location::slot(n - 4); }

void expect_same_effect(const std::vector<PendingMove>& moves) {
  ParallelMover mover;
  u32 slots = 3;
  std::vector<Edit> edits;
  mover.resolve(moves, 7, slots, edits);
  std::map<u32, u32> before, after;
  for (u32 n = 0; n < 7; ++n) before[place(n).bits] = n + 1;
  after = before;
  for (const PendingMove& move : moves) after[move.to.bits] = before[move.from.bits];
  for (const Edit& edit : edits) {
    EXPECT_EQ(edit.inst, 7u);
    before[edit.to.bits] = before[edit.from.bits];
  }
  for (u32 n = 0; n < 7; ++n) ASSERT_EQ(before[place(n).bits], after[place(n).bits]) << "location " << n;
}

TEST(ParallelMover, EveryMapOfFourLocationsIsRight) {
  // Each location takes the old value of any location, or keeps its own: 4^4 permutations, fans and chains.
  for (u32 code = 0; code < 256; ++code) {
    std::vector<PendingMove> moves;
    for (u32 n = 0; n < 4; ++n) {
      const u32 from = (code >> (2 * n)) & 3;
      if (from != n) moves.push_back({place(from), place(n), RegClass::Int});
    }
    expect_same_effect(moves);
  }
}

TEST(ParallelMover, RandomMovesWithSlotsAreRight) {
  std::mt19937 random(1);
  for (u32 round = 0; round < 5000; ++round) {
    std::vector<PendingMove> moves;
    for (u32 n = 0; n < 7; ++n) {
      if (random() % 3 != 0) moves.push_back({place(static_cast<u32>(random() % 7)), place(n), RegClass::Int});
    }
    expect_same_effect(moves);
  }
}

TEST(ParallelMover, TwoCyclesShareOneTemporary) {
  ParallelMover mover;
  u32 slots = 0;
  std::vector<Edit> edits;
  mover.resolve({{place(0), place(1), RegClass::Int},
                 {place(1), place(0), RegClass::Int},
                 {place(2), place(3), RegClass::Int},
                 {place(3), place(2), RegClass::Int}},
                0, slots, edits);
  EXPECT_EQ(slots, 1u);
  EXPECT_EQ(edits.size(), 6u);
}

TEST(ParallelMover, CyclesOfRegistersHaveASlotOfTheirOwnThatNoOtherCycleTakes) {
  ParallelMover mover;
  u32 slots = 3;
  std::vector<Edit> edits;
  mover.resolve({{place(0), place(1), RegClass::Int}, {place(1), place(0), RegClass::Int}}, 0, slots, edits);
  EXPECT_EQ(mover.register_cycle_slot(), 3u);
  edits.clear();
  mover.resolve(
      {{place(0), place(4), RegClass::Int}, {place(4), place(5), RegClass::Int}, {place(5), place(0), RegClass::Int}},
      1, slots, edits);
  EXPECT_EQ(slots, 5u);
  for (const Edit& edit : edits) {
    EXPECT_NE(edit.from, Location::slot(3));
    EXPECT_NE(edit.to, Location::slot(3));
  }
  mover.reset();
  EXPECT_EQ(mover.register_cycle_slot(), kNone);
}

} // namespace
} // namespace assay::codegen
