// idle.cpp - see idle.h.
#include "compiler/opt/idle.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

#include <algorithm>

namespace assay::opt {

using analysis::Loop;
using analysis::Node;

namespace {

constexpr u32 kMostLevels = 4; // of loops around each other

/// Whether the block's work shows, but for what it computes.
bool shows(PassContext& c, const GraphInst& inst) {
  if (ASSAY_PLANTED(idle_takes_fuel) && inst.op == Opcode::Fuel) return false;
  return info(inst.op).is(kWrites | kCalls | kEffect) || may_trap(c, inst);
}

/// What holds when the comparison does not; other operations: themselves.
Opcode negated(Opcode op) {
  switch (op) {
  case Opcode::Eq: return Opcode::Ne;
  case Opcode::Ne: return Opcode::Eq;
  case Opcode::LtS: return Opcode::GeS;
  case Opcode::LtU: return Opcode::GeU;
  case Opcode::LeS: return Opcode::GtS;
  case Opcode::LeU: return Opcode::GtU;
  case Opcode::GtS: return Opcode::LeS;
  case Opcode::GtU: return Opcode::LeU;
  case Opcode::GeS: return Opcode::LtS;
  case Opcode::GeU: return Opcode::LtU;
  default: return op;
  }
}

/// The same of the operands the other way round.
Opcode exchanged(Opcode op) {
  switch (op) {
  case Opcode::LtS: return Opcode::GtS;
  case Opcode::LtU: return Opcode::GtU;
  case Opcode::LeS: return Opcode::GeS;
  case Opcode::LeU: return Opcode::GeU;
  case Opcode::GtS: return Opcode::LtS;
  case Opcode::GtU: return Opcode::LtU;
  case Opcode::GeS: return Opcode::LeS;
  case Opcode::GeU: return Opcode::LeU;
  default: return op;
  }
}

/// Whether `x op limit` becomes false, x going on by `step`. `limit` is null where it is no constant.
bool becomes_false(Opcode op, i64 step, const GraphInst* limit, Type type) {
  const u64 bits = limit != nullptr ? limit->imm & bit_mask(type) : 0, all = bit_mask(type), sign = all / 2 + 1;
  switch (op) {
  case Opcode::Ne: return step == 1 || step == -1;
  case Opcode::LtS:
    if (limit != nullptr && step > 1) return static_cast<u64>(step) - 1 <= ((sign - 1 - bits) & all);
    return step == 1;
  case Opcode::LtU:
    if (limit != nullptr && step > 1) return static_cast<u64>(step) - 1 <= all - bits;
    return step == 1;
  case Opcode::LeS: return step == 1 && limit != nullptr && bits != sign - 1;
  case Opcode::LeU: return step == 1 && limit != nullptr && bits != all;
  case Opcode::GtS:
  case Opcode::GtU: return step == -1;
  case Opcode::GeS: return step == -1 && limit != nullptr && bits != sign;
  case Opcode::GeU: return step == -1 && limit != nullptr && bits != 0;
  default: return false;
  }
}

} // namespace

/// The innermost loop around what makes the value.
u32 IdlePass::home(Graph& graph, ValueId value) const {
  const GraphValue& known = graph.value(graph.now(value));
  return loops_->of(flow_->node(known.inst == kNone ? known.block : graph.inst(known.inst).block));
}

void IdlePass::look_at_block(PassContext& c, Node node) {
  const u32 loop = loops_->of(node);
  Found& found = found_[loop];
  if (found.busy) return;
  Graph& graph = c.graph;
  const BlockId block = flow_->block(node);
  for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
    found.busy = shows(c, graph.inst(at));
    if (found.busy) return;
  }
  const GraphInst& last = graph.terminator(block);
  for (u32 e = 0; e < last.edge_count; ++e) {
    const Node target = flow_->node(graph.edges_of(last)[e].target);
    if (target == loops_->all()[loop].header) {
      ++found.latches;
      found.latch = block;
    } else if (loops_->of(target) != loop) {
      ++found.exits;
      found.exit = block;
      found.exit_edge = e;
    }
  }
}

/// What each turn adds to the header's parameter; 0: something else.
i64 IdlePass::step_of(Graph& graph, u32 loop, ValueId counter) {
  const BlockId head = flow_->block(loops_->all()[loop].header);
  const std::vector<ValueId>& params = graph.block(head).params;
  const std::size_t index = static_cast<std::size_t>(std::find(params.begin(), params.end(), counter) - params.begin());
  if (index == params.size()) return 0;
  for (const GraphEdge& edge : graph.edges_of(graph.terminator(found_[loop].latch))) {
    if (edge.target != head || edge.args.size() != params.size()) continue;
    const GraphInst* const step = graph.source(edge.args[index]);
    if (step == nullptr || step->op != Opcode::Add || graph.operand(*step, 0) != counter) return 0;
    const GraphInst* const by = graph.constant(graph.operand(*step, 1));
    const u32 unused = 64 - bits_of(graph.value(counter).type);
    return by == nullptr ? 0 : static_cast<i64>(by->imm << unused) >> unused;
  }
  return 0;
}

