// assembler_relax_test.cpp - branches whose form is chosen behind the code: which become short, where all that was
// noted by offset lies afterwards, and how many bytes come before loops.
#include "compiler/codegen/decisions.h"
#include "compiler/target/x64/assembler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace assay::x64 {
namespace {

class RelaxTest : public testing::Test {
protected:
  void SetUp() override { begin(); }
  void begin() {
    code_.clear();
    as_.begin(code_);
    as_.nop(5); // another function
    as_.reset_labels();
    as_.hold_branches();
  }
  void settle() {
    as_.settle_branches(decisions_);
    EXPECT_TRUE(as_.ok());
  }
  u32 size() const { return as_.offset() - 5; }

  std::vector<u8> code_;
  Assembler as_;
  codegen::Decisions decisions_;
};

/// Bytes of code with that many between a branch and its target.
struct Reach {
  u32 between, bytes;
};

TEST_F(RelaxTest, ForwardBranchesAreShortUpTo127BytesBetween) {
  for (const auto& [between, bytes] : {Reach{0, 2}, {127, 129}, {128, 134}}) {
    begin();
    const Label behind = as_.new_label();
    as_.jcc(Cond::E, behind);
    as_.nop(between);
    as_.bind(behind);
    settle();
    EXPECT_EQ(size(), bytes);
  }
}

TEST_F(RelaxTest, BackwardBranchesAreShortUpTo126BytesBetween) {
  for (const auto& [between, bytes] : {Reach{0, 2}, {126, 128}, {127, 132}}) {
    begin();
    const Label before = as_.new_label();
    as_.bind(before);
    as_.nop(between);
    as_.jmp(before);
    settle();
    EXPECT_EQ(size(), bytes);
  }
}

TEST_F(RelaxTest, WhatIsSavedBetweenBringsTargetsWithinReach) {
  const Label behind = as_.new_label(), inner = as_.new_label();
  as_.jcc(Cond::E, behind);
  as_.jcc(Cond::Ne, inner); // 2 bytes instead of 6
  as_.nop(100);
  as_.bind(inner);
  as_.nop(24);
  as_.bind(behind);
  settle();
  EXPECT_EQ(size(), 2 + 2 + 124u);
}

TEST_F(RelaxTest, ADecisionThatIsRefusedLeavesTheLongForm) {
  const u64 limits[codegen::kDecisionAreas] = {0, 0, 1};
  decisions_.begin(limits);
  const Label behind = as_.new_label();
  as_.jmp(behind);
  as_.jmp(behind);
  as_.bind(behind);
  settle();
  EXPECT_EQ(size(), 7u);
}

TEST_F(RelaxTest, AnUnboundLabelIsRefused) {
  as_.jmp(as_.new_label());
  as_.settle_branches(decisions_);
  EXPECT_FALSE(as_.ok());
}

TEST_F(RelaxTest, NotedOffsetsMoveWithTheirBytes) {
  const Label behind = as_.new_label();
  const u32 first = as_.offset();
  as_.jmp(behind);
  const u32 second = as_.offset();
  const u32 field = as_.call_rel32();
  const u32 third = as_.offset();
  as_.align_loop(64);
  as_.bind(behind);
  const u32 fourth = as_.offset();
  as_.nop(57);
  as_.jmp(behind);
  settle();
  Assembler::Moved moved = as_.moved();
  EXPECT_EQ(moved(fourth), 64u);
  EXPECT_EQ(moved(third), first + 7);
  EXPECT_EQ(moved(field), first + 3);
  EXPECT_EQ(moved(second), first + 2);
  EXPECT_EQ(moved(first), first);
  EXPECT_EQ(as_.offset_of(behind), 64u);
}

u32 pieces(u32 offset, u32 length, u32 unit) { return (offset + length - 1) / unit - offset / unit + 1; }

TEST_F(RelaxTest, LoopsLieInAsFewLinesAndHalvesOfThemAsTheyCan) {
  for (u32 before = 0; before < 64; ++before) {
    for (const u32 length : {2u, 17u, 31u, 32u, 33u, 50u, 64u, 65u, 96u, 100u, 127u, 140u, 200u, 256u, 257u}) {
      begin();
      as_.nop(before);
      const Label top = as_.new_label();
      as_.align_loop(64);
      as_.bind(top);
      const u32 branch = length <= 128 ? 2 : 6;
      as_.nop(length - branch);
      as_.jcc(Cond::Ne, top);
      settle();
      const u32 at = as_.offset_of(top), padding = at - 5 - before;
      ASSERT_EQ(as_.offset(), at + length);
      if (length > 256) {
        EXPECT_EQ(padding, 0u);
        continue;
      }
      const auto is_best = [&](u32 offset) {
        return pieces(offset, length, 64) == pieces(0, length, 64) &&
               pieces(offset, length, 32) == pieces(0, length, 32);
      };
      EXPECT_TRUE(is_best(at)) << before << " " << length;
      for (u32 less = 0; less < padding; ++less) EXPECT_FALSE(is_best(5 + before + less)) << before << " " << length;
    }
  }
}

TEST_F(RelaxTest, ALoopAroundAnotherIsAsLongAsIfThatOneNeededNothing) {
  const Label outer = as_.new_label(), inner = as_.new_label();
  as_.nop(50);
  as_.align_loop(64);
  as_.bind(outer);
  as_.nop(11);
  as_.align_loop(64);
  as_.bind(inner);
  as_.nop(49);
  as_.jcc(Cond::E, inner);
  as_.jcc(Cond::Ne, outer); // 64 bytes, but for what comes before the inner loop
  settle();
  EXPECT_EQ(as_.offset_of(outer), 64u);
  EXPECT_EQ(as_.offset_of(inner), 75u);
}

/// Random branches, loops' places and code between them, read back byte by byte.
class RandomRelaxTest : public RelaxTest {
protected:
  struct Item {
    char kind = 'n'; // nop of `argument` bytes, bind, jmp, jcc, align
    u32 argument = 0;
  };

