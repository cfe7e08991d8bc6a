// dce.h - takes away what nobody needs.
//
// Needed are instructions with an effect or a trap and terminators; what these read; and so on, through parameters to
// what edges pass for them. So values that only feed each other round a loop go too. All of a function's goes at once:
// that is one rewrite. Linear. Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class DcePass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// An edge, and the block that it leaves.
  struct Incoming {
    BlockId from;
    u32 edge; // of its terminator
  };

  void index_edges(Graph& graph);
  void need(Graph& graph, ValueId value);
  void need_operands(Graph& graph, const GraphInst& inst);
  void need_arguments(Graph& graph, ValueId param);
  void mark(PassContext& context);
  bool find_unneeded(Graph& graph);

  const analysis::BlockOrder* flow_ = nullptr;
  analysis::Table<u32> ends_;   // [BlockId + 1] in edges_
  analysis::Table<u32> next_;   // scratch
  std::vector<Incoming> edges_; // by the block that they lead to
  analysis::Table<u32> fixed_;  // [BlockId] so many parameters that a try_call itself passes values for
  analysis::Table<u32> index_;  // [ValueId] of parameters: which one
  analysis::Table<u8> needed_;  // [ValueId]
  analysis::Table<u8> roots_;   // [InstId] what is needed for itself
  std::vector<ValueId> work_;
  std::vector<InstId> unneeded_;
  analysis::Table<u8> gone_; // [ValueId] parameters
};

} // namespace assay::opt
