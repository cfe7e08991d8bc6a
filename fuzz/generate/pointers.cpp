// pointers.cpp - stack slots, pointers into them, and native accesses that never leave them.
//
// Invariant: a Pointer's `before` and `after` are a lower bound of what lies on both sides of it within its
// slot, on every path. Blocks and functions are promised kPromisedBytes after a pointer parameter. A
// pointer is compared only with one of the same slot, and stored only in a cell that nothing else
// reads, so its number cannot be told. Constant time each. Tested in fuzz/generate/tests/.
#include "fuzz/generate/body.h"

#include <algorithm>
#include <bit>

namespace assay::fuzz {

void Body::offer_pointer(Pointer pointer) { pointers_.push_back(pointer); }

SlotId Body::new_slot(u32 bytes) {
  Range sizes = config_.slot_bytes;
  if (random_.chance(config_.large_slot)) sizes = config_.large_slot_bytes;
  else if (random_.chance(config_.medium_slot)) sizes = config_.medium_slot_bytes;
  const u32 size = std::max(bytes, random_.in(sizes));
  const u32 align = random_.chance(1, 40) ? 1u << random_.between(5, 12) : 1u << random_.below(5);
  const SlotId slot = emitter_.slot(size, align);
  open_slots_.push_back(slot);
  return slot;
}

Body::Pointer Body::slot_pointer(u32 bytes) {
  const std::vector<Slot>& slots = module_->functions[self_].slots;
  SlotId slot = kNone;
  const u32 count = static_cast<u32>(open_slots_.size());
  const u32 first = random_.below(count);
  for (u32 i = 0; i < count && slot == kNone; ++i) {
    const SlotId candidate = open_slots_[(first + i) % count];
    if (slots[candidate].size >= bytes) slot = candidate;
  }
  if (slot == kNone) slot = new_slot(bytes);
  const u32 size = module_->functions[self_].slots[slot].size;
  const Pointer pointer{emit(Opcode::SlotAddr, Type::None, {}, slot), 0, size, slot};
  offer_pointer(pointer);
  return pointer;
}

Body::Pointer Body::find_pointer(u32 bytes) {
  const u32 count = static_cast<u32>(pointers_.size());
  for (u32 tries = 0; tries < 3 && count != 0; ++tries) {
    const Pointer& pointer = pointers_[random_.below(count)];
    if (pointer.after >= bytes) return pointer;
  }
  return slot_pointer(bytes);
}

void Body::native_access() {
  if (random_.chance(1, 4)) return pointer_operation();
  if (random_.chance(1, 8)) return watched_bytes();
  const Pointer pointer = find_pointer(8);
  const u32 accesses = 1 + random_.below(3);
  u64 offset = 0;
  for (u32 i = 0; i < accesses; ++i) {
    const bool is_load = random_.coin();
    const std::vector<Access>& rows = is_load ? index_.pointer_loads : index_.pointer_stores;
    const Access& row = rows[random_.below(static_cast<u32>(rows.size()))];
    offset = draw_offset(pointer.after - row.bytes, offset);
    if (is_load) offer(row.type, emit(row.op, row.type, {pointer.value}, kNone, offset));
    else emit(row.op, row.type, {pointer.value, pick(row.type)}, kNone, offset);
  }
}

/// Bytes are written, perhaps written again through a pointer that may lead to them, and read where they were written.
void Body::watched_bytes() {
  const Pointer pointer = find_pointer(8), other = find_pointer(8);
  const Access& row = index_.pointer_stores[random_.below(static_cast<u32>(index_.pointer_stores.size()))];
  const Access& back = index_.pointer_loads[random_.below(static_cast<u32>(index_.pointer_loads.size()))];
  const u64 offset = draw_offset(std::min(pointer.after, other.after) - 8, 0);
  emit(row.op, row.type, {pointer.value, pick(row.type)}, kNone, offset);
  const Pointer either{emit(Opcode::Select, Type::Ptr, {condition(), pointer.value, other.value}),
                       std::min(pointer.before, other.before), std::min(pointer.after, other.after), kNone};
  offer_pointer(either);
  const Access& between = index_.pointer_stores[random_.below(static_cast<u32>(index_.pointer_stores.size()))];
  emit(between.op, between.type, {either.value, pick(between.type)}, kNone, offset);
  if (row.op == Opcode::PStore) offer(row.type, emit(Opcode::PLoad, row.type, {pointer.value}, kNone, offset));
  else offer(back.type, emit(back.op, back.type, {pointer.value}, kNone, offset));
}

void Body::pointer_operation() {
  const Pointer pointer = find_pointer(8);
  switch (random_.below(6)) {
  case 0: { // a constant step, backwards too
    const u32 position = random_.below(pointer.before + pointer.after + 1);
    const u64 step = u64{position} - pointer.before;
    const ValueId value = emit(Opcode::PtrAdd, Type::None, {pointer.value, literal(Type::I64, step)});
    return offer_pointer({value, position, pointer.before + pointer.after - position, pointer.origin});
  }
  case 1: { // a step known only at run time
    const u32 mask = (1u << (std::bit_width(pointer.after) - 1)) - 1;
    const ValueId step = masked(Type::I64, mask);
    const ValueId value = emit(Opcode::PtrAdd, Type::None, {pointer.value, step});
    return offer_pointer({value, pointer.before, pointer.after - mask, pointer.origin});
  }
  case 2: {
    const Pointer other = find_pointer(8);
    const ValueId value = emit(Opcode::Select, Type::Ptr, {condition(), pointer.value, other.value});
    return offer_pointer({value, std::min(pointer.before, other.before), std::min(pointer.after, other.after), kNone});
  }
  case 3: return pointer_compare();
  default: return pointer_cell();
  }
}

void Body::pointer_compare() {
  const Opcode op = random_.coin() ? Opcode::Eq : Opcode::Ne;
  if (random_.chance(1, 3)) {
    const ValueId a = literal(Type::Ptr, random_.below(2));
    return offer(Type::I8, emit(op, Type::Ptr, {a, literal(Type::Ptr, random_.below(2))}));
  }
  for (u32 i = 0; i + 1 < pointers_.size() && i < 6; ++i) {
    const Pointer& a = pointers_[pointers_.size() - 1 - i];
    const Pointer& b = pointers_[pointers_.size() - 2 - i];
    if (a.origin == kNone || a.origin != b.origin) continue;
    return offer(Type::I8, emit(op, Type::Ptr, {a.value, b.value}));
  }
  const Pointer only = slot_pointer(8);
  offer(Type::I8, emit(op, Type::Ptr, {only.value, only.value}));
}

/// A pointer goes through memory, or through a local, and comes back.
void Body::pointer_cell() {
  Pointer pointer = find_pointer(8);
  pointer.origin = kNone; // known here, but no longer plain to see
  if (locals_ && random_.coin()) {
    if (pointer_local_ == kNone) pointer_local_ = emitter_.local(Type::Ptr);
    emit(Opcode::LocalSet, Type::Ptr, {pointer.value}, pointer_local_);
    operation();
    pointer.value = emit(Opcode::LocalGet, Type::Ptr, {}, pointer_local_);
    return offer_pointer(pointer);
  }
  if (cell_ == kNone) cell_ = emitter_.slot(8, 8);
  const ValueId cell = emit(Opcode::SlotAddr, Type::None, {}, cell_);
  emit(Opcode::PStore, Type::Ptr, {cell, pointer.value});
  operation();
  pointer.value = emit(Opcode::PLoad, Type::Ptr, {cell});
  offer_pointer(pointer);
}

} // namespace assay::fuzz
