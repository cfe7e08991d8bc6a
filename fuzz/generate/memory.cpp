// memory.cpp - linear memory: accesses of every width at addresses of many shapes, and the bulk operations.
//
// An Address carries its greatest value, and the offset is drawn so that address + offset + width stays
// within the memory's initial size (memory never shrinks), but for a small share that may leave it.
// Accesses cluster around few addresses, so that they overlap. Constant time each.
// Tested in fuzz/generate/tests/generator_test.cpp.
#include "fuzz/generate/body.h"
#include "fuzz/generate/draw/constants.h"

#include <algorithm>
#include <bit>

namespace assay::fuzz {

namespace {
/// The greatest 2^k - 1 that is at most `most`.
u64 mask_below(u64 most) { return (u64{1} << (std::bit_width(most + 1) - 1)) - 1; }
} // namespace

/// An i32, at most `mask`, extended and shifted; or one that may be negative, and what makes up for that added last.
ValueId Body::scaled_index(u64 mask, u32 shift) {
  const u64 below = random_.below(4) == 0 ? 1 + random_.below(8) : 0;
  ValueId index = masked(Type::I32, mask & bit_mask(Type::I32));
  if (below != 0) index = emit(Opcode::Sub, Type::I32, {index, literal(Type::I32, below)});
  const Opcode extend = below != 0 || random_.coin() ? Opcode::Sext : Opcode::Zext;
  const ValueId wide = emit(extend, Type::I64, Type::I32, {&index, 1});
  const ValueId scaled = emit(Opcode::Shl, Type::I64, {wide, literal(Type::I64, shift)});
  return below == 0 ? scaled : emit(Opcode::Add, Type::I64, {scaled, literal(Type::I64, below << shift)});
}

/// An i32 or i64 that is at most `most` at run time, made in one of the shapes that addresses have in real
/// programs and in past bugs: masked, scaled, wrapped around, cut out of dirty bits, extended.
ValueId Body::make_number(Type type, u64 most, u64& bound) {
  const u64 mask = mask_below(most);
  bound = mask;
  switch (random_.below(9)) {
  case 0: {
    bound = random_.below(static_cast<u32>(std::min<u64>(most, 0xfffffff)) + 1);
    return literal(type, bound);
  }
  case 1: {
    bound = most;
    return emit(Opcode::MinU, type, {pick_or_convert(type), literal(type, most)});
  }
  case 2: {
    const u32 shift = random_.below(4);
    const u64 narrow = mask_below(most >> shift);
    if (type == Type::I64 && random_.chance(1, 3)) { // behind a base
      const ValueId base = masked(type, mask_below(most / 2)),
                    index = scaled_index(mask_below(most >> shift >> 1), shift);
      bound = mask_below(most / 2) + (mask_below(most >> shift >> 1) << shift);
      return emit(Opcode::Add, type, {base, index});
    }
    if (type == Type::I64 && random_.coin()) return bound = narrow << shift, scaled_index(narrow, shift);
    bound = narrow << shift;
    return emit(Opcode::Shl, type, {masked(type, narrow), literal(type, shift)});
  }
  case 3: { // goes around the end of the type and comes back
    const u64 around = edge_constant(random_, type);
    const ValueId there = emit(Opcode::Add, type, {masked(type, mask), literal(type, around)});
    return emit(Opcode::Sub, type, {there, literal(type, around)});
  }
  case 4: { // dirty upper half, cut off
    if (type != Type::I32) break;
    const ValueId dirty =
        emit(Opcode::Or, Type::I64, {masked(Type::I64, mask), literal(Type::I64, random_.next() << 32)});
    return emit(Opcode::Trunc, Type::I32, Type::I64, {&dirty, 1});
  }
  case 5: { // a 32-bit sum that wraps, then extended
    if (type != Type::I64) break;
    const u64 around = (random_.next() | 0x80000000u) & 0xffffffffu;
    const ValueId there = emit(Opcode::Add, Type::I32, {masked(Type::I32, mask), literal(Type::I32, around)});
    const ValueId back = emit(Opcode::Add, Type::I32, {there, literal(Type::I32, ~around + 1)});
    return emit(Opcode::Zext, Type::I64, Type::I32, {&back, 1});
  }
  case 6: { // extended from a narrow type
    const Type from = random_.coin() ? Type::I8 : Type::I16;
    const u64 narrow = std::min(mask, bit_mask(from) >> 1);
    bound = narrow;
    const ValueId value = masked(from, narrow);
    return emit(random_.coin() ? Opcode::Sext : Opcode::Zext, type, from, {&value, 1});
  }
  case 7: {
    bound = most;
    return emit(Opcode::RemU, type, {pick_or_convert(type), literal(type, most + 1)});
  }
  default: break;
  }
  return masked(type, mask);
}

Body::Address Body::find_address(u64 most) {
  const u32 count = static_cast<u32>(addresses_.size());
  for (u32 tries = 0; tries < 2 && count != 0; ++tries) {
    const Address& address = addresses_[random_.below(count)];
    if (address.bound <= most) return address;
  }
  Address address;
  address.type = random_.coin() ? Type::I32 : Type::I64;
  const u64 reach = random_.chance(2, 3) ? std::min<u64>(most, u64{1} << random_.below(7)) : most;
  address.value = make_number(address.type, reach, address.bound);
  addresses_.push_back(address);
  return address;
}

/// An offset in [0, room]: near an earlier one, at an end, or anywhere.
u64 Body::draw_offset(u64 room, u64 near) {
  switch (random_.below(6)) {
  case 0: return 0;
  case 1: return room;
  case 2: return random_.below(static_cast<u32>(std::min<u64>(room, 0xfffffff)) + 1);
  case 3: return std::min(room, near);
  default: return std::min(room, near + random_.below(9));
  }
}

void Body::memory_access() {
  const u64 size = module_->memory_size;
  if (!module_->has_memory || size < 16) return operation();
  if (random_.chance(1, 8)) return memory_bulk();
  if (random_.chance(1, 7)) return compared_access();
  const bool may_walk = config_.statements.loop != 0 && size >= 256;
  if (may_walk && cost_ + 256 * multiplicity_ < config_.max_dynamic && random_.chance(1, 12)) return walk();
  if (size >= 64 && random_.chance(1, 16)) return neighbours();
  if (random_.chance(config_.out_of_bounds)) return access_out_of_bounds();
  constexpr u64 kWidest = 8;
  const Address address = find_address(size - kWidest);
  const u32 accesses = 1 + random_.below(3);
  u64 offset = 0;
  for (u32 i = 0; i < accesses; ++i) {
    const bool is_load = random_.coin();
    const std::vector<Access>& rows = is_load ? index_.loads : index_.stores;
    const Access& row = rows[random_.below(static_cast<u32>(rows.size()))];
    offset = draw_offset(size - address.bound - row.bytes, offset);
    if (is_load) offer(row.type, emit(row.op, row.type, {address.value}, kNone, offset));
    else emit(row.op, row.type, {address.value, pick(row.type)}, kNone, offset);
  }
}

/// At most `most`, mostly, whether that has a sign or not.
ValueId Body::limited(Type type, u64 most) {
  ValueId value = pick_or_convert(type);
  if (random_.coin()) return emit(Opcode::MinU, type, {value, literal(type, most)});
  value = emit(Opcode::MaxS, type, {value, literal(type, 0)});
  return emit(Opcode::MinS, type, {value, literal(type, most)});
}

/// Of values whose limits a compiler knows, and may add up wrongly.
ValueId Body::sum_of_limited(Type type) {
  const u64 most = random_.coin() ? u64{1} << random_.below(bits_of(type)) : edge_constant(random_, type);
  const u64 other = random_.coin() ? most : u64{1} << random_.below(bits_of(type));
  const ValueId a = limited(type, most), b = limited(type, other);
  return emit(random_.chance(3, 4) ? Opcode::Add : Opcode::Sub, type, {a, b});
}

/// Over the end by a byte or by far, or anywhere at all; now and then on one of two ways, and again where they meet.
void Body::access_out_of_bounds() {
  const bool is_load = random_.coin();
  const std::vector<Access>& rows = is_load ? index_.loads : index_.stores;
  const Access& row = rows[random_.below(static_cast<u32>(rows.size()))];
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  constexpr u64 kFar[] = {0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, 0x100000000, 0x7fffffffffffffff, ~u64{0}};
  ValueId address = kNone;
  u64 offset = 0;
  u64 bound = 0;
  switch (random_.below(5)) {
  case 0: // straddles the end, by one byte or all but one
    address = make_number(type, 1, bound);
    offset = module_->memory_size - random_.below(row.bytes + 1);
    break;
  case 1:
    address = make_number(type, 64, bound);
    offset = random_.pick(kFar);
    break;
  case 2: { // an index of elements that is one of bytes, or any
    const u64 mask = random_.coin() ? mask_below(module_->memory_size) : ~u64{0};
    address = scaled_index(mask, random_.below(4));
    offset = random_.below(16);
    break;
  }
  case 3: address = sum_of_limited(type); break;
  default:
    address = pick_or_convert(type);
    offset = random_.below(16);
    break;
  }
  const auto access = [&] {
    if (is_load) offer(row.type, emit(row.op, row.type, {address}, kNone, offset));
    else emit(row.op, row.type, {address, pick(row.type)}, kNone, offset);
  };
  if (random_.chance(1, 4)) {
    const ValueId chosen = condition();
    const BlockId way = emitter_.block(), join = emitter_.block();
    branch(chosen, {way}, {join});
    const Mark scope = mark();
    start(way);
    access();
    jump(join, {});
    release(scope);
    start(join);
  }
  access();
}

/// An address and a length whose sum wraps, to a place inside the memory or near its end.
void Body::memory_bulk_wrapping(Type type) {
  const u64 size = module_->memory_size;
  const u64 length = random_.coin() ? 1 + random_.below(64) : edge_constant(random_, type);
  const u64 end = random_.below(static_cast<u32>(std::min<u64>(size, 4096)) + 2);
  const ValueId to = literal(type, (end - length) & bit_mask(type));
  const ValueId byte = pick(Type::I8);
  emit(Opcode::MemoryFill, type, {to, byte, literal(type, length & bit_mask(type))});
}

void Body::memory_bulk() {
  const u64 size = module_->memory_size;
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  u64 bound = 0;
  if (random_.chance(config_.out_of_bounds) && random_.coin()) return memory_bulk_wrapping(type);
  switch (random_.below(7)) {
  case 0: return offer(type, emit(Opcode::MemorySize, type, {}));
  case 1: {
    const u64 pages = random_.chance(1, 8) ? edge_constant(random_, type) : random_.below(2);
    const ValueId amount = random_.coin() ? literal(type, pages) : masked(type, random_.below(2));
    return offer(type, emit(Opcode::MemoryGrow, type, {amount}));
  }
  case 2:
  case 3:
  case 4: {
    const ValueId to = make_number(type, size / 2, bound);
    const ValueId byte = pick(Type::I8);
    const ValueId length = make_number(type, std::min<u64>(size - bound, 48), bound);
    emit(Opcode::MemoryFill, type, {to, byte, length});
    return;
  }
  default: {
    u64 other = 0;
    const ValueId to = make_number(type, size / 2, bound);
    const ValueId from = make_number(type, size / 2, other);
    const ValueId length = make_number(type, std::min<u64>(size - std::max(bound, other), 48), bound);
    emit(Opcode::MemoryCopy, type, {to, from, length});
    return;
  }
  }
}

bool Body::store_to_memory(Type type, ValueId value) {
  if (!module_->has_memory || module_->memory_size < 16) return false;
  const u64 room = module_->memory_size - size_of(type);
  const ValueId address = literal(Type::I32, 0);
  emit(Opcode::Store, type, {address, value}, kNone, random_.below(static_cast<u32>(std::min<u64>(room, 4096)) + 1));
  return true;
}

} // namespace assay::fuzz
