// loop_copy.h - which blocks a copy of an innermost loop has, and such copies.
//
// The blocks of the loop, and those behind it that end where only it leads (a trap, a throw, a return). What calls, or
// has several results, is not copied. Effects keep their order and origins: traps, fuel and memory are as before.
// References into the graph end with a copy. Linear in the blocks; `is_read_behind` in the function. Storage reused.
// Used by turns.cpp and within.cpp, and tested with them.
#pragma once

#include "compiler/analysis/loops.h"
#include "compiler/opt/graph.h"

namespace assay::opt {

class LoopCopy {
public:
  void begin(const Graph& graph, const analysis::FlowGraph& flow, const analysis::Loops& loops);
  /// Which loop `is_in` and `collect` are about.
  void look_at(u32 loop) {
    loop_ = loop;
    has_ways_ = false;
  }
  /// Copies of other loops' blocks are unknown to the graph of edges, and in none.
  bool is_in(BlockId block) const;
  /// Finds the blocks. False: one may not be copied, or there is more work in them than that. The way out of `test` is
  /// none of those that has_ways tells of, nor is its branch work.
  bool collect(Graph& graph, BlockId head, BlockId test, u32 most_work);
  /// Instructions, constants and fuel not counted.
  u32 work() const { return work_; }
  /// Whether there are ways out that are not copied.
  bool has_ways() const { return has_ways_; }
  /// Whether an instruction outside the blocks reads what they compute.
  bool is_read_behind(Graph& graph) const;
  const std::vector<BlockId>& blocks() const { return blocks_; }
  /// After `collect`, whatever it said: forgets the blocks.
  void forget();

  /// Before the first of several copies.
  void prepare(const Graph& graph);
  /// A copy with nothing in it but parameters and terminators.
  void open(Graph& graph);
  BlockId copy_of(BlockId block) const { return as_[block]; }
  /// What the copy reads for a value.
  void set(ValueId value, ValueId by) { map_[value] = by; }
  ValueId in_copy(Graph& graph, ValueId value) const;
  /// Fills it. Edges that lead back to the header lead to `next`.
  void fill(Graph& graph, BlockId head, BlockId next);

private:
  bool survey(Graph& graph, BlockId block, BlockId test, u32 most_work);
  void copy_block(Graph& graph, BlockId from, BlockId to);

  const analysis::FlowGraph* flow_ = nullptr;
  const analysis::Loops* loops_ = nullptr;
  u32 loop_ = kNone;
  u32 work_ = 0;
  bool has_ways_ = false;
  std::vector<BlockId> blocks_;  // in reverse postorder
  analysis::Table<u8> in_set_;   // [BlockId] whether in blocks_
  std::vector<BlockId> as_;      // [BlockId] its copy
  analysis::Table<ValueId> map_; // [ValueId] its copy
};

} // namespace assay::opt
