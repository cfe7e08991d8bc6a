// bounds.cpp - see bounds.h.
#include "compiler/opt/bounds.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

#include <algorithm>
#include <utility>

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kMostGuesses = 3;    // walks with guesses
constexpr u32 kMostConditions = 4; // of conditions within a condition, of values that a value is made of

} // namespace

/// What an earlier walk has found.
void BoundsPass::forget() {
  inside_.clear();
  for (auto* const list : {&positive_, &apart_, &accesses_}) list->clear();
}

/// What a value may be, as far as the instruction that makes it says by itself: a mask, or what was extended by zeros.
/// The walk finds no more values than these.
Interval BoundsPass::made_as(Graph& graph, ValueId value) {
  const Type type = graph.value(value).type;
  const GraphInst* const inst = graph.source(value);
  if (inst == nullptr || !is_int(type)) return all_of(type);
  if (inst->op == Opcode::Zext) return {0, static_cast<i64>(bit_mask(inst->from))};
  if (inst->op != Opcode::And) return all_of(type);
  const GraphInst* const mask = graph.constant(graph.operand(*inst, 1));
  if (mask == nullptr || mask->imm > bit_mask(type) >> 1) return all_of(type);
  return {0, static_cast<i64>(mask->imm)};
}

/// Whether there is something to find bounds of that takes a walk. Notes what is compared, and accesses whose addresses
/// are inside wherever they come from.
bool BoundsPass::survey(PassContext& c) {
  Graph& graph = c.graph;
  bool any_address = false, more = false;
  forget();
  analysis::fill_zero(compared_, graph.value_count());
  for (Node node = 0; node < flow_->size(); ++node) {
    for (InstId at = graph.block(flow_->block(node)).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      more |= inst.op == Opcode::Sext;
      if (is_linear_access(inst.op) && !inst.inside && graph.constant(graph.operand(inst, 0)) == nullptr) {
        any_address = true;
        if (!more) more = !look_at_access(c, at, made_as(graph, graph.operand(inst, 0)));
      }
      if (!is_comparison(inst.op) || !is_int(inst.type)) continue;
      compared_[graph.operand(inst, 0)] = compared_[graph.operand(inst, 1)] = 1;
    }
  }
  return any_address && more;
}

// ---- what is known at a place --------------------------------------------------------------------------

/// What makes a value says more of that too.
void BoundsPass::narrow(Graph& graph, ValueId value, const Interval& to) {
  Interval now = to;
  for (u32 depth = 0; depth < kMostConditions; ++depth) {
    const Interval before = known_[value];
    const Interval both = {std::max(before.lo, now.lo), std::min(before.hi, now.hi)};
    if (both.lo > both.hi || both == before) return; // nothing gets here with such a value
    undo_.push_back({value, before});
    known_[value] = both;
    const GraphInst* const inst = graph.source(value);
    if (inst == nullptr) return;
    now = both;
    if (inst->op == Opcode::Add) {
      const Interval first = known_[graph.operand(*inst, 0)], second = known_[graph.operand(*inst, 1)];
      if (!second.is_one() || !sum_fits(first, second, graph.value(value).type)) return;
      now = {std::max(both.lo, first.lo + second.lo) - second.lo, std::min(both.hi, first.hi + second.lo) - second.lo};
    } else if (inst->op != Opcode::Sext) {
      return;
    }
    value = graph.operand(*inst, 0);
  }
}

void BoundsPass::undo_to(std::size_t count) {
  while (undo_.size() > count) {
    known_[undo_.back().value] = undo_.back().before;
    undo_.pop_back();
  }
}

void BoundsPass::exclude(Graph& graph, ValueId value, i64 what) {
  const Interval known = known_[value];
  if (known.is_one()) return;
  if (known.lo == what) narrow(graph, value, {what + 1, known.hi});
  if (known.hi == what) narrow(graph, value, {known.lo, what - 1});
}

