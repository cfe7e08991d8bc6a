// regalloc_state.cpp - see the header: slots, register choice, the merge of definition stores into the edits.
//
// Each operation is constant time but for the choice of a victim, which looks at one register class.
// Tested through compiler/codegen/tests/regalloc_test.cpp.
#include "compiler/codegen/regalloc_state.h"

#include "assay/errors.h"
#include "assay/planted.h"

#include <algorithm>

namespace assay::codegen {

void AllocState::begin(const LirFunction& function, const Liveness& liveness, const RegisterFile& file,
                       const AllocOptions& options, Allocation& out) {
  function_ = &function;
  liveness_ = &liveness;
  file_ = &file;
  out_ = &out;
  std::fill(std::begin(owner_), std::end(owner_), kNone);
  occupied_ = 0;
  slot_count = 0;
  values_.assign(function.vreg_count(), Value{});
  for (VReg v = 0; v < values_.size(); ++v) values_[v].cursor = liveness.range(v).uses;
  slot_busy_until_.clear();
  stores_.clear();
  calls_left_ = static_cast<u32>(liveness.calls().size());
  for (u32 c = 0; c < 2; ++c) {
    const u32 count =
        options.max_registers == 0 ? file.order_count[c] : std::min<u32>(options.max_registers, file.order_count[c]);
    usable_[c] = 0;
    for (u32 i = 0; i < count; ++i) usable_[c] |= bit(file.order[c][i]);
  }
}

// A slot is free for a value when its last user's range ended before the value is defined. (A parameter's
// slot is written at the end of the predecessors; a value that still needed the slot there would be live into the
// block, so its range would reach the block's start.)
Location AllocState::slot_of(VReg vreg) {
  Value& value = values_[vreg];
  if (value.slot != kNone) return Location::slot(value.slot);
  const LiveRange& range = liveness_->range(vreg);
  u32 chosen = kNone;
  for (u32 s = 0; s < slot_busy_until_.size() && s < 64; ++s) {
    if (slot_busy_until_[s] < range.start || (ASSAY_PLANTED(ra_slot_shared) && slot_busy_until_[s] < range.end)) {
      chosen = s;
      break;
    }
  }
  if (chosen == kNone) {
    chosen = slot_count++;
    slot_busy_until_.resize(slot_count, 0xfffffffe); // slots taken by the parallel mover are never shared
  }
  slot_busy_until_[chosen] = range.end;
  value.slot = chosen;
  if (value.def_reg != kNoReg) store_definition(vreg);
  return Location::slot(chosen);
}

PReg AllocState::pick_free(RegClass reg_class, RegSet forbidden, VReg for_value, PReg hint) const {
  const RegSet free = usable(reg_class) & ~forbidden & ~occupied_;
  if (free == 0) return kNoReg;
  const bool crosses =
      for_value != kNone && calls_left_ != 0 && liveness_->range(for_value).end > liveness_->calls()[calls_left_ - 1];
  const RegSet kept = free & file_->callee_saved;
  if (hint != kNoReg && (free & bit(hint)) != 0 && (!crosses || (kept & bit(hint)) != 0)) return hint;
  const RegSet wanted = crosses && kept != 0 ? kept : free;
  const u32 c = static_cast<u32>(reg_class);
  for (u32 i = 0; i < file_->order_count[c]; ++i) {
    if ((wanted & bit(file_->order[c][i])) != 0) return file_->order[c][i];
  }
  return kNoReg;
}

PReg AllocState::furthest(RegSet candidates) const {
  PReg best = kNoReg;
  u32 best_use = 0;
  for (RegSet rest = candidates; rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    const u32 use = next_use(owner_[reg]);
    if (best == kNoReg || use > best_use) {
      best = reg;
      best_use = use;
    }
  }
  return best;
}

PReg AllocState::pick(RegClass reg_class, RegSet forbidden, VReg for_value, PReg hint) {
  const PReg free = pick_free(reg_class, forbidden, for_value, hint);
  if (free != kNoReg) return free;
  RegSet candidates = usable(reg_class) & ~forbidden;
  if (candidates == 0) {
    // max_registers is below what this one instruction needs: take from the whole class.
    const RegSet in_class = reg_class == RegClass::Int ? 0xffffffffu : ~RegSet{0xffffffffu};
    candidates = file_->allocatable & in_class & ~forbidden;
    ASSAY_CHECK(candidates != 0);
    const RegSet unowned = candidates & ~occupied_;
    if (unowned != 0) return static_cast<PReg>(std::countr_zero(unowned));
  }
  const PReg victim = furthest(candidates);
  evict(victim);
  return victim;
}

void AllocState::enter_block(u32 block) {
  const LirBlock& b = function_->blocks[block];
  block_ = block;
  block_last_ = b.first_inst + b.inst_count - 1;
  for (u32 succ : function_->succs_of(b)) {
    liveness_->for_each_live_in(succ, [&](VReg vreg) { values_[vreg].live_out = block; });
  }
}

void AllocState::finish() {
  std::vector<Edit>& edits = out_->edits;
  if (!stores_.empty()) {
    // Those of one instruction are independent of each other; their order must only be the same in every run.
    std::sort(stores_.begin(), stores_.end(),
              [](const Edit& a, const Edit& b) { return a.inst != b.inst ? a.inst < b.inst : a.to.bits < b.to.bits; });
    merged_.resize(stores_.size() + edits.size());
    std::merge(stores_.begin(), stores_.end(), edits.begin(), edits.end(), merged_.begin(),
               [](const Edit& a, const Edit& b) { return a.inst < b.inst; });
    edits.swap(merged_);
  }
  out_->slot_count = slot_count;
}

} // namespace assay::codegen
