// pointers.cpp - the numbers that `ptr` values have here, and what they lead to.
//
// A ptr is (name << 32 | offset). The name of a slot is made from a serial that no other slot of the run, alive or
// dead, has; functions and caught exceptions have a reserved serial each. Serials are multiplied by an odd constant
// (a bijection), so that names of neighbours are far apart: arithmetic that leaves one object does not land
// in another, and a number made up by a program names nothing. So a wild access is seen, with one
// binary search over live slots an access. Tested in oracle/interpreter/tests/native_test.cpp.
#include "oracle/interpreter/machine.h"

#include <algorithm>

namespace assay::oracle {

namespace {

constexpr u32 kSpread = 0x9e3779b1u;

/// The inverse of an odd number modulo 2^32, by Newton's iteration.
constexpr u32 inverse(u32 odd) {
  u32 x = odd; // right in the low 3 bits; each step doubles them
  for (int i = 0; i < 5; ++i) x *= 2 - odd * x;
  return x;
}
static_assert(kSpread * inverse(kSpread) == 1);

constexpr u32 kFunctionSerial = 0xffffffffu;
constexpr u32 kExceptionSerial = 0xfffffffeu;
constexpr u32 kLastSlotSerial = 0xffffff00u;
constexpr u32 kFunctionSpacing = 16;

u64 pointer_of(u32 serial, u32 offset) { return u64{serial * kSpread} << 32 | offset; }
u32 serial_of(u64 pointer) { return static_cast<u32>(pointer >> 32) * inverse(kSpread); }
u32 offset_of(u64 pointer) { return static_cast<u32>(pointer); }

} // namespace

void Machine::push_slots(const Function& callee) {
  for (const Slot& slot : callee.slots) {
    slots.push_back({next_serial, static_cast<u32>(slot_memory.size()), slot.size});
    slot_memory.resize(slot_memory.size() + slot.size, u8{0});
    next_serial = next_serial == 0 || next_serial == kLastSlotSerial ? 0 : next_serial + 1;
  }
}

u64 Machine::slot_pointer(SlotId slot) const { return pointer_of(slots[frames.back().first_slot + slot].serial, 0); }

u8* Machine::native_bytes(u64 pointer, u32 size) {
  const u32 serial = serial_of(pointer);
  const auto found = std::lower_bound(slots.begin(), slots.end(), serial,
                                      [](const LiveSlot& slot, u32 wanted) { return slot.serial < wanted; });
  if (found == slots.end() || found->serial != serial) return nullptr;
  const u32 offset = offset_of(pointer);
  if (offset > found->size || size > found->size - offset) return nullptr;
  return slot_memory.data() + found->offset + offset;
}

u64 Machine::function_pointer(FunctionId function) { return pointer_of(kFunctionSerial, function * kFunctionSpacing); }

FunctionId Machine::function_of(u64 pointer) const {
  const u32 offset = offset_of(pointer);
  if (serial_of(pointer) != kFunctionSerial || offset % kFunctionSpacing != 0) return kNone;
  const FunctionId id = offset / kFunctionSpacing;
  return id < module->functions.size() ? id : kNone;
}

u64 Machine::catch_flying() {
  if (caught.size() == kHeldExceptions) {
    caught.pop_front();
    ++caught_before;
  }
  caught.push_back(flying);
  return pointer_of(kExceptionSerial, caught_before + static_cast<u32>(caught.size()) - 1);
}

bool Machine::fly_again(u64 pointer) {
  const u32 index = offset_of(pointer) - caught_before;
  if (serial_of(pointer) != kExceptionSerial || index >= caught.size()) return false;
  flying = caught[index];
  return true;
}

} // namespace assay::oracle
