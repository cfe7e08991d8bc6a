// within.cpp - see within.h. References into the graph end with the first insertion.
#include "compiler/opt/within.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

#include <algorithm>
#include <bit>

namespace assay::opt {

using analysis::Loop;
using analysis::Node;

namespace {

constexpr u32 kMostTurnInsts = 80;    // instructions of a loop
constexpr u32 kMostCopiedTurns = 128; // of all such loops of a function
constexpr u32 kMostPlaceDepth = 6;    // of operations between a parameter and an address
constexpr u32 kMostAsked = 2;         // parameters
constexpr u64 kMostTimes = 1 << 12, kMostMore = 1 << 28;
constexpr u64 kMostBound = 0x7fffffff; // of any parameter: no number that it makes wraps then

bool is_checked(const GraphInst& inst) { return is_linear_access(inst.op) && !inst.inside; }

ValueId cast(Graph& graph, InstId before, Opcode op, Type type, Type from, ValueId value) {
  GraphInst inst;
  inst.op = op;
  inst.type = type;
  inst.from = from;
  return graph.insert(before, inst, {&value, 1}, true);
}

ValueId operation(Graph& graph, InstId before, Opcode op, Type type, ValueId a, ValueId b) {
  GraphInst inst;
  inst.op = op;
  inst.type = type;
  const ValueId operands[] = {a, b};
  return graph.insert(before, inst, operands, true);
}

} // namespace

// ---- which loops -------------------------------------------------------------------------------------------

/// Whether a loop may be worth a look: asked without the nest of loops.
bool WithinPass::has_any(PassContext& c) {
  Graph& graph = c.graph;
  const analysis::BlockOrder& order = c.analyses.order();
  bool checked = false, loops = false;
  for (Node node = 0; node < order.size(); ++node) {
    const BlockId block = order.block(node);
    for (InstId at = graph.block(block).first; at != kNone && !checked; at = graph.inst(at).next)
      checked = is_checked(graph.inst(at)) && graph.constant(graph.operand(graph.inst(at), 0)) == nullptr;
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(block))) loops |= order.node(edge.target) <= node;
  }
  return checked && loops;
}

/// Whether all edges to it write down what they pass.
bool WithinPass::is_entered_plainly(Graph& graph, BlockId head) {
  for (const Node from : flow_->preds(flow_->node(head))) {
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from))))
      if (edge.target == head && edge.args.size() != graph.block(head).params.size()) return false;
  }
  return true;
}

/// What the loop does not compute.
bool WithinPass::is_same_in_turns(Graph& graph, ValueId value) {
  const GraphValue& v = graph.value(graph.now(value));
  return !copy_.is_in(v.inst == kNone ? v.block : graph.inst(v.inst).block);
}

/// Whether each way back to the header takes one of the parameter.
bool WithinPass::falls_by_one(Graph& graph, BlockId head, u32 param) {
  const ValueId value = graph.block(head).params[param];
  const u64 minus_one = bit_mask(graph.value(value).type);
  for (const Node from : flow_->preds(flow_->node(head))) {
    if (!copy_.is_in(flow_->block(from))) continue;
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from)))) {
      if (edge.target != head) continue;
      const GraphInst* const next = graph.source(edge.args[param]);
      if (next == nullptr || (next->op != Opcode::Sub && next->op != Opcode::Add)) return false;
      const GraphInst* const by = graph.constant(graph.operand(*next, 1));
      if (graph.operand(*next, 0) != value || by == nullptr) return false;
      if (by->imm != (next->op == Opcode::Sub ? 1 : minus_one)) return false;
    }
  }
  return true;
}

/// The header's branch, when it goes on as long as a parameter is less than something that stays the same, or falls.
void WithinPass::find_test(Graph& graph, Candidate& loop) {
  const GraphInst& branch = graph.terminator(loop.head);
  if (branch.op != Opcode::Branch) return;
  const auto edges = graph.edges_of(branch);
  const GraphInst* const test = graph.source(graph.operand(branch, 0));
  if (!copy_.is_in(edges[0].target) || copy_.is_in(edges[1].target)) return;
  if (test == nullptr || (test->op != Opcode::LtS && test->op != Opcode::LtU)) return;
  const std::vector<ValueId>& params = graph.block(loop.head).params;
  const ValueId limit = graph.operand(*test, 1);
  const auto at = std::find(params.begin(), params.end(), graph.operand(*test, 0));
  if (at == params.end() || (test->type != Type::I32 && test->type != Type::I64)) return;
  if (!is_same_in_turns(graph, limit) && graph.constant(limit) == nullptr) {
    const auto other = std::find(params.begin(), params.end(), limit);
    if (other == params.end() || other == at) return;
    loop.falls = static_cast<u32>(other - params.begin());
    if (!falls_by_one(graph, loop.head, loop.falls)) return;
  }
  loop.counter = static_cast<u32>(at - params.begin());
  loop.limit = limit;
  loop.less = test->op;
}

