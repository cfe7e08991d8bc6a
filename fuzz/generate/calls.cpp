// calls.cpp - calls of every kind: direct, through the table, by address, of imports, of itself, in tail
// position. With handlers: handlers.cpp.
//
// Termination: a body calls later bodies only, and itself at one place with a depth that counts down under
// fuel; @call_back counts as a call of its target. Cost: callees are generated first, so the
// estimate of what a call executes is known and loops do not multiply it without bound. A pointer to an own
// slot never leaves in a tail call. Linear in the signature. Tested in fuzz/generate/tests/.
#include "fuzz/generate/body.h"

#include <algorithm>

namespace assay::fuzz {

bool Body::may_call(FunctionId function) const {
  if (function < plan_->first_body) {
    if (std::find(plan_->throwing.begin(), plan_->throwing.end(), function) != plan_->throwing.end()) return false;
    if (function != plan_->callback_import) return true;
    function = plan_->callback_target;
    if (function == kNone) return false;
  }
  return function > self_ && cost_ + multiplicity_ * plan_->functions[function].cost <= config_.max_dynamic;
}

/// Whether a call of that signature may go through the table, or through an address. What it really calls is a
/// later body; but who looks at types alone sees all of that signature, so a cycle of such calls must
/// take fuel as well.
bool Body::may_go_through(SignatureId signature, bool table) const {
  if (table && module_->table.empty()) return false;
  if (entry_fuel_) return true;
  const auto goes_back = [&](FunctionId function) {
    if (function == kNone || module_->functions[function].signature != signature) return false;
    if (function == plan_->callback_import) return plan_->callback_target != kNone && plan_->callback_target <= self_;
    return function >= plan_->first_body && function <= self_;
  };
  if (table) return std::none_of(module_->table.begin(), module_->table.end(), goes_back);
  for (FunctionId f = plan_->first_body; f <= self_; ++f) {
    if (goes_back(f)) return false;
  }
  return true;
}

void Body::charge_call(FunctionId callee) {
  if (callee == plan_->callback_import) callee = plan_->callback_target;
  cost_ += multiplicity_ * plan_->functions[callee].cost;
  plan_->functions[self_].throws |= plan_->functions[callee].throws;
}

FunctionId Body::draw_callee() {
  const u32 count = static_cast<u32>(module_->functions.size());
  for (u32 tries = 0; tries < 4; ++tries) {
    const FunctionId function = random_.below(count);
    if (may_call(function)) return function;
  }
  return kNone;
}

FunctionId Body::draw_table_callee() {
  const u32 count = static_cast<u32>(module_->table.size());
  for (u32 tries = 0; tries < 4 && count != 0; ++tries) {
    const FunctionId function = module_->table[random_.below(count)];
    if (function != kNone && may_call(function)) return function;
  }
  return kNone;
}

/// Another body with the same signature that may be called, or the callee itself.
FunctionId Body::draw_twin(FunctionId callee) {
  const std::vector<Function>& functions = module_->functions;
  const u32 count = static_cast<u32>(functions.size()) - plan_->first_body;
  const u32 first = random_.below(count);
  for (u32 i = 0; i < count; ++i) {
    const FunctionId other = plan_->first_body + (first + i) % count;
    if (functions[other].signature == functions[callee].signature && may_call(other)) return other;
  }
  return callee;
}

/// The address of a body; of one of two when there is a choice.
ValueId Body::function_pointer(FunctionId callee) {
  const ValueId address = emit(Opcode::FuncAddr, Type::None, {}, callee);
  charge_call(callee);
  const FunctionId twin = draw_twin(callee);
  if (twin == callee && !random_.chance(1, 4)) return address;
  const ValueId other = emit(Opcode::FuncAddr, Type::None, {}, twin);
  charge_call(twin);
  return emit(Opcode::Select, Type::Ptr, {condition(), address, other});
}

/// An index of a table entry with that signature that may be called; now and then a bad one.
bool Body::table_index(SignatureId signature, ValueId& index) {
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  if (random_.chance(config_.bad_indirect) && bad_index(signature, type, index)) return true;
  const u32 count = static_cast<u32>(module_->table.size());
  u32 found[2] = {kNone, kNone};
  const u32 first = random_.below(count);
  for (u32 i = 0; i < count && found[1] == kNone; ++i) {
    const u32 at = (first + i) % count;
    const FunctionId function = module_->table[at];
    if (function == kNone || module_->functions[function].signature != signature || !may_call(function)) continue;
    charge_call(function);
    found[found[0] == kNone ? 0 : 1] = at;
  }
  if (found[0] == kNone) return false;
  if (found[1] == kNone) found[1] = found[0];
  if (found[0] == found[1] && random_.coin()) {
    index = literal(type, found[0]);
  } else {
    index = emit(Opcode::Select, type, {condition(), literal(type, found[0]), literal(type, found[1])});
  }
  return true;
}

/// Outside the table, null, or of another signature.
bool Body::bad_index(SignatureId signature, Type type, ValueId& index) {
  const u32 count = static_cast<u32>(module_->table.size());
  const u32 at = random_.below(count + 2);
  if (at < count) {
    const FunctionId function = module_->table[at];
    if (function != kNone && module_->functions[function].signature == signature) return false;
    index = literal(type, at);
    return true;
  }
  index = literal(type, random_.coin() ? u64{count} : random_.next() | (u64{1} << 31));
  return true;
}

void Body::call_statement(u32 depth) {
  if (random_.coin() && try_thrower(depth)) return;
  const FunctionId callee = draw_callee();
  if (callee == kNone) return operation();
  if (!module_->tags.empty() && depth < config_.max_depth && random_.coin()) return try_statement(callee, depth);
  emit_call(callee);
}

void Body::emit_call(FunctionId callee) {
  const u32 way = random_.below(4);
  if (way == 0 && module_->has_table) {
    const FunctionId other = draw_table_callee();
    if (other != kNone) callee = other;
  }
  const SignatureId signature = module_->functions[callee].signature;
  ValueList operands;
  const Passage passage = call_operands(callee, way, operands);
  constexpr Opcode kOps[] = {Opcode::Call, Opcode::CallIndirect, Opcode::CallPtr};
  const Opcode op = kOps[static_cast<u32>(passage)];
  const u32 ref = passage == Passage::Direct ? callee : signature;
  const ValueId first = emit(op, Type::None, Type::None, operands.span(), ref);
  offer_results(first, module_->results(module_->signatures[signature]));
}

/// The operands of a call: the arguments, and in front of them the index or the address that it goes through,
/// as `way` wishes (0: the table, 1: an address) and termination allows.
Body::Passage Body::call_operands(FunctionId callee, u32 way, ValueList& operands) {
  const SignatureId signature = module_->functions[callee].signature;
  ValueList args;
  arguments(module_->params(module_->signatures[signature]), args);
  Passage passage = Passage::Direct;
  ValueId through = kNone;
  if (way == 0 && may_go_through(signature, true) && table_index(signature, through)) {
    passage = Passage::Table;
  } else if (way == 1 && callee >= plan_->first_body && may_go_through(signature, false)) {
    through = function_pointer(callee);
    passage = Passage::Address;
  } else {
    charge_call(callee);
  }
  if (through != kNone) operands.push(through);
  for (const ValueId arg : args.span()) operands.push(arg);
  return passage;
}

/// One call of itself, at most config.recursion deep.
void Body::self_call() {
  const FunctionPlan& plan = plan_->functions[self_];
  const std::span<const Type> params = module_->params_of(module_->functions[self_]);
  const std::span<const Type> results = module_->results_of(module_->functions[self_]);
  const ValueId depth = emitter_.param(0, plan.depth_param);
  const ValueId capped = emit(Opcode::MinU, Type::I32, {depth, literal(Type::I32, config_.recursion)});
  TypeList types;
  draw_types(config_.block_params, types);
  ValueList otherwise, args;
  arguments(types.span(), otherwise);
  const BlockId again = emitter_.block(), join = emitter_.block(types.span());
  branch(capped, {again}, {join, otherwise.span()});
  const Mark scope = mark();
  start(again);
  arguments(params, args);
  args.items[plan.depth_param] = emit(Opcode::Sub, Type::I32, {capped, literal(Type::I32, 1)});
  self_called_ = true;
  const bool no_pointers = std::find(params.begin(), params.end(), Type::Ptr) == params.end();
  if (no_pointers && random_.chance(1, 4)) {
    emit(Opcode::TailCall, Type::None, Type::None, args.span(), self_);
  } else {
    offer_results(emit(Opcode::Call, Type::None, Type::None, args.span(), self_), results);
    arguments(types.span(), otherwise);
    jump(join, otherwise);
  }
  release(scope);
  enter(join, types.span());
}

/// Ends the function by a call with the same results, if one is drawn.
bool Body::tail_call() {
  const std::span<const Type> results = module_->results_of(module_->functions[self_]);
  const u32 count = static_cast<u32>(module_->functions.size());
  for (u32 tries = 0; tries < 4; ++tries) {
    const FunctionId callee = random_.below(count);
    const std::span<const Type> params = module_->params_of(module_->functions[callee]);
    const std::span<const Type> theirs = module_->results_of(module_->functions[callee]);
    if (!std::equal(results.begin(), results.end(), theirs.begin(), theirs.end())) continue;
    if (std::find(params.begin(), params.end(), Type::Ptr) != params.end() || !may_call(callee)) continue;
    ValueList args, operands;
    arguments(params, args);
    const SignatureId signature = module_->functions[callee].signature;
    ValueId index = kNone;
    if (random_.coin() && may_go_through(signature, true) && table_index(signature, index)) {
      operands.push(index);
      for (const ValueId arg : args.span()) operands.push(arg);
      emit(Opcode::TailCallIndirect, Type::None, Type::None, operands.span(), signature);
    } else {
      charge_call(callee);
      emit(Opcode::TailCall, Type::None, Type::None, args.span(), callee);
    }
    return true;
  }
  return false;
}

} // namespace assay::fuzz