/// a < b, or a <= b.
void BoundsPass::assume_less(Graph& graph, ValueId a, ValueId b, bool or_equal, bool is_signed) {
  const i64 step = or_equal ? 0 : 1;
  if (known_[b].hi == INT64_MIN || known_[a].lo == INT64_MAX) return;
  if (!is_signed) {
    if (known_[b].lo < 0 && !ASSAY_PLANTED(bounds_unsigned_as_signed)) return;
    narrow(graph, a, {0, known_[b].hi});
    if (known_[a].lo < 0) return;
  }
  narrow(graph, a, {INT64_MIN, known_[b].hi - step});
  narrow(graph, b, {known_[a].lo + step, INT64_MAX});
}

void BoundsPass::assume_comparison(Graph& graph, const GraphInst& inst, bool truth, u32 depth) {
  ValueId a = graph.operand(inst, 0), b = graph.operand(inst, 1);
  switch (inst.op) {
  case Opcode::Eq:
  case Opcode::Ne:
    if (known_[b] == Interval{0, 0}) return assume(graph, a, truth == (inst.op == Opcode::Ne), depth + 1);
    if (truth == (inst.op == Opcode::Eq)) {
      narrow(graph, a, known_[b]);
      narrow(graph, b, known_[a]);
    } else {
      if (known_[b].is_one()) exclude(graph, a, known_[b].lo);
      if (known_[a].is_one()) exclude(graph, b, known_[a].lo);
    }
    return;
  case Opcode::LtS:
  case Opcode::LeS:
  case Opcode::GtS:
  case Opcode::GeS:
  case Opcode::LtU:
  case Opcode::LeU:
  case Opcode::GtU:
  case Opcode::GeU: {
    const bool is_signed =
        inst.op == Opcode::LtS || inst.op == Opcode::LeS || inst.op == Opcode::GtS || inst.op == Opcode::GeS;
    bool less = inst.op == Opcode::LtS || inst.op == Opcode::LeS || inst.op == Opcode::LtU || inst.op == Opcode::LeU;
    bool or_equal =
        inst.op == Opcode::LeS || inst.op == Opcode::GeS || inst.op == Opcode::LeU || inst.op == Opcode::GeU;
    if (!truth) {
      less = !less;
      or_equal = !or_equal;
    }
    if (!less) std::swap(a, b);
    return assume_less(graph, a, b, or_equal, is_signed);
  }
  default: return;
  }
}

/// That the value is not 0, or is.
void BoundsPass::assume(Graph& graph, ValueId condition, bool truth, u32 depth) {
  if (depth >= kMostConditions || !is_int(graph.value(condition).type)) return;
  const GraphInst* const inst = graph.source(condition);
  if (inst != nullptr && is_comparison(inst->op)) {
    if (is_int(inst->type)) assume_comparison(graph, *inst, truth, depth);
    return;
  }
  if (inst != nullptr && (truth ? inst->op == Opcode::And : inst->op == Opcode::Or)) {
    const ValueId a = graph.operand(*inst, 0), b = graph.operand(*inst, 1);
    assume(graph, a, truth, depth + 1);
    assume(graph, b, truth, depth + 1);
  }
  if (truth) exclude(graph, condition, 0);
  else narrow(graph, condition, {0, 0});
}

void BoundsPass::assume_edge(Graph& graph, const GraphInst& terminator, u32 edge) {
  if (terminator.op != Opcode::Branch) return;
  assume(graph, graph.operand(terminator, 0), (edge == 0) != ASSAY_PLANTED(bounds_other_way), 0);
}

// ---- edges and parameters ------------------------------------------------------------------------------

