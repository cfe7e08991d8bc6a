// sink.h - what is computed goes where it is read: comparisons to their branch, work to the way that needs it.
//
// Lowering makes one instruction of a comparison and the branch or select directly behind it that alone reads it
// (codegen/lowering.h); other passes may have put something between. What cannot trap, reads no memory and is read in
// one other block alone, which only a branch leads to, is computed there, if that is in no loop that it was not in
// before; then it does not run on other ways. What a loop passes back to its head, and nobody else reads, is made at
// the end of the turn where what it replaces is read until then: so they need not be kept beside each other. Linear.
// Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class SinkPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  void count_reads(Graph& graph);
  void read(ValueId value, u32 once);
  bool is_read_once(ValueId value) const;
  bool is_only_branched_to(Graph& graph, analysis::Node node) const;
  bool stays_in_loops(analysis::Node from, analysis::Node to) const;
  void comparison(PassContext& context, InstId reader);
  void work(PassContext& context, analysis::Node node, InstId id);
  bool is_read_behind(Graph& graph, InstId id, ValueId value) const;
  void step(PassContext& context, InstId id, ValueId param);
  void steps(PassContext& context, analysis::Node node);

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  analysis::Table<u32> reader_; // [ValueId] twice the block that alone reads it, and one if that is more than once
};

} // namespace assay::opt
