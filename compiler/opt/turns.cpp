// turns.cpp - see turns.h. References into the graph end with the first insertion.
#include "compiler/opt/turns.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/fold.h"

#include <algorithm>

namespace assay::opt {

using analysis::Loop;
using analysis::Node;

namespace {

constexpr u32 kMostTurnsKnown = 8;
constexpr u32 kMostBlocksInTurn = 12;
constexpr u32 kMostWrittenOut = 192; // instructions of all turns of a loop, constants and fuel not counted
constexpr u32 kFewTurns = 4;         // with more turns than that:
constexpr u32 kMostOfMany = 32;      // the same
constexpr u32 kMostInFunction = 256; // the same of all loops of a function
constexpr u32 kMostCounterDepth = 6; // of operations between a counter and the test, or its next value
constexpr u32 kMostTurnOperands = 4;

} // namespace

// ---- which loops -------------------------------------------------------------------------------------------

/// Copies of other loops' blocks are unknown to the graph of edges, and not in this one.
bool TurnsPass::is_in(BlockId block) const {
  const Node node = block < flow_->block_count() ? flow_->node(block) : kNone;
  return node != kNone && loops_->of(node) == loop_;
}

/// The only block of the loop that jumps to its header.
bool TurnsPass::find_latch(Graph& graph, Candidate& loop) {
  for (const Node from : flow_->preds(flow_->node(loop.head))) {
    if (loops_->of(from) != loop_) continue;
    if (loop.latch != kNone) return false;
    loop.latch = flow_->block(from);
  }
  return loop.latch != kNone && !is_try_call(graph.terminator(loop.latch).op);
}

/// A branch of which one way leaves the loop, by a condition that the counter decides.
bool TurnsPass::find_test(Graph& graph, BlockId block, Candidate& loop) {
  const GraphInst& branch = graph.terminator(block);
  if (branch.op != Opcode::Branch) return false;
  const auto edges = graph.edges_of(branch);
  const bool first_stays = is_in(edges[0].target);
  if (first_stays == is_in(edges[1].target)) return false;
  u32 counter = kNone;
  if (!find_counter(graph, loop, graph.operand(branch, 0), 0, counter) || counter == kNone) return false;
  loop.test = block;
  loop.stays = first_stays ? 0 : 1;
  loop.counter = counter;
  return true;
}

/// Whether nothing but constants and one parameter of the header is behind the value; which.
bool TurnsPass::find_counter(Graph& graph, const Candidate& loop, ValueId value, u32 depth, u32& counter) {
  value = graph.now(value);
  const GraphInst* const inst = graph.source(value);
  if (inst == nullptr) {
    if (graph.value(value).block != loop.head) return false;
    const std::vector<ValueId>& params = graph.block(loop.head).params;
    const u32 index = static_cast<u32>(std::find(params.begin(), params.end(), value) - params.begin());
    if (counter != kNone && counter != index) return false;
    counter = index;
    return true;
  }
  if (inst->op == Opcode::Const) return true;
  if (depth == kMostCounterDepth || !info(inst->op).is(kPure) || inst->result_count != 1) return false;
  for (u32 i = 0; i < inst->operand_count; ++i)
    if (!find_counter(graph, loop, graph.operand(*inst, i), depth + 1, counter)) return false;
  return true;
}

/// With `counter_` being `counter_bits_`.
TurnsPass::Bits TurnsPass::evaluate(Graph& graph, ValueId value, u32 depth) {
  value = graph.now(value);
  if (value == counter_) return {true, counter_bits_};
  const GraphInst* const inst = graph.source(value);
  if (inst == nullptr || depth > kMostCounterDepth || inst->operand_count > 3) return {};
  if (inst->op == Opcode::Const) return {true, inst->imm};
  u64 operands[3] = {}, results[2] = {};
  for (u32 i = 0; i < inst->operand_count; ++i) {
    const Bits bits = evaluate(graph, graph.operand(*inst, i), depth + 1);
    if (!bits.known) return {};
    operands[i] = bits.bits;
  }
  if (!fold(inst->op, inst->type, inst->from, {operands, inst->operand_count}, results)) return {};
  return {true, results[0]};
}

/// What the counter is in the first turn.
TurnsPass::Bits TurnsPass::first_of(Graph& graph, const Candidate& loop) {
  Bits out;
  const std::size_t params = graph.block(loop.head).params.size();
  for (const Node from : flow_->preds(flow_->node(loop.head))) {
    if (loops_->of(from) == loop_) continue;
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from)))) {
      if (edge.target != loop.head) continue;
      if (edge.args.size() != params) return {};
      const GraphInst* const first = graph.constant(edge.args[loop.counter]);
      if (first == nullptr || (out.known && first->imm != out.bits)) return {};
      out = {true, first->imm};
    }
  }
  return out;
}

