// sccp.h - what is constant on the ways that can be taken (Wegman and Zadeck, "Constant Propagation with Conditional
// Branches", 1991).
//
// Each value is unknown, a constant, or varies, and only ever moves on in this order. Blocks count once a way leads to
// them; a parameter is what the ways that count agree on; an operation on constants is what folding says (fold.h). In
// place of lists of uses there are sweeps in reverse postorder over the blocks that may still change: a value that
// changes on the way back to a loop's header costs one more. Functions that need more than kMostSweeps are left
// alone, and those where whatever is passed a constant is passed something that varies as well. Constants then stand
// where the values were made: branches on them are left to `control`. Linear in kMostSweeps times instructions; as a
// rule the loops are swept twice. Tested in compiler/opt/tests/sccp_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class SccpPass final : public Pass {
public:
  SccpPass();
  void run(PassContext& context) override;

private:
  enum class State : u8 { Unknown, Constant, Varies };
  struct Cell {
    u64 bits = 0;
    State state = State::Varies;
  };
  /// A block that no way leads to yet, that was not visited yet, that may change still, or will not.
  enum class Progress : u8 { Unreached, New, Open, Settled };

  bool varies(Graph& graph, ValueId param, ValueId arg);
  bool worth_it(Graph& graph);
  void begin(Graph& graph);
  bool converges(Graph& graph);
  void visit(Graph& graph, analysis::Node node);
  void evaluate(Graph& graph, const GraphInst& inst);
  void leave(Graph& graph, analysis::Node node);
  void pass_on(Graph& graph, analysis::Node from, const GraphEdge& edge);
  void meet(Cell& cell, const Cell& with, bool passed);
  u32 decided_edge(Graph& graph, const GraphInst& inst);
  bool all_ways_taken(PassContext& c, BlockId block);
  void rewrite_params(PassContext& context, BlockId block);
  void rewrite_insts(PassContext& context, BlockId block);

  const analysis::BlockOrder* flow_ = nullptr;
  std::vector<u8> folds_;          // [Opcode] whether fold() may know it
  analysis::Table<u8> passed_;     // [ValueId] what is passed for a parameter
  std::vector<Cell> cells_;        // [ValueId]
  std::vector<Progress> progress_; // [Node]
  analysis::Table<u32> decided_;   // [Node] the only edge that is taken, as far as was found
  bool settled_ = false;           // the block that is visited, as far as it was
  bool again_ = false;             // something changed that this sweep has passed
  bool any_gone_ = false;
  analysis::Table<u8> gone_; // [ValueId] parameters
};

} // namespace assay::opt
