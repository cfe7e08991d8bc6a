// ranges_test.cpp - branches and constants at and beyond the limits of their reach, islands included.
//
// A Program remembers what was asked for; check() walks the code as control falls through it, decodes each branch by
// itself and follows it, through veneers, to where it leads. It knows nothing of how the assembler decides.
#include "compiler/target/a64/assembler.h"

#include <gtest/gtest.h>

#include <random>

namespace assay::a64 {
namespace {

constexpr i64 kTestReach = 1 << 15, kCondReach = 1 << 20; // tbz; b.cond, cbz, ldr: one way

i64 signed_field(u32 word, u32 at, u32 bits) {
  const i64 value = word >> at & ((1u << bits) - 1);
  return (value ^ (i64{1} << (bits - 1))) - (i64{1} << (bits - 1));
}
bool is_b(u32 word) { return word >> 26 == 5; }
bool is_tbz(u32 word) { return (word & 0x7e000000u) == 0x36000000u; }
u32 b_target(u32 word, u32 at) { return static_cast<u32>(at + 4 * signed_field(word, 0, 26)); }
u32 conditional_target(u32 word, u32 at) {
  return static_cast<u32>(at + 4 * (is_tbz(word) ? signed_field(word, 5, 14) : signed_field(word, 5, 19)));
}
/// The branch without its distance.
u32 without_distance(u32 word) {
  return is_b(word) ? word & 0xfc000000u : word & ~(is_tbz(word) ? 0x0007ffe0u : 0x00ffffe0u);
}
u32 opposite_branch(u32 word) { return word ^ ((word & 0xff000000u) == 0x54000000u ? 1u : 1u << 24); }

/// Instructions, as asked for and as written.
class Program {
public:
  Program() { as.begin(code); }

  Assembler as;
  std::vector<u8> code;

  Label label() {
    places_.push_back(kNone);
    return as.new_label();
  }
  void bind(Label label) {
    as.bind(label);
    places_[label.id] = as.offset();
  }
  void plain(u32 count = 1) {
    for (; count != 0; --count) {
      const u16 imm = static_cast<u16>(items_.size());
      as.movz(Size::X, Gpr::X1, imm);
      items_.push_back({0xd2800001u | u32{imm} << 5, kNone, 0});
    }
  }
  void tbz(u32 bit, Label label) {
    as.tbz(Gpr::X2, bit, label);
    items_.push_back({0x36000002u | (bit >> 5) << 31 | (bit & 31) << 19, label.id, 0});
  }
  void cbnz(Label label) {
    as.cbnz(Size::X, Gpr::X3, label);
    items_.push_back({0xb5000003u, label.id, 0});
  }
  void b(Cond cond, Label label) {
    as.b(cond, label);
    items_.push_back({0x54000000u | static_cast<u32>(cond), label.id, 0});
  }
  void b(Label label) {
    as.b(label);
    items_.push_back({0x14000000u, label.id, 0});
  }
  void constant(u64 value) {
    as.ldr_const(Size::X, Gpr::X4, value);
    items_.push_back({0x58000004u, kNone, value});
  }
  /// Words that control does not meet, for the flow to jump over: at the end only.
  u32 words() const { return static_cast<u32>(code.size() / 4); }
  size_t asked() const { return items_.size(); }
  u32 islands() const { return islands_; }

  /// The code does what was asked for.
  void check() {
    as.finish();
    ASSERT_TRUE(as.ok());
    u32 at = 0;
    islands_ = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      const Item& item = items_[i];
      // An island between two instructions is a b over it.
      while (at + 4 <= code.size() && is_b(word(at)) && !leads_to(item, b_target(word(at), at))) {
        ASSERT_GT(b_target(word(at), at), at) << "item " << i;
        at = b_target(word(at), at);
        ++islands_;
      }
      ASSERT_LE(at + 4, code.size()) << "item " << i;
      ASSERT_NO_FATAL_FAILURE(check_item(item, at)) << "item " << i << " at " << at;
    }
  }

private:
  struct Item {
    u32 word = 0; // without its distance
    u32 label = kNone;
    u64 constant = 0;
  };

