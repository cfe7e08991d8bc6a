// analyses.cpp - see pass.h: each analysis at most once between two changes of control flow; positions of bodies.
#include "compiler/opt/pass.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::opt {

u32 SourceMap::add(FunctionId id, const Function& source, u32 inlined_at) {
  const u32 first = static_cast<u32>(positions.size());
  positions.resize(first + source.insts.size());
  for (BlockId block = 0; block < source.blocks.size(); ++block) {
    const Block& from = source.blocks[block];
    for (u32 i = 0; i < from.inst_count; ++i) positions[first + from.first_inst + i] = {{id, block, i}, inlined_at};
  }
  if (ASSAY_PLANTED(inline_call_position) && inlined_at != kNone)
    std::fill(positions.begin() + first, positions.end(), calls[inlined_at]);
  return first;
}

const analysis::BlockOrder& Analyses::order() {
  if (have_order_) return flow_;
  graph_->list_edges(ends_, targets_);
  flow_.order(ends_, targets_);
  have_order_ = true;
  return flow_;
}

const analysis::FlowGraph& Analyses::flow() {
  order();
  if (!have_flow_) flow_.link(ends_, targets_);
  have_flow_ = true;
  return flow_;
}

const analysis::Dominators& Analyses::dominators() {
  if (!have_dominators_) dominators_.compute(flow());
  have_dominators_ = true;
  return dominators_;
}

const analysis::Loops& Analyses::loops() {
  if (!have_loops_) loops_.compute(flow());
  have_loops_ = true;
  return loops_;
}

} // namespace assay::opt