/// What the edge passes becomes part of what the parameters may be, or is held against what they were guessed to be.
void BoundsPass::pass_args(Graph& graph, const GraphEdge& edge) {
  const Node target = flow_->node(edge.target);
  const std::vector<ValueId>& params = graph.block(edge.target).params;
  const std::size_t implicit = params.size() - edge.args.size();
  const bool first = edges_done_[target]++ == 0;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const ValueId param = params[i];
    const Type type = graph.value(param).type;
    if (!is_int(type)) continue;
    const Interval passed = i < implicit ? all_of(type) : known_[graph.now(edge.args[i - implicit])];
    if (entered_[target] == 0) {
      known_[param] = first ? passed : join(known_[param], passed);
    } else if (!assumed_[param].contains(passed) && !ASSAY_PLANTED(bounds_guess_kept)) {
      open_[param] = 0;
      holds_ = false;
    }
  }
}

/// What a parameter may be that edges lead back to: it counts up or down from what it has begun with so far, or is
/// anything.
Interval BoundsPass::guess(Graph& graph, Node node, std::size_t index) {
  const BlockId block = flow_->block(node);
  const ValueId param = graph.block(block).params[index];
  const Interval all = all_of(graph.value(param).type);
  if (open_[param] == 0 || edges_done_[node] == 0) return all;
  bool up = true, down = true, compared = compared_[param] != 0;
  for (const Node pred : flow_->preds(node)) {
    if (entered_[pred] != 0) continue;
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(pred)))) {
      if (edge.target != block) continue;
      const std::size_t implicit = graph.block(block).params.size() - edge.args.size();
      if (index < implicit) return all;
      const ValueId next = graph.now(edge.args[index - implicit]);
      if (next == param) continue;
      const GraphInst* const step = graph.source(next);
      if (step == nullptr || step->op != Opcode::Add) return all;
      const ValueId a = graph.operand(*step, 0), b = graph.operand(*step, 1);
      if (a != param && b != param) return all;
      const ValueId by = a == param ? b : a;
      const GraphInst* const constant = graph.constant(by);
      const Interval amount = constant != nullptr ? interval_of(*constant, constant->type, nullptr) : known_[by];
      up &= amount.lo >= 0;
      down &= amount.hi <= 0;
      compared |= compared_[next] != 0;
    }
  }
  if (!compared) return all; // nothing keeps it from going all the way round
  return up ? Interval{known_[param].lo, all.hi} : down ? Interval{all.lo, known_[param].hi} : all;
}

void BoundsPass::parameters(Graph& graph, Node node) {
  const std::vector<ValueId>& params = graph.block(flow_->block(node)).params;
  if (node != 0 && edges_done_[node] == flow_->preds(node).size()) return; // all is known
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Type type = graph.value(params[i]).type;
    if (!is_int(type)) continue;
    known_[params[i]] = assumed_[params[i]] = node == 0 ? all_of(type) : guess(graph, node, i);
  }
}

// ---- the walk ------------------------------------------------------------------------------------------

/// Whether the access is inside, if its address is among these; then it is noted.
bool BoundsPass::look_at_access(PassContext& c, InstId id, const Interval& address) {
  const GraphInst& inst = c.graph.inst(id);
  const u64 size = c.module.memory_size,
            width = access_bytes(inst.op, inst.type) - (ASSAY_PLANTED(bounds_last_byte) ? 1 : 0);
  if (inst.imm > size || width > size - inst.imm) return false;
  const Interval inside = {0, static_cast<i64>(size - inst.imm - width)};
  if (!inside.contains(address)) return false;
  const u64 first = static_cast<u64>(address.lo) + inst.imm;
  const u64 last = ASSAY_PLANTED(bounds_extent_first) ? first : static_cast<u64>(address.hi) + inst.imm;
  inside_.push_back({id, {static_cast<u32>(first), static_cast<u32>(last + width)}});
  return true;
}

