// flow.h - what lowering asks of a function before it starts: reachable blocks in reverse postorder, how many
// edges enter each block, how often each value is used.
//
// Counts only what is reachable from the entry. An iterative depth-first walk over the edges, then one look at
// every operand: linear. Storage reused. Tested in compiler/codegen/tests/compile_flow_test.cpp.
#pragma once

#include "assay/module.h"
#include "compiler/analysis/fill.h"

#include <vector>

namespace assay::codegen {

class Flow {
public:
  void compute(const Function& function);

  const std::vector<BlockId>& order() const { return order_; }
  /// Edges that enter the block from reachable blocks; the way in from the caller is not one.
  u32 edges_into(BlockId block) const { return edges_into_[block]; }
  /// `value` may be one more than the last: that has none.
  u32 uses(ValueId value) const { return uses_[value]; }
  /// A use is not one after all.
  void drop_use(ValueId value) { --uses_[value]; }
  void add_use(ValueId value) { ++uses_[value]; }

private:
  struct Visit {
    BlockId block;
    u32 next_edge; // counts down
  };
  void walk(const Function& function);
  static bool covers_pool(const Function& function);
  void count_reachable(const Function& function);
  void count_operands(const Function& function, const Inst& inst);

  std::vector<BlockId> order_;
  analysis::Table<u32> edges_into_; // [BlockId]
  analysis::Table<u8> seen_;        // [BlockId]
  analysis::Table<u32> uses_;       // [ValueId], and one place for operands that are not there
  ValueId no_value_ = 0;            // that place
  std::vector<Visit> stack_;
};

} // namespace assay::codegen
