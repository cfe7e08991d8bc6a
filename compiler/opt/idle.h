// idle.h - loops that do nothing, and end, are passed by.
//
// An innermost loop without effects and traps, of which nobody behind it reads a value, and which is left along one
// edge, by a test in its header or where it jumps back. That the loop ends is known of a counter that goes by one
// towards a limit from before the loop, with comparisons that cannot be true for ever, and of one that goes by more up
// to a constant which it cannot jump over. What does not end, or may not, stays, and so does what takes fuel. Loops
// around such loops follow. A way past the loop is joined with what comes behind where nothing else leads there.
// Behind `dce`, which takes away what the turns compute for nobody; it comes again when something was found.
// Linear, for each depth of loops that are idle. Tested in compiler/opt/tests/idle_test.cpp and corpus/run.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class IdlePass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// What is known of a loop.
  struct Found {
    bool busy = false; // or not of the kind that is looked at
    bool read = false; // behind it
    u32 exits = 0, latches = 0;
    BlockId exit = kNone, latch = kNone; // the blocks that leave it, and that jump back
    u32 exit_edge = 0;
  };

  bool pass_by(PassContext& context);
  void look_at_block(PassContext& context, analysis::Node node);
  u32 home(Graph& graph, ValueId value) const;
  void find_reads(Graph& graph);
  bool ends(Graph& graph, u32 loop);
  i64 step_of(Graph& graph, u32 loop, ValueId counter);
  bool is_entered_plainly(Graph& graph, u32 loop) const;
  void take_away(Graph& graph, u32 loop);
  void join(Graph& graph, u32 loop, BlockId before, BlockId behind);
  BlockId now(BlockId block) const;

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  std::vector<Found> found_;    // [loop]
  std::vector<BlockId> joined_; // [BlockId] the block that it has become part of
  std::vector<ValueId> args_;   // scratch
};

} // namespace assay::opt
