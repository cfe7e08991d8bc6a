// unroll.cpp - see unroll.h.
#include "compiler/opt/unroll.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kTurnsAtOnce = 4;
constexpr u32 kMostInTurn = 14;    // instructions
constexpr u32 kMostUnrolled = 60;  // instructions copied into one function
constexpr u32 kMostSlopeDepth = 6; // of operations between a counter and an address
constexpr u64 kMostStep = 1 << 16;
constexpr u32 kVeryShort = 6;  // worth it wherever it stands
constexpr u32 kTiny = 4;       // worth it whatever it does: the test is a good part of it
constexpr u64 kManyTurns = 16; // to a constant limit

/// The least number of the type, as this comparison takes it.
u64 least_of(Opcode less, Type type) { return less == Opcode::LtS ? bit_mask(type) / 2 + 1 : 0; }

} // namespace

// ---- which loops -------------------------------------------------------------------------------------------

bool UnrollPass::is_within(Graph& graph, const Counted& loop, ValueId value) const {
  const GraphValue& v = graph.value(value);
  const BlockId block = v.inst == kNone ? v.block : graph.inst(v.inst).block;
  return block == loop.head || block == loop.body;
}

/// Counts what stands in the block, and whether nothing there calls.
bool UnrollPass::survey(Graph& graph, BlockId block, Counted& loop) {
  const InstId last = graph.block(block).last;
  for (InstId at = graph.block(block).first; at != last; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    if (info(inst.op).is(kCalls) || inst.result_count > 1 || loop.work > kMostInTurn) return false;
    loop.work += inst.op != Opcode::Const && inst.op != Opcode::Fuel ? 1 : 0;
  }
  return loop.work <= kMostInTurn;
}

/// The parameter that is compared, and what it grows by.
bool UnrollPass::find_counter(Graph& graph, Counted& loop) {
  const GraphInst& test = *graph.source(graph.operand(graph.terminator(loop.head), 0));
  const std::vector<ValueId>& params = graph.block(loop.head).params;
  const GraphEdge& back = graph.edges_of(graph.terminator(loop.body))[0];
  if (back.args.size() != params.size()) return false;
  while (loop.counter < params.size() && params[loop.counter] != graph.operand(test, 0)) ++loop.counter;
  if (loop.counter == params.size()) return false;
  loop.by = constant_step(graph, loop, loop.counter);
  loop.limit = graph.operand(test, 1);
  if (loop.by == 0) return false;
  const Type type = graph.value(loop.limit).type;
  const u64 taken = (kTurnsAtOnce - 1) * loop.by;
  if (taken > bit_mask(type) / 2) return false;
  const GraphInst* const known = graph.constant(loop.limit);
  if (known == nullptr) return !is_within(graph, loop, loop.limit);
  const u64 above_least = (known->imm - least_of(loop.less, type)) & bit_mask(type);
  return above_least >= taken;
}

bool UnrollPass::find(Graph& graph, BlockId head, Counted& loop) {
  const GraphInst& branch = graph.terminator(head);
  if (branch.op != Opcode::Branch) return false;
  const GraphInst* const test = graph.source(graph.operand(branch, 0));
  if (test == nullptr || test->block != head || (test->op != Opcode::LtS && test->op != Opcode::LtU)) return false;
  loop.head = head;
  loop.less = test->op;
  loop.body = graph.edges_of(branch)[0].target;
  if (graph.edges_of(branch)[1].target == loop.body || loop.body == head) return false;
  const GraphBlock& body = graph.block(loop.body);
  if (edges_into_[loop.body] != 1 || edges_into_[head] < 2 || !body.params.empty()) return false;
  const GraphInst& back = graph.inst(body.last);
  if (back.op != Opcode::Jump || graph.edges_of(back)[0].target != head) return false;
  return survey(graph, head, loop) && survey(graph, loop.body, loop) && find_counter(graph, loop);
}

/// Whether all edges to it write down what they pass.
bool UnrollPass::is_entered_plainly(Graph& graph, BlockId head) {
  for (Node node = 0; node < flow_->size(); ++node) {
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(node))))
      if (edge.target == head && edge.args.size() != graph.block(head).params.size()) return false;
  }
  return true;
}