void BoundsPass::instruction(PassContext& c, InstId id) {
  Graph& graph = c.graph;
  const GraphInst& inst = graph.inst(id);
  if (is_linear_access(inst.op)) {
    const ValueId address = graph.operand(inst, 0);
    if (graph.constant(address) == nullptr) { // lowering sees the others
      if (!inst.inside) look_at_access(c, id, known_[address]);
      look_at_index(graph, id, address);
    }
  }
  if (inst.result_count == 0) return;
  const Type type = graph.value(inst.first_result).type;
  if (is_int(type)) {
    constexpr u32 kMostOperands = 3;
    Interval in[kMostOperands];
    const u32 count = std::min(inst.operand_count, kMostOperands);
    for (u32 i = 0; i < count; ++i) in[i] = known_[graph.operand(inst, i)];
    if (inst.op == Opcode::Sext && in[0].lo >= (ASSAY_PLANTED(bounds_minus_one) ? -1 : 0)) positive_.push_back(id);
    if (inst.op == Opcode::Sext || inst.op == Opcode::Zext) look_at_extension(graph, id);
    known_[inst.first_result] = interval_of(inst, type, in);
  }
  for (u32 r = 1; r < inst.result_count; ++r)
    known_[inst.first_result + r] = all_of(graph.value(inst.first_result + r).type);
}

void BoundsPass::enter(PassContext& c, Node node) {
  Graph& graph = c.graph;
  const BlockId block = flow_->block(node);
  parameters(graph, node);
  entered_[node] = 1;
  const auto preds = flow_->preds(node);
  if (node != 0 && preds.size() == 1) // which has been entered
    assume_edge(graph, graph.terminator(flow_->block(preds[0])), edge_into_[node]);
  for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) instruction(c, at);
  const GraphInst& last = graph.terminator(block);
  for (u32 i = 0; i < last.edge_count; ++i) {
    const std::size_t before = undo_.size();
    assume_edge(graph, last, i);
    const GraphEdge& edge = graph.edges_of(last)[i];
    edge_into_[flow_->node(edge.target)] = i;
    pass_args(graph, edge);
    undo_to(before);
  }
}

/// Computes everything from the guesses, and drops those that do not hold.
void BoundsPass::walk(PassContext& c) {
  const analysis::Dominators& dominators = c.analyses.dominators();
  analysis::fill_zero(entered_, flow_->size());
  analysis::fill_zero(edges_done_, flow_->size());
  analysis::fill_zero(edge_into_, flow_->size());
  forget();
  holds_ = true;
  stack_.assign(1, {0, 0, 0});
  enter(c, 0);
  while (!stack_.empty()) {
    Visit& top = stack_.back();
    const auto children = dominators.children(top.node);
    if (top.next_child == children.size()) {
      undo_to(top.undo);
      stack_.pop_back();
      continue;
    }
    const Node child = children[top.next_child++];
    stack_.push_back({child, 0, undo_.size()});
    enter(c, child);
  }
}

/// Walks until the guesses hold.
void BoundsPass::walks(PassContext& c) {
  const u32 values = c.graph.value_count();
  known_.assign(values, all_of(Type::I64));
  assumed_.assign(values, all_of(Type::I64));
  open_.assign(values, 1);
  undo_.clear();
  for (u32 count = 0; count == 0 || !holds_; ++count) {
    if (count == kMostGuesses) analysis::fill_zero(open_, values);
    walk(c);
  }
}

void BoundsPass::run(PassContext& c) {
  if (c.module.memory_size == 0) return;
  flow_ = &c.analyses.flow();
  if (survey(c)) walks(c);
  for (const auto& [id, bytes] : inside_) {
    if (!c.may_rewrite(RewriteKind::BoundsInside)) return;
    c.graph.inst(id).inside = true;
    if (c.graph.inst(id).type == Type::F64) c.graph.set_extent(id, bytes);
  }
  for (const InstId id : positive_) {
    if (!c.may_rewrite(RewriteKind::BoundsExtension)) return;
    c.graph.inst(id).op = Opcode::Zext;
  }
  constants_apart(c);
}

} // namespace assay::opt
