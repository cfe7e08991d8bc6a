// regalloc_state.cpp - see the header: slots, victims, the order of edits, loops.
//
// Tested through compiler/codegen/tests/regalloc_test.cpp.
#include "compiler/codegen/regalloc_state.h"

#include "assay/errors.h"

#include <algorithm>
#include <cstring>

namespace assay::codegen {

namespace {

constexpr RegSet registers_of(RegClass reg_class) {
  return reg_class == RegClass::Int ? RegSet{0xffffffff} : ~RegSet{0xffffffff};
}

} // namespace

void AllocState::begin(const LirFunction& function, const RegisterFile& file, const AllocOptions& options,
                       Allocation& out) {
  ASSAY_DCHECK((file.allocatable >> 63) == 0); // the number that stands for "no hint"
  function_ = &function;
  decisions_ = options.decisions != nullptr ? options.decisions : &own_decisions_;
  file_ = &file;
  out_ = &out;
  classes_ = function.vreg_class.data();
  occupied_ = written = reserved_ = 0;
  loop_first_ = 0;
  slot_count = 0;
  unsorted_ = false;
  last_edit_ = kNone;
  slot_low_.clear();
  loops_.clear();
  const u32 count = function.vreg_count();
  if (values_.size() < count) values_.resize(std::max<std::size_t>(64, 2 * std::size_t{count}));
  if (count != 0) std::memset(static_cast<void*>(values_.data()), 0xff, count * sizeof(Value));
  for (const FixedDef& fixed : function.fixed_defs) values_[fixed.vreg].hint = fixed.reg;
  for (u32 c = 0; c < 2; ++c) {
    usable_[c] = file.allocatable & registers_of(static_cast<RegClass>(c));
    if (options.max_registers == 0 || options.max_registers >= file.order_count[c]) continue;
    usable_[c] = 0;
    for (u32 i = 0; i < options.max_registers; ++i) usable_[c] |= bit(file.order[c][i]);
  }
}

// A slot is free for a value whose last need lies here when all who had it are defined later. A value that lives around
// a loop is needed until the loop's end, whatever the walk has seen of it.
Location AllocState::slot_of(VReg vreg) {
  Value& value = values_[vreg];
  if (value.slot != kNone) return Location::slot(value.slot);
  // The outermost loop that it lives around: the deeper a loop, the higher its first value.
  const auto around = std::upper_bound(loops_.begin(), loops_.end(), vreg,
                                       [](VReg v, const Loop& loop) { return v < loop.first_vreg; });
  const u32 needed = around == loops_.end() ? position : around->last_position;
  u32 chosen = 0;
  const u32 limit = std::min<u32>(static_cast<u32>(slot_low_.size()), 64);
  while (chosen < limit && slot_low_[chosen] <= needed) ++chosen;
  if (chosen == limit || !may(Decision::SlotShared)) {
    chosen = slot_count++;
    slot_low_.resize(slot_count, 0); // slots taken by the parallel mover are never shared
  }
  slot_low_[chosen] = ASSAY_PLANTED(ra_slot_shared) ? position : 0;
  value.slot = chosen;
  return Location::slot(chosen);
}

PReg AllocState::victim(RegClass reg_class, RegSet locked, bool& evicts) const {
  RegSet candidates = usable_[static_cast<u32>(reg_class)] & occupied_ & ~locked;
  evicts = true;
  if (candidates == 0) {
    const RegSet all = file_->allocatable & registers_of(reg_class) & ~locked;
    const RegSet free = all & ~occupied_;
    ASSAY_CHECK(all != 0);
    evicts = free == 0;
    if (free != 0) return static_cast<PReg>(std::countr_zero(free));
    candidates = all;
  }
  PReg best = static_cast<PReg>(std::countr_zero(candidates));
  for (RegSet rest = candidates & (candidates - 1); rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    if (owner_[reg] < owner_[best]) best = reg;
  }
  return best;
}

// Behind a terminator is the start of each block that it leads to; those have no other predecessor.
void AllocState::edit_behind(RegClass reg_class, Location from, Location to) {
  if (position != block_->first_inst + block_->inst_count - 1) {
    edit(position + 1, reg_class, from, to);
    return;
  }
  for (u32 succ : function_->succs_of(*block_)) {
    const LirBlock& next = function_->blocks[succ];
    if (!next.landing_pad) edit(next.first_inst, reg_class, from, to); // there nothing is in a register
  }
}

namespace {

bool stands_before(const Edit& a, const Edit& b) { return a.inst < b.inst; }

/// Stable. Up to a few dozen by insertion, which allocates nothing.
void sort_edits(std::vector<Edit>& edits) {
  if (edits.size() > 48) {
    std::stable_sort(edits.begin(), edits.end(), stands_before);
    return;
  }
  for (std::size_t i = 1; i < edits.size(); ++i) {
    const Edit edit = edits[i];
    std::size_t at = i;
    for (; at != 0 && stands_before(edit, edits[at - 1]); --at) edits[at] = edits[at - 1];
    edits[at] = edit;
  }
}

} // namespace

// Found backwards; those at the start of a block may have been found when its predecessor was walked.
void AllocState::finish() {
  std::vector<Edit>& edits = out_->edits;
  std::reverse(edits.begin(), edits.end());
  if (unsorted_) sort_edits(edits);
  out_->slot_count = slot_count;
  out_->cycle_slot = cycle_slot;
  out_->written = written;
}

void AllocState::push_loop(Loop loop) {
  loop.outer_written = written;
  loop.outer_reserved = reserved_;
  written = reserved_ = 0;
  loops_.push_back(loop);
  loop_first_ = loop.clean ? loop.first_vreg : 0;
}

// What kept its register through this loop goes on to keep it through the loop around it.
void AllocState::pop_loop() {
  const Loop loop = loops_.back();
  loops_.pop_back();
  written |= loop.outer_written;
  reserved_ = loop.outer_reserved;
  loop_first_ = loops_.empty() || !loops_.back().clean ? 0 : loops_.back().first_vreg;
  for (RegSet rest = occupied_ & ~written; rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    if (owner_[reg] < loop_first_) reserved_ |= bit(reg);
  }
}

} // namespace assay::codegen