/// Within another loop or very short, and with an access that can do without an address of its own in later turns.
bool UnrollPass::is_worth_it(PassContext& c, const Counted& loop) {
  Graph& graph = c.graph;
  steps_.clear();
  recurrences_.clear();
  bool waits = false;
  for (u32 i = 0; i < graph.block(loop.head).params.size(); ++i) {
    steps_.push_back(constant_step(graph, loop, i));
    recurrences_.push_back(recurrence(graph, loop, i));
    waits = waits || recurrences_.back().times != 0;
  }
  if (loop.work <= kTiny) return true;
  const GraphInst* const limit = graph.constant(loop.limit);
  const bool is_long = loop.work > kVeryShort;
  if (is_long && limit != nullptr && limit->imm < kManyTurns * loop.by) return false;
  if (waits) return true;
  if (is_long && c.analyses.loops().depth(c.analyses.flow().node(loop.head)) < 2) return false;
  for (const BlockId block : {loop.head, loop.body}) {
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      const bool is_inside = is_linear_access(inst.op) && inst.inside;
      if (is_inside && slope(graph, loop, graph.operand(inst, 0), 0).is_usable()) return true;
    }
  }
  return false;
}

// ---- by how much a value grows -----------------------------------------------------------------------------

u64 UnrollPass::constant_step(Graph& graph, const Counted& loop, u32 param) {
  const ValueId passed = graph.now(graph.edges_of(graph.terminator(loop.body))[0].args[param]);
  const GraphInst* const sum = graph.source(passed);
  if (sum == nullptr || sum->op != Opcode::Add || graph.operand(*sum, 0) != graph.block(loop.head).params[param])
    return 0;
  const GraphInst* const step = graph.constant(graph.operand(*sum, 1));
  return step != nullptr && size_of(step->type) >= 4 && step->imm <= kMostStep ? step->imm : 0;
}

UnrollPass::Recurrence UnrollPass::recurrence(Graph& graph, const Counted& loop, u32 param) {
  Recurrence out;
  out.passed = graph.now(graph.edges_of(graph.terminator(loop.body))[0].args[param]);
  const Type type = graph.value(out.passed).type;
  if (type != Type::I32 && type != Type::I64) return {};
  out.mask = bit_mask(type);
  const GraphInst* inst = graph.source(out.passed);
  const auto constant = [&](Opcode op) -> const GraphInst* {
    return inst != nullptr && inst->op == op ? graph.constant(graph.operand(*inst, 1)) : nullptr;
  };
  if (const GraphInst* const mask = constant(Opcode::And)) {
    if ((mask->imm & (mask->imm + 1)) != 0) return {};
    out.mask = mask->imm;
    inst = graph.source(graph.operand(*inst, 0));
  }
  if (const GraphInst* const plus = constant(Opcode::Add)) {
    out.plus = plus->imm;
    inst = graph.source(graph.operand(*inst, 0));
  }
  const GraphInst* const times = constant(Opcode::Mul);
  if (times == nullptr || graph.operand(*inst, 0) != graph.block(loop.head).params[param]) return {};
  out.times = times->imm;
  return out;
}

UnrollPass::Slope UnrollPass::slope_of_operation(Graph& graph, const Counted& loop, const GraphInst& inst, u32 depth) {
  const auto of = [&](u32 index) { return slope(graph, loop, graph.operand(inst, index), depth + 1); };
  switch (inst.op) {
  case Opcode::Add:
  case Opcode::Sub: {
    const Slope a = of(0), b = of(1);
    if (a.extended && b.extended) return {};
    return {a.known && b.known, a.extended || b.extended, inst.op == Opcode::Add ? a.by + b.by : a.by - b.by};
  }
  case Opcode::Shl: {
    const GraphInst* const count = graph.constant(graph.operand(inst, 1));
    const Slope a = of(0);
    if (count == nullptr || count->imm > 3) return {};
    return {a.known, a.extended, a.by << count->imm};
  }
  case Opcode::Zext:
  case Opcode::Sext: {
    const Slope a = of(0);
    return {a.known && inst.from == Type::I32, true, a.by};
  }
  default: return {};
  }
}

/// Modulo 2^32 of what has 32 bits. Numbers stay far below that: steps, shifts and depth are small.
UnrollPass::Slope UnrollPass::slope(Graph& graph, const Counted& loop, ValueId value, u32 depth) {
  value = graph.now(value);
  const Type type = graph.value(value).type;
  if (depth > kMostSlopeDepth || (type != Type::I32 && type != Type::I64)) return {};
  if (!is_within(graph, loop, value)) return {true, false, 0};
  const std::vector<ValueId>& params = graph.block(loop.head).params;
  for (u32 i = 0; i < params.size(); ++i)
    if (params[i] == value) return {steps_[i] != 0, false, static_cast<i64>(steps_[i])};
  const GraphInst& inst = *graph.source(value);
  if (inst.op == Opcode::Const) return {true, false, 0};
  return slope_of_operation(graph, loop, inst, depth);
}

// ---- the copies --------------------------------------------------------------------------------------------

