// regalloc_ranges_test.cpp - the allocator of the optimising level on random LIR functions, executed along random paths
// (random_lir.h), and on small ones made by hand, where what it does about loops, calls and moves can be seen.
#include "compiler/codegen/regalloc_ranges.h"
#include "compiler/codegen/tests/random_lir.h"

#include <gtest/gtest.h>

namespace assay::codegen {
namespace {

/// With so few registers the other allocator must never be asked.
void check_random_functions(u32 max_registers, u32 seeds, u32 constants = 0) {
  const RegisterFile file = small_file();
  RangeAllocator allocator;
  Allocation allocation;
  for (u32 seed = 0; seed < seeds; ++seed) {
    const LirFunction function = RandomLir(seed, constants).make();
    ASSERT_TRUE(allocator.run(function, file, {max_registers, false}, allocation)) << "seed " << seed;
    for (u32 path = 0; path < 8; ++path)
      ASSERT_EQ(Machine(function, allocation, file, path).run(), "") << "seed " << seed << " path " << path;
  }
}

TEST(RangeAllocator, KeepsEveryValueOnRandomPaths) { check_random_functions(0, 1500); }
TEST(RangeAllocator, KeepsEveryValueWithThreeRegisters) { check_random_functions(3, 800); }
TEST(RangeAllocator, KeepsEveryValueWithOneRegister) { check_random_functions(1, 800); }
TEST(RangeAllocator, MakesConstantsWhereTheyAreReadOnRandomPaths) {
  check_random_functions(0, 1000, 6);
  check_random_functions(3, 500, 6);
  check_random_functions(1, 500, 6);
}

TEST(RangeAllocator, NeverWritesARegisterThatItDoesNotReport) {
  const RegisterFile file = small_file();
  RangeAllocator allocator;
  Allocation allocation;
  for (u32 seed = 0; seed < 500; ++seed) {
    const LirFunction function = RandomLir(seed).make();
    ASSERT_TRUE(allocator.run(function, file, {}, allocation));
    RegSet written = 0;
    for (const Edit& edit : allocation.edits) {
      if (edit.to.is_reg()) written |= bit(edit.to.preg());
    }
    for (u32 i = 0; i < function.operands.size(); ++i) {
      const Role role = function.operands[i].role;
      if (role != Role::Use && role != Role::UseLate) written |= bit(allocation.locations[i].preg());
    }
    ASSERT_EQ(written & ~allocation.written, 0u) << "seed " << seed;
  }
}

TEST(RangeAllocator, GivesTheSameResultAgain) {
  const RegisterFile file = small_file();
  RangeAllocator used, fresh;
  Allocation a, b;
  for (u32 seed = 0; seed < 200; ++seed) {
    const LirFunction function = RandomLir(seed).make();
    ASSERT_TRUE(used.run(function, file, {}, a));
    ASSERT_TRUE(RangeAllocator().run(function, file, {}, b));
    ASSERT_EQ(a.locations, b.locations);
    ASSERT_EQ(a.edits.size(), b.edits.size());
    ASSERT_EQ(a.slot_count, b.slot_count);
  }
}

TEST(RangeAllocator, LeavesSpillAllToTheOtherAllocator) {
  Allocation allocation;
  EXPECT_FALSE(RangeAllocator().run(RandomLir(1).make(), small_file(), {0, true}, allocation));
}

// ---- by hand -------------------------------------------------------------------------------------------------

constexpr RegSet kCallClobbers = bit(0) | bit(1) | bit(2) | bit(3) | bit(7);

/// Builds a function of integers, allocates it and has it run along a few paths.
class Hand {
public:
  Hand() { b.begin(function); }

  VReg vreg() { return b.vreg(RegClass::Int); }
  /// An instruction that defines a value.
  VReg make() {
    const VReg v = vreg();
    b.add(1, 8, {def(v)});
    return v;
  }
  void read(VReg v) { b.add(2, 8, {use(v)}); }
  void call() { b.add(3, 8).clobbers = b.clobber_set(kCallClobbers), ++calls; }
  u32 next_inst() const { return static_cast<u32>(function.insts.size()); }
  void jump(u32 to) {
    b.add(4, 8);
    b.succ(to);
    b.close_block();
  }
  void branch(VReg on, u32 first, u32 second) {
    b.add(5, 8, {use(on)});
    b.succ(first);
    b.succ(second);
    b.close_block();
  }
  void leave() {
    b.add(6, 8);
    b.close_block();
  }
  void allocate() {
    b.link_predecessors();
    // A call by hand has no operands, but is no plain instruction.
    for (LirInst& inst : function.insts) {
      if (inst.clobbers != 0) inst.plan = LirInst::kGeneral;
    }
    const RegisterFile file = small_file();
    ASSERT_TRUE(allocator.run(function, file, {}, allocation));
    for (u32 path = 0; path < 8; ++path) ASSERT_EQ(Machine(function, allocation, file, path).run(), "");
  }
  u32 edits_in(u32 first, u32 end) const {
    u32 count = 0;
    for (const Edit& edit : allocation.edits) count += edit.inst >= first && edit.inst < end ? 1 : 0;
    return count;
  }
  u32 stores() const {
    u32 count = 0;
    for (const Edit& edit : allocation.edits) count += edit.to.is_slot() ? 1 : 0;
    return count;
  }
  u32 loads() const {
    u32 count = 0;
    for (const Edit& edit : allocation.edits) count += edit.from.is_slot() ? 1 : 0;
    return count;
  }

