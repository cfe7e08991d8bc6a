// within.h - the pass that takes turns of a loop without the checks of bounds that a look at its counters replaces.
//
// An innermost loop whose addresses grow with parameters of its header: x * m + c, with something added that is the
// same in every turn. In front of it comes a copy that asks in each turn whether these parameters are, as unsigned
// numbers, below bounds computed once before, so that all of these accesses are inside the memory that the module
// begins with; they are marked so (bounds.h), and lowering does not check them. When a parameter is not, the loop as it
// was does the rest, from the turn that comes next: traps, fuel and memory are as before, whatever the parameters do
// from turn to turn. Where the header's own test compares such a parameter with a limit, that becomes part of the
// bound, and the copy does not ask twice. Where the limit is itself a parameter, of which each turn takes one, the two
// meet: in front of the copy the limit is asked for, once, and each turn asks whether the other is below it, so that
// both are inside. No address wraps in the copy: constants in them go to the accesses, several of which share an index
// then. Only where more checks go than questions come. What is copied into a function has a limit. Linear in the loops,
// and in the function for each loop with several ways out. Tested in compiler/opt/tests/within_test.cpp.
#pragma once

#include "compiler/opt/loop_copy.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class WithinPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// base + param * times + more, as long as the parameter is not large.
  struct Place {
    bool known = false;
    ValueId base = kNone; // the same in every turn
    u32 param = kNone;    // index of the header's parameter
    u64 times = 0, more = 0;
  };
  /// An access, and the most that its place may be.
  struct Access {
    InstId inst = kNone;
    ValueId address = kNone;
    Place place;
    u64 most = 0;
    bool again = false; // there is one with that address before it, which it may not need a check behind
  };
  struct Candidate {
    BlockId head = kNone;
    u32 counter = kNone; // index of the parameter that the header compares with
    ValueId limit = kNone;
    u32 falls = kNone; // index of the parameter that the limit is, where each turn takes one of it
    Opcode less = Opcode::LtS;
    bool has_ways = false; // out of the copy
  };

  bool has_any(PassContext& c);
  bool find(PassContext& c, u32 index, Candidate& loop);
  bool is_entered_plainly(Graph& graph, BlockId head);
  void find_test(Graph& graph, Candidate& loop);
  bool falls_by_one(Graph& graph, BlockId head, u32 param);
  bool is_decided(const Candidate& loop, u32 param) const;
  bool collect_accesses(PassContext& c, const Candidate& loop);
  bool is_same_in_turns(Graph& graph, ValueId value);
  Place place(Graph& graph, const Candidate& loop, ValueId value, u32 depth);
  Place place_of_operation(Graph& graph, const Candidate& loop, const GraphInst& inst, u32 depth);
  bool choose(const Candidate& loop, u32 params);
  void split(PassContext& c, const Candidate& loop);
  ValueId bound(Graph& graph, const Candidate& loop, u32 param, InstId before);
  ValueId within_limit(Graph& graph, const Candidate& loop, ValueId bound, InstId before);
  ValueId meeting_bound(Graph& graph, const Candidate& loop, InstId before);
  void enter(Graph& graph, const Candidate& loop, BlockId entry, BlockId top, ValueId meeting);
  bool is_any_beyond(const Candidate& loop) const;
  bool has_index(const Candidate& loop, const Place& place) const;
  ValueId index_of(Graph& graph, const Candidate& loop, const Place& place);
  void constants_apart(Graph& graph, const Candidate& loop);
  void clean_up(Graph& graph);
  void join(Graph& graph, const Candidate& loop, BlockId before);
  ValueId room(Graph& graph, const Access& access, InstId before);

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  LoopCopy copy_;
  std::vector<Access> accesses_; // that may go unchecked
  std::vector<u32> asked_;       // indices of the parameters that are asked for
  // Of the copy:
  InstId front_ = kNone;                           // before which they are made: what its header begins with
  std::vector<std::pair<Place, ValueId>> indices_; // that were made
  std::vector<std::pair<InstId, Place>> moved_;    // accesses whose constants are moved
  std::vector<ValueId> left_;                      // that an access does not read any more
  analysis::Table<u32> uses_;                      // [ValueId]
};

} // namespace assay::opt
