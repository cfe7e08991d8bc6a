// turns.h - the pass that writes out loops of a few turns, where their number is known.
//
// An innermost loop with one edge back, and a test, in its header or where it jumps back, of a counter that begins
// with a constant on each way in: both are evaluated turn by turn (fold.h). When the test ends the loop after at
// most eight turns, and these are not too many instructions together (a sixth as many when they are more than four),
// each turn becomes a copy of the loop's blocks, whatever branches are among them: in a copy the counter is a
// constant, the test a jump onward, the way back leads to the next copy. The loop itself stays for what its test
// does at last, so that everything behind it reads what it read before; its way back is gone. Blocks that end where
// only the loop leads (a trap, a throw, a return) are copied with it. Loops that are left elsewhere too are left
// alone when somebody behind reads what they compute; so are loops that call. Effects keep their order, and origins:
// traps, fuel and memory are as before. What this gives to do is for `simplify`, `control` and those that follow.
// Linear in the loops, and in the function for each loop with several ways out; what is copied into a function has a
// limit. Tested in compiler/opt/tests/turns_test.cpp.
#pragma once

#include "compiler/opt/loop_copy.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class TurnsPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  struct Candidate {
    u32 loop = 0; // in Loops::all
    BlockId head = kNone, latch = kNone, test = kNone;
    u32 stays = 0;       // the test's edge to the next turn; the other one leaves
    u32 counter = kNone; // index of the header's parameter
    u32 turns = 0;       // that the test lets begin, or begin again
  };
  struct Bits {
    bool known = false;
    u64 bits = 0;
  };

  bool may_find_any(PassContext& c);
  bool find(PassContext& c, Candidate& loop);
  bool find_latch(Graph& graph, Candidate& loop);
  bool find_test(Graph& graph, BlockId block, Candidate& loop);
  bool count_turns(Graph& graph, Candidate& loop);
  bool find_counter(Graph& graph, const Candidate& loop, ValueId value, u32 depth, u32& counter);
  Bits first_of(Graph& graph, const Candidate& loop);
  Bits evaluate(Graph& graph, ValueId value, u32 depth);
  void write_out(Graph& graph, const Candidate& loop);
  BlockId copy_turn(Graph& graph, const Candidate& loop, BlockId next, u64 counter);

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  u32 loop_ = kNone;
  ValueId counter_ = kNone; // while it is evaluated
  u64 counter_bits_ = 0;
  std::vector<u64> counts_; // [turn] the counter in it
  LoopCopy copy_;
};

} // namespace assay::opt