/// What the parameter is after one turn more, as far as that is known.
UnrollPass::Current UnrollPass::after_turn(u32 param) const {
  const Current& now = current_[param];
  const Recurrence& next = recurrences_[param];
  if (next.times == 0) return {now.value, now.more + steps_[param], 1, true};
  const u64 more = ASSAY_PLANTED(unroll_recurrence_sum) ? now.more : now.more * next.times;
  return {now.value, more + next.plus, now.times * next.times, true};
}

/// Instructions that compute it.
ValueId UnrollPass::make(Graph& graph, Type type, u32 param, const Current& what) {
  const u64 all = bit_mask(type), mask = recurrences_[param].times != 0 ? recurrences_[param].mask : all;
  const auto operation = [&](Opcode op, ValueId a, u64 b) {
    GraphInst inst;
    inst.op = op;
    inst.type = type;
    const ValueId operands[] = {a, graph.insert_const(end_, type, b)};
    return graph.insert(end_, inst, operands, true);
  };
  ValueId value = what.value;
  if (what.times != 1) value = operation(Opcode::Mul, value, what.times & mask);
  if ((what.more & mask) != 0) value = operation(Opcode::Add, value, what.more & mask);
  return mask == all ? value : operation(Opcode::And, value, mask);
}

/// What the value is in this turn: made when it is first asked for.
ValueId UnrollPass::in_turn(Graph& graph, const Counted& loop, ValueId value) {
  value = graph.now(value);
  if (!is_within(graph, loop, value)) return value;
  if (copies_[value] != kNone) return copies_[value];
  if (graph.constant(value) != nullptr && firsts_[value] != kNone) return firsts_[value];
  const std::vector<ValueId>& params = graph.block(loop.head).params;
  for (u32 i = 0; i < params.size(); ++i) {
    const Recurrence& each = recurrences_[i];
    if (each.times != 0 && each.passed == value)
      return copies_[value] = make(graph, graph.value(value).type, i, after_turn(i));
    if (params[i] != value) continue;
    const Current& now = current_[i];
    if (now.made != kNone) return now.made;
    if (!now.changed) return now.value;
    return copies_[value] = make(graph, graph.value(value).type, i, now);
  }
  return copy(graph, loop, *graph.source(value));
}

/// What a select chooses by is made last, so that it stands next to it. `first`, if there is one, is the first operand.
ValueId UnrollPass::copy(Graph& graph, const Counted& loop, const GraphInst& source, ValueId first) {
  const GraphInst inst = source; // new ones may move it
  constexpr u32 kMost = 4;
  ValueId operands[kMost] = {};
  ASSAY_CHECK(inst.operand_count <= kMost);
  for (u32 i = inst.operand_count; i-- > 0;)
    operands[i] = i == 0 && first != kNone ? first : in_turn(graph, loop, graph.operand(inst, i));
  const ValueId made = graph.insert(end_, inst, {operands, inst.operand_count}, inst.result_count != 0);
  if (made == kNone) return kNone;
  graph.set_type(made, graph.value(inst.first_result).type);
  copies_.resize(graph.value_count(), kNone);
  firsts_.resize(graph.value_count(), kNone);
  return copies_[inst.first_result] = made;
}

/// All of the block that is not merely computed, in order.
void UnrollPass::effects(Graph& graph, const Counted& loop, BlockId block, u32 number) {
  const InstId last = graph.block(block).last;
  for (InstId at = graph.block(block).first; at != last; at = graph.inst(at).next) {
    const GraphInst inst = graph.inst(at);
    if (info(inst.op).is(kPure)) continue;
    const ValueId address = is_linear_access(inst.op) && inst.inside ? graph.operand(inst, 0) : kNone;
    if (number == 0 || address == kNone || firsts_[address] == kNone) {
      copy(graph, loop, inst);
      continue;
    }
    const Slope more = slope(graph, loop, address, 0);
    if (!more.is_usable()) {
      copy(graph, loop, inst);
      continue;
    }
    const u64 turns = ASSAY_PLANTED(unroll_place_of_next) ? number + 1 : number;
    GraphInst access = inst;
    access.imm += turns * static_cast<u64>(more.by);
    copy(graph, loop, access, firsts_[address]);
  }
}

void UnrollPass::turn(Graph& graph, const Counted& loop, u32 number) {
  const std::vector<ValueId>& params = graph.block(loop.head).params;
  analysis::fill_none(copies_, graph.value_count());
  for (u32 i = 0; i < params.size() && number == 0; ++i) copies_[params[i]] = current_[i].value;
  effects(graph, loop, loop.head, number);
  effects(graph, loop, loop.body, number);
  if (number == 0) firsts_ = copies_;
}

