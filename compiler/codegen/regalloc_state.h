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
  void begin(const LirFunction& function, const Liveness& liveness, const RegisterFile& file,
             const AllocOptions& options, Allocation& out);

  // -- values and registers
  VReg owner(PReg reg) const { return owner_[reg]; }
  PReg reg_of(VReg vreg) const { return values_[vreg].reg; }
  bool in_reg(VReg vreg) const { return values_[vreg].reg != kNoReg; }
  void assign(VReg vreg, PReg reg) {
    owner_[reg] = vreg;
    values_[vreg].reg = reg;
    occupied_ |= bit(reg);
  }
  void release(PReg reg) {
    if (owner_[reg] != kNone) values_[owner_[reg]].reg = kNoReg;
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
  /// Where the value is now: its register, else its slot.
  Location where(VReg vreg) { return in_reg(vreg) ? Location::reg(values_[vreg].reg) : slot_of(vreg); }

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
  PReg hint_of(VReg vreg) const { return liveness_->range(vreg).hint; }

  // -- liveness at the point of the walk
  void enter_block(u32 block);
  /// Whether the value is still needed after the instruction at `position` (its uses up to there consumed).
  bool live_after(VReg vreg) const {
    const Value& value = values_[vreg];
    return (value.cursor != kNone && liveness_->use(value.cursor).position <= block_last_) || value.live_out == block_;
  }
  void consume(VReg vreg, u32 position) {
    u32& cursor = values_[vreg].cursor;
    while (cursor != kNone && liveness_->use(cursor).position <= position) cursor = liveness_->use(cursor).next;
  }
  void pass_call() { --calls_left_; }

  // -- results
  /// Records where a value is when it is defined, for the store that a later eviction asks for.
  void defined_at(VReg vreg, PReg reg, u32 store_before) {
    Value& value = values_[vreg];
    value.def_reg = reg;
    value.store_before = store_before;
    if (value.slot != kNone) store_definition(vreg);
  }
  /// A block parameter that arrives in its slot: no store is needed.
  void defined_in_slot(VReg vreg) { slot_of(vreg); }
  /// Stores at definitions, merged before the edits of the same instruction.
  void finish();

  static constexpr PReg kNoReg = 255;
  u32 slot_count = 0;

private:
  struct Value {
    PReg reg = kNoReg;
    PReg def_reg = kNoReg;
    u32 slot = kNone;
    u32 cursor = kNone;       // the next use
    u32 live_out = kNone;     // the block that it was last found live out of
    u32 store_before = kNone; // with def_reg: where its store would stand
  };

  u32 next_use(VReg vreg) const {
    const u32 cursor = values_[vreg].cursor;
    return cursor == kNone ? 0xfffffff0u : liveness_->use(cursor).position;
  }
  void store_definition(VReg vreg) {
    const Value& value = values_[vreg];
    stores_.push_back(
        {value.store_before, function_->vreg_class[vreg], Location::reg(value.def_reg), Location::slot(value.slot)});
  }
  RegSet usable(RegClass reg_class) const { return usable_[static_cast<u32>(reg_class)]; }
  PReg furthest(RegSet candidates) const;

  const LirFunction* function_ = nullptr;
  const Liveness* liveness_ = nullptr;
  const RegisterFile* file_ = nullptr;
  Allocation* out_ = nullptr;
  VReg owner_[64] = {};
  RegSet occupied_ = 0;
  RegSet usable_[2] = {};     // after max_registers
  std::vector<Value> values_; // [VReg]
  std::vector<u32> slot_busy_until_;
  u32 calls_left_ = 0; // the next call is Liveness::calls()[calls_left_ - 1]
  std::vector<Edit> stores_, merged_;
  u32 block_ = kNone, block_last_ = 0;
};

} // namespace assay::codegen
