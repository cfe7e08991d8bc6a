// regalloc_state.h - the allocator's view of the machine while it walks the code.
//
// Which value each register holds, which slot each value has, what the next use of a value is. Because LIR
// values are defined once, a value that has a slot is stored there right at its definition, so the slot is right
// everywhere and eviction costs nothing; `finish` says where those stores go. Slots are shared by values
// whose ranges (in layout order) do not overlap. Used by regalloc*.cpp only; tested through the allocator.
#pragma once

#include "compiler/codegen/lir.h"
#include "compiler/codegen/liveness.h"
#include "compiler/codegen/regalloc.h"
#include "compiler/codegen/regalloc_parallel_move.h"

#include <bit>
#include <vector>

namespace assay::codegen {

class AllocState {
public:
  void begin(const LirFunction& function, const Liveness& liveness, const RegisterFile& file, const AllocOptions& options,
             Allocation& out);

  // -- values and registers
  VReg owner(PReg reg) const { return owner_[reg]; }
  PReg reg_of(VReg vreg) const { return reg_[vreg]; }
  bool in_reg(VReg vreg) const { return reg_[vreg] != kNoReg; }
  void assign(VReg vreg, PReg reg) {
    owner_[reg] = vreg;
    reg_[vreg] = reg;
    occupied_ |= bit(reg);
  }
  void release(PReg reg) {
    if (owner_[reg] != kNone) reg_[owner_[reg]] = kNoReg;
    owner_[reg] = kNone;
    occupied_ &= ~bit(reg);
  }
  void release_all() {
    for (RegSet rest = occupied_; rest != 0; rest &= rest - 1) release(static_cast<PReg>(std::countr_zero(rest)));
  }
  RegSet occupied() const { return occupied_; }
  /// The value leaves its register; its slot is (or becomes) its home.
  void evict(PReg reg) {
    slot_of(owner_[reg]);
    release(reg);
  }
  /// The value's slot, made on first request.
  Location slot_of(VReg vreg);
  bool has_slot(VReg vreg) const { return slot_[vreg] != kNone; }
  /// Where the value is now: its register, else its slot.
  Location where(VReg vreg) { return in_reg(vreg) ? Location::reg(reg_[vreg]) : slot_of(vreg); }

  // -- choosing
  /// A register outside `forbidden`: the hint, a free one, else the one whose value is needed last,
  /// which is evicted. Values that live over a call prefer callee-saved registers.
  PReg pick(RegClass reg_class, RegSet forbidden, VReg for_value, PReg hint);
  /// Whether `pick` would find a register.
  bool can_pick(RegClass reg_class, RegSet forbidden) const {
    const RegSet in_class = reg_class == RegClass::Int ? 0xffffffffu : ~RegSet{0xffffffffu};
    return (file_->allocatable & in_class & ~forbidden) != 0;
  }
  /// A free register outside `forbidden`, or kNoReg.
  PReg pick_free(RegClass reg_class, RegSet forbidden, VReg for_value, PReg hint) const;
  PReg hint_of(VReg vreg) const { return hint_[vreg]; }

  // -- liveness at the point of the walk
  void enter_block(u32 block);
  /// Whether the value is still needed after the instruction at `position` (its uses up to there consumed).
  bool live_after(VReg vreg) const {
    const u32 next = cursor_[vreg];
    return (next < liveness_->uses_end(vreg) && liveness_->use_at(next) <= block_last_) || live_out_[vreg] == block_;
  }
  void consume(VReg vreg, u32 position) {
    u32& cursor = cursor_[vreg];
    while (cursor < liveness_->uses_end(vreg) && liveness_->use_at(cursor) <= position) ++cursor;
  }
  void pass_call() { ++next_call_; }

  // -- results
  /// Records where a value is when it is defined, for the store that a later eviction asks for.
  void defined_at(VReg vreg, PReg reg, u32 store_before) {
    def_reg_[vreg] = reg;
    store_before_[vreg] = store_before;
    if (slot_[vreg] != kNone) stores_.push_back({store_before, function_->vreg_class[vreg], Location::reg(reg), Location::slot(slot_[vreg])});
  }
  /// A block parameter that arrives in its slot: no store is needed.
  void defined_in_slot(VReg vreg) {
    slot_of(vreg);
  }
  /// Stores at definitions, merged before the edits of the same instruction.
  void finish();

  static constexpr PReg kNoReg = 255;
  u32 slot_count = 0;

private:
  u32 next_use(VReg vreg) const;
  RegSet usable(RegClass reg_class) const { return usable_[static_cast<u32>(reg_class)]; }
  PReg furthest(RegSet candidates) const;

  const LirFunction* function_ = nullptr;
  const Liveness* liveness_ = nullptr;
  const RegisterFile* file_ = nullptr;
  Allocation* out_ = nullptr;
  VReg owner_[64] = {};
  RegSet occupied_ = 0;
  RegSet usable_[2] = {}; // after max_registers
  std::vector<PReg> reg_, hint_, def_reg_;
  std::vector<u32> slot_, cursor_, live_out_, store_before_;
  std::vector<u32> slot_busy_until_;
  std::vector<u32> calls_; // positions of instructions that clobber
  u32 next_call_ = 0;
  std::vector<Edit> stores_, merged_;
  u32 block_ = kNone, block_last_ = 0;
};

} // namespace assay::codegen
