// bounds_apart.cpp - indices that are sums of a constant: the constant goes to the access. See bounds.h.
//
// Where x + c does not wrap, and neither is negative, the extension of that sum is the extension of x, plus c; and an
// access at it, shifted and added to as its address says, is one at the extension of x, shifted, with the constant
// part of all that in its immediate. a[i], a[i + 1] and a[i - 1] so have one index. Extensions and shifts of x stand
// where x is made, one each; others of the same x, as far as accesses read them, become these. What nobody reads then
// goes. Linear, but for a look at the latest few of these values. Tested in compiler/opt/tests/bounds_test.cpp.
#include "compiler/opt/bounds.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::opt {

namespace {

constexpr u32 kMostSteps = 4;  // from an address to its index
constexpr u32 kMostLooks = 16; // at values made before
constexpr i64 kMostBeyond = i64{1} << 31;

i64 signed_bits(const GraphInst& constant) {
  return constant.type == Type::I64 ? static_cast<i64>(constant.imm) : static_cast<i32>(constant.imm);
}

} // namespace

/// Whether the sum is one of a constant that does not wrap, of what is not negative and makes nothing negative.
bool BoundsPass::is_apart(Graph& graph, ValueId sum) {
  const GraphInst* const add = graph.source(sum);
  if (known_[sum].lo < 0 || add == nullptr || add->op != Opcode::Add) return false;
  if (graph.constant(graph.operand(*add, 1)) == nullptr) return false;
  const Interval x = known_[graph.operand(*add, 0)], by = known_[graph.operand(*add, 1)];
  return (x.lo >= 0 || ASSAY_PLANTED(bounds_apart_negative)) && sum_fits(x, by, Type::I32);
}

/// Notes extensions of sums that are apart.
void BoundsPass::look_at_extension(Graph& graph, InstId id) {
  const GraphInst& inst = graph.inst(id);
  if (inst.from == Type::I32 && is_apart(graph, graph.operand(inst, 0))) apart_.push_back(id);
}

/// Notes accesses that may be at such an extension, or are at such a sum. Not those whose constant alone lies outside.
void BoundsPass::look_at_index(Graph& graph, InstId access, ValueId address) {
  if (graph.inst(access).imm > kMemoryLimit) return;
  if (graph.value(address).type == Type::I64) accesses_.push_back(access);
  else if (is_apart(graph, address)) apart_.push_back(access);
}

/// The extension of x, shifted, made where x is.
ValueId BoundsPass::index_of(Graph& graph, ValueId x, u32 scale) {
  const std::size_t looks = std::min<std::size_t>(indices_.size(), kMostLooks);
  for (std::size_t i = indices_.size(); i > indices_.size() - looks; --i)
    if (indices_[i - 1].x == x && indices_[i - 1].scale == scale) return indices_[i - 1].value;
  const InstId made = graph.value(x).inst;
  const ValueId wide = scale != 0 ? index_of(graph, x, 0) : kNone;
  const InstId at = scale != 0      ? graph.inst(graph.value(wide).inst).next
                    : made != kNone ? graph.inst(made).next
                                    : graph.block(graph.value(x).block).first;
  GraphInst inst;
  inst.op = scale != 0 ? Opcode::Shl : Opcode::Zext;
  inst.type = Type::I64;
  inst.from = scale != 0 ? Type::None : Type::I32;
  ValueId operands[2] = {scale != 0 ? wide : x, kNone};
  if (scale != 0) operands[1] = graph.insert_const(at, Type::I64, scale);
  const ValueId value = graph.insert(at, inst, {operands, scale != 0 ? 2u : 1u}, true);
  indices_.push_back({x, scale, value});
  return value;
}

/// What an address is made of, as far as the index; false: not as accesses have it.
bool BoundsPass::take_apart(Graph& graph, const GraphInst& access, Apart& out) {
  out.beyond = static_cast<i64>(access.imm);
  out.value = graph.operand(access, 0);
  for (u32 steps = 0; steps < kMostSteps; ++steps) {
    const GraphInst* const inst = graph.source(out.value);
    if (inst == nullptr) return false;
    if (inst->op == Opcode::Zext && inst->from == Type::I32) return true;
    if (inst->op != Opcode::Add && inst->op != Opcode::Shl) return false;
    const GraphInst* const constant = graph.constant(graph.operand(*inst, 1));
    if (constant == nullptr) return false;
    const i64 by = signed_bits(*constant);
    if (inst->op == Opcode::Add) {
      // What lies below address 0 is far above it; where that is, no constant of the access leads back.
      if ((by < 0 && !access.inside) || by > kMostBeyond || by < -kMostBeyond) return false;
      out.beyond += by * (i64{1} << out.scale);
    } else {
      if (by < 1 || by > 3 || out.scale != 0) return false;
      out.scale = static_cast<u32>(by);
    }
    out.value = graph.operand(*inst, 0);
  }
  return false;
}

/// Gives the access an index that the constant is no part of.
void BoundsPass::set_apart(PassContext& c, InstId id, ValueId sum, const Apart& apart) {
  Graph& graph = c.graph;
  const GraphInst* const add = sum != kNone ? graph.source(sum) : nullptr;
  const ValueId x = add != nullptr ? graph.operand(*add, 0) : graph.operand(*graph.source(apart.value), 0);
  const i64 by = add != nullptr ? signed_bits(*graph.constant(graph.operand(*add, 1))) : 0;
  const i64 beyond = apart.beyond + by * (i64{1} << apart.scale);
  if (beyond < 0 || beyond > static_cast<i64>(kMemoryLimit) || !c.may_rewrite(RewriteKind::BoundsApart)) return;
  const bool is_wide = graph.value(graph.operand(graph.inst(id), 0)).type == Type::I64;
  left_.push_back(graph.operand(graph.inst(id), 0));
  const ValueId index = is_wide ? index_of(graph, x, apart.scale) : x; // may move instructions
  graph.set_operand(graph.inst(id), 0, index);
  graph.inst(id).imm = static_cast<u64>(beyond);
}

void BoundsPass::constants_apart(PassContext& c) {
  Graph& graph = c.graph;
  if (apart_.empty()) return;
  analysis::fill_zero(is_sum_, graph.value_count());
  indices_.clear();
  left_.clear();
  for (const InstId id : apart_) {
    const GraphInst& inst = graph.inst(id);
    if (inst.op == Opcode::Zext || inst.op == Opcode::Sext) is_sum_[inst.first_result] = 1;
    else set_apart(c, id, graph.operand(inst, 0), {graph.operand(inst, 0), static_cast<i64>(inst.imm), 0});
  }
  for (const bool of_sums : {true, false}) { // then those of the same indices
    for (const InstId id : accesses_) {
      Apart apart;
      if (!take_apart(graph, graph.inst(id), apart)) continue;
      const ValueId narrow = graph.operand(*graph.source(apart.value), 0);
      if (apart.value < is_sum_.size() && is_sum_[apart.value] != 0) {
        if (of_sums) set_apart(c, id, narrow, apart);
      } else if (!of_sums && is_indexed(narrow, apart)) {
        set_apart(c, id, kNone, apart);
      }
    }
  }
  if (left_.empty()) return;
  graph.count_uses(*flow_, uses_);
  graph.remove_unread(left_, uses_);
}

/// Whether that x has become an index, by another value.
bool BoundsPass::is_indexed(ValueId x, const Apart& apart) const {
  return std::any_of(indices_.begin(), indices_.end(),
                     [&](const Index& known) { return known.x == x && known.value != apart.value; });
}

} // namespace assay::opt