// ---- addresses ---------------------------------------------------------------------------------------------

WithinPass::Place WithinPass::place_of_operation(Graph& graph, const Candidate& loop, const GraphInst& inst,
                                                 u32 depth) {
  const auto of = [&](u32 index) { return place(graph, loop, graph.operand(inst, index), depth + 1); };
  switch (inst.op) {
  case Opcode::Add: {
    Place a = of(0);
    const Place b = of(1);
    if (!a.known || !b.known || (a.base != kNone && b.base != kNone)) return {};
    if (a.param != kNone && b.param != kNone && a.param != b.param) return {};
    a.base = a.base != kNone ? a.base : b.base;
    a.param = a.param != kNone ? a.param : b.param;
    a.times += b.times;
    a.more += b.more;
    return a;
  }
  case Opcode::Mul:
  case Opcode::Shl: {
    const GraphInst* const by = graph.constant(graph.operand(inst, 1));
    Place a = of(0);
    const u64 most = inst.op == Opcode::Mul ? kMostTimes : u64{8};
    if (by == nullptr || by->imm > most || !a.known || a.base != kNone) return {};
    const u64 factor = inst.op == Opcode::Mul ? by->imm : u64{1} << by->imm;
    a.times *= factor;
    a.more *= factor;
    return a;
  }
  case Opcode::Zext:
  case Opcode::Sext: {
    const Place a = of(0);
    return inst.from == Type::I32 && a.base == kNone ? a : Place{};
  }
  default: return {};
  }
}

/// No step on the way is larger than the end, which is no more than an i32 may be.
WithinPass::Place WithinPass::place(Graph& graph, const Candidate& loop, ValueId value, u32 depth) {
  value = graph.now(value);
  const Type type = graph.value(value).type;
  if (depth > kMostPlaceDepth || (type != Type::I32 && type != Type::I64)) return {};
  Place out;
  if (const GraphInst* const constant = graph.constant(value)) {
    out.known = constant->imm <= kMostMore;
    out.more = constant->imm;
    return out;
  }
  if (is_same_in_turns(graph, value)) {
    out.known = type == Type::I64;
    out.base = value;
    return out;
  }
  const GraphInst* const inst = graph.source(value);
  if (inst == nullptr) {
    const std::vector<ValueId>& params = graph.block(loop.head).params;
    const auto at = std::find(params.begin(), params.end(), value);
    if (at == params.end()) return {};
    out.known = true;
    out.param = static_cast<u32>(at - params.begin());
    out.times = 1;
    return out;
  }
  out = place_of_operation(graph, loop, *inst, depth);
  if (out.times > kMostTimes || out.more > kMostMore || (out.param != kNone && out.times == 0)) return {};
  return out;
}

/// Those that a bound of a parameter, or of what is added, would keep inside.
bool WithinPass::collect_accesses(PassContext& c, const Candidate& loop) {
  Graph& graph = c.graph;
  accesses_.clear();
  for (const BlockId block : copy_.blocks()) {
    if (!copy_.is_in(block)) continue;
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      if (!is_checked(inst)) continue;
      const u64 end = inst.imm + access_bytes(inst.op, inst.type), size = c.module.memory_size;
      Access access{at, graph.operand(inst, 0), place(graph, loop, graph.operand(inst, 0), 0)};
      if (!access.place.known || (access.place.param == kNone && access.place.base == kNone)) continue;
      if (inst.imm > kMostBound || end > size || size - end < access.place.more) continue;
      if (access.place.base != kNone && access.place.times != 0 && !std::has_single_bit(access.place.times)) continue;
      access.most = std::min(size - end, kMostBound) - access.place.more + (ASSAY_PLANTED(within_one_more) ? 1 : 0);
      access.again = std::any_of(accesses_.begin(), accesses_.end(),
                                 [&](const Access& other) { return other.address == access.address; });
      accesses_.push_back(access);
    }
  }
  return !accesses_.empty();
}

