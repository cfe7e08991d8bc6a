// handlers.cpp - calls with handlers: clauses for tags and for everything, handlers in handlers, rethrows.
//
// What a handler was given goes on unchanged more often than not: the join after the call has parameters of the
// payload's types. In a handler of catch_all another exception may be caught before the first one is thrown again, and
// an inner handler may throw on what an outer one caught. Linear in the signature. Tested in fuzz/generate/tests/, and
// by the bank of planted bugs.
#include "fuzz/generate/body.h"

#include <algorithm>

namespace assay::fuzz {

/// Where a call goes on: at ^ok, or at one of its clauses.
struct Body::Arm {
  BlockId block = kNone;
  EdgeKind kind = EdgeKind::Normal;
  TypeList leading, extra; // parameters: what the call or the exception gives, and more
  bool goes_on = false;    // the leading ones are the join's arguments
};

struct Body::Try {
  Arm arms[4];
  ValueList args[4]; // of the edges
  EdgeTarget targets[4];
  u32 count = 0;
  TypeList types; // of the join
  BlockId join = kNone;
};

/// A function that may be called and is likely to throw.
FunctionId Body::draw_thrower() {
  if (!plan_->throwing.empty() && random_.chance(1, 4)) return random_.pick(plan_->throwing);
  const u32 count = static_cast<u32>(module_->functions.size());
  const u32 first = random_.below(count);
  for (u32 i = 0; i < count; ++i) {
    const FunctionId function = (first + i) % count;
    if (plan_->functions[function].throws && may_call(function)) return function;
  }
  return kNone;
}

/// False when there is nothing to catch from.
bool Body::try_thrower(u32 depth) {
  if (module_->tags.empty() || depth >= config_.max_depth) return false;
  const FunctionId thrower = draw_thrower();
  if (thrower != kNone) try_statement(thrower, depth);
  return thrower != kNone;
}

void Body::add_arm(Try& plan, std::span<const Type> leading, EdgeKind kind, u64 value) {
  Arm& arm = plan.arms[plan.count];
  arm.kind = kind;
  for (const Type type : leading) arm.leading.push(type);
  if (random_.coin()) arm.extra.push(random_type(random_));
  TypeList all = arm.leading;
  for (const Type type : arm.extra.span()) all.push(type);
  ValueList& args = plan.args[plan.count];
  arguments(arm.extra.span(), args);
  arm.block = emitter_.block(all.span());
  plan.targets[plan.count++] = {arm.block, args.span(), kind, value};
}

/// Arm 0 is ^ok; then some tags; then perhaps catch_all.
void Body::plan_try(FunctionId callee, Try& plan) {
  const auto params_of = [&](TagId tag) { return module_->params(module_->signatures[module_->tags[tag].signature]); };
  add_arm(plan, module_->results_of(module_->functions[callee]), EdgeKind::Normal, 0);
  const u32 tags = static_cast<u32>(module_->tags.size());
  const u32 first_tag = random_.below(tags);
  const u32 caught = std::min(tags, random_.below(3));
  for (u32 i = 0; i < caught; ++i) {
    const TagId tag = (first_tag + i) % tags;
    add_arm(plan, params_of(tag), EdgeKind::Catch, tag);
  }
  constexpr Type kException[] = {Type::Ptr};
  if (caught == 0 || random_.coin()) add_arm(plan, kException, EdgeKind::CatchAll, 0);
  if (caught != 0 && random_.chance(config_.keeps_payload)) {
    Arm& kept = plan.arms[1 + random_.below(caught)];
    kept.goes_on = true;
    plan.types = kept.leading;
  } else {
    draw_types(config_.block_params, plan.types);
  }
  plan.join = emitter_.block(plan.types.span());
}

/// What a handler of catch_all does: it may catch something else before it goes on.
void Body::fill_handler(const Arm& arm, u32 depth) {
  exceptions_.push_back(emitter_.param(arm.block, 0));
  if (random_.chance(config_.nested_try) && try_thrower(depth + 1)) return;
  statements(emitted_ + random_.below(4), depth + 1);
}

void Body::try_arm(const Arm& arm, const Try& plan, u32 depth) {
  const Mark scope = mark();
  const std::size_t exceptions = exceptions_.size();
  start(arm.block);
  const u32 lead = arm.leading.count;
  const bool is_exception = arm.kind == EdgeKind::CatchAll; // the one pointer that leads nowhere: it is not offered
  if (lead != 0 && !is_exception) offer_results(emitter_.param(arm.block, 0), arm.leading.span());
  if (arm.extra.count != 0) offer_results(emitter_.param(arm.block, lead), arm.extra.span());
  if (is_exception) fill_handler(arm, depth);
  else statements(emitted_ + random_.below(4), depth + 1);
  const bool handles = arm.kind != EdgeKind::Normal && !exceptions_.empty();
  if (handles && random_.chance(config_.rethrows)) {
    const bool latest = random_.coin();
    emit(Opcode::Rethrow, Type::None, {latest ? exceptions_.back() : random_.pick(exceptions_)});
    plan_->functions[self_].throws = true;
  } else {
    ValueList args;
    if (!arm.goes_on) arguments(plan.types.span(), args);
    for (u32 i = 0; arm.goes_on && i < lead; ++i) args.push(emitter_.param(arm.block, i));
    jump(plan.join, args);
  }
  exceptions_.resize(exceptions);
  release(scope);
}

/// A call that continues at ^ok, or at one of its clauses.
void Body::try_statement(FunctionId callee, u32 depth) {
  const SignatureId signature = module_->functions[callee].signature;
  ValueList operands;
  const Passage passage = call_operands(callee, random_.below(3), operands);
  constexpr Opcode kOps[] = {Opcode::TryCall, Opcode::TryCallIndirect, Opcode::TryCallPtr};
  Try plan;
  plan_try(callee, plan);
  end(kOps[static_cast<u32>(passage)], operands.span(), {plan.targets, plan.count},
      passage == Passage::Direct ? callee : signature);
  for (u32 i = 0; i < plan.count; ++i) try_arm(plan.arms[i], plan, depth);
  enter(plan.join, plan.types.span());
}

} // namespace assay::fuzz
