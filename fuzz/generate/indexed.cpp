// indexed.cpp - accesses to linear memory at indices of which a compiler can know something: a loop's counter, what a
// branch compared before. The greatest index that it may conclude lies at the very end of memory, or one byte behind.
// And neighbouring elements that are made alike, which a compiler may make at once.
//
// Constant time each. Tested in fuzz/generate/tests/generator_test.cpp, and by the bank of planted bugs.
#include "fuzz/generate/body.h"

#include <algorithm>

namespace assay::fuzz {

/// An index, extended and shifted, that is said to be at most `most`.
void Body::access_at_end(ValueId index, Type type, u64 most) {
  const bool is_load = random_.coin();
  const std::vector<Access>& rows = is_load ? index_.loads : index_.stores;
  const Access& row = rows[random_.below(static_cast<u32>(rows.size()))];
  u32 shift = 0;
  if (type != Type::I64 && (type != Type::I32 || random_.coin())) {
    index = emit(random_.coin() ? Opcode::Sext : Opcode::Zext, Type::I64, type, {&index, 1});
    type = Type::I64;
  }
  if (type == Type::I64 && (most << 3) + row.bytes < module_->memory_size) shift = random_.below(4);
  if (shift != 0) index = emit(Opcode::Shl, type, {index, literal(type, shift)});
  const u64 end = (most << shift) + row.bytes;
  u64 offset = module_->memory_size > end ? module_->memory_size - end : 0;
  if (random_.chance(config_.out_of_bounds)) ++offset;
  else offset -= std::min<u64>(offset, random_.below(3));
  if (is_load) offer(row.type, emit(row.op, row.type, {index}, kNone, offset));
  else emit(row.op, row.type, {index, pick(row.type)}, kNone, offset);
}

/// The counter of a loop as it is, made positive, or its upper bits, which tell whether it went around its type.
void Body::counter_access(const Loop& loop) {
  const Type type = loop.counter_type;
  const u32 most = std::max(loop.trips, 1u);
  if (random_.coin() && loop.rule == kCountsUpSigned)
    return access_at_end(emit(Opcode::Add, type, {loop.counter, literal(type, most)}), type, most - 1);
  if (random_.coin() && loop.rule != kCountsInSteps) return access_at_end(loop.counter, type, most);
  const u32 kept = 1 + random_.below(4);
  const Opcode shift = random_.coin() ? Opcode::ShrS : Opcode::ShrU;
  const ValueId upper = emit(shift, type, {loop.counter, literal(type, bits_of(type) - 1 - kept)});
  access_at_end(upper, type, (u64{1} << kept) - 1);
}

/// On one way of a branch that compared the index with a limit.
void Body::compared_access() {
  constexpr Opcode kOrders[] = {Opcode::LtU, Opcode::LtS, Opcode::LeU, Opcode::LeS,
                                Opcode::GtU, Opcode::GtS, Opcode::GeU, Opcode::GeS};
  constexpr Type kNarrow[] = {Type::I8, Type::I8, Type::I16};
  constexpr Type kInts[] = {Type::I32, Type::I64, Type::I8, Type::I16};
  const bool known = random_.coin();
  const Type type = known ? random_.pick(kInts) : random_.pick(kNarrow);
  const u64 most = known ? random_.below(100) : bit_mask(type) >> 1;
  const ValueId limit = known ? literal(type, most) : pick_or_convert(type);
  ValueId index = kNone;
  if (known) index = random_.coin() ? masked(type, 127) : pick_or_convert(type);
  else if (random_.coin()) index = emit(Opcode::Sub, type, {limit, literal(type, 1 + random_.below(3))});
  else index = pick_or_convert(type);
  const Opcode order = random_.pick(kOrders);
  const bool swapped = random_.chance(1, 3), taken = random_.coin();
  const ValueId chosen = emit(order, type, {swapped ? limit : index, swapped ? index : limit});
  const BlockId way = emitter_.block(), join = emitter_.block();
  branch(chosen, {taken ? way : join}, {taken ? join : way});
  const Mark scope = mark();
  start(way);
  access_at_end(index, type, most);
  jump(join, {});
  release(scope);
  start(join);
}

/// Where the accesses of a walk begin, as it has them at most `last` bytes behind that: inside memory in all turns; or,
/// now and then, inside it in all turns but those from one of them on, by a byte or by the whole access.
u64 Body::walk_offset(u64 last, u32 bytes) {
  const u64 size = module_->memory_size;
  if (last + bytes > size || !random_.chance(1, 12)) return draw_offset(size - last - 8, 0);
  return size - bytes - random_.below(static_cast<u32>(last + 1)) + random_.below(2);
}

/// The elements of a turn of a walk, read and written: its sum with what was read of them.
ValueId Body::walk_turn(const Walk& walk) {
  const auto index_of = [&](ValueId of) {
    const Type type = walk.index_type;
    if (type != walk.type) of = emit(Opcode::Zext, type, walk.type, {&of, 1});
    if (walk.shift != 0) of = emit(Opcode::Shl, type, {of, literal(type, walk.shift)});
    if (walk.more == 0) return of;
    return emit(Opcode::Add, type, {of, walk.apart == kNone ? literal(type, walk.more) : walk.apart});
  };
  const ValueId rising = index_of(walk.counter);
  const ValueId falling = walk.falling == kNone ? rising : index_of(walk.falling);
  ValueId sum = walk.sum;
  const u32 accesses = 1 + random_.below(3);
  for (u32 i = 0; i < accesses; ++i) {
    const bool is_load = i == 0 ? random_.chance(2, 3) : random_.coin();
    const std::vector<Access>& rows = is_load ? index_.loads : index_.stores;
    const Access& row = rows[random_.below(static_cast<u32>(rows.size()))];
    const u64 offset = walk_offset((u64{walk.most} << walk.shift) + walk.more, row.bytes);
    const ValueId index = i % 2 == 0 ? rising : falling;
    if (is_load) {
      const ValueId element = emit(row.op, row.type, {index}, kNone, offset);
      if (row.type == walk.sum_type) sum = combine(walk.sum_type, sum, element);
      else show(row.type, element);
    } else {
      const ValueId element = row.type == walk.type ? walk.counter : row.type == walk.sum_type ? sum : pick(row.type);
      emit(row.op, row.type, {index, element}, kNone, offset);
    }
  }
  return sum;
}

/// A short loop over elements of linear memory, of which the number is mostly not known, and may be negative: each is
/// read, or written, and perhaps both, a few places apart; a sum of what was read stands for all of it. Now and then
/// the limit falls to meet the counter, and elements are at either.
void Body::walk() {
  Walk walk;
  const Type type = walk.type = random_.coin() ? Type::I32 : Type::I64;
  const Type sum_type = walk.sum_type = random_.coin() ? Type::I32 : Type::I64;
  walk.index_type = type == Type::I32 && random_.coin() ? Type::I64 : type;
  walk.most = random_.chance(1, 4) ? 7 : 15;
  walk.shift = random_.below(4);
  const Opcode order = random_.coin() ? Opcode::LtU : Opcode::LtS;
  ValueId limit = random_.chance(1, 4) ? literal(type, walk.most) : masked(type, walk.most);
  if (order == Opcode::LtS && random_.chance(1, 4))
    limit = emit(Opcode::Sub, type, {limit, literal(type, walk.most / 2)});
  if (random_.chance(1, 4)) {
    walk.more = 1 + random_.below(8);
    if (random_.coin()) walk.apart = masked(walk.index_type, walk.more = 7); // the same in all turns, and not known
  }
  const Type all[] = {type, sum_type, type};
  const bool meets = random_.chance(1, 4);
  const std::span<const Type> params{all, meets ? 3u : 2u};
  const BlockId header = emitter_.block(params), exit = emitter_.block(), body = emitter_.block();
  ValueList args;
  args.push(literal(type, 0));
  args.push(pick(sum_type));
  if (meets) args.push(limit);
  jump(header, args);
  const u64 multiplicity = multiplicity_;
  multiplicity_ *= walk.most;
  enter(header, params);
  walk.counter = emitter_.param(header, 0);
  walk.sum = emitter_.param(header, 1);
  if (meets) limit = walk.falling = emitter_.param(header, 2);
  if (meets || !random_.chance(config_.walk_without_fuel)) emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, 1);
  const Mark scope = mark();
  branch(emit(order, type, {walk.counter, limit}), {body}, {exit});
  start(body);
  const ValueId sum = walk_turn(walk);
  args.count = 0;
  args.push(emit(Opcode::Add, type, {walk.counter, literal(type, 1)}));
  args.push(sum);
  if (meets) args.push(emit(Opcode::Sub, type, {limit, literal(type, 1)}));
  jump(header, args);
  multiplicity_ = multiplicity;
  release(scope);
  start(exit);
  observe(sum_type, walk.sum);
}