/// Which parameters to ask for: where that takes the place of more checks. What is the same in every turn is decided
/// with the first of them.
bool WithinPass::choose(const Candidate& loop, u32 params) {
  asked_.clear();
  const auto worth = [&](u32 param) {
    u32 count = param != kNone && param == loop.counter ? 1 : 0;
    for (const Access& access : accesses_) count += access.place.param == param && !access.again ? 1 : 0;
    return count;
  };
  const u32 meeting = loop.falls != kNone ? worth(loop.falls) : 0;
  const bool by_counter = loop.counter != kNone && worth(loop.counter) + worth(kNone) + meeting > 1;
  if (by_counter) asked_.push_back(loop.counter);
  for (u32 param = 0; param < params && asked_.size() < kMostAsked; ++param) {
    if (param == loop.counter || is_decided(loop, param) || worth(param) < 2) continue;
    asked_.push_back(param);
  }
  return !asked_.empty();
}

bool WithinPass::find(PassContext& c, u32 index, Candidate& loop) {
  Graph& graph = c.graph;
  const Loop& each = loops_->all()[index];
  copy_.look_at(index);
  loop.head = flow_->block(each.header);
  if (each.irreducible || loop.head == 0 || !is_entered_plainly(graph, loop.head)) return false;
  find_test(graph, loop);
  const BlockId test = loop.counter != kNone ? loop.head : kNone;
  if (!copy_.collect(graph, loop.head, test, kMostTurnInsts) || !collect_accesses(c, loop)) return false;
  if (!choose(loop, static_cast<u32>(graph.block(loop.head).params.size()))) return false;
  loop.has_ways = copy_.has_ways() || (test != kNone && asked_[0] != loop.counter);
  return !loop.has_ways || !copy_.is_read_behind(graph);
}

/// Whether the copy's tests keep the parameter below its bound.
bool WithinPass::is_decided(const Candidate& loop, u32 param) const {
  const bool by_counter = !asked_.empty() && asked_[0] == loop.counter;
  return std::find(asked_.begin(), asked_.end(), param) != asked_.end() ||
         (by_counter && loop.falls != kNone && param == loop.falls);
}

// ---- the copy ----------------------------------------------------------------------------------------------

/// How many numbers from 0 on the access's parameter may be, an i64; of one without a parameter all, or none.
ValueId WithinPass::room(Graph& graph, const Access& access, InstId before) {
  const Place& place = access.place;
  const u32 shift = place.times == 0 ? 0 : static_cast<u32>(std::countr_zero(place.times));
  if (place.base == kNone) return graph.insert_const(before, Type::I64, access.most / place.times + 1);
  const ValueId most = graph.insert_const(before, Type::I64, access.most);
  const ValueId none = graph.insert_const(before, Type::I64, 0);
  ValueId all = graph.insert_const(before, Type::I64, kMostBound);
  if (place.param != kNone) {
    const ValueId rest = operation(graph, before, Opcode::Sub, Type::I64, most, place.base);
    const ValueId by = graph.insert_const(before, Type::I64, shift), one = graph.insert_const(before, Type::I64, 1);
    const ValueId last = operation(graph, before, Opcode::ShrU, Type::I64, rest, by);
    all = operation(graph, before, Opcode::Add, Type::I64, last, one);
  }
  const ValueId fits = operation(graph, before, Opcode::LeU, Type::I64, place.base, most);
  graph.set_type(fits, Type::I8);
  GraphInst select;
  select.op = Opcode::Select;
  select.type = Type::I64;
  const ValueId operands[] = {fits, all, none};
  return graph.insert(before, select, operands, true);
}

/// What the parameter must be below, of its type.
ValueId WithinPass::bound(Graph& graph, const Candidate& loop, u32 param, InstId before) {
  const Type type = graph.value(graph.block(loop.head).params[param]).type;
  u64 known = kMostBound;
  ValueId out = kNone;
  for (const Access& access : accesses_) {
    const bool same = access.place.param == kNone && param == asked_[0];
    if (access.place.param != param && !same) continue;
    if (access.place.base == kNone) {
      known = std::min(known, access.most / access.place.times + 1);
      continue;
    }
    const ValueId next = room(graph, access, before);
    out = out == kNone ? next : operation(graph, before, Opcode::MinU, Type::I64, out, next);
  }
  if (out != kNone) {
    out = operation(graph, before, Opcode::MinU, Type::I64, out, graph.insert_const(before, Type::I64, known));
    if (type == Type::I32) out = cast(graph, before, Opcode::Trunc, Type::I32, Type::I64, out);
  } else {
    out = graph.insert_const(before, type, known);
  }
  return param == loop.counter && loop.falls == kNone ? within_limit(graph, loop, out, before) : out;
}

