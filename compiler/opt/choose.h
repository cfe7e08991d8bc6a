// choose.h - the pass that makes short branches selects.
//
// A branch whose ways meet again at once, with a value each, and which do little on the way - three cheap instructions
// that cannot trap, in all - becomes a select of the two values: nothing is left to be mispredicted. What the ways
// did is done by both. Two values may differ, which must be integers: more would cost more than a branch that is
// predicted; where none does the branch just goes. Blocks whose only business was the way are left without a way to
// them. Linear. Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class ChoosePass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// One way of a branch: what it passes on to where the ways meet.
  struct Way {
    BlockId through = kNone; // the block on the way; kNone: the edge itself leads there
    BlockId to = kNone;
    u32 work = 0; // instructions in the block, constants apart
  };

  Way way_of(PassContext& c, const GraphEdge& edge) const;
  bool find_differing(Graph& graph, const GraphEdge& first, const GraphEdge& second);
  bool choose(PassContext& c, BlockId block);
  void join(Graph& graph, BlockId block, const Way (&ways)[2]);

  analysis::Table<u32> edges_into_; // [BlockId]
  std::vector<u32> differing_;      // of a branch's ways: which of the values that they pass on
};

} // namespace assay::opt
