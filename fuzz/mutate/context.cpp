// context.cpp - looks at a function for a mutation, and carries out what the mutation queued.
//
// Leaves: a function whose arrays are consistent again. Linear in the function, plus dominators.
// Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/mutate/context.h"

#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {

bool MutationContext::begin(Module& module, Random& random) {
  u32 bodies = 0;
  for (const Function& f : module.functions) bodies += !f.imported;
  if (bodies == 0) return false;
  u32 skip = random.below(bodies);
  FunctionId chosen = 0;
  while (module.functions[chosen].imported || skip-- != 0) ++chosen;
  begin(module, random, chosen);
  return true;
}

void MutationContext::begin(Module& module, Random& random, FunctionId function) {
  module_ = &module;
  random_ = &random;
  function_ = function;
  insertions_.clear();
  look();
}

void MutationContext::look() {
  const Function& body = f();
  dominators_known_ = uses_known_ = false;
  owner_.assign(body.insts.size(), kNone);
  for (BlockId b = 0; b < body.blocks.size(); ++b) {
    const Block& block = body.blocks[b];
    std::fill_n(owner_.begin() + block.first_inst, block.inst_count, b);
  }
  protect();
}

void MutationContext::find_uses() {
  const Function& body = f();
  uses_known_ = true;
  uses_.clear();
  for (InstId id = 0; id < body.insts.size(); ++id) {
    if (owner_[id] == kNone || protected_[id]) continue;
    const Inst& inst = body.insts[id];
    const auto note = [&](u32 first, u32 count) {
      for (u32 i = 0; i < count; ++i) {
        if (body.value_types[body.pool[first + i]] != Type::Ptr) uses_.push_back({first + i, id, owner_[id]});
      }
    };
    note(inst.operands, inst.operand_count);
    for (const Edge& edge : body.edges_of(inst)) note(edge.args, edge.arg_count);
  }
}

/// Steps of pointers, what makes them, and the literals in that.
void MutationContext::protect() {
  const Function& body = f();
  protected_.assign(body.insts.size(), 0);
  for (InstId id = 0; id < body.insts.size(); ++id) {
    const Inst& inst = body.insts[id];
    if (inst.op != Opcode::PtrAdd) continue;
    protected_[id] = 1;
    const ValueDef& step = body.value_defs[body.operand(inst, 1)];
    if (step.is_param) continue;
    protected_[step.index] = 1;
    for (const ValueId operand : body.operands_of(body.insts[step.index])) {
      const ValueDef& def = body.value_defs[operand];
      if (!def.is_param && body.insts[def.index].op == Opcode::Const) protected_[def.index] = 1;
    }
  }
}

const Use* MutationContext::random_use() { return uses().empty() ? nullptr : &random_->pick(uses_); }

bool MutationContext::available(ValueId value, InstId at) const {
  const Function& body = module_->functions[function_];
  const ValueDef& def = body.value_defs[value];
  const BlockId here = owner_[at];
  if (def.is_param) return dominators().dominates(def.index, here);
  if (def.index == kNone) return false; // queued
  const BlockId there = owner_[def.index];
  if (there == kNone) return false;
  return there == here ? def.index < at : dominators().dominates(there, here);
}

ValueId MutationContext::pick_value(Type type, InstId at, ValueId except) {
  const Function& body = f();
  const u32 count = body.value_count();
  const u32 first = random_->below(count);
  for (u32 i = 0; i < count; ++i) {
    const u32 sum = first + i;
    const ValueId value = sum < count ? sum : sum - count;
    if (body.value_types[value] == type && value != except && available(value, at)) return value;
  }
  return kNone;
}

ValueId MutationContext::pick_or_make(Type type, InstId at, ValueId except) {
  const ValueId value = pick_value(type, at, except);
  if (value != kNone || type == Type::Ptr) return value;
  return literal(at, type, edge_constant(*random_, type));
}

ValueId MutationContext::add(InstId before, Opcode op, Type type, Type from, std::span<const ValueId> operands,
                             Type result, u32 ref, u64 imm) {
  Inst inst = make_inst(f(), op, type, from, operands, result);
  inst.ref = ref;
  inst.imm = imm;
  insertions_.push_back({before, inst});
  return result == Type::None ? kNone : inst.first_result;
}

ValueId MutationContext::add_row(InstId before, Opcode op, Type type, Type from, std::span<const ValueId> operands) {
  const std::string_view results = info(op).results;
  Inst inst = make_inst(f(), op, type, from, operands, Type::None);
  inst.result_count = static_cast<u32>(results.size());
  for (const char letter : results) add_value(f(), type_of_letter(letter, type, from));
  insertions_.push_back({before, inst});
  return inst.first_result;
}

ValueId MutationContext::literal(InstId before, Type type, u64 bits) {
  return add(before, Opcode::Const, type, {}, kNone, bits & bit_mask(type));
}

void MutationContext::replace_uses(ValueId value, ValueId by) {
  std::replace(f().pool.begin(), f().pool.end(), value, by);
}

bool MutationContext::repair() {
  Function& body = f();
  dominators_.compute(body);
  dominators_known_ = true;
  for (InstId id = 0; id < owner_.size(); ++id) {
    if (owner_[id] == kNone || !dominators_.reachable(owner_[id])) continue;
    const auto mend = [&](u32 first, u32 count) {
      for (u32 i = 0; i < count; ++i) {
        const ValueId value = body.pool[first + i];
        if (body.value_defs[value].index == kNone || available(value, id)) continue;
        const ValueId other = pick_or_make(body.value_types[value], id);
        if (other == kNone) return false;
        body.pool[first + i] = other;
      }
      return true;
    };
    const Inst inst = body.insts[id];
    if (!mend(inst.operands, inst.operand_count)) return false;
    for (u32 i = 0; i < inst.edge_count; ++i) {
      const Edge edge = body.edges[inst.first_edge + i];
      if (!mend(edge.args, edge.arg_count)) return false;
    }
  }
  return true;
}

void MutationContext::finish() {
  // Insertion sort: stable, allocates nothing, and nearly all of them come in order.
  const auto first = insertions_.begin();
  for (auto next = first; next != insertions_.end(); ++next) {
    const auto place = std::upper_bound(first, next, *next,
                                        [](const Insertion& a, const Insertion& b) { return a.before < b.before; });
    std::rotate(place, next, next + 1);
  }
  insert_all(f(), insertions_);
  insertions_.clear();
}

} // namespace assay::fuzz
