// thread.h - the pass that sends a way past a branch which it decides.
//
// A short block that ends in a branch or switch, where an edge into it says which way that goes - by a constant that it
// passes, or because it leaves a branch or switch on the same value: the edge leads to a copy of the block instead,
// which jumps that way. What the copy computes from constants is a constant. What the block makes must not be read
// behind it, but by what its own edges pass on; then nothing needs a new parameter. The block is no header of a loop
// and in no irreducible one, so each edge that comes is a short cut within the loops that its way was in, and enters
// none elsewhere. A copy jumps to the next such block perhaps, and is looked at like any block. Blocks with calls are
// not copied, and the instructions copied into a function have a limit. Linear, but that the loops are asked for once a
// way is found. Tested in compiler/opt/tests/thread_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class ThreadPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  enum class Answer : u8 { Unknown, No, Yes };
  /// A result of the block that is passed: a constant, or what stands for it in the copy.
  struct Known {
    ValueId value;
    bool is_constant;
    u64 bits;
    ValueId copy;
  };
  /// An edge, and what it leads to.
  struct Way {
    BlockId from;
    u32 edge;
    BlockId through;
  };

  void look_at(PassContext& context, BlockId from);
  bool is_short(Graph& graph, BlockId block);
  bool may_pass(PassContext& context, BlockId block);
  bool is_read_behind(Graph& graph, BlockId block);
  GraphEdge& edge_of(Graph& graph, const Way& way) { return graph.edges_of(graph.terminator(way.from))[way.edge]; }
  ValueId argument(Graph& graph, const Way& way, ValueId value);
  bool constant(Graph& graph, const Way& way, ValueId value, u64& bits);
  u32 decide(Graph& graph, const Way& way);
  void evaluate(Graph& graph, const Way& way);
  void pass(Graph& graph, const Way& way, u32 decided);
  static RewriteKind kind_of_rewrite(Graph& graph, const Way& way);
  ValueId in_copy(Graph& graph, const Way& way, ValueId value);
  void copy_inst(Graph& graph, const Way& way, InstId at, InstId before);

  std::vector<Answer> may_pass_; // [BlockId] of those that there were
  analysis::Table<u32> uses_;    // [ValueId] once asked for
  bool counted_ = false;
  std::vector<Known> known_; // of the block that is passed
  std::vector<ValueId> args_;
  u32 copied_ = 0; // instructions
};

} // namespace assay::opt
