// ssa.h - locals become values: the pass that makes a function SSA.
//
// Cytron and others, "Efficiently Computing Static Single Assignment Form and the Control Dependence Graph" (1991),
// pruned: a block gets a parameter for a local where definitions of it meet and it is live; then one walk down the tree
// of dominators gives each read the value that reaches it. A local that was not set is zero. Afterwards there is no
// local. O(edges) for each local in the worst case, near linear altogether in practice. Tested in
// compiler/opt/tests/ssa_test.cpp.
#pragma once

#include "compiler/analysis/frontier.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class SsaPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  /// What a block does with a local.
  struct Event {
    u32 local;
    analysis::Node node;
    bool reads_first; // before it sets it
    bool sets;
  };
  /// A parameter that stands for a local.
  struct Joined {
    BlockId block;
    u32 local;
    ValueId value;
  };
  struct Undo {
    u32 local;
    ValueId before;
  };
  /// A block on the way down the tree; the undo log was so long when it was entered.
  struct Visit {
    analysis::Node node;
    u32 next_child;
    std::size_t log;
  };

  void collect(Graph& graph);
  void place(Graph& graph);
  void rename(Graph& graph);
  void enter(Graph& graph, analysis::Node node);
  void pass_on(Graph& graph, BlockId block);
  ValueId current(Graph& graph, u32 local);
  std::span<const Joined> joined_at(BlockId block) const;

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Dominators* dominators_ = nullptr;
  analysis::Frontier frontier_;
  std::vector<Event> events_, sorted_events_;
  analysis::Table<u32> event_of_; // [local] the block's event, while it is scanned; marked by event_block_
  analysis::Table<u32> event_block_;
  std::vector<analysis::Node> defs_, uses_, meets_;
  std::vector<Joined> joined_, sorted_joined_; // by block
  analysis::Table<u32> joined_firsts_;         // [block], and the end
  analysis::Table<ValueId> current_;           // [local]; kNone: not set yet
  analysis::Table<ValueId> zeros_;             // [local] made when wanted
  std::vector<Undo> log_;
  std::vector<Visit> stack_;
};

} // namespace assay::opt
