// bounds.h - accesses to linear memory that cannot leave it are marked, so that lowering does not check them; what is
// never negative is extended by zeros, which may be there already (compiler/codegen/lowering_upper.cpp).
//
// An interval for each integer (interval.h), from what makes it and from the branches on the way to where it is read.
// What goes round a loop is guessed at the loop's head: a counter that something compares, and that only grows, never
// falls below where it starts. One walk down the tree of dominators computes everything from these guesses, and looks
// whether what the way back passes is within them: then they hold, by induction over the run. A guess that does not
// hold is dropped, and the walk made again, at most three times; then nothing is guessed.
// The mark (GraphInst::inside) says that the access is inside the memory that the module begins with, wherever it runs:
// it stays right when passes copy the instruction, or change it so that its place is the same. Of accesses of f64 it is
// noted, too, between which bytes they are (Graph::set_extent): lowering finds so which of them do not meet.
// Constants that indices were added to go to the accesses themselves where no sum wraps (bounds_apart.cpp).
// Linear. Functions that access linear memory at constant addresses only are left at once; where each address is a mask
// or was extended by zeros, and that is inside, no walk is made. Tested in
// compiler/opt/tests/bounds_test.cpp; random programs trap nowhere that is marked.
#pragma once

#include "compiler/opt/interval.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class BoundsPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  struct Undo {
    ValueId value;
    Interval before;
  };
  struct Visit {
    analysis::Node node;
    u32 next_child;
    std::size_t undo; // as many before it
  };

  /// An index of accesses: the extension of x, shifted.
  struct Index {
    ValueId x;
    u32 scale;
    ValueId value;
  };
  /// An address: value, extended already, shifted, and a constant.
  struct Apart {
    ValueId value = kNone;
    i64 beyond = 0;
    u32 scale = 0;
  };

  static Interval made_as(Graph& graph, ValueId value);
  void forget();
  bool survey(PassContext& context);
  void walks(PassContext& context);
  void walk(PassContext& context);
  void enter(PassContext& context, analysis::Node node);
  void instruction(PassContext& context, InstId id);
  bool look_at_access(PassContext& context, InstId id, const Interval& address);
  void parameters(Graph& graph, analysis::Node node);
  Interval guess(Graph& graph, analysis::Node node, std::size_t index);
  void pass_args(Graph& graph, const GraphEdge& edge);
  void assume_edge(Graph& graph, const GraphInst& terminator, u32 edge);
  void assume(Graph& graph, ValueId condition, bool truth, u32 depth);
  void assume_comparison(Graph& graph, const GraphInst& inst, bool truth, u32 depth);
  void assume_less(Graph& graph, ValueId a, ValueId b, bool or_equal, bool is_signed);
  void exclude(Graph& graph, ValueId value, i64 what);
  void narrow(Graph& graph, ValueId value, const Interval& to);
  void undo_to(std::size_t count);

  bool is_apart(Graph& graph, ValueId sum); // bounds_apart.cpp
  void look_at_index(Graph& graph, InstId access, ValueId address);
  void look_at_extension(Graph& graph, InstId id);
  ValueId index_of(Graph& graph, ValueId x, u32 scale);
  bool take_apart(Graph& graph, const GraphInst& access, Apart& out);
  bool is_indexed(ValueId x, const Apart& apart) const;
  void set_apart(PassContext& context, InstId id, ValueId sum, const Apart& apart);
  void constants_apart(PassContext& context);

  const analysis::FlowGraph* flow_ = nullptr;
  std::vector<Interval> known_;     // [ValueId] where the walk is
  std::vector<Interval> assumed_;   // [ValueId] of parameters of blocks that edges lead back to
  analysis::Table<u8> open_;        // [ValueId] whether it may be guessed
  analysis::Table<u8> compared_;    // [ValueId]
  analysis::Table<u8> entered_;     // [Node]
  analysis::Table<u32> edges_done_; // [Node] edges into it that the walk has left along
  analysis::Table<u32> edge_into_;  // [Node] which of its only predecessor's edges leads to it
  std::vector<Visit> stack_;
  std::vector<Undo> undo_;
  struct Inside {
    InstId inst;
    Extent bytes;
  };
  std::vector<Inside> inside_;   // accesses that this walk found to be so
  std::vector<InstId> positive_; // extensions by the sign, which is 0
  std::vector<InstId> apart_;    // extensions of sums of constants, and accesses at such sums
  std::vector<InstId> accesses_; // others, at i64s
  analysis::Table<u8> is_sum_;   // [ValueId] such an extension
  std::vector<Index> indices_;
  std::vector<ValueId> left_; // that an access does not read any more
  analysis::Table<u32> uses_; // [ValueId]
  bool holds_ = true;
};

} // namespace assay::opt
