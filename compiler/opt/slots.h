// slots.h - stack slots of bodies that are entered again within one activation: copies, and loops made of tail calls.
//
// A slot is zero at each entry (docs/air.md), which lowering sees to once an activation. Linear in the slots' bytes,
// which kMostSlotBytes keeps few. Tested in compiler/opt/tests/inline_test.cpp and tail_test.cpp.
#pragma once

#include "compiler/opt/graph.h"

namespace assay::opt {

/// Of a body that is entered again: each entry stores so many zeros.
inline constexpr u64 kMostSlotBytes = 64;

/// Bytes of a frame that has these slots behind so many, as the verifier counts them for kMaxFrameSlots.
u64 with_slots(u64 bytes, std::span<const Slot> slots);
/// Stores zeros all over the slot, before this instruction.
void zero_slot(Graph& graph, InstId before, u32 slot);

} // namespace assay::opt