bool TurnsPass::count_turns(Graph& graph, Candidate& loop) {
  const Bits first = first_of(graph, loop);
  if (!first.known) return false;
  const auto edges = graph.edges_of(graph.terminator(loop.latch));
  const GraphEdge& back = *std::find_if(edges.begin(), edges.end(), [&](auto& e) { return e.target == loop.head; });
  const ValueId next = back.args[loop.counter];
  counter_ = graph.block(loop.head).params[loop.counter];
  counter_bits_ = first.bits;
  counts_.clear();
  for (;;) {
    const Bits goes_on = evaluate(graph, graph.operand(graph.terminator(loop.test), 0), 0);
    if (!goes_on.known) return false;
    counts_.push_back(counter_bits_);
    if ((goes_on.bits != 0) != (loop.stays == 0)) break;
    const Bits bits = evaluate(graph, next, 0);
    if (!bits.known || ++loop.turns > kMostTurnsKnown) return false;
    counter_bits_ = bits.bits;
  }
  return true;
}

/// Counts what stands in the block, and whether it may be copied.
bool TurnsPass::survey(Graph& graph, BlockId block, Candidate& loop) {
  const InstId last = graph.block(block).last;
  for (InstId at = graph.block(block).first; at != last; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    if (info(inst.op).is(kCalls) || inst.result_count > 1 || inst.operand_count > kMostTurnOperands) return false;
    loop.work += inst.op != Opcode::Const && inst.op != Opcode::Fuel ? 1 : 0;
  }
  const GraphInst& end = graph.inst(last);
  if (is_try_call(end.op) || end.result_count != 0) return false;
  loop.work += end.op != Opcode::Jump && block != loop.test ? 1 : 0;
  return loop.work * loop.turns <= (loop.turns > kFewTurns ? kMostOfMany : kMostWrittenOut);
}

/// The loop's blocks, and those behind it that end where only it leads.
bool TurnsPass::collect(Graph& graph, Candidate& loop) {
  blocks_.assign(1, loop.head);
  in_set_[loop.head] = 1;
  bool fits = survey(graph, loop.head, loop);
  for (std::size_t i = 0; i < blocks_.size() && fits; ++i) {
    if (!is_in(blocks_[i])) continue;
    for (const Node to : flow_->succs(flow_->node(blocks_[i]))) {
      const BlockId block = flow_->block(to);
      if (in_set_[block] != 0) continue;
      const bool ends = flow_->succs(to).empty() && flow_->preds(to).size() == 1;
      const bool leaves = !is_in(block);
      if (leaves && (blocks_[i] == loop.test || !ends)) {
        loop.has_ways = loop.has_ways || blocks_[i] != loop.test;
        continue;
      }
      in_set_[block] = 1;
      blocks_.push_back(block);
      fits = fits && blocks_.size() <= kMostBlocksInTurn && survey(graph, block, loop);
    }
  }
  std::sort(blocks_.begin(), blocks_.end(), [&](BlockId a, BlockId b) { return flow_->node(a) < flow_->node(b); });
  return fits;
}

/// Whether an instruction outside the loop reads what the loop computes.
bool TurnsPass::is_read_behind(Graph& graph) {
  const auto is_inside = [&](ValueId value) {
    const GraphValue& v = graph.value(graph.now(value));
    const BlockId block = v.inst == kNone ? v.block : graph.inst(v.inst).block;
    return block != kNone && in_set_[block] != 0;
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

/// Whether there is an edge back that a test of a counter stands before or behind: asked without the nest of loops.
bool TurnsPass::may_find_any(PassContext& c) {
  Graph& graph = c.graph;
  const analysis::BlockOrder& order = c.analyses.order();
  for (Node node = 0; node < order.size(); ++node) {
    const BlockId block = order.block(node);
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(block))) {
      if (order.node(edge.target) > node) continue;
      Candidate loop;
      loop.head = edge.target;
      for (const BlockId test : {loop.head, block}) {
        const GraphInst& branch = graph.terminator(test);
        u32 counter = kNone;
        if (branch.op == Opcode::Branch && find_counter(graph, loop, graph.operand(branch, 0), 0, counter) &&
            counter != kNone)
          return true;
      }
    }
  }
  return false;
}

