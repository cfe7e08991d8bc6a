// liveness.h - which values of a function in SSA form are needed at the start of each block.
//
// From each use back to the definition, block by block (Boissinot and others, "Computing Liveness Sets for SSA-Form
// Programs", 2011, section 3, "by use"): O(uses + size of the result), and no bit for what is not live. What an edge
// passes is used at the end of the block that it leaves; a block's parameters are not live at its start. The function
// must be verified, without locals (those are no values). Tested in compiler/analysis/tests/liveness_test.cpp against a
// data-flow twin.
#pragma once

#include "compiler/analysis/flow_graph.h"

namespace assay::analysis {

class Liveness {
public:
  void compute(const Function& function, const FlowGraph& graph);

  /// Values live at the start of the block, ascending. Of blocks that cannot be reached: none.
  std::span<const ValueId> live_in(BlockId block) const {
    const u32 first = block == 0 ? 0 : ends_[block - 1];
    return {values_.data() + first, ends_[block] - first};
  }

private:
  struct Entry {
    BlockId block;
    ValueId value;
  };
  struct Use {
    ValueId value;
    BlockId block;
  };
  void collect(const Function& function, const FlowGraph& graph);
  void climb(const FlowGraph& graph, ValueId value, BlockId used_in);

  std::vector<ValueId> values_;
  Table<u32> ends_;
  // scratch
  Table<BlockId> defined_in_;
  std::vector<BlockId> stack_;
  Table<ValueId> last_; // [block] the value that was found live there last
  std::vector<Use> uses_;
  std::vector<Entry> entries_;
};

} // namespace assay::analysis
