// regalloc_parallel_move.cpp - see the header: a worklist of moves whose destination is no longer read, then cycles.
//
// The arrays are indexed by location and are all-clear between calls; only what a call touched is cleared.
// Tested in compiler/codegen/tests/parallel_move_test.cpp.
#include "compiler/codegen/regalloc_parallel_move.h"

#include "assay/errors.h"
#include "assay/planted.h"

namespace assay::codegen {

void ParallelMover::prepare(const std::vector<PendingMove>& moves, u32 slot_count) {
  const u32 size = 64 + slot_count + 2;
  if (writer_.size() < size) {
    writer_.resize(size, kNone);
    readers_.resize(size, 0);
  }
  done_.assign(moves.size(), 0);
  ready_.clear();
  for (u32 i = 0; i < moves.size(); ++i) {
    if (moves[i].from == moves[i].to) {
      done_[i] = 1;
      continue;
    }
    ASSAY_DCHECK(writer_[index_of(moves[i].to)] == kNone);
    writer_[index_of(moves[i].to)] = i;
    ++readers_[index_of(moves[i].from)];
  }
  for (u32 i = 0; i < moves.size(); ++i) {
    if (done_[i] == 0 && readers_[index_of(moves[i].to)] == 0) ready_.push_back(i);
  }
}

// Emits every move that can be; each makes its source's own writer ready when it was the last reader.
void ParallelMover::drain(const std::vector<PendingMove>& moves, u32 inst, std::vector<Edit>& out) {
  while (!ready_.empty()) {
    const u32 i = ready_.back();
    ready_.pop_back();
    const PendingMove& move = moves[i];
    out.push_back({inst, move.reg_class, move.from, move.to});
    done_[i] = 1;
    writer_[index_of(move.to)] = kNone;
    const u32 source = index_of(move.from);
    if (--readers_[source] == 0 && writer_[source] != kNone) ready_.push_back(writer_[source]);
  }
}

/// Of the cycle that `first` is on.
bool ParallelMover::is_of_registers(const std::vector<PendingMove>& moves, u32 first) const {
  u32 at = first;
  do {
    if (!moves[at].to.is_reg()) return false;
    at = writer_[index_of(moves[at].from)];
  } while (at != first);
  return true;
}

// `first` is on a cycle in which every location has exactly one reader. Saving the old value of its
// destination frees the cycle; the move that wanted that old value reads the temporary instead.
void ParallelMover::break_cycle(const std::vector<PendingMove>& moves, u32 first, u32 inst, u32& slot_count,
                                std::vector<Edit>& out) {
  u32& slot = is_of_registers(moves, first) ? register_cycle_ : temporary_;
  if (slot == kNone) slot = slot_count++;
  const Location temporary = Location::slot(slot);
  const Location saved = moves[first].to;
  if (!ASSAY_PLANTED(ra_cycle_dropped)) out.push_back({inst, moves[first].reg_class, saved, temporary});
  u32 current = first;
  while (true) {
    const PendingMove& move = moves[current];
    const bool last = moves[current].from == saved;
    out.push_back({inst, move.reg_class, last ? temporary : move.from, move.to});
    done_[current] = 1;
    writer_[index_of(move.to)] = kNone;
    readers_[index_of(move.from)] = 0;
    if (last) return;
    current = writer_[index_of(move.from)];
  }
}

/// No move reads what another writes, as far as one look tells: any order will do.
bool ParallelMover::independent(const std::vector<PendingMove>& moves) {
  u64 read = 0, written = 0;
  u32 slot_read = 0, slot_written = 0;
  for (const PendingMove& move : moves) {
    if (move.from == move.to) return false;
    slot_read |= static_cast<u32>(move.from.is_slot());
    slot_written |= static_cast<u32>(move.to.is_slot());
    read |= u64{move.from.is_reg() ? 1u : 0u} << (move.from.bits & 63);
    written |= u64{move.to.is_reg() ? 1u : 0u} << (move.to.bits & 63);
  }
  return (read & written) == 0 && (slot_read & slot_written) == 0;
}

void ParallelMover::resolve(const std::vector<PendingMove>& moves, u32 inst, u32& slot_count, std::vector<Edit>& out) {
  if (moves.empty()) return;
  if (moves.size() == 1) {
    if (!(moves[0].from == moves[0].to)) out.push_back({inst, moves[0].reg_class, moves[0].from, moves[0].to});
    return;
  }
  if (independent(moves)) {
    for (const PendingMove& move : moves) out.push_back({inst, move.reg_class, move.from, move.to});
    return;
  }
  prepare(moves, slot_count);
  drain(moves, inst, out);
  for (u32 i = 0; i < moves.size(); ++i) {
    if (done_[i] == 0) break_cycle(moves, i, inst, slot_count, out);
  }
}

} // namespace assay::codegen
