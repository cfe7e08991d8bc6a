// alias.h - which memory an instruction reads or writes, as far as that can be told: classes, not addresses.
//
// Linear memory, stack slots and globals are apart; a pointer that does not come from slot_addr may lead to any of
// them (a host function may have given it). Calls write everything. O(1). Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/graph.h"

namespace assay::opt {

enum MemoryKind : u32 { kLinear, kSlots, kGlobals, kOther, kMemoryKinds };
/// One bit a kind.
using MemoryMask = u8;
inline constexpr MemoryMask kAllMemory = 15;
constexpr MemoryMask mask_of(MemoryKind kind) { return static_cast<MemoryMask>(1u << kind); }

/// What a load or store is about; kMemoryKinds for what reads and writes none.
MemoryKind kind_of(Graph& graph, const GraphInst& inst);
/// Kinds whose loads may give something else after the instruction.
MemoryMask written_by(Graph& graph, const GraphInst& inst);

} // namespace assay::opt