/// Whether the test of the loop lets it end in each run.
bool IdlePass::ends(Graph& graph, u32 loop) {
  const Found& found = found_[loop];
  const GraphInst& branch = graph.terminator(found.exit);
  if (branch.op != Opcode::Branch) return false;
  const GraphInst* const test = graph.source(graph.operand(branch, 0));
  if (test == nullptr || !is_comparison(test->op) || !is_int(test->type)) return false;
  const Opcode stays = found.exit_edge == 1 ? test->op : negated(test->op);
  for (u32 side = 0; side < 2; ++side) {
    ValueId counter = graph.operand(*test, side);
    const ValueId limit = graph.operand(*test, 1 - side);
    if (home(graph, counter) != loop || home(graph, limit) == loop) continue;
    // The counter, or what it will be in the next turn.
    const GraphInst* const next = graph.source(counter);
    if (next != nullptr && next->op == Opcode::Add) counter = graph.operand(*next, 0);
    const i64 step = step_of(graph, loop, counter);
    if (next != nullptr) {
      const GraphInst* const by = next->op == Opcode::Add ? graph.constant(graph.operand(*next, 1)) : nullptr;
      if (by == nullptr || ((by->imm ^ static_cast<u64>(step)) & bit_mask(next->type)) != 0) continue;
    }
    if (step == 0) continue;
    return becomes_false(side == 0 ? stays : exchanged(stays), step, graph.constant(limit), test->type);
  }
  return false;
}

/// Of loops that may go: whether what they make is read elsewhere.
void IdlePass::find_reads(Graph& graph) {
  const auto read = [&](ValueId value, u32 from) {
    const u32 made = home(graph, value);
    if (made != kNone && made != from) found_[made].read = true;
  };
  for (Node node = 0; node < flow_->size(); ++node) {
    const u32 here = loops_->of(node);
    for (InstId at = graph.block(flow_->block(node)).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 i = 0; i < inst.operand_count; ++i) read(graph.operand(inst, i), here);
      for (const GraphEdge& edge : graph.edges_of(inst)) {
        const u32 there = loops_->of(flow_->node(edge.target));
        for (const ValueId arg : edge.args) read(arg, there == here ? here : kNone);
      }
    }
  }
}

bool IdlePass::is_entered_plainly(Graph& graph, u32 loop) const {
  const Node header = loops_->all()[loop].header;
  const BlockId head = flow_->block(header);
  for (const Node pred : flow_->preds(header)) {
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(pred))))
      if (edge.target == head && edge.args.size() != graph.block(head).params.size()) return false;
  }
  return head != 0;
}

BlockId IdlePass::now(BlockId block) const {
  while (joined_[block] != kNone) block = joined_[block];
  return block;
}

/// `before`, which led to the loop, and what is behind it become one block where no other way leads there.
void IdlePass::join(Graph& graph, u32 loop, BlockId before, BlockId behind) {
  const GraphInst& last = graph.terminator(before);
  if (last.op == Opcode::Branch) {
    const GraphEdge &a = graph.edges_of(last)[0], &b = graph.edges_of(last)[1];
    if (a.target != b.target || a.args != b.args) return;
    graph.make_jump(before, 0);
  }
  if (graph.terminator(before).op != Opcode::Jump || behind == before || now(behind) != behind) return;
  for (const Node pred : flow_->preds(flow_->node(behind)))
    if (loops_->of(pred) != loop && now(flow_->block(pred)) != before) return;
  graph.merge_with_next(before);
  joined_[behind] = before;
}

/// All ways to the loop lead where it is left to.
void IdlePass::take_away(Graph& graph, u32 loop) {
  const Node header = loops_->all()[loop].header;
  const BlockId head = flow_->block(header);
  const GraphEdge& out = graph.edges_of(graph.terminator(found_[loop].exit))[found_[loop].exit_edge];
  const BlockId behind = out.target;
  args_.assign(out.args.begin(), out.args.end());
  for (ValueId& arg : args_) arg = graph.now(arg);
  u32 ways = 0; // blocks that lead to the loop
  BlockId last = kNone;
  for (const Node pred : flow_->preds(header)) {
    if (loops_->of(pred) == loop) continue;
    const BlockId before = now(flow_->block(pred));
    ways += before != last ? 1 : 0;
    last = before;
    for (GraphEdge& edge : graph.edges_of(graph.terminator(before))) {
      if (edge.target != head) continue;
      edge.target = behind;
      edge.args.assign(args_.begin(), args_.end());
    }
  }
  if (ways == 1) join(graph, loop, last, behind);
}

bool IdlePass::pass_by(PassContext& c) {
  Graph& graph = c.graph;
  flow_ = &c.analyses.flow();
  loops_ = &c.analyses.loops();
  const auto& all = loops_->all();
  found_.assign(all.size(), {});
  for (std::size_t i = 0; i < all.size(); ++i) found_[i].busy = all[i].has_inner || all[i].irreducible;
  for (Node node = 0; node < flow_->size(); ++node)
    if (loops_->of(node) != kNone) look_at_block(c, node);
  bool any = false;
  for (u32 i = 0; i < found_.size(); ++i) {
    Found& found = found_[i];
    const bool each_turn =
        found.latches == 1 && (found.exit == found.latch || found.exit == flow_->block(all[i].header));
    found.busy |= found.exits != 1 || !each_turn || !is_entered_plainly(graph, i) || !ends(graph, i);
    any |= !found.busy;
  }
  if (!any) return false;
  find_reads(graph);
  joined_.assign(graph.block_count(), kNone);
  bool around = false, changed = false;
  for (u32 i = 0; i < found_.size(); ++i) {
    if (found_[i].busy || found_[i].read || !c.may_rewrite(RewriteKind::IdleLoop)) continue;
    take_away(graph, i);
    changed = true;
    around |= all[i].parent != kNone;
  }
  if (changed) c.analyses.control_changed();
  return around;
}

void IdlePass::run(PassContext& c) {
  if (c.analyses.loops().all().empty()) return;
  for (u32 level = 0; level < kMostLevels && pass_by(c); ++level) {}
}

} // namespace assay::opt
