// control.h - the pass on control flow: fewer branches, fewer blocks, fewer parameters.
//
// In rounds, until nothing changes: a branch or switch whose way is known, or whose ways are all the same, becomes a
// jump; an edge to a block that only jumps on goes where that leads; a block joins the only one that leads to it; a
// parameter that gets the same value, or equal constants, from everywhere becomes that value. Edges of a try_call stay
// as they are, since some of what they pass is not written down. Each round is linear; their number is bounded. Tested
// in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class ControlPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  bool decide(PassContext& c, BlockId block);
  bool decide_branch(PassContext& c, BlockId block);
  bool decide_switch(PassContext& c, BlockId block);
  void count(Graph& graph);
  void count_uses(Graph& graph);
  bool is_empty(Graph& graph, BlockId block);
  bool skip_empty(PassContext& c, BlockId block);
  bool merge(PassContext& c, BlockId block);
  bool same_params(PassContext& c);
  void meet(Graph& graph, ValueId param, ValueId arg);
  ValueId agreed(Graph& graph, BlockId block, ValueId param);

  const analysis::BlockOrder* flow_ = nullptr;
  analysis::Table<u32> edges_into_;     // [BlockId]
  bool counted_ = false;                // uses_, since the edges were; only empty blocks with parameters ask
  analysis::Table<u32> uses_;           // [ValueId] of parameters, apart from by the jump that ends their own block
  analysis::Table<ValueId> candidates_; // [ValueId] of parameters: what they get from everywhere
  analysis::Table<u8> gone_;            // [ValueId]
  std::vector<ValueId> args_;
};

} // namespace assay::opt
