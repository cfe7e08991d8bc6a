// liveness.cpp - see liveness.h. Uses are taken value by value, so that one mark a block tells what is known.
#include "compiler/analysis/liveness.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::analysis {

void Liveness::collect(const Function& function, const FlowGraph& graph) {
  fill_none(defined_in_, function.value_count());
  uses_.clear();
  for (BlockId id = 0; id < function.blocks.size(); ++id) {
    const Block& block = function.blocks[id];
    for (u32 i = 0; i < block.param_count; ++i) defined_in_[block.first_param + i] = id;
    for (const Inst& inst : function.insts_of(block)) {
      for (u32 i = 0; i < inst.result_count; ++i) defined_in_[inst.first_result + i] = id;
    }
  }
  for (Node node = 0; node < graph.size(); ++node) {
    const BlockId id = graph.block(node);
    const auto use = [&](ValueId value) {
      if (defined_in_[value] != id) uses_.push_back({value, id});
    };
    for (const Inst& inst : function.insts_of(function.blocks[id])) {
      for (const ValueId value : function.operands_of(inst)) use(value);
      for (const Edge& edge : function.edges_of(inst)) {
        for (const ValueId value : function.args_of(edge)) use(value);
      }
    }
  }
  std::sort(uses_.begin(), uses_.end(),
            [](const Use& a, const Use& b) { return a.value != b.value ? a.value < b.value : a.block < b.block; });
}

void Liveness::climb(const FlowGraph& graph, ValueId value, BlockId used_in) {
  stack_.assign(1, used_in);
  while (!stack_.empty()) {
    const BlockId block = stack_.back();
    stack_.pop_back();
    if (block == defined_in_[value] || last_[block] == value) continue;
    last_[block] = value;
    entries_.push_back({block, value});
    for (const Node pred : graph.preds(graph.node(block))) stack_.push_back(graph.block(pred));
  }
}

void Liveness::compute(const Function& function, const FlowGraph& graph) {
  const u32 count = static_cast<u32>(function.blocks.size());
  collect(function, graph);
  fill_none(last_, count);
  entries_.clear();
  for (const Use& use : uses_) climb(graph, use.value, use.block);
  fill_zero(ends_, count);
  for (const Entry& entry : entries_) ++ends_[entry.block];
  u32 total = 0;
  for (u32& end : ends_) end = total += end;
  values_.resize(total);
  for (std::size_t i = entries_.size(); i-- != 0;) values_[--ends_[entries_[i].block]] = entries_[i].value;
  for (u32 block = 0; block + 1 < count; ++block) ends_[block] = ends_[block + 1];
  if (count != 0) ends_[count - 1] = total;
}

} // namespace assay::analysis
