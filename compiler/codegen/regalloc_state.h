// regalloc_state.h - the allocator's view of the machine while it walks the code backwards.
//
// At each point of the walk: which value each register holds there, which values have a slot, which loops the point
// lies in. Values are defined once, so a value that has a slot is stored there right at its definition, the slot is
// right from there on, and eviction costs one reload.
// Slots: a slot is busy from the point where its value first asked for it (the last in layout order) up to the
// value's definition; a value that lives around a loop asks for the whole of the loop.
// Each operation is constant time but for the search of a slot and of a victim. Used by regalloc*.cpp only; tested
// through compiler/codegen/tests/regalloc_test.cpp.
#pragma once

#include "assay/planted.h"
#include "compiler/codegen/lir.h"
#include "compiler/codegen/regalloc.h"

#include <bit>
#include <vector>

namespace assay::codegen {

class AllocState {
public:
  static constexpr PReg kNoReg = 255;

  void begin(const LirFunction& function, const RegisterFile& file, const AllocOptions& options, Allocation& out);

  /// Whether a choice that need not be made may be; the place is the caller's.
  bool may(Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return decisions_->may(decision, file, line);
  }

  // -- values and registers
  VReg owner(PReg reg) const { return owner_[reg]; }
  PReg reg_of(VReg vreg) const { return values_[vreg].reg; }
  bool in_reg(VReg vreg) const { return values_[vreg].reg != kNoReg; }
  bool has_slot(VReg vreg) const { return values_[vreg].slot != kNone; }
  RegSet occupied() const { return occupied_; }
  RegClass class_of_value(VReg vreg) const { return classes_[vreg]; }
  void assign(VReg vreg, PReg reg) {
    owner_[reg] = vreg;
    values_[vreg].reg = reg;
    occupied_ |= bit(reg);
  }
  void release(PReg reg) {
    values_[owner_[reg]].reg = kNoReg;
    occupied_ &= ~bit(reg);
  }
  /// The same for a register that is known to be the value's.
  void release_from(VReg vreg, PReg reg) {
    values_[vreg].reg = kNoReg;
    occupied_ &= ~bit(reg);
  }
  void release_all() {
    for (RegSet rest = occupied_; rest != 0; rest &= rest - 1) values_[owner_[std::countr_zero(rest)]].reg = kNoReg;
    occupied_ = 0;
  }
  void set_hint(VReg vreg, PReg reg) { values_[vreg].hint = reg; }

  // -- slots
  /// The value's slot, made on first request.
  Location slot_of(VReg vreg);
  /// The walk has come to the value's definition: its slot is free for those that live only before.
  void free_slot(VReg vreg) {
    u32& slot = values_[vreg].slot;
    slot_low_[slot] = position;
    slot = kNone;
  }
  /// Its register, else its slot.
  Location where(VReg vreg) { return in_reg(vreg) ? Location::reg(values_[vreg].reg) : slot_of(vreg); }

  // -- choosing
  /// A free register outside `forbidden`, or kNoReg. What lives around the innermost loop gets a register that the loop
  /// does not write otherwise, if there is one; others keep away from those.
  PReg pick_free(RegClass reg_class, RegSet forbidden, VReg for_value) {
    RegSet free = usable_[static_cast<u32>(reg_class)] & ~(occupied_ | forbidden);
    if (free == 0) return kNoReg;
    if (for_value < loop_first_) {
      const RegSet unwritten = free & ~(written | reserved_);
      if (unwritten != 0) {
        const PReg reg = best_of(unwritten);
        reserved_ |= bit(reg);
        return reg;
      }
    }
    if (for_value != kNone) {
      const PReg hint = values_[for_value].hint & 63; // 63 stands for none, too
      if ((free >> hint & 1) != 0 && may(Decision::Hint)) return hint;
    }
    const RegSet unreserved = free & ~reserved_;
    return best_of(unreserved != 0 ? unreserved : free);
  }
  /// The register outside `locked` whose value is defined first, or, when an instruction needs more than
  /// max_registers, any of the class that is free: `evicts` says which.
  PReg victim(RegClass reg_class, RegSet locked, bool& evicts) const;
  bool allocatable(PReg reg) const { return (file_->allocatable >> reg & 1) != 0; }
  u32 free_count(RegClass reg_class) const {
    return static_cast<u32>(std::popcount(usable_[static_cast<u32>(reg_class)] & ~occupied_));
  }

  // -- edits, found in an order that is the reverse of execution
  void edit(u32 inst, RegClass reg_class, Location from, Location to) {
    if (to.is_reg() && !ASSAY_PLANTED(ra_moved_not_saved)) written |= bit(to.preg());
    unsorted_ |= inst > last_edit_;
    last_edit_ = inst;
    out_->edits.push_back({inst, reg_class, from, to});
  }
  /// Executed right behind the instruction at `position`.
  void edit_behind(RegClass reg_class, Location from, Location to);
  void finish();

  // -- blocks and loops
  void enter_block(const LirBlock& block) {
    block_ = &block;
    position = block.first_inst + block.inst_count - 1;
  }
  struct Loop {
    u32 header = 0, last = 0; // blocks
    u32 last_position = 0;
    u32 first_vreg = 0; // values below it are defined before the loop
    bool clean = false; // no way in but by the header
    RegSet outer_written = 0, outer_reserved = 0;
  };
  void push_loop(Loop loop);
  void pop_loop();
  bool in_loop() const { return !loops_.empty(); }
  const Loop& loop() const { return loops_.back(); }

  /// The first instruction of a landing pad.
  bool at_landing() const { return block_->landing_pad && position == block_->first_inst; }

  u32 position = 0;   // of the instruction that the walk is at
  RegSet written = 0; // by operands, edits and clobbers, in the innermost loop as far as walked
  u32 slot_count = 0;
  u32 cycle_slot = kNone; // Allocation's

private:
  struct Value {
    u32 slot;
    PReg reg;
    PReg hint;
    u16 unused;
  };

  /// By order of cost.
  PReg best_of(RegSet set) const {
    const RegSet volatile_set = set & ~file_->callee_saved, plain = volatile_set & ~file_->wanted_fixed;
    RegSet best = volatile_set != 0 ? volatile_set : set;
    best = plain != 0 ? plain : best;
    return static_cast<PReg>(std::countr_zero(best));
  }

  const LirFunction* function_ = nullptr;
  Decisions* decisions_ = nullptr;
  Decisions own_decisions_; // of who gives none: all may be taken
  const RegisterFile* file_ = nullptr;
  Allocation* out_ = nullptr;
  const RegClass* classes_ = nullptr;
  const LirBlock* block_ = nullptr;
  VReg owner_[64] = {};
  RegSet occupied_ = 0;
  RegSet usable_[2] = {}; // after max_registers
  RegSet reserved_ = 0;   // held for values that live around the innermost loop
  VReg loop_first_ = 0;   // values below it live around the innermost loop
  bool unsorted_ = false;
  u32 last_edit_ = 0;
  std::vector<Value> values_; // [VReg]; all bits set: nowhere
  std::vector<u32> slot_low_; // [slot]: busy at this position and before; kNone less one: the mover's
  std::vector<Loop> loops_;   // from the outermost
};

} // namespace assay::codegen
