// body.cpp - runs one function body, and picks the operands of everything in it.
//
// Invariant: values_, pointers_ and addresses_ hold only what dominates the point being filled; scopes are
// left through `release`. Operands prefer recent and unused values, so that little of a program is
// dead, and what is still unused at the end is folded into results, memory and globals.
// Constant time an operand. Tested in fuzz/generate/tests/generator_test.cpp.
#include "fuzz/generate/body.h"

#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {

namespace {
constexpr u32 index_of(Type type) { return static_cast<u32>(type); }
} // namespace

Body::Body(const GeneratorConfig& config, Random& random) : config_(config), random_(random), index_(opcode_index()) {
  const StatementWeights& w = config.statements;
  weights_ = {w.operation, w.idiom, w.repeat,   w.memory,      w.native, w.global,   w.local,  w.call,
              w.if_else,   w.loop,  w.multiway, w.irreducible, w.escape, w.pressure, w.watched};
  const FamilyWeights& f = config.families;
  family_weights_ = {f.integer, f.divide, f.compare, f.floating, f.cast, f.choice};
}

void Body::run(Module& module, ModulePlan& plan, FunctionId function, u32 instructions) {
  module_ = &module;
  plan_ = &plan;
  self_ = function;
  emitted_ = 0;
  goal_ = instructions;
  multiplicity_ = 1;
  cost_ = 1;
  for (std::vector<ValueId>& values : values_) values.clear();
  pointers_.clear();
  addresses_.clear();
  used_.clear();
  loops_.clear();
  held_.clear();
  exceptions_.clear();
  open_slots_.clear();
  cell_ = pointer_local_ = kNone;
  self_called_ = false;
  emitter_.start(module, function);
  prologue();
  if (plan.functions[function].depth_param != kNone) {
    if (random_.chance(config_.remembers)) remembered_slot(); // in each activation, before it calls itself
    statements(goal_ / 2, 0);
    self_call();
  }
  sure_statements();
  statements(goal_, 0);
  return_values();
  if (random_.chance(config_.unreachable_block)) unreachable_block();
  plan.functions[function].cost = self_called_ ? cost_ * (config_.recursion + 1) : cost_;
}

void Body::prologue() {
  const BlockId entry = emitter_.entry();
  enter(entry, module_->params_of(module_->functions[self_]));
  FunctionPlan& plan = plan_->functions[self_];
  entry_fuel_ = random_.chance(config_.entry_fuel) || plan.depth_param != kNone;
  if (entry_fuel_) {
    emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, random_.between(1, 3));
  }
  locals_ = random_.chance(config_.locals_form);
  if (locals_) {
    const u32 count = random_.in(config_.locals);
    for (u32 i = 0; i < count; ++i) emitter_.local(random_type(random_));
  }
  const u32 slots = random_.in(config_.slots);
  for (u32 i = 0; i < slots; ++i) new_slot(1);
}

/// What weights alone give too seldom in few instructions: a slot that is read first, a loop, a throw that someone may
/// catch, a handler.
void Body::sure_statements() {
  if (self_ != plan_->first_body && random_.chance(config_.remembers)) remembered_slot();
  const bool throws = !module_->tags.empty();
  if (throws && self_ != plan_->first_body && random_.chance(config_.sure_throw)) {
    statements(emitted_ + random_.below(4), 0);
    may_throw(true);
  }
  if (throws && random_.chance(config_.sure_try)) {
    statements(emitted_ + random_.below(6), 0);
    try_thrower(0);
  }
  if (goal_ >= emitted_ + 8 && random_.chance(config_.sure_loop)) {
    statements(emitted_ + random_.below(6), 0);
    loop(0);
  }
}

void Body::statements(u32 end, u32 depth) {
  while (emitted_ < end) statement(depth);
}