  LirFunction function;
  LirBuilder b;
  RangeAllocator allocator;
  Allocation allocation;
  u32 calls = 0;
};

TEST(RangeAllocator, StoresAValueReadOnceBehindACallAndReloadsIt) {
  Hand hand;
  hand.b.open_block(0);
  const VReg v = hand.make();
  hand.call();
  hand.read(v);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.stores(), 1u);
  EXPECT_EQ(hand.loads(), 1u);
  EXPECT_EQ(hand.allocation.written & small_file().callee_saved, 0u);
}

TEST(RangeAllocator, SavesARegisterForAValueReadBehindManyCalls) {
  Hand hand;
  hand.b.open_block(0);
  const VReg v = hand.make();
  for (u32 i = 0; i < 3; ++i) {
    hand.call();
    hand.read(v);
  }
  hand.leave();
  hand.allocate();
  EXPECT_TRUE(hand.allocation.edits.empty());
  EXPECT_NE(hand.allocation.written & small_file().callee_saved, 0u);
}

// The call stands behind all reads of the value, but in the same loop.
TEST(RangeAllocator, SavesARegisterForAValueThatALoopReadsBeforeItsCall) {
  Hand hand;
  hand.b.open_block(0);
  const VReg v = hand.make();
  hand.jump(1);
  hand.b.open_block(1);
  hand.read(v);
  const VReg test = hand.make();
  hand.branch(test, 2, 3);
  hand.b.open_block(2);
  hand.call();
  hand.jump(1);
  hand.b.open_block(3);
  hand.leave();
  hand.allocate();
  EXPECT_TRUE(hand.allocation.edits.empty());
  EXPECT_NE(hand.allocation.written & small_file().callee_saved, 0u);
}

// More values than registers before the loop; the one that the loop reads is in its slot when it is reached.
TEST(RangeAllocator, ReloadsBeforeALoopWhatTheLoopReads) {
  Hand hand;
  hand.b.open_block(0);
  std::vector<VReg> values;
  const VReg wanted = hand.make();
  hand.call();
  for (u32 i = 0; i < 2; ++i) values.push_back(hand.make());
  for (const VReg v : values) hand.read(v);
  hand.jump(1);
  hand.b.open_block(1);
  const u32 first = hand.next_inst();
  hand.read(wanted);
  const VReg test = hand.make();
  hand.branch(test, 2, 3);
  const u32 body = hand.next_inst();
  hand.b.open_block(2);
  hand.read(wanted);
  hand.jump(1);
  const u32 end = hand.next_inst();
  hand.b.open_block(3);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.edits_in(first, body), 0u);
  EXPECT_EQ(hand.edits_in(body, end), 0u);
}

// A value that lives through a loop under pressure, and is not read in it, makes way before the loop.
TEST(RangeAllocator, SpillsOutsideALoopWhatItDoesNotRead) {
  Hand hand;
  hand.b.open_block(0);
  const VReg behind = hand.make();
  hand.read(behind);
  std::vector<VReg> inside;
  for (u32 i = 0; i < 6; ++i) inside.push_back(hand.make());
  hand.jump(1);
  hand.b.open_block(1);
  const u32 first = hand.next_inst();
  const VReg test = hand.make();
  for (const VReg v : inside) hand.read(v);
  hand.branch(test, 2, 3);
  hand.b.open_block(2);
  hand.jump(1);
  const u32 end = hand.next_inst();
  hand.b.open_block(3);
  hand.read(behind);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.edits_in(first, end), 0u);
  EXPECT_EQ(hand.stores(), 1u);
  EXPECT_EQ(hand.loads(), 1u);
}

TEST(RangeAllocator, LeavesALoopCounterWhereItIs) {
  Hand hand;
  hand.b.open_block(0);
  const VReg start = hand.make();
  hand.b.arg(start);
  hand.jump(1);
  hand.b.open_block(1);
  const VReg counter = hand.vreg();
  hand.b.param(counter);
  hand.read(counter);
  hand.branch(counter, 2, 3);
  hand.b.open_block(2);
  const VReg next = hand.vreg();
  hand.b.add(7, 8, {def_tied(next, 1), use(counter)});
  hand.b.arg(next);
  hand.jump(1);
  hand.b.open_block(3);
  hand.leave();
  hand.allocate();
  EXPECT_TRUE(hand.allocation.edits.empty());
}

