// control.cpp - structured choice: if and else, switch, conditional exits, blocks that nothing reaches.
//
// Each statement ends the block being filled and leaves a join begun whose parameters carry values out of the
// arms. At least one way always reaches the join. Join blocks are sometimes made before their arms and
// sometimes after, so that block order is not always the order of control. Linear in the arms.
// Tested in fuzz/generate/tests/generator_test.cpp.
#include "fuzz/generate/body.h"
#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {

void Body::jump(BlockId target, const ValueList& args) {
  const EdgeTarget edge{target, args.span()};
  end(Opcode::Jump, {}, {&edge, 1});
}

/// Two ways, the first taken when the condition is not zero; written in either order.
void Body::branch(ValueId condition, const EdgeTarget& taken, const EdgeTarget& other) {
  if (random_.chance(1, 4)) {
    const Type type = module_->functions[self_].value_types[condition];
    const ValueId inverted = emit(Opcode::Eq, type, {condition, literal(type, 0)});
    const EdgeTarget targets[] = {other, taken};
    return end(Opcode::Branch, {&inverted, 1}, targets);
  }
  const EdgeTarget targets[] = {taken, other};
  end(Opcode::Branch, {&condition, 1}, targets);
}

void Body::arm(BlockId block, std::span<const Type> params, BlockId join, const TypeList& types, u32 depth, u32 size,
               bool leaves) {
  const Mark scope = mark();
  enter(block, params);
  statements(emitted_ + size, depth + 1);
  if (leaves) {
    leave();
  } else {
    ValueList args;
    arguments(types.span(), args);
    jump(join, args);
  }
  release(scope);
}

/// A condition as front ends make one of two, `a && b` for one: the first decides by itself, or leads to the second.
/// What comes is asked for in the block where both ways meet, which may do something more.
ValueId Body::short_circuit() {
  const ValueId first = random_.coin() ? condition() : pick_or_convert(random_.coin() ? Type::I64 : Type::I32);
  const Type type = module_->functions[self_].value_types[first];
  const BlockId second = emitter_.block(), join = emitter_.block({&type, 1});
  const ValueId decided = random_.coin() ? first : literal(type, random_.below(3));
  branch(first, {join, {&decided, 1}}, {second});
  const Mark scope = mark();
  start(second);
  if (random_.coin()) emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, random_.between(0, 2));
  if (random_.coin()) operation();
  else escape();
  ValueList args;
  args.push(pick_or_convert(type));
  jump(join, args);
  release(scope);
  start(join);
  ValueId asked = emitter_.param(join, 0);
  if (random_.chance(1, 3)) emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, random_.between(0, 2));
  if (random_.coin()) asked = emit(Opcode::Eq, type, {asked, literal(type, random_.chance(1, 3) ? 2 : 1)});
  return asked;
}

/// One operation on one of two ways, a division half the time; what decides may be what it needs.
void Body::short_way() {
  constexpr Type kInts[] = {Type::I32, Type::I64, Type::I32, Type::I64, Type::I8, Type::I16};
  constexpr Opcode kOps[] = {Opcode::DivU, Opcode::RemU, Opcode::DivS, Opcode::RemS, Opcode::DivU, Opcode::Add,
                             Opcode::Sub,  Opcode::Mul,  Opcode::ShrU, Opcode::MinS, Opcode::Xor};
  const Type type = random_.pick(kInts);
  const Opcode op = random_.pick(kOps);
  const ValueId a = pick_or_convert(type), b = pick(type);
  const ValueId other = random_.coin() ? a : edge_literal(type);
  const bool guards = random_.coin();
  const ValueId chosen = guards ? emit(Opcode::Ne, type, {b, literal(type, 0)}) : condition();
  const BlockId way = emitter_.block(), join = emitter_.block({&type, 1});
  branch(chosen, {way}, {join, {&other, 1}});
  const Mark scope = mark();
  start(way);
  const ValueId done = emit(op, type, {a, b});
  ValueList args;
  args.push(random_.chance(1, 3) ? combine(type, done, other) : done);
  jump(join, args);
  release(scope);
  enter(join, {&type, 1});
}

void Body::if_else(u32 depth) {
  if (random_.chance(config_.short_way)) return short_way();
  TypeList types, then_params;
  draw_types(config_.block_params, types);
  const ValueId chosen = random_.chance(config_.short_circuit) ? short_circuit() : condition();
  if (random_.chance(1, 8)) { // both ways to one block, with different arguments
    ValueList a, b;
    arguments(types.span(), a);
    arguments(types.span(), b);
    const BlockId join = emitter_.block(types.span());
    branch(chosen, {join, a.span()}, {join, b.span()});
    return enter(join, types.span());
  }
  const bool join_first = random_.coin();
  const bool has_else = random_.chance(2, 3);
  if (random_.chance(1, 6)) draw_types({1, 2}, then_params);
  BlockId join = join_first ? emitter_.block(types.span()) : kNone;
  const BlockId then_block = emitter_.block(then_params.span());
  const BlockId else_block = has_else ? emitter_.block() : kNone;
  if (join == kNone) join = emitter_.block(types.span());
  ValueList then_args, else_args;
  arguments(then_params.span(), then_args);
  if (!has_else) arguments(types.span(), else_args);
  branch(chosen, {then_block, then_args.span()}, {has_else ? else_block : join, else_args.span()});
  const u32 leaving = random_.below(24); // 0: the first arm leaves, 1: the second, else none
  arm(then_block, then_params.span(), join, types, depth, share(2), leaving == 0);
  if (has_else) arm(else_block, {}, join, types, depth, share(2), leaving == 1);
  enter(join, types.span());
}