void Body::statement(u32 depth) {
  if (locals_ && random_.chance(config_.more_locals)) return local_access();
  const u32 kind = random_.weighted(weights_);
  constexpr u32 kFirstNested = 8; // if_else and what follows make blocks
  if (kind >= kFirstNested && (depth >= config_.max_depth || goal_ < emitted_ + 5)) return operation();
  if (kind < kFirstNested && !module_->tags.empty() && depth < config_.max_depth && goal_ >= emitted_ + 5 &&
      random_.chance(config_.more_throws)) {
    if (!try_thrower(depth)) escape();
    return;
  }
  switch (kind) {
  case 0: return operation();
  case 1: return idiom();
  case 2: return repeat();
  case 3: return memory_access();
  case 4: return native_access();
  case 5: return global_access();
  case 6: return local_access();
  case 7: return call_statement(depth);
  case 8: return if_else(depth);
  case 9: return loop(depth);
  case 10: return multiway(depth);
  case 11: return irreducible(depth);
  case 12: return escape();
  case 13: return pressure(depth);
  default: return watched_place();
  }
}

/// A part of the instructions that are left, for a nested region.
u32 Body::share(u32 of) const {
  const u32 left = goal_ > emitted_ ? goal_ - emitted_ : 0;
  return random_.between(1, std::max(2u, left / of));
}

ValueId Body::emit(Opcode op, Type type, Type from, std::span<const ValueId> operands, u32 ref, u64 imm) {
  ++emitted_;
  cost_ += multiplicity_;
  return emitter_.emit(op, type, from, operands, ref, imm);
}

ValueId Body::emit(Opcode op, Type type, std::initializer_list<ValueId> operands, u32 ref, u64 imm) {
  return emit(op, type, Type::None, {operands.begin(), operands.size()}, ref, imm);
}

void Body::end(Opcode op, std::span<const ValueId> operands, std::span<const EdgeTarget> targets, u32 ref, u64 imm,
               Type type) {
  ++emitted_;
  cost_ += multiplicity_;
  emitter_.end(op, type, operands, targets, ref, imm);
}

ValueId Body::literal(Type type, u64 bits) {
  return emit(Opcode::Const, type, Type::None, {}, kNone, bits & bit_mask(type));
}

ValueId Body::edge_literal(Type type) {
  const ValueId value = literal(type, edge_constant(random_, type));
  if (random_.chance(1, 6)) offer(type, value);
  return value;
}

void Body::offer(Type type, ValueId value) {
  values_[index_of(type)].push_back(value);
  if (used_.size() <= value) used_.resize(value + 16, 0);
  used_[value] = 0;
}

void Body::offer_results(ValueId first, std::span<const Type> types) {
  for (const Type type : types) {
    if (type == Type::Ptr) offer_pointer({first, 0, kPromisedBytes, kNone});
    else offer(type, first);
    ++first;
  }
}

Body::Mark Body::mark() const {
  Mark mark;
  for (u32 i = 0; i < kTypeCount; ++i) mark.values[i] = static_cast<u32>(values_[i].size());
  mark.pointers = static_cast<u32>(pointers_.size());
  mark.addresses = static_cast<u32>(addresses_.size());
  return mark;
}

void Body::release(const Mark& mark) {
  for (u32 i = 0; i < kTypeCount; ++i) values_[i].resize(mark.values[i]);
  pointers_.resize(mark.pointers);
  addresses_.resize(mark.addresses);
}

void Body::start(BlockId block) {
  emitter_.begin(block);
  done_.clear();
}

void Body::enter(BlockId block, std::span<const Type> types) {
  start(block);
  if (!types.empty()) offer_results(emitter_.param(block, 0), types);
}

ValueId Body::pick_available(Type type) {
  const std::vector<ValueId>& values = values_[index_of(type)];
  const u32 count = static_cast<u32>(values.size());
  ValueId value = kNone;
  for (u32 tries = 0; tries < 2; ++tries) {
    const u32 recent = std::min(count, 6u);
    value = random_.coin() ? values[count - 1 - random_.below(recent)] : values[random_.below(count)];
    if (used_[value] == 0) break;
  }
  used_[value] = 1;
  return value;
}

ValueId Body::pick(Type type) {
  if (type == Type::Ptr) return find_pointer(kPromisedBytes).value;
  if (random_.chance(config_.constant_operand)) return edge_literal(type);
  return pick_or_convert(type);
}

Type Body::int_type_in_use() {
  constexpr Type kOrder[] = {Type::I64, Type::I32, Type::I16, Type::I8};
  const u32 first = random_.below(4);
  for (u32 i = 0; i < 4; ++i) {
    const Type type = kOrder[(first + i) & 3];
    if (has(type)) return type;
  }
  return Type::None;
}