  u32 word(u32 at) const {
    u32 value = 0;
    if (at + 4 <= code.size()) std::memcpy(&value, code.data() + at, 4);
    return value;
  }
  /// From `at`, control comes to the item's label: at once, or, for a conditional branch, through a veneer.
  bool leads_to(const Item& item, u32 at) const {
    if (item.label == kNone) return false;
    for (u32 hops = 0; hops < 3; ++hops) {
      if (at == places_[item.label]) return true;
      if (is_b(item.word) || !is_b(word(at))) return false;
      at = b_target(word(at), at);
    }
    return false;
  }
  void check_item(const Item& item, u32& at) {
    const u32 found = word(at);
    if (item.label == kNone && item.word != 0x58000004u) {
      ASSERT_EQ(found, item.word);
    } else if (item.label == kNone) {
      ASSERT_EQ(without_distance(found), item.word);
      const u32 place = conditional_target(found, at);
      ASSERT_LE(place + 8, code.size());
      ASSERT_EQ(place % 8, 0u);
      ASSERT_EQ(word(place) | u64{word(place + 4)} << 32, item.constant);
    } else if (is_b(item.word)) {
      ASSERT_TRUE(is_b(found) && leads_to(item, b_target(found, at)));
    } else if (without_distance(found) == opposite_branch(item.word)) {
      ASSERT_EQ(conditional_target(found, at), at + 8);
      at += 4;
      ASSERT_TRUE(is_b(word(at)) && leads_to(item, b_target(word(at), at)));
    } else {
      ASSERT_EQ(without_distance(found), item.word);
      ASSERT_TRUE(leads_to(item, conditional_target(found, at))) << conditional_target(found, at);
    }
    at += 4;
  }