/// Leaves the function, or a loop around here for good or for its next round.
void Body::leave() {
  if (!loops_.empty() && random_.chance(2, 3)) return leave_or_repeat_loop();
  if (!module_->tags.empty() && random_.coin()) {
    throw_exit();
    return;
  }
  if (random_.chance(config_.tail_call) && tail_call()) return;
  ValueList values;
  arguments(module_->results_of(module_->functions[self_]), values);
  emit(Opcode::Return, Type::None, Type::None, values.span());
}

/// A named trap, or a host function that throws. stack_overflow is left out: runs that differ in it only
/// cannot be told apart.
void Body::trap_exit() {
  if (!plan_->throwing.empty() && random_.coin()) {
    const FunctionId import = random_.pick(plan_->throwing);
    ValueList args;
    arguments(module_->params_of(module_->functions[import]), args);
    emit(Opcode::Call, Type::None, Type::None, args.span(), import);
  }
  u32 kind = random_.below(kTrapCount);
  if (kind == static_cast<u32>(TrapKind::StackOverflow)) kind = static_cast<u32>(TrapKind::User0);
  emit(Opcode::Trap, Type::None, Type::None, {}, kNone, kind);
}

/// Throws, itself or by a host function.
void Body::throw_exit() {
  plan_->functions[self_].throws = true;
  if (!plan_->throwing.empty() && random_.chance(1, 4)) return trap_exit();
  const TagId tag = random_.below(static_cast<u32>(module_->tags.size()));
  ValueList payload;
  arguments(module_->params(module_->signatures[module_->tags[tag].signature]), payload);
  emit(Opcode::Throw, Type::None, Type::None, payload.span(), tag);
}

void Body::escape() {
  const bool throws = !module_->tags.empty() && random_.chance(2, 3);
  if (throws) return may_throw(random_.chance(config_.likely_throw));
  const bool traps = random_.chance(1, 3);
  const ValueId chosen = unlikely(traps ? random_.chance(config_.likely_trap) : random_.chance(1, 12));
  const Mark scope = mark();
  const BlockId onward = escape_if(chosen);
  if (traps) trap_exit();
  else leave();
  release(scope);
  start(onward);
}

void Body::may_throw(bool likely) {
  const ValueId chosen = unlikely(likely);
  const Mark scope = mark();
  const BlockId onward = escape_if(chosen);
  throw_exit();
  release(scope);
  start(onward);
}

/// Begins a block where the condition leads; the one where it does not is returned.
BlockId Body::escape_if(ValueId chosen) {
  const BlockId exit = emitter_.block();
  const BlockId onward = emitter_.block();
  branch(chosen, {exit}, {onward});
  start(exit);
  return onward;
}

void Body::multiway(u32 depth) {
  constexpr Type kInts[] = {Type::I32, Type::I64, Type::I8, Type::I16};
  const Type type = random_.pick(kInts);
  const bool dense = random_.coin();
  const u64 base = dense && random_.coin() ? edge_constant(random_, type) : 0;
  ValueId value = pick_or_convert(type);
  if (dense || random_.coin()) {
    value = emit(Opcode::And, type, {value, literal(type, 7)});
    if (base != 0) value = emit(Opcode::Add, type, {value, literal(type, base)});
  }
  TypeList types;
  draw_types(config_.block_params, types);
  const BlockId join = emitter_.block(types.span());
  BlockId arms[4];
  const u32 arm_count = random_.between(1, 4);
  for (u32 i = 0; i < arm_count; ++i) arms[i] = emitter_.block();
  ValueList straight[2]; // arguments of the cases that go to the join at once
  arguments(types.span(), straight[0]);
  arguments(types.span(), straight[1]);

  EdgeTarget targets[kMaxList];
  const u32 cases = std::min(random_.in(config_.switch_cases), kMaxList - 1);
  u32 count = 0;
  for (u32 i = 0; i < cases; ++i) {
    const u64 literal_bits = (dense ? base + i : edge_constant(random_, type)) & bit_mask(type);
    const auto same = [&](const EdgeTarget& target) { return target.value == literal_bits; };
    if (std::any_of(targets, targets + count, same)) continue;
    const u32 way = random_.below(arm_count + 1);
    targets[count] = way < arm_count ? EdgeTarget{arms[way]} : EdgeTarget{join, straight[i & 1].span()};
    targets[count].kind = EdgeKind::Case;
    targets[count++].value = literal_bits;
  }
  const u32 otherwise = random_.below(arm_count + 1);
  targets[count++] = otherwise < arm_count ? EdgeTarget{arms[otherwise]} : EdgeTarget{join, straight[0].span()};
  end(Opcode::Switch, {&value, 1}, {targets, count}, kNone, 0, type);
  for (u32 i = 0; i < arm_count; ++i) {
    // The last arm reaches the join, so that the join is reached.
    const bool leaves = i + 1 < arm_count && random_.chance(1, 16);
    arm(arms[i], {}, join, types, depth, share(arm_count + 1), leaves);
  }
  enter(join, types.span());
  if (random_.chance(config_.second_switch)) multiway(depth);
}

/// At the end of a function: a block without a way to it, using its own values only.
void Body::unreachable_block() {
  release(Mark{});
  loops_.clear();
  TypeList types;
  draw_types(config_.block_params, types);
  enter(emitter_.block(types.span()), types.span());
  operation();
  trap_exit();
}

} // namespace assay::fuzz