TEST(RangeAllocator, MakesAnArgumentWhereTheCallWantsIt) {
  Hand hand;
  hand.b.open_block(0);
  const VReg first = hand.make(), second = hand.make();
  const VReg result = hand.vreg();
  const Operand operands[] = {use_fixed(first, 2), use_fixed(second, 1), def_fixed(result, 0)};
  hand.b.add_span(3, 8, operands).clobbers = hand.b.clobber_set(kCallClobbers & ~bit(0));
  hand.read(result);
  hand.leave();
  hand.allocate();
  EXPECT_TRUE(hand.allocation.edits.empty());
}

TEST(RangeAllocator, CopiesATiedOperandThatLivesOn) {
  Hand hand;
  hand.b.open_block(0);
  const VReg a = hand.make(), sum = hand.vreg();
  hand.b.add(7, 8, {def_tied(sum, 1), use(a)});
  hand.read(sum);
  hand.read(a);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.allocation.edits.size(), 1u);
}

TEST(RangeAllocator, SharesASlotAmongValuesOneAfterTheOther) {
  Hand hand;
  hand.b.open_block(0);
  for (u32 i = 0; i < 3; ++i) {
    const VReg v = hand.make();
    hand.call();
    hand.read(v);
  }
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.stores(), 3u);
  EXPECT_EQ(hand.allocation.slot_count, 1u);
}

// What lives into a landing pad is read from its slot there, whatever holds it on the way that throws nothing.
// A loop that reads the constant, then one that calls in every round and reads it, too.
TEST(RangeAllocator, MakesAConstantBeforeALoopWhereARegisterIsFree) {
  for (const bool calls : {false, true}) {
    Hand hand;
    const VReg constant = hand.vreg();
    hand.function.constants.push_back({constant, Constant::Kind::Bits, 8, 42});
    hand.b.open_block(0);
    hand.jump(1);
    hand.b.open_block(1);
    const u32 first = hand.next_inst();
    const VReg test = hand.make();
    hand.branch(test, 2, 3);
    hand.b.open_block(2);
    hand.read(constant);
    if (calls) hand.call();
    hand.read(constant);
    hand.jump(1);
    const u32 end = hand.next_inst();
    hand.b.open_block(3);
    hand.leave();
    hand.allocate();
    EXPECT_EQ(hand.edits_in(first, end), 0u) << calls;
    EXPECT_EQ(hand.stores(), 0u);
    EXPECT_EQ(hand.loads(), 1u) << "where the loop is entered";
    EXPECT_EQ(hand.allocation.slot_count, 1u);
    EXPECT_EQ((hand.allocation.written & small_file().callee_saved) != 0, calls);
  }
}

// With all registers that outlive the call taken, it is made in the loop, and on no edge.
TEST(RangeAllocator, MakesAConstantWhereItIsReadWhenCallsDestroyEveryRegister) {
  Hand hand;
  const VReg constant = hand.vreg();
  hand.function.constants.push_back({constant, Constant::Kind::Bits, 8, 42});
  hand.b.open_block(0);
  const VReg a = hand.make(), c = hand.make();
  hand.jump(1);
  hand.b.open_block(1);
  const VReg test = hand.make();
  hand.branch(test, 2, 3);
  hand.b.open_block(2);
  const u32 first = hand.next_inst();
  hand.read(constant);
  hand.call();
  for (u32 i = 0; i < 4; ++i) hand.read(a), hand.read(c);
  hand.jump(1);
  hand.b.open_block(3);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.edits_in(first, first + 1), 1u);
  EXPECT_EQ(hand.loads(), 1u);
  EXPECT_EQ(hand.stores(), 0u);
}

TEST(RangeAllocator, HasInSlotsWhatLivesIntoALandingPad) {
  Hand hand;
  hand.b.open_block(0);
  const VReg v = hand.make();
  hand.call();
  hand.b.succ(1);
  hand.b.succ(2);
  hand.b.close_block();
  hand.b.open_block(1);
  hand.read(v);
  hand.leave();
  hand.b.open_landing_pad(2);
  const u32 pad = hand.next_inst();
  const VReg exception = hand.vreg();
  const Operand landing[] = {def_fixed(exception, 0)};
  hand.b.add_span(8, 8, landing).clobbers = hand.b.clobber_set(~bit(0));
  hand.read(exception);
  hand.read(v);
  hand.leave();
  hand.allocate();
  EXPECT_EQ(hand.edits_in(pad, pad + 1), 0u);
  EXPECT_EQ(hand.stores(), 1u);
  EXPECT_TRUE(hand.allocation.locations.back().is_reg()); // reloaded behind the pad's first instruction
}

} // namespace
} // namespace assay::codegen
