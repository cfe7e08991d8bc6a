// regalloc_parallel_move.h - turns moves that happen at once into moves that happen one after another.
//
// Needs: destinations distinct. Leaves: the same final contents of every destination. A move is emitted when no
// pending move still reads its destination; what then remains are cycles, each broken through an extra
// spill slot, so that no register must be kept free for it: cycles of registers alone have one of their own, which is
// no more than a name for the emitter's scratch register. Linear in the moves; storage reused.
// (Boissinot et al., "Revisiting Out-of-SSA Translation", CGO 2009, algorithm 1, with a memory temporary.)
// Tested in compiler/codegen/tests/parallel_move_test.cpp.
#pragma once

#include "compiler/codegen/lir.h"

#include <vector>

namespace assay::codegen {

struct PendingMove {
  Location from, to;
  RegClass reg_class = RegClass::Int;
};

class ParallelMover {
public:
  /// Appends the sequence for `moves` to `out`, each before instruction `inst`. `slot_count` is the number of
  /// slots in use; those that cycles take are allocated from it on first need.
  void resolve(const std::vector<PendingMove>& moves, u32 inst, u32& slot_count, std::vector<Edit>& out);
  /// Forgets the slots for cycles: a new function begins.
  void reset() { temporary_ = register_cycle_ = kNone; }
  /// Allocation::cycle_slot.
  u32 register_cycle_slot() const { return register_cycle_; }

private:
  static u32 index_of(Location location) { return location.is_reg() ? location.bits : 64 + location.slot_index(); }
  static bool independent(const std::vector<PendingMove>& moves);
  void prepare(const std::vector<PendingMove>& moves, u32 slot_count);
  void drain(const std::vector<PendingMove>& moves, u32 inst, std::vector<Edit>& out);
  bool is_of_registers(const std::vector<PendingMove>& moves, u32 first) const;
  void break_cycle(const std::vector<PendingMove>& moves, u32 first, u32 inst, u32& slot_count, std::vector<Edit>& out);

  std::vector<u32> writer_;  // [location index]: the pending move that writes it, or kNone
  std::vector<u32> readers_; // [location index]: pending moves that read it
  std::vector<u8> done_;     // [move]
  std::vector<u32> ready_;   // moves whose destination nobody reads any more
  u32 temporary_ = kNone, register_cycle_ = kNone;
};

} // namespace assay::codegen
