// memory_ops.cpp - linear memory, native memory, locals, globals (docs/air.md, "Operations").
//
// Linear memory is the Outcome's byte vector. Every bound is checked by subtraction from the size, so nothing
// wraps; a range that does not fit traps before a byte is written. Bytes are put together one by one, so host byte
// order and alignment do not matter. Native accesses go to live slots or refuse the run (pointers.cpp).
// Cost: the bytes touched. Tested in oracle/interpreter/tests/{memory,native}_test.cpp.
#include "oracle/interpreter/machine.h"

#include <algorithm>
#include <cstring>

namespace assay::oracle {

namespace {

u64 read_little_endian(const u8* bytes, u32 size) {
  u64 value = 0;
  for (u32 i = size; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

void write_little_endian(u8* bytes, u32 size, u64 value) {
  for (u32 i = 0; i < size; ++i) bytes[i] = static_cast<u8>(value >> (8 * i));
}

u64 sign_extend_bytes(u64 value, u32 size) {
  const u32 unused = 64 - 8 * size;
  return static_cast<u64>(static_cast<i64>(value << unused) >> unused);
}

/// Whether the bytes [address, address + length) of linear memory exist.
bool in_memory(const Machine& m, u64 address, u64 length) {
  const u64 size = m.out->memory.size();
  return address <= size && length <= size - address;
}

/// The bytes that an access of linear memory names, or null when one is outside. `size` is not 0.
u8* linear_bytes(Machine& m, const Inst& inst, u32 size) {
  const u64 address = m.operand(inst, 0);
  const u64 memory_size = m.out->memory.size();
  if (address > memory_size || inst.imm > memory_size - address) return nullptr;
  return in_memory(m, address + inst.imm, size) ? m.out->memory.data() + address + inst.imm : nullptr;
}

enum class Extend : u8 { Zero, Sign };

Flow load(Machine& m, const Inst& inst, u32 size, Extend extend) {
  const u8* bytes = linear_bytes(m, inst, size);
  if (bytes == nullptr) return m.trap(TrapKind::OutOfBounds);
  const u64 value = read_little_endian(bytes, size);
  return m.give_int(inst, extend == Extend::Sign ? sign_extend_bytes(value, size) : value);
}

Flow store(Machine& m, const Inst& inst, u32 size) {
  u8* bytes = linear_bytes(m, inst, size);
  if (bytes == nullptr) return m.trap(TrapKind::OutOfBounds);
  write_little_endian(bytes, size, m.operand(inst, 1));
  return Flow::Next;
}

Flow native_load(Machine& m, const Inst& inst, u32 size, Extend extend) {
  const u8* bytes = m.native_bytes(m.operand(inst, 0) + inst.imm, size);
  if (bytes == nullptr) return m.refuse("a native load outside of every live slot");
  const u64 value = read_little_endian(bytes, size);
  return m.give_int(inst, extend == Extend::Sign ? sign_extend_bytes(value, size) : value);
}

Flow native_store(Machine& m, const Inst& inst, u32 size) {
  u8* bytes = m.native_bytes(m.operand(inst, 0) + inst.imm, size);
  if (bytes == nullptr) return m.refuse("a native store outside of every live slot");
  write_little_endian(bytes, size, m.operand(inst, 1));
  return Flow::Next;
}

} // namespace

// -- linear memory -----------------------------------------------------------------------------------

ASSAY_EVALUATE(Load) { return load(m, inst, size_of(inst.type), Extend::Zero); }
ASSAY_EVALUATE(Load8S) { return load(m, inst, 1, Extend::Sign); }
ASSAY_EVALUATE(Load8U) { return load(m, inst, 1, Extend::Zero); }
ASSAY_EVALUATE(Load16S) { return load(m, inst, 2, Extend::Sign); }
ASSAY_EVALUATE(Load16U) { return load(m, inst, 2, Extend::Zero); }
ASSAY_EVALUATE(Load32S) { return load(m, inst, 4, Extend::Sign); }
ASSAY_EVALUATE(Load32U) { return load(m, inst, 4, Extend::Zero); }
ASSAY_EVALUATE(Store) { return store(m, inst, size_of(inst.type)); }
ASSAY_EVALUATE(Store8) { return store(m, inst, 1); }
ASSAY_EVALUATE(Store16) { return store(m, inst, 2); }
ASSAY_EVALUATE(Store32) { return store(m, inst, 4); }

ASSAY_EVALUATE(MemorySize) { return m.give(inst, m.out->memory.size() / kPageSize); }

ASSAY_EVALUATE(MemoryGrow) {
  const u64 pages = m.operand(inst, 0);
  const u64 size = m.out->memory.size();
  const u64 room = m.module->memory_max > size ? m.module->memory_max - size : 0;
  if (pages > room / kPageSize) return m.give_int(inst, ~u64{0});
  m.out->memory.resize(size + pages * kPageSize, u8{0});
  return m.give(inst, size / kPageSize);
}

ASSAY_EVALUATE(MemoryFill) {
  const u64 to = m.operand(inst, 0), length = m.operand(inst, 2);
  if (!in_memory(m, to, length)) return m.trap(TrapKind::OutOfBounds);
  if (!m.spend(length / kBytesPerStep)) return m.refuse("no end within the step limit");
  std::fill_n(m.out->memory.begin() + static_cast<std::ptrdiff_t>(to), length, static_cast<u8>(m.operand(inst, 1)));
  return Flow::Next;
}

ASSAY_EVALUATE(MemoryCopy) {
  const u64 to = m.operand(inst, 0), from = m.operand(inst, 1), length = m.operand(inst, 2);
  if (!in_memory(m, to, length) || !in_memory(m, from, length)) return m.trap(TrapKind::OutOfBounds);
  if (!m.spend(length / kBytesPerStep)) return m.refuse("no end within the step limit");
  if (length != 0) std::memmove(m.out->memory.data() + to, m.out->memory.data() + from, length);
  return Flow::Next;
}

// -- native memory -----------------------------------------------------------------------------------

ASSAY_EVALUATE(SlotAddr) { return m.give(inst, m.slot_pointer(inst.ref)); }
ASSAY_EVALUATE(PtrAdd) { return m.give(inst, m.operand(inst, 0) + m.operand(inst, 1)); }
ASSAY_EVALUATE(PLoad) { return native_load(m, inst, size_of(inst.type), Extend::Zero); }
ASSAY_EVALUATE(PLoad8S) { return native_load(m, inst, 1, Extend::Sign); }
ASSAY_EVALUATE(PLoad8U) { return native_load(m, inst, 1, Extend::Zero); }
ASSAY_EVALUATE(PLoad16S) { return native_load(m, inst, 2, Extend::Sign); }
ASSAY_EVALUATE(PLoad16U) { return native_load(m, inst, 2, Extend::Zero); }
ASSAY_EVALUATE(PLoad32S) { return native_load(m, inst, 4, Extend::Sign); }
ASSAY_EVALUATE(PLoad32U) { return native_load(m, inst, 4, Extend::Zero); }
ASSAY_EVALUATE(PStore) { return native_store(m, inst, size_of(inst.type)); }
ASSAY_EVALUATE(PStore8) { return native_store(m, inst, 1); }
ASSAY_EVALUATE(PStore16) { return native_store(m, inst, 2); }
ASSAY_EVALUATE(PStore32) { return native_store(m, inst, 4); }

// -- locals and globals ------------------------------------------------------------------------------

ASSAY_EVALUATE(LocalGet) { return m.give(inst, m.local(inst.ref)); }
ASSAY_EVALUATE(LocalSet) {
  m.local(inst.ref) = m.operand(inst, 0);
  return Flow::Next;
}
ASSAY_EVALUATE(GlobalGet) { return m.give(inst, m.out->globals[inst.ref]); }
ASSAY_EVALUATE(GlobalSet) {
  m.out->globals[inst.ref] = m.operand(inst, 0);
  return Flow::Next;
}

} // namespace assay::oracle
