// turns.cpp - see turns.h. References into the graph end with the first insertion.
#include "compiler/opt/turns.h"

#include "assay/planted.h"
#include "compiler/opt/fold.h"

#include <algorithm>

namespace assay::opt {

using analysis::Loop;
using analysis::Node;

namespace {

constexpr u32 kMostTurnsKnown = 8;
constexpr u32 kMostWrittenOut = 192; // instructions of all turns of a loop, constants and fuel not counted
constexpr u32 kFewTurns = 4;         // with more turns than that:
constexpr u32 kMostOfMany = 32;      // the same
constexpr u32 kMostInFunction = 256; // the same of all loops of a function
constexpr u32 kMostCounterDepth = 6; // of operations between a counter and the test, or its next value

} // namespace

// ---- which loops -------------------------------------------------------------------------------------------

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
  const bool first_stays = copy_.is_in(edges[0].target);
  if (first_stays == copy_.is_in(edges[1].target)) return false;
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
  copy_.look_at(loop_);
  loop.head = flow_->block(each.header);
  if (each.irreducible || loop.head == 0 || !find_latch(graph, loop)) return false;
  if (!find_test(graph, loop.head, loop) && !find_test(graph, loop.latch, loop)) return false;
  if (!count_turns(graph, loop)) return false;
  const u32 most = loop.turns > kFewTurns ? kMostOfMany : kMostWrittenOut;
  if (!copy_.collect(graph, loop.head, loop.test, most / std::max(loop.turns, 1u))) return false;
  return !copy_.has_ways() || !copy_.is_read_behind(graph);
}

// ---- the copies --------------------------------------------------------------------------------------------

/// The header of a copy of all blocks, in which the counter has this value; the way back leads to `next`.
BlockId TurnsPass::copy_turn(Graph& graph, const Candidate& loop, BlockId next, u64 counter) {
  copy_.open(graph);
  const BlockId head = copy_.copy_of(loop.head);
  const ValueId param = graph.block(loop.head).params[loop.counter];
  copy_.set(param, graph.insert_const(graph.block(head).last, graph.value(param).type, counter));
  copy_.fill(graph, loop.head, next);
  graph.make_jump(copy_.copy_of(loop.test), loop.stays);
  return head;
}

void TurnsPass::write_out(Graph& graph, const Candidate& loop) {
  copy_.prepare(graph);
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
  copy_.begin(graph, *flow_, *loops_);
  u32 growth = 0;
  bool changed = false;
  for (u32 i = 0; i < all.size(); ++i) {
    if (all[i].has_inner) continue;
    Candidate loop;
    loop.loop = i;
    if (find(c, loop) && growth + copy_.work() * loop.turns <= kMostInFunction &&
        c.may_rewrite(RewriteKind::TurnsWrittenOut)) {
      growth += copy_.work() * loop.turns;
      write_out(graph, loop);
      changed = true;
    }
    copy_.forget();
    if (changed && copy_.has_ways()) break; // there are edges now that `flow_` does not know
  }
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