  u32 below(u32 limit) { return static_cast<u32>(random_() % limit); }

  void make(u32 count) {
    items_.clear();
    labels_ = 1 + below(count);
    std::vector<u32> unbound(labels_);
    for (u32 i = 0; i < labels_; ++i) unbound[i] = i;
    std::shuffle(unbound.begin(), unbound.end(), random_);
    for (u32 i = 0; i < count; ++i) {
      const u32 draw = below(10);
      if (draw < 3) items_.push_back({'n', below(draw == 0 ? 200 : 12)});
      else if (draw == 3) items_.push_back({'a', 64});
      else items_.push_back({draw < 6 ? 'j' : 'c', below(labels_)});
      if (!unbound.empty() && below(3) == 0) {
        items_.push_back({'b', unbound.back()});
        unbound.pop_back();
      }
    }
    for (const u32 label : unbound) items_.push_back({'b', label});
    items_.push_back({'n', 1});
  }

  void emit() {
    for (u32 i = 0; i < labels_; ++i) as_.new_label();
    for (const Item& item : items_) {
      noted_.push_back(as_.offset());
      switch (item.kind) {
      case 'n': as_.nop(item.argument); break;
      case 'a': as_.align_loop(item.argument); break;
      case 'b': as_.bind(Label{item.argument}); break;
      case 'j': as_.jmp(Label{item.argument}); break;
      default: as_.jcc(Cond::E, Label{item.argument}); break;
      }
    }
  }

  /// Where the branch at `at` leads; `at` goes behind it.
  u32 target_of(u32& at, bool is_jcc) {
    if (code_[at] == (is_jcc ? 0x74 : 0xeb)) {
      at += 2;
      return at + static_cast<u32>(i32{static_cast<i8>(code_[at - 1])});
    }
    EXPECT_EQ(code_[at], is_jcc ? 0x0f : 0xe9);
    at += is_jcc ? 2 : 1;
    u32 distance = 0;
    std::memcpy(&distance, code_.data() + at, 4);
    at += 4;
    longest_ = std::max(longest_, distance < 0x80000000u ? distance : 0 - distance);
    return at + distance;
  }

  void check() {
    u32 at = 5;
    std::vector<u32> offsets;
    for (u32 i = 0; i < labels_; ++i) offsets.push_back(as_.offset_of(Label{i}));
    std::vector<u32> moved(noted_.size());
    Assembler::Moved place = as_.moved();
    for (std::size_t i = noted_.size(); i-- != 0;) moved[i] = place(noted_[i]);
    as_.finish();
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Item& item = items_[i];
      ASSERT_EQ(moved[i], at);
      switch (item.kind) {
      case 'n': at += item.argument; break;
      case 'a':
        ASSERT_LT(moved[i + 1] - at, item.argument);
        at = moved[i + 1];
        break;
      case 'b': ASSERT_EQ(offsets[item.argument], at); break;
      default: ASSERT_EQ(target_of(at, item.kind == 'c'), offsets[item.argument]); break;
      }
    }
    EXPECT_EQ(at, code_.size());
  }

  std::mt19937_64 random_{1};
  std::vector<Item> items_;
  u32 labels_ = 0, longest_ = 0;
  std::vector<u32> noted_;
};

TEST_F(RandomRelaxTest, EveryBranchLeadsToItsLabel) {
  for (u32 round = 0; round < 2000; ++round) {
    begin();
    noted_.clear();
    make(1 + below(60));
    emit();
    settle();
    check();
    ASSERT_FALSE(HasFatalFailure()) << "round " << round;
  }
  EXPECT_GT(longest_, 128u);
}

} // namespace
} // namespace assay::x64
