// context.h - what every mutation works with: one function, its uses, dominance, and pending insertions.
//
// Internal to fuzz/mutate. A mutation reads the function as it was when chosen, rewrites operands in place,
// and queues insertions, which `finish` carries out; so InstIds stay valid while it works. Values of type
// ptr, and what a ptr_add steps by, are left alone: mutants must stay inside their slots.
// Each member is linear in the function at most. Tested in fuzz/mutate/tests/mutator_test.cpp.
#pragma once

#include "assay/module.h"
#include "compiler/ir/dominators.h"
#include "fuzz/generate/draw/opcode_index.h"
#include "fuzz/generate/random.h"
#include "fuzz/mutate/edit.h"

#include <initializer_list>
#include <span>
#include <vector>

namespace assay::fuzz {

/// A place where a value is used: operand of an instruction, or argument of one of its edges.
struct Use {
  u32 pool = 0;
  InstId inst = 0;
  BlockId block = 0;
};

class MutationContext {
public:
  /// Chooses a random body and looks at it. False when the module has none.
  bool begin(Module& module, Random& random);
  /// The same for this function.
  void begin(Module& module, Random& random, FunctionId function);
  /// Carries out what was queued.
  void finish();

  Module& module() { return *module_; }
  Random& random() { return *random_; }
  Function& f() { return module_->functions[function_]; }
  FunctionId function() const { return function_; }

  /// Uses of values that are not pointers, in instructions that may be changed.
  const std::vector<Use>& uses() {
    if (!uses_known_) find_uses();
    return uses_;
  }
  const Use* random_use();
  /// A random instruction that may be changed and that `wanted` accepts; kNone when there is none.
  template <typename Wanted> InstId random_inst(Wanted wanted) {
    found_.clear();
    for (InstId id = 0; id < owner_.size(); ++id) {
      if (owner_[id] != kNone && !protected_[id] && wanted(f().insts[id])) found_.push_back(id);
    }
    return found_.empty() ? kNone : random_->pick(found_);
  }
  BlockId block_of(InstId inst) const { return owner_[inst]; }
  bool is_protected(InstId inst) const { return protected_[inst]; }
  bool reachable(BlockId block) const { return dominators().reachable(block); }

  /// Whether the value is defined on every way to the point before the instruction.
  bool available(ValueId value, InstId at) const;
  /// A random available value of the type other than `except`; kNone when there is none.
  ValueId pick_value(Type type, InstId at, ValueId except = kNone);
  /// The same, or a literal made for it. kNone for a ptr when there is none.
  ValueId pick_or_make(Type type, InstId at, ValueId except = kNone);

  /// Queues an instruction before `before`. Gives its result, kNone when `result` is None.
  ValueId add(InstId before, Opcode op, Type type, Type from, std::span<const ValueId> operands, Type result,
              u32 ref = kNone, u64 imm = 0);
  ValueId add(InstId before, Opcode op, Type type, std::initializer_list<ValueId> operands, u32 ref = kNone,
              u64 imm = 0) {
    return add(before, op, type, Type::None, {operands.begin(), operands.size()}, type, ref, imm);
  }
  /// The same for an operation whose row says what it gives; the first result.
  ValueId add_row(InstId before, Opcode op, Type type, Type from, std::span<const ValueId> operands);
  ValueId literal(InstId before, Type type, u64 bits);
  void queue(InstId before, const Inst& inst) { insertions_.push_back({before, inst}); }
  /// Every use of the value in instructions that are there already becomes the other.
  void replace_uses(ValueId value, ValueId by);
  /// After edges changed: gives every use that is no longer dominated another value. False when one is a ptr.
  bool repair();

private:
  void look();
  void protect();
  void find_uses();
  const ir::Dominators& dominators() const {
    if (!dominators_known_) {
      dominators_.compute(module_->functions[function_]);
      dominators_known_ = true;
    }
    return dominators_;
  }
  Random* random_ = nullptr;
  Module* module_ = nullptr;
  FunctionId function_ = kNone;
  // Not every mutation needs these, so they are made when they are asked for.
  mutable ir::Dominators dominators_;
  mutable bool dominators_known_ = false;
  bool uses_known_ = false;
  std::vector<Use> uses_;
  std::vector<BlockId> owner_; // by InstId
  std::vector<u8> protected_;  // by InstId
  std::vector<InstId> found_;
  std::vector<ValueId> values_;
  std::vector<Insertion> insertions_;
};

/// A mutation: changes the function of the context, or its module, in one place; false when nothing fits.
using Mutation = bool (*)(MutationContext&);

struct NamedMutation {
  std::string_view name;
  Mutation run;
  u32 weight;
  bool beyond_function = false; // changes more of the module than the function of the context
};
std::span<const NamedMutation> mutations();

/// The body of Mutator::crossover.
bool crossover_functions(MutationContext& context, Module& into, const Module& from, Random& random);

// values.cpp
bool replace_operand(MutationContext& c);
bool operand_to_literal(MutationContext& c);
bool swap_operands(MutationContext& c);
bool wrap_in_casts(MutationContext& c);
// operations.cpp
bool change_opcode(MutationContext& c);
bool change_literal(MutationContext& c);
bool change_offset(MutationContext& c);
bool insert_operation(MutationContext& c);
bool insert_access(MutationContext& c);
bool delete_instruction(MutationContext& c);
bool duplicate_instruction(MutationContext& c);
bool swap_neighbours(MutationContext& c);
bool change_width(MutationContext& c);
bool add_pressure(MutationContext& c);
// edges.cpp
bool swap_arms(MutationContext& c);
bool redirect_edge(MutationContext& c);
bool add_block_parameter(MutationContext& c);
bool remove_block_parameter(MutationContext& c);
bool permute_arguments(MutationContext& c);
// calls.cpp
bool change_call_kind(MutationContext& c);
bool change_callee(MutationContext& c);
bool change_module(MutationContext& c);

} // namespace assay::fuzz
