// watched.cpp - a place that is stored to and read again, where a compiler may think that it knows what is there: a
// narrower store or load, the other way to a join. Loops that do the same are loops.cpp.
//
// A place is a global, linear memory, or a slot; address and offset of all its accesses are the same values, which is
// what value numbering looks for. What was read is brought where it can be seen. Constant time each.
// Tested in fuzz/generate/tests/generator_test.cpp, and by the bank of planted bugs.
#include "fuzz/generate/body.h"

#include <algorithm>

namespace assay::fuzz {

Body::Place Body::draw_place() {
  Place place;
  const u32 way = random_.below(3);
  if (way == 0 && !module_->globals.empty()) {
    place.global = random_.below(static_cast<u32>(module_->globals.size()));
    place.type = module_->globals[place.global].type;
    return place;
  }
  constexpr u32 kWidest = 8;
  place.type = random_type(random_);
  const u64 size = module_->memory_size;
  if (way != 1 && module_->has_memory && size >= 2 * kWidest) {
    const Address address = find_address(size - kWidest);
    place.load = Opcode::Load, place.store = Opcode::Store;
    place.address = address.value;
    place.offset = draw_offset(size - address.bound - kWidest, 0);
    return place;
  }
  const Pointer pointer = find_pointer(kWidest);
  place.load = Opcode::PLoad, place.store = Opcode::PStore;
  place.address = pointer.value;
  place.offset = draw_offset(pointer.after - kWidest, 0);
  return place;
}

ValueId Body::read(const Place& place) {
  if (place.address == kNone) return emit(place.load, place.type, {}, place.global);
  return emit(place.load, place.type, {place.address}, kNone, place.offset);
}

void Body::write(const Place& place, ValueId value) {
  if (place.address == kNone) emit(place.store, place.type, {value}, place.global);
  else emit(place.store, place.type, {place.address, value}, kNone, place.offset);
}

/// May be used from here on; and goes where it is seen whatever follows, now and then.
void Body::observe(Type type, ValueId value) {
  offer(type, value);
  if (random_.chance(1, 3)) show(type, value);
}

/// Into a global or memory, if there is one.
void Body::show(Type type, ValueId value) {
  const auto of_type = [&](const Global& global) { return global.type == type; };
  const auto found = std::find_if(module_->globals.begin(), module_->globals.end(), of_type);
  if (found == module_->globals.end()) store_to_memory(type, value);
  else emit(Opcode::GlobalSet, type, {value}, static_cast<GlobalId>(found - module_->globals.begin()));
}

void Body::watched_place() { return random_.coin() ? narrow_place() : place_over_join(); }

/// The low bytes are written and read again, as narrow ones or with what is beside them.
void Body::narrow_place() {
  Place place = draw_place();
  if (place.address == kNone) place = draw_place(); // globals have no parts
  constexpr Type kWide[] = {Type::I64, Type::I32, Type::I16};
  if (place.address == kNone || is_float(place.type) || place.type == Type::I8) place.type = random_.pick(kWide);
  if (place.address == kNone) {
    const Pointer pointer = find_pointer(8);
    place.load = Opcode::PLoad, place.store = Opcode::PStore;
    place.address = pointer.value;
  }
  const bool linear = place.load == Opcode::Load;
  const auto draw = [&](const std::vector<Access>& rows, u32 bytes) {
    const u32 count = static_cast<u32>(rows.size()), first = random_.below(count);
    for (u32 i = 0; i < count; ++i) {
      const Access& row = rows[(first + i) % count];
      if (row.type == place.type && (bytes == 0 ? row.bytes < size_of(row.type) : row.bytes == bytes)) return row;
    }
    return rows[first]; // never: each width has its form
  };
  if (random_.coin()) write(place, pick(place.type));
  const Access store = draw(linear ? index_.stores : index_.pointer_stores, 0);
  emit(store.op, store.type, {place.address, pick_or_convert(place.type)}, kNone, place.offset);
  if (random_.chance(2, 3)) {
    const Access load = draw(linear ? index_.loads : index_.pointer_loads, store.bytes);
    observe(load.type, emit(load.op, load.type, {place.address}, kNone, place.offset));
  }
  if (random_.coin()) observe(place.type, read(place));
}

/// What is there is known; one of two ways changes it; read where they meet.
void Body::place_over_join() {
  const Place place = draw_place();
  if (random_.coin()) write(place, pick(place.type));
  else offer(place.type, read(place));
  const ValueId chosen = condition();
  const BlockId way = emitter_.block(), join = emitter_.block();
  branch(chosen, {way}, {join});
  const Mark scope = mark();
  start(way);
  if (random_.chance(1, 4)) operation();
  write(place, pick(place.type));
  jump(join, {});
  release(scope);
  start(join);
  observe(place.type, read(place));
}

/// A slot that nothing else uses is read, shown, and written: at the next entry it is zero again.
void Body::remembered_slot() {
  const Type type = random_type(random_);
  const ValueId pointer = emit(Opcode::SlotAddr, Type::None, {}, emitter_.slot(8, 8));
  const ValueId found = emit(Opcode::PLoad, type, {pointer}, kNone, 0);
  show(type, found);
  offer(type, found);
  emit(Opcode::PStore, type, {pointer, combine(type, found, pick_or_convert(type))}, kNone, 0);
}

} // namespace assay::fuzz
