// licm.h - what is the same in every turn of a loop is computed before it.
//
// In reverse postorder, each instruction goes at once before the outermost loop that computes none of its operands.
// Only what never traps moves, since it will run where it may not have run before; and loads that cannot trap, of
// memory that the loop does not write. It goes to the end of the block from which the loop is entered, if there is
// only one and it leads nowhere else, or else to a new block. Loops with several entries stay as they are, and so do
// loops that are entered by a try_call which passes them something itself.
// Linear, but for the depth of the nest, which is looked at eight loops far. Tested in
// compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/alias.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class LicmPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  void begin(PassContext& context);
  bool contains(u32 loop, u32 inner) const;
  bool reads_from(Graph& graph, const GraphInst& inst, u32 loop);
  bool may_leave(PassContext& context, const GraphInst& inst, u32 loop);
  u32 outermost(PassContext& context, const GraphInst& inst, u32 loop);
  BlockId preheader(PassContext& context, u32 loop);
  BlockId make_preheader(Graph& graph, u32 loop);
  void visit(PassContext& context, analysis::Node node);

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  analysis::Table<u32> home_;          // [ValueId] the innermost loop that computes it; kNone: none
  analysis::Table<MemoryMask> writes_; // [loop] kinds of memory
  std::vector<BlockId> preheader_;     // [loop]
  bool control_changed_ = false;
};

} // namespace assay::opt