/// What the falling limit must be below before the first turn: then all turns are inside, whose counter is below it.
ValueId WithinPass::meeting_bound(Graph& graph, const Candidate& loop, InstId before) {
  const Type type = graph.value(graph.block(loop.head).params[loop.falls]).type;
  const ValueId counter = bound(graph, loop, loop.counter, before);
  if (ASSAY_PLANTED(within_meeting_bound)) return counter;
  const ValueId own = bound(graph, loop, loop.falls, before);
  const GraphInst *const a = graph.constant(counter), *const b = graph.constant(own);
  if (a != nullptr && b != nullptr) return a->imm < b->imm ? counter : own;
  return operation(graph, before, Opcode::MinU, type, counter, own);
}

/// Leads from the entry to the turns at the top: where the limit falls, if it is below its bound.
void WithinPass::enter(Graph& graph, const Candidate& loop, BlockId entry, BlockId top, ValueId meeting) {
  if (meeting == kNone) {
    graph.edges_of(graph.terminator(entry))[0].target = top;
    return;
  }
  const BlockId next = graph.add_jump_block(top, {});
  graph.edges_of(graph.terminator(next))[0].args = graph.block(entry).params;
  const ValueId limit = graph.block(entry).params[loop.falls];
  const ValueId below = operation(graph, graph.block(entry).last, Opcode::LtU, graph.value(limit).type, limit, meeting);
  graph.set_type(below, Type::I8);
  graph.make_branch(entry, below, next);
}

/// The bound and the loop's own limit.
ValueId WithinPass::within_limit(Graph& graph, const Candidate& loop, ValueId bound, InstId before) {
  const Type type = graph.value(bound).type;
  ValueId limit = loop.limit;
  if (const GraphInst* const constant = graph.constant(limit)) limit = graph.insert_const(before, type, constant->imm);
  if (loop.less == Opcode::LtS && !ASSAY_PLANTED(within_limit_sign))
    limit = operation(graph, before, Opcode::MaxS, type, limit, graph.insert_const(before, type, 0));
  return operation(graph, before, Opcode::MinU, type, limit, bound);
}

void WithinPass::split(PassContext& c, const Candidate& loop) {
  Graph& graph = c.graph;
  const std::vector<ValueId> params = graph.block(loop.head).params;
  const BlockId entry = graph.add_jump_block(loop.head, params);
  for (const Node from : flow_->preds(flow_->node(loop.head))) {
    if (copy_.is_in(flow_->block(from))) continue;
    for (GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(from))))
      if (edge.target == loop.head) edge.target = entry;
  }
  const bool meets = loop.falls != kNone && asked_[0] == loop.counter;
  const ValueId meeting = meets ? meeting_bound(graph, loop, graph.block(entry).last) : kNone;
  std::vector<ValueId> bounds;
  for (const u32 param : asked_)
    bounds.push_back(meets && param == loop.counter ? kNone : bound(graph, loop, param, graph.block(entry).last));
  const BlockId top = graph.add_jump_block(loop.head, params);
  if (meets) bounds[0] = graph.block(top).params[loop.falls];
  enter(graph, loop, entry, top, meeting);
  for (const Access& access : accesses_) // and so its copy
    graph.inst(access.inst).inside = access.place.param == kNone || is_decided(loop, access.place.param);
  copy_.prepare(graph);
  copy_.open(graph);
  copy_.fill(graph, loop.head, top);
  if (is_any_beyond(loop) && c.may_rewrite(RewriteKind::WithinConstants)) constants_apart(graph, loop);
  for (const Access& access : accesses_) graph.inst(access.inst).inside = false;
  BlockId at = top;
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    const bool last = i + 1 == asked_.size();
    const BlockId next = graph.add_jump_block(last ? copy_.copy_of(loop.head) : loop.head, {});
    graph.edges_of(graph.terminator(next))[0].args = graph.block(top).params;
    const ValueId param = graph.block(top).params[asked_[i]];
    const ValueId below =
        operation(graph, graph.block(at).last, Opcode::LtU, graph.value(param).type, param, bounds[i]);
    graph.set_type(below, Type::I8);
    graph.make_branch(at, below, next);
    at = next;
  }
  if (asked_[0] == loop.counter) graph.make_jump(copy_.copy_of(loop.head), 0);
  join(graph, loop, at);
}

/// Whether an access is beyond a shifted parameter by a constant that is part of its address.
bool WithinPass::is_any_beyond(const Candidate& loop) const {
  return std::any_of(accesses_.begin(), accesses_.end(),
                     [&](const Access& access) { return access.place.more != 0 && has_index(loop, access.place); });
}

/// Whether asked for, and shifted by no more than an access can be.
bool WithinPass::has_index(const Candidate& loop, const Place& place) const {
  return is_decided(loop, place.param) && std::has_single_bit(place.times) && place.times <= 8;
}