/// A value of the type that depends on what the function was given, if anything does.
ValueId Body::pick_or_convert(Type type) {
  if (has(type)) return pick_available(type);
  const Type integer = int_type_in_use();
  const Type other = is_float(type) ? (type == Type::F32 ? Type::F64 : Type::F32) : Type::None;
  ValueId value = kNone;
  if (other != Type::None && has(other) && random_.coin()) {
    const ValueId operand = pick_available(other);
    value = emit(type == Type::F64 ? Opcode::FPromote : Opcode::FDemote, type, other, {&operand, 1});
  } else if (integer != Type::None) {
    const ValueId operand = pick_available(integer);
    Opcode op = random_.coin() ? Opcode::Sext : Opcode::Zext;
    if (size_of(integer) > size_of(type)) op = Opcode::Trunc;
    if (is_float(type)) op = random_.coin() ? Opcode::I2fS : Opcode::I2fU;
    if (is_float(type) && size_of(integer) == size_of(type) && random_.coin()) op = Opcode::Bitcast;
    value = emit(op, type, integer, {&operand, 1});
  } else if (is_int(type) && (has(Type::F32) || has(Type::F64))) {
    const Type from = has(Type::F64) ? Type::F64 : Type::F32;
    const ValueId operand = pick_available(from);
    value = emit(random_.coin() ? Opcode::F2iSatS : Opcode::F2iSatU, type, from, {&operand, 1});
  } else {
    return edge_literal(type);
  }
  offer(type, value);
  used_[value] = 1;
  return value;
}

void Body::arguments(std::span<const Type> types, ValueList& out) {
  out.count = 0;
  for (const Type type : types) out.push(pick(type));
}

void Body::draw_types(Range count, TypeList& out) {
  const u32 wanted = random_.in(count);
  const Type only = random_.chance(1, 3) ? random_type(random_) : Type::None;
  for (u32 i = 0; i < wanted; ++i) {
    if (random_.chance(1, 20)) out.push(Type::Ptr);
    else out.push(only != Type::None ? only : random_type(random_));
  }
}

/// Combines up to `most` unused values of the type into one.
ValueId Body::fold(Type type, u32 most) {
  std::vector<ValueId>& values = values_[index_of(type)];
  ValueId result = kNone;
  u32 found = 0;
  const u32 count = static_cast<u32>(values.size());
  for (u32 i = 0; i < count && i < 24 && found < most; ++i) {
    const ValueId value = values[count - 1 - i];
    if (used_[value] != 0) continue;
    used_[value] = 1;
    ++found;
    result = result == kNone ? value : combine(type, result, value);
  }
  return result;
}

/// Brings values that nothing used where they can be seen: globals, memory, or a result's type.
void Body::sink() {
  constexpr Type kTypes[] = {Type::F64, Type::F32, Type::I8, Type::I16, Type::I32, Type::I64};
  const std::span<const Type> results = module_->results_of(module_->functions[self_]);
  for (const Type type : kTypes) {
    if (std::find(results.begin(), results.end(), type) != results.end()) continue;
    const ValueId value = fold(type, 3);
    if (value == kNone) continue;
    u32 global = 0;
    while (global < module_->globals.size() && module_->globals[global].type != type) ++global;
    if (global < module_->globals.size()) {
      emit(Opcode::GlobalSet, type, {value}, global);
    } else if (!store_to_memory(type, value)) {
      offer(type, value); // a conversion below may still take it
    }
  }
}

void Body::return_values() {
  if (emitted_ < goal_ + 8) sink();
  if (random_.chance(config_.tail_call) && tail_call()) return;
  ValueList values;
  // By index: emitting may intern nothing, but the module's arrays must not be held across it.
  const u32 count = static_cast<u32>(module_->results_of(module_->functions[self_]).size());
  for (u32 i = 0; i < count; ++i) {
    const Type type = module_->results_of(module_->functions[self_])[i];
    const ValueId value = count <= 6 ? fold(type, 4) : kNone;
    values.push(value != kNone ? value : pick_or_convert(type));
  }
  emit(Opcode::Return, Type::None, Type::None, values.span());
}

} // namespace assay::fuzz