/// The parameters become what the turn passes on.
void UnrollPass::end_turn(Graph& graph, const Counted& loop) {
  next_.clear();
  for (u32 i = 0; i < current_.size(); ++i) {
    if (steps_[i] != 0 || recurrences_[i].times != 0) {
      next_.push_back(after_turn(i));
      if (recurrences_[i].times != 0) next_.back().made = copies_[recurrences_[i].passed];
      continue;
    }
    const ValueId passed = graph.edges_of(graph.terminator(loop.body))[0].args[i];
    next_.push_back({in_turn(graph, loop, passed)});
  }
  current_.swap(next_);
}

/// The least number that the counter must be below for all turns to be taken.
ValueId UnrollPass::limit_of_main(Graph& graph, const Counted& loop, InstId before) {
  const Type type = graph.value(loop.limit).type;
  const u64 taken = (kTurnsAtOnce - (ASSAY_PLANTED(unroll_one_turn_more) ? 2 : 1)) * loop.by;
  if (const GraphInst* const known = graph.constant(loop.limit))
    return graph.insert_const(before, type, (known->imm - taken) & bit_mask(type));
  const auto operation = [&](Opcode op, ValueId a, u64 b) {
    GraphInst inst;
    inst.op = op;
    inst.type = type;
    const ValueId operands[] = {a, graph.insert_const(before, type, b & bit_mask(type))};
    return graph.insert(before, inst, operands, true);
  };
  ValueId limit = loop.limit;
  if (!ASSAY_PLANTED(unroll_limit_wraps))
    limit = operation(loop.less == Opcode::LtS ? Opcode::MaxS : Opcode::MaxU, limit, least_of(loop.less, type) + taken);
  return operation(Opcode::Add, limit, 0 - taken);
}

void UnrollPass::unroll(PassContext& c, const Counted& loop) {
  Graph& graph = c.graph;
  const std::vector<ValueId> params = graph.block(loop.head).params;
  const BlockId entry = graph.add_jump_block(loop.head, params);
  for (Node node = 0; node < flow_->size(); ++node) {
    const BlockId block = flow_->block(node);
    if (block == loop.body) continue;
    for (GraphEdge& edge : graph.edges_of(graph.terminator(block)))
      if (edge.target == loop.head) edge.target = entry;
  }
  const ValueId limit = limit_of_main(graph, loop, graph.block(entry).last);
  const BlockId main = graph.add_jump_block(loop.head, params);
  graph.edges_of(graph.terminator(entry))[0].target = main;
  const BlockId turns = graph.add_jump_block(main, {});
  current_.clear();
  for (const ValueId param : graph.block(main).params) current_.push_back({param});
  GraphInst test;
  test.op = loop.less;
  test.type = graph.value(loop.limit).type;
  const ValueId operands[] = {current_[loop.counter].value, limit};
  const ValueId more = graph.insert(graph.block(main).last, test, operands, true);
  graph.set_type(more, Type::I8);
  end_ = graph.block(turns).last;
  analysis::fill_none(firsts_, graph.value_count());
  for (u32 number = 0; number < kTurnsAtOnce; ++number) {
    turn(graph, loop, number);
    end_turn(graph, loop);
  }
  analysis::fill_none(copies_, graph.value_count()); // parameters are what the last turn has passed
  args_.clear();
  for (const ValueId param : params) args_.push_back(in_turn(graph, loop, param));
  graph.edges_of(graph.inst(end_))[0].args = args_;
  graph.make_branch(main, more, turns);
}

void UnrollPass::run(PassContext& c) {
  Graph& graph = c.graph;
  flow_ = &c.analyses.order();
  edges_into_.clear();
  u32 growth = 0;
  bool changed = false;
  const u32 blocks = flow_->size();
  for (Node node = 1; node < blocks; ++node) {
    const GraphInst& last = graph.terminator(flow_->block(node));
    if (last.op != Opcode::Branch) continue;
    if (edges_into_.empty()) {
      analysis::fill_zero(edges_into_, graph.block_count());
      for (Node from = 0; from < blocks; ++from)
        for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from)))) ++edges_into_[edge.target];
    }
    Counted loop;
    if (!find(graph, flow_->block(node), loop) || growth + kTurnsAtOnce * loop.work > kMostUnrolled) continue;
    if (!is_worth_it(c, loop)) continue;
    if (!is_entered_plainly(graph, loop.head)) continue;
    if (!c.may_rewrite(RewriteKind::UnrollCounted)) continue;
    unroll(c, loop);
    growth += kTurnsAtOnce * loop.work;
    changed = true;
  }
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
