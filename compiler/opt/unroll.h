// unroll.h - the pass that takes several turns of a short counted loop at once.
//
// A header that compares a counter with a limit, and one more block, which adds a constant to the counter: in front of
// this loop comes one that takes four turns at a time, as long as the counter is below the limit by more than three
// steps, and asks once; the loop as it was does the rest. What has an effect stands there in the order in which it
// would happen, so traps, fuel and memory are as before, and no limit near the ends of its type makes the difference
// wrap. A later turn's access, where it is known to be inside linear memory (bounds.h), is the first one's with a
// larger offset: both addresses are below 2^30 and differ by a constant modulo 2^32, so they differ by it. Loops are
// left alone that have no such access, unless they are tiny, or are not within another loop, unless they are very
// short. Everything else is copied when somebody reads it. What is copied into a function has a limit.
// A number that becomes x * a + c in each turn, or the low bits of that, as generators of random numbers do it, is
// computed for each of the four turns from what it was before them, so that none of them waits for another: loops with
// such numbers are always worth it. Linear. Needs no pass behind it. Tested in compiler/opt/tests/unroll_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class UnrollPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// `head` compares its parameter `counter` with `limit`; `body` jumps back to it.
  struct Counted {
    BlockId head = kNone, body = kNone;
    u32 counter = 0; // index of the parameter
    ValueId limit = kNone;
    u64 by = 0; // what the counter grows by
    Opcode less = Opcode::LtS;
    u32 work = 0; // of one turn
  };
  /// What a value is more in each later turn; `extended`: an i32 was extended on the way there.
  struct Slope {
    bool known = false, extended = false;
    i64 by = 0;
    bool is_usable() const { return known && by > 0 && by <= i64{1} << 20; }
  };
  /// What a parameter becomes in each turn: (x * times + plus) & mask, the mask being of the low bits.
  struct Recurrence {
    u64 times = 0, plus = 0, mask = 0; // times 0: nothing of the kind
    ValueId passed = kNone;
  };
  /// A parameter in the turn that is being copied: value * times + more, of which all or a recurrence's bits are kept.
  struct Current {
    ValueId value = kNone;
    u64 more = 0, times = 1;
    bool changed = false; // not just the value: some turns have passed
    ValueId made = kNone; // what that is, if an instruction has computed it
  };

  bool find(Graph& graph, BlockId head, Counted& loop);
  bool survey(Graph& graph, BlockId block, Counted& loop);
  bool find_counter(Graph& graph, Counted& loop);
  bool is_entered_plainly(Graph& graph, BlockId head);
  bool is_worth_it(PassContext& c, const Counted& loop);
  bool is_within(Graph& graph, const Counted& loop, ValueId value) const;
  void unroll(PassContext& c, const Counted& loop);
  ValueId limit_of_main(Graph& graph, const Counted& loop, InstId before);
  void effects(Graph& graph, const Counted& loop, BlockId block, u32 number);
  void turn(Graph& graph, const Counted& loop, u32 number);
  void end_turn(Graph& graph, const Counted& loop);
  ValueId in_turn(Graph& graph, const Counted& loop, ValueId value);
  ValueId copy(Graph& graph, const Counted& loop, const GraphInst& inst, ValueId first = kNone);
  Slope slope(Graph& graph, const Counted& loop, ValueId value, u32 depth);
  Slope slope_of_operation(Graph& graph, const Counted& loop, const GraphInst& inst, u32 depth);
  u64 constant_step(Graph& graph, const Counted& loop, u32 param);
  Recurrence recurrence(Graph& graph, const Counted& loop, u32 param);
  Current after_turn(u32 param) const;
  ValueId make(Graph& graph, Type type, u32 param, const Current& what);

  const analysis::BlockOrder* flow_ = nullptr;
  analysis::Table<u32> edges_into_;     // [BlockId]
  analysis::Table<ValueId> copies_;     // [ValueId] of the body, in this turn; kNone: none yet
  analysis::Table<ValueId> firsts_;     // [ValueId] the same in the first turn
  std::vector<Current> current_, next_; // [parameter of the header]
  std::vector<u64> steps_;              // [parameter of the header] what it grows by in each turn; 0: not known
  std::vector<Recurrence> recurrences_; // [parameter of the header]
  std::vector<ValueId> args_;
  InstId end_ = kNone; // of the block that is being made
};

} // namespace assay::opt
