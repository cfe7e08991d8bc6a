// slots.cpp - see slots.h.
#include "compiler/opt/slots.h"

namespace assay::opt {

u64 with_slots(u64 bytes, std::span<const Slot> slots) {
  for (const Slot& slot : slots) bytes = ((bytes + slot.align - 1) & ~u64{slot.align - 1}) + slot.size;
  return bytes;
}

void zero_slot(Graph& graph, InstId before, u32 slot) {
  GraphInst address;
  address.op = Opcode::SlotAddr;
  address.ref = slot;
  const ValueId place = graph.insert(before, address, {}, true);
  graph.set_type(place, Type::Ptr);
  const u32 size = graph.slots()[slot].size;
  for (u32 at = 0; at < size;) {
    const Type type = size - at >= 8 ? Type::I64 : size - at >= 4 ? Type::I32 : size - at >= 2 ? Type::I16 : Type::I8;
    const ValueId operands[] = {place, graph.insert_const(before, type, 0)};
    GraphInst store;
    store.op = Opcode::PStore;
    store.type = type;
    store.imm = at;
    graph.insert(before, store, operands, false);
    at += size_of(type);
  }
}

} // namespace assay::opt