bool TurnsPass::find(PassContext& c, Candidate& loop) {
  Graph& graph = c.graph;
  const Loop& each = loops_->all()[loop.loop];
  loop_ = loop.loop;
  loop.head = flow_->block(each.header);
  if (each.irreducible || loop.head == 0 || !find_latch(graph, loop)) return false;
  if (!find_test(graph, loop.head, loop) && !find_test(graph, loop.latch, loop)) return false;
  return count_turns(graph, loop) && collect(graph, loop) && (!loop.has_ways || !is_read_behind(graph));
}

// ---- the copies --------------------------------------------------------------------------------------------

ValueId TurnsPass::in_copy(Graph& graph, ValueId value) {
  value = graph.now(value);
  return value < map_.size() && map_[value] != kNone ? map_[value] : value;
}

/// All but the block's terminator, which the copy has already; that gets the copy's operands.
void TurnsPass::copy_block(Graph& graph, BlockId from, BlockId to) {
  const InstId end = graph.block(to).last, last = graph.block(from).last;
  for (InstId at = graph.block(from).first; at != last; at = graph.inst(at).next) {
    const GraphInst inst = graph.inst(at);
    ValueId operands[kMostTurnOperands] = {};
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

/// The header of a copy of all blocks, in which the counter has this value; the way back leads to `next`.
BlockId TurnsPass::copy_turn(Graph& graph, const Candidate& loop, BlockId next, u64 counter) {
  std::fill(map_.begin(), map_.end(), kNone);
  for (const BlockId block : blocks_) {
    as_[block] = graph.add_block_like(block);
    const std::vector<ValueId>& params = graph.block(block).params;
    for (std::size_t i = 0; i < params.size(); ++i) map_[params[i]] = graph.block(as_[block]).params[i];
  }
  const BlockId head = as_[loop.head];
  const ValueId param = graph.block(loop.head).params[loop.counter];
  map_[param] = graph.insert_const(graph.block(head).last, graph.value(param).type, counter);
  for (const BlockId block : blocks_) copy_block(graph, block, as_[block]);
  for (const BlockId block : blocks_) {
    for (GraphEdge& edge : graph.edges_of(graph.terminator(as_[block]))) {
      if (edge.target == loop.head) edge.target = next;
      else if (edge.target < in_set_.size() && in_set_[edge.target] != 0) edge.target = as_[edge.target];
      for (ValueId& arg : edge.args) arg = in_copy(graph, arg);
    }
  }
  graph.make_jump(as_[loop.test], loop.stays);
  return head;
}

void TurnsPass::write_out(Graph& graph, const Candidate& loop) {
  analysis::fill_none(map_, graph.value_count());
  as_.resize(in_set_.size());
  BlockId next = loop.head;
  for (u32 turn = loop.turns; turn-- > 0;) {
    if (turn == 0 && loop.turns > 1 && ASSAY_PLANTED(turns_one_less)) break;
    next = copy_turn(graph, loop, next, counts_[turn + (ASSAY_PLANTED(turns_counter_of_next) ? 1 : 0)]);
  }
  for (const Node from : flow_->preds(flow_->node(loop.head))) {
    if (loops_->of(from) == loop_) continue;
    for (GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from))))
      if (edge.target == loop.head) edge.target = next;
  }
  graph.make_jump(loop.test, 1 - loop.stays);
}

void TurnsPass::run(PassContext& c) {
  Graph& graph = c.graph;
  if (!may_find_any(c)) return;
  loops_ = &c.analyses.loops();
  const std::vector<Loop>& all = loops_->all();
  if (all.empty()) return;
  flow_ = &c.analyses.flow();
  analysis::fill_zero(has_inner_, all.size());
  for (const Loop& loop : all)
    if (loop.parent != kNone) has_inner_[loop.parent] = 1;
  analysis::fill_zero(in_set_, graph.block_count());
  u32 growth = 0;
  bool changed = false;
  for (u32 i = 0; i < all.size(); ++i) {
    if (has_inner_[i] != 0) continue;
    blocks_.clear();
    Candidate loop;
    loop.loop = i;
    if (find(c, loop) && growth + loop.work * loop.turns <= kMostInFunction &&
        c.may_rewrite(RewriteKind::TurnsWrittenOut)) {
      growth += loop.work * loop.turns;
      write_out(graph, loop);
      changed = true;
    }
    for (const BlockId block : blocks_) in_set_[block] = 0;
    if (changed && loop.has_ways) break; // there are edges now that `flow_` does not know
  }
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
