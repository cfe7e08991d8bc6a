// loop_copy.cpp - see loop_copy.h.
#include "compiler/opt/loop_copy.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kMostBlocksCopied = 20;
constexpr u32 kMostCopiedOperands = 4;

} // namespace

void LoopCopy::begin(const Graph& graph, const analysis::FlowGraph& flow, const analysis::Loops& loops) {
  flow_ = &flow;
  loops_ = &loops;
  analysis::fill_zero(in_set_, graph.block_count());
  blocks_.clear();
}

bool LoopCopy::is_in(BlockId block) const {
  const Node node = block < flow_->block_count() ? flow_->node(block) : kNone;
  return node != kNone && loops_->of(node) == loop_;
}

/// Counts what stands in the block, and whether it may be copied.
bool LoopCopy::survey(Graph& graph, BlockId block, BlockId test, u32 most_work) {
  const InstId last = graph.block(block).last;
  for (InstId at = graph.block(block).first; at != last; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    if (info(inst.op).is(kCalls) || inst.result_count > 1 || inst.operand_count > kMostCopiedOperands) return false;
    work_ += inst.op != Opcode::Const && inst.op != Opcode::Fuel ? 1 : 0;
  }
  const GraphInst& end = graph.inst(last);
  if (is_try_call(end.op) || end.result_count != 0) return false;
  work_ += end.op != Opcode::Jump && block != test ? 1 : 0;
  return work_ <= most_work;
}

bool LoopCopy::collect(Graph& graph, BlockId head, BlockId test, u32 most_work) {
  work_ = 0;
  has_ways_ = false;
  blocks_.assign(1, head);
  in_set_[head] = 1;
  bool fits = survey(graph, head, test, most_work);
  for (std::size_t i = 0; i < blocks_.size() && fits; ++i) {
    if (!is_in(blocks_[i])) continue;
    for (const Node to : flow_->succs(flow_->node(blocks_[i]))) {
      const BlockId block = flow_->block(to);
      if (in_set_[block] != 0) continue;
      const bool ends = flow_->succs(to).empty() && flow_->preds(to).size() == 1;
      if (!is_in(block) && (blocks_[i] == test || !ends)) {
        has_ways_ = has_ways_ || blocks_[i] != test;
        continue;
      }
      in_set_[block] = 1;
      blocks_.push_back(block);
      fits = fits && blocks_.size() <= kMostBlocksCopied && survey(graph, block, test, most_work);
    }
  }
  std::sort(blocks_.begin(), blocks_.end(), [&](BlockId a, BlockId b) { return flow_->node(a) < flow_->node(b); });
  return fits;
}

bool LoopCopy::is_read_behind(Graph& graph) const {
  const auto is_inside = [&](ValueId value) {
    const GraphValue& v = graph.value(graph.now(value));
    const BlockId block = v.inst == kNone ? v.block : graph.inst(v.inst).block;
    return block != kNone && block < in_set_.size() && in_set_[block] != 0;
  };
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    if (in_set_[block] != 0) continue;
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 i = 0; i < inst.operand_count; ++i)
        if (is_inside(graph.operand(inst, i))) return true;
      for (const GraphEdge& edge : graph.edges_of(inst))
        if (std::any_of(edge.args.begin(), edge.args.end(), is_inside)) return true;
    }
  }
  return false;
}

void LoopCopy::forget() {
  for (const BlockId block : blocks_) in_set_[block] = 0;
  blocks_.clear();
}

// ---- the copies --------------------------------------------------------------------------------------------

void LoopCopy::prepare(const Graph& graph) {
  analysis::fill_none(map_, graph.value_count());
  as_.resize(in_set_.size());
}

void LoopCopy::open(Graph& graph) {
  std::fill(map_.begin(), map_.end(), kNone);
  for (const BlockId block : blocks_) {
    as_[block] = graph.add_block_like(block);
    const std::vector<ValueId>& params = graph.block(block).params;
    for (std::size_t i = 0; i < params.size(); ++i) map_[params[i]] = graph.block(as_[block]).params[i];
  }
}

ValueId LoopCopy::in_copy(Graph& graph, ValueId value) const {
  value = graph.now(value);
  return value < map_.size() && map_[value] != kNone ? map_[value] : value;
}

/// All but the block's terminator, which the copy has already; that gets the copy's operands.
void LoopCopy::copy_block(Graph& graph, BlockId from, BlockId to) {
  const InstId end = graph.block(to).last, last = graph.block(from).last;
  for (InstId at = graph.block(from).first; at != last; at = graph.inst(at).next) {
    const GraphInst inst = graph.inst(at);
    ValueId operands[kMostCopiedOperands] = {};
    for (u32 i = 0; i < inst.operand_count; ++i) operands[i] = in_copy(graph, graph.operand(inst, i));
    const ValueId made = graph.insert(end, inst, {operands, inst.operand_count}, inst.result_count != 0);
    if (made == kNone) continue;
    graph.set_type(made, graph.value(inst.first_result).type);
    map_[inst.first_result] = made;
  }
  const GraphInst& terminator = graph.inst(end);
  for (u32 i = 0; i < terminator.operand_count; ++i)
    graph.set_operand(terminator, i, in_copy(graph, graph.operand(terminator, i)));
}

void LoopCopy::fill(Graph& graph, BlockId head, BlockId next) {
  for (const BlockId block : blocks_) copy_block(graph, block, as_[block]);
  for (const BlockId block : blocks_) {
    for (GraphEdge& edge : graph.edges_of(graph.terminator(as_[block]))) {
      if (edge.target == head) edge.target = next;
      else if (edge.target < in_set_.size() && in_set_[edge.target] != 0) edge.target = as_[edge.target];
      for (ValueId& arg : edge.args) arg = in_copy(graph, arg);
    }
  }
}

} // namespace assay::opt