/// base + (param << shift) of the copy, made in its header: one for all that have it in common.
ValueId WithinPass::index_of(Graph& graph, const Candidate& loop, const Place& place) {
  for (const auto& [known, value] : indices_)
    if (known.base == place.base && known.param == place.param && known.times == place.times) return value;
  const BlockId head = copy_.copy_of(loop.head);
  const ValueId param = graph.block(head).params[place.param];
  const InstId before = front_;
  ValueId value = param;
  if (place.times != 1 || place.base != kNone) {
    value = index_of(graph, loop, {true, kNone, place.param, 1, 0});
  } else if (graph.value(param).type == Type::I32) {
    value = cast(graph, before, Opcode::Zext, Type::I64, Type::I32, param);
  }
  if (place.times != 1) {
    const u64 shift = static_cast<u64>(std::countr_zero(place.times));
    value = operation(graph, before, Opcode::Shl, Type::I64, value, graph.insert_const(before, Type::I64, shift));
  }
  if (place.base != kNone) value = operation(graph, before, Opcode::Add, Type::I64, place.base, value);
  indices_.push_back({place, value});
  return value;
}

/// In the copy no address wraps: the constant part of it goes to the access, so that accesses share the rest.
void WithinPass::constants_apart(Graph& graph, const Candidate& loop) {
  indices_.clear();
  left_.clear();
  front_ = graph.block(copy_.copy_of(loop.head)).first;
  for (const BlockId block : copy_.blocks()) {
    InstId copied = graph.block(copy_.copy_of(block)).first; // one for each of the block's, in its order
    for (InstId at = graph.block(block).first; at != graph.block(block).last; at = graph.inst(at).next) {
      const InstId id = copied;
      copied = graph.inst(copied).next;
      const auto access =
          std::find_if(accesses_.begin(), accesses_.end(), [&](const Access& each) { return each.inst == at; });
      if (access != accesses_.end() && has_index(loop, access->place)) moved_.push_back({id, access->place});
    }
  }
  for (const auto& [id, place] : moved_) {
    left_.push_back(graph.operand(graph.inst(id), 0));
    graph.set_operand(graph.inst(id), 0, index_of(graph, loop, place));
    graph.inst(id).imm += ASSAY_PLANTED(within_constant_lost) ? 0 : place.more;
  }
  moved_.clear();
  clean_up(graph);
}

/// What made addresses, and is not read any more, goes. Nobody outside reads what the copy computes but by its edges.
void WithinPass::clean_up(Graph& graph) {
  analysis::fill_zero(uses_, graph.value_count());
  for (const BlockId block : copy_.blocks()) {
    for (InstId at = graph.block(copy_.copy_of(block)).first; at != kNone; at = graph.inst(at).next) {
      for (u32 i = 0; i < graph.inst(at).operand_count; ++i) ++uses_[graph.operand(graph.inst(at), i)];
      for (const GraphEdge& edge : graph.edges_of(graph.inst(at)))
        for (const ValueId arg : edge.args) ++uses_[graph.now(arg)];
    }
  }
  graph.remove_unread(left_, uses_);
}

/// The header's copy joins the block that leads to it, and so does what it goes on to, if no other way leads there: a
/// loop of two blocks has two again.
void WithinPass::join(Graph& graph, const Candidate& loop, BlockId before) {
  graph.merge_with_next(before);
  if (graph.terminator(before).op != Opcode::Jump) return;
  const BlockId target = graph.edges_of(graph.terminator(before))[0].target;
  for (const BlockId block : copy_.blocks())
    if (block != loop.head && copy_.copy_of(block) == target && flow_->preds(flow_->node(block)).size() == 1)
      return graph.merge_with_next(before);
}

void WithinPass::run(PassContext& c) {
  Graph& graph = c.graph;
  if (c.module.memory_size == 0 || !has_any(c)) return;
  loops_ = &c.analyses.loops();
  flow_ = &c.analyses.flow();
  const std::vector<Loop>& all = loops_->all();
  copy_.begin(graph, *flow_, *loops_);
  u32 copied = 0;
  bool changed = false;
  for (u32 i = 0; i < all.size(); ++i) {
    if (all[i].has_inner) continue;
    Candidate loop;
    if (find(c, i, loop) && copied + copy_.work() <= kMostCopiedTurns && c.may_rewrite(RewriteKind::WithinLoop)) {
      copied += copy_.work();
      split(c, loop);
      changed = true;
    }
    copy_.forget();
    if (changed && loop.has_ways) break; // there are edges now that `flow_` does not know
  }
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