/// Two neighbouring elements, one made and stored behind the other, in the same way: of two that may be themselves, or
/// have one of them in common. One that was read is perhaps read again.
void Body::neighbours() {
  constexpr u32 kBytes = 8;
  constexpr Opcode kWays[] = {Opcode::FAdd, Opcode::FSub, Opcode::FMul, Opcode::FDiv};
  const u64 size = module_->memory_size;
  constexpr u64 kIndices = 3 * kBytes; // of one of four elements
  const auto address = [&]() -> Address {
    if (random_.coin()) return find_address(size - 4 * kBytes);
    const Type type = random_.coin() ? Type::I32 : Type::I64;
    return {masked(type, kIndices), type, kIndices};
  };
  const Address to = address(), other = address(), from = random_.coin() ? to : other;
  const u64 into = draw_offset(size - to.bound - 2 * kBytes, 0);
  u64 out = draw_offset(size - from.bound - 2 * kBytes, into);
  const u32 apart = from.value == to.value ? 2 : 6; // elements at most
  if (random_.coin()) out = std::min(size - from.bound - 2 * kBytes, into + kBytes * random_.below(apart));
  const bool is_copy = random_.chance(1, 4), is_shared = random_.coin(), swaps = random_.chance(1, 4);
  const Opcode way = random_.pick(kWays);
  const ValueId shared = pick(Type::F64);
  for (u32 i = 0; i < 2; ++i) {
    const u32 behind = kBytes * (swaps ? 1 - i : i);
    ValueId element = emit(Opcode::Load, Type::F64, {from.value}, kNone, out + behind);
    if (!is_copy) element = emit(way, Type::F64, {element, is_shared ? shared : pick(Type::F64)});
    emit(Opcode::Store, Type::F64, {to.value, element}, kNone, into + behind);
  }
  // What a store in between has changed, or not.
  if (random_.coin()) observe(Type::F64, emit(Opcode::Load, Type::F64, {from.value}, kNone, out));
}

} // namespace assay::fuzz