  std::vector<Item> items_;
  std::vector<u32> places_;
  u32 islands_ = 0;
};

/// `branch` forward over so much that its target is `distance` bytes away when nothing comes between.
template <typename F> void forward(i64 distance, u32 extra_words, F branch) {
  Program p;
  const Label ahead = p.label();
  branch(p, ahead);
  p.plain(static_cast<u32>(distance / 4 - 1));
  p.bind(ahead);
  p.plain();
  p.check();
  EXPECT_EQ(p.words(), p.asked() + extra_words) << distance;
}

template <typename F> void backward(i64 distance, u32 extra_words, F branch) {
  Program p;
  const Label behind = p.label();
  p.bind(behind);
  p.plain(static_cast<u32>(distance / 4));
  branch(p, behind);
  p.plain();
  p.check();
  EXPECT_EQ(p.words(), p.asked() + extra_words) << distance;
}

void tbz(Program& p, Label l) { p.tbz(33, l); }
void cbnz(Program& p, Label l) { p.cbnz(l); }
void b_cond(Program& p, Label l) { p.b(Cond::Hi, l); }

// The last word within reach is kept for the island's first veneer: forward the direct form ends 8 bytes early.
TEST(BranchRanges, TestBranchForwardIsDirectUpToItsReachAndThenGoesThroughAnIsland) {
  forward(kTestReach - 12, 0, tbz);
  forward(kTestReach - 8, 0, tbz);
  for (i64 distance : {kTestReach - 4, kTestReach, kTestReach + 4, kTestReach * 4, kCondReach + 64})
    forward(distance, 2, tbz);
}

TEST(BranchRanges, ConditionalBranchForwardIsDirectUpToItsReachAndThenGoesThroughAnIsland) {
  forward(kCondReach - 8, 0, cbnz);
  forward(kCondReach - 8, 0, b_cond);
  for (i64 distance : {kCondReach - 4, kCondReach, kCondReach + 4, kCondReach * 2}) {
    forward(distance, 2, cbnz);
    forward(distance, 2, b_cond);
  }
}

TEST(BranchRanges, TestBranchBackwardIsDirectExactlyWithinItsReach) {
  backward(kTestReach - 4, 0, tbz);
  backward(kTestReach, 0, tbz);
  backward(kTestReach + 4, 1, tbz);
  backward(kCondReach, 1, tbz);
}

TEST(BranchRanges, ConditionalBranchBackwardIsDirectExactlyWithinItsReach) {
  backward(kCondReach, 0, cbnz);
  backward(kCondReach, 0, b_cond);
  backward(kCondReach + 4, 1, cbnz);
  backward(kCondReach + 4, 1, b_cond);
}

TEST(BranchRanges, EveryOppositeIsTakenWhenABackwardBranchDoesNotReach) {
  Program p;
  const Label behind = p.label();
  p.bind(behind);
  p.plain(static_cast<u32>(kCondReach / 4));
  for (u32 c = 0; c < 14; ++c) p.b(static_cast<Cond>(c), behind);
  for (u32 bit = 0; bit < 64; ++bit) p.tbz(bit, behind);
  p.cbnz(behind);
  p.b(behind);
  p.check();
}

TEST(BranchRanges, BranchesReachFromEndToEndOfTheLargestCodeAndNoInstructionGoesBeyond) {
  std::vector<u8> code;
  Assembler as;
  as.begin(code);
  const Label first = as.new_label(), last = as.new_label();
  as.bind(first);
  as.b(last);
  as.tbz(Gpr::X0, 1, last);
  as.cbz(Size::X, Gpr::X0, last);
  while (as.offset() < Assembler::kLargestSize - 4) as.nop();
  as.bind(last);
  as.b(first);
  EXPECT_TRUE(as.ok());
  const auto word = [&](u32 at) {
    u32 value = 0;
    std::memcpy(&value, code.data() + at, 4);
    return value;
  };
  ASSERT_EQ(code.size(), Assembler::kLargestSize);
  EXPECT_EQ(b_target(word(0), 0), Assembler::kLargestSize - 4);
  EXPECT_EQ(b_target(word(Assembler::kLargestSize - 4), Assembler::kLargestSize - 4), 0u);
  for (u32 at : {4u, 8u}) {
    const u32 veneer = conditional_target(word(at), at);
    ASSERT_TRUE(is_b(word(veneer)));
    EXPECT_EQ(b_target(word(veneer), veneer), Assembler::kLargestSize - 4);
  }
  as.nop();
  EXPECT_FALSE(as.ok());
}

TEST(BranchRanges, TooMuchCodeWithBranchesThatWaitIsReportedAndLeavesTheBufferSound) {
  std::vector<u8> code;
  Assembler as;
  as.begin(code);
  const Label ahead = as.new_label(), never = as.new_label();
  as.tbz(Gpr::X0, 1, ahead);
  while (as.offset() < Assembler::kLargestSize - 4096) as.nop();
  for (u32 i = 0; i < 20000; ++i) {
    as.tbz(Gpr::X0, 1, i % 2 == 0 ? ahead : never);
    as.ldr_const(Size::X, Gpr::X0, i);
  }
  EXPECT_FALSE(as.ok());
  as.bind(ahead);
  as.finish();
  EXPECT_FALSE(as.ok());
  EXPECT_LE(code.size(), Assembler::kLargestSize);
}

TEST(Islands, OneServesAllBranchesToALabelThatFallDueTogether) {
  Program p;
  const Label ahead = p.label();
  for (u32 i = 0; i < 500; ++i) p.tbz(i % 64, ahead);
  p.plain(20000);
  p.bind(ahead);
  p.check();
  EXPECT_EQ(p.words(), p.asked() + 2);
  EXPECT_EQ(p.islands(), 1u);
}

TEST(Islands, ALaterBranchGoesThroughAVeneerBehindIt) {
  Program p;
  const Label ahead = p.label();
  for (u32 i = 0; i < 100; ++i) {
    p.tbz(1, ahead);
    p.plain(199);
  }
  p.bind(ahead);
  p.check();
  EXPECT_LE(p.islands(), 2u) << "a veneer serves 32 KiB before it and 32 KiB behind";
}

TEST(Islands, NothingIsPlacedForBranchesWhoseLabelsAreBoundInTime) {
  Program p;
  for (u32 i = 0; i < 1000; ++i) {
    const Label near = p.label();
    p.tbz(i % 64, near);
    p.cbnz(near);
    p.plain(100);
    p.bind(near);
  }
  p.check();
  EXPECT_EQ(p.words(), p.asked());
}

TEST(Islands, ServeMoreBranchesToDifferentLabelsThanFitInOneRange) {
  Program p;
  std::vector<Label> labels;
  for (u32 i = 0; i < 20000; ++i) {
    labels.push_back(p.label());
    p.tbz(i % 64, labels.back());
  }
  p.plain(10000);
  for (Label label : labels) p.bind(label), p.plain();
  p.check();
  EXPECT_GT(p.islands(), 1u);
}

TEST(Islands, ServeBothRangesAndConstantsWhenAllFallDueAtOnce) {
  Program p;
  std::vector<Label> labels;
  // Conditional branches fill most of a mebibyte, constants and test branches its end, so that all are due near one
  // place.
  for (u32 i = 0; i < 120000; ++i) {
    labels.push_back(p.label());
    p.b(static_cast<Cond>(i % 14), labels.back());
    if (i < 20000) p.constant(i);
  }
  p.plain(static_cast<u32>(kCondReach - kTestReach) / 4 - 150000);
  for (u32 i = 0; i < 8000; ++i) {
    labels.push_back(p.label());
    p.tbz(i % 64, labels.back());
  }
  p.plain(100000);
  for (Label label : labels) p.bind(label);
  p.plain();
  p.check();
}

TEST(Islands, ReachADistantBranchBehindTheTestBranchesServedBeforeIt) {
  // The last word where the first branch's veneer may lie falls among the deadlines of many test branches.
  for (i64 later = -2048; later <= 4096; later += 512) {
    Program p;
    std::vector<Label> labels = {p.label()};
    p.b(Cond::Eq, labels[0]);
    p.plain(static_cast<u32>((kCondReach - kTestReach + later) / 4));
    for (u32 i = 0; i < 2000; ++i) {
      labels.push_back(p.label());
      p.tbz(i % 64, labels.back());
    }
    p.plain(20000);
    for (Label label : labels) p.bind(label);
    p.plain();
    p.check();
  }
}

TEST(Islands, ReachConstantsBehindTheBranchesServedBeforeThem) {
  for (u32 branches : {0u, 1u, 1000u, 20000u}) {
    Program p;
    std::vector<Label> labels;
    for (u32 i = 0; i < 2000; ++i) p.constant(i);
    for (u32 i = 0; i < branches; ++i) {
      labels.push_back(p.label());
      p.cbnz(labels.back());
    }
    p.plain(1 << 18);
    for (Label label : labels) p.bind(label);
    p.plain();
    p.check();
  }
}

TEST(Islands, ConstantsStayInReachInLongCode) {
  Program p;
  for (u32 i = 0; i < 3000; ++i) {
    p.constant(u64{i} * 0x100000001);
    p.plain(300);
  }
  p.check();
  EXPECT_GE(p.islands(), 3u);
  EXPECT_LE(p.islands(), 80u);
}

TEST(Islands, AreKeptOutOfWhatIsKeptTogether) {
  std::vector<u8> code;
  Assembler as;
  u32 moved = 0;
  for (u32 before = 8000; before < 8192; before += 3) {
    code.clear();
    as.begin(code);
    std::vector<Label> labels;
    for (u32 i = 0; i < 50; ++i) {
      labels.push_back(as.new_label());
      as.tbz(Gpr::X0, i, labels.back());
    }
    as.nops(before - 50);
    const u32 unmoved = as.offset();
    as.keep_together(100);
    const u32 start = as.offset();
    moved += start != unmoved;
    for (u32 i = 0; i < 100; ++i) {
      if (i % 10 == 0) as.tbz(Gpr::X0, 1, labels[0]);
      else if (i % 10 == 1) as.ldr_const(Size::X, Gpr::X0, i);
      else as.nop();
    }
    EXPECT_EQ(as.offset(), start + 400);
    for (Label label : labels) as.bind(label);
    as.finish();
    EXPECT_TRUE(as.ok());
  }
  EXPECT_GT(moved, 5u) << "the test missed what it is about";
}

TEST(Islands, RandomProgramsLeadWhereTheyShould) {
  for (u32 seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    Program p;
    std::vector<Label> open, bound;
    const u32 items = 20000 + random() % 150000, branchy = 1 + random() % 40, life = 1 + random() % 300;
    for (u32 i = 0; i < items; ++i) {
      if (open.size() < 1 + life && random() % 8 == 0) open.push_back(p.label());
      if (!open.empty() && random() % (10 + life * 4) == 0) {
        const size_t which = random() % open.size();
        p.bind(open[which]);
        bound.push_back(open[which]);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      }
      if (random() % branchy != 0) {
        p.plain();
        continue;
      }
      if (random() % 16 == 0) p.constant(random());
      const bool back = !bound.empty() && random() % 3 == 0;
      if (!back && open.empty()) continue;
      const Label to = back ? bound[random() % bound.size()] : open[random() % open.size()];
      switch (random() % 5) {
      case 0: p.cbnz(to); break;
      case 1: p.b(static_cast<Cond>(random() % 14), to); break;
      case 2: p.b(to); break;
      default: p.tbz(random() % 64, to);
      }
    }
    for (Label label : open) p.bind(label);
    p.plain();
    p.check();
    if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

TEST(LabelAddresses, LeaReachesForwardAndBackwardWhereAdrDoesNot) {
  std::vector<u8> code;
  Assembler as;
  as.begin(code);
  const Label behind = as.new_label(), ahead = as.new_label();
  as.bind(behind);
  as.lea(Gpr::X1, ahead);
  as.nops(1 << 19);
  const u32 back = as.offset();
  as.lea(Gpr::X2, behind);
  as.bind(ahead);
  as.nop();
  as.finish();
  EXPECT_TRUE(as.ok());
  EXPECT_FALSE(as.needs_page_alignment());
  const auto forward_words = lea_words(Gpr::X1, 0, back + 8), backward_words = lea_words(Gpr::X2, back, 0);
  EXPECT_EQ(std::memcmp(code.data(), forward_words->words, 8), 0);
  EXPECT_EQ(std::memcmp(code.data() + back, backward_words->words, 8), 0);
}

TEST(LabelAddresses, AdrAndLiteralsOutOfReachAreReported) {
  for (u32 which = 0; which < 4; ++which) {
    std::vector<u8> code;
    Assembler as;
    as.begin(code);
    const Label label = as.new_label();
    const auto use = [&] {
      if (which % 2 == 0) as.adr(Gpr::X1, label);
      else as.ldr(Size::X, Gpr::X1, label);
    };
    if (which < 2) use();
    if (which >= 2) as.bind(label);
    as.nops((1 << 18) + 1);
    if (which < 2) as.bind(label);
    if (which >= 2) use();
    as.finish();
    EXPECT_FALSE(as.ok()) << which;
  }
}

} // namespace
} // namespace assay::a64
