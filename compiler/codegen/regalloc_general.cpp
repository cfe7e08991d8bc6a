// regalloc_general.cpp - allocation of an instruction that demands particular registers, writes early or reads late.
//
// The state behind the instruction is known, the one before it is made. First the definitions get their registers, then
// what lives in a register that the instruction takes makes way; moves behind the instruction put both where the state
// behind wants them, all at once. Then the uses get theirs: the state before the instruction. Moves before it fill
// registers that nothing else lives in, from ones that hold values before the instruction, so their order is free.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#include "compiler/codegen/regalloc_walk.h"

#include "assay/planted.h"

namespace assay::codegen {

// One look at every operand, without branches: which stages there is something to do for, which registers are named.
void AllocWalk::gather(const LirInst& inst) {
  RegSet named[5] = {}; // [Role]
  demand_ = {};
  tied_ = 0;
  for (const Operand& o : function_->operands_of(inst)) {
    const u32 role = static_cast<u32>(o.role), is_fixed = o.where == Where::Fixed ? 1 : 0;
    named[role] |= RegSet{is_fixed} << (o.index & 63);
    demand_.kinds |= 1u << (2 * role + is_fixed);
    tied_ |= u64{o.where == Where::Tied ? 1u : 0u} << (o.index & 63); // only the first 64 operands may be tied to
    demand_.wanted |= RegSet{o.role >= Role::Def ? 1u : 0u} << (state_.reg_of(o.vreg) & 63);
  }
  demand_.uses = named[0] | named[1];
  demand_.late_uses = named[1];
  demand_.defs = named[2] | named[3];
  demand_.early = named[3] | named[4];
  demand_.clobbers = function_->clobber_sets[inst.clobbers];
  if (!state_.at_landing()) state_.written |= demand_.clobbers;
  if (ASSAY_PLANTED(ra_clobber_forgotten)) demand_.clobbers &= ~clobber_left_out_;
}

/// A register for an operand; what lives in it makes way when none is free.
PReg AllocWalk::take(RegClass reg_class, RegSet forbidden, VReg for_value) {
  const PReg free = state_.pick_free(reg_class, forbidden | demand_.locked, for_value);
  if (free != kNoReg) return free;
  bool evicts = false;
  const PReg reg = state_.victim(reg_class, forbidden | demand_.locked, evicts);
  if (!evicts) return reg;
  const VReg owner = state_.owner(reg);
  const Location slot = state_.slot_of(owner);
  state_.release(reg);
  for (PendingMove& move : behind_) {
    if (move.from != Location::reg(reg)) continue;
    move.from = slot; // it had made way to here
    return reg;
  }
  move_behind(slot, Location::reg(reg), reg_class);
  return reg;
}

// ---- behind the instruction ----------------------------------------------------------------------------------

PReg AllocWalk::place_def(const LirInst& inst, const Operand& o) {
  if (o.where == Where::Fixed) return o.index;
  if (o.where == Where::Tied && operand(inst, o.index).where == Where::Fixed) return operand(inst, o.index).index;
  RegSet avoid = demand_.destroyed() | demand_.late_uses;
  // Its register is read, or written, while the fixed operands are read.
  if (o.where == Where::Tied || o.role == Role::DefEarly) avoid |= demand_.uses;
  const PReg wanted = state_.reg_of(o.vreg);
  if (wanted != kNoReg && (avoid & bit(wanted)) == 0) return wanted;
  return take(state_.class_of_value(o.vreg), avoid | demand_.wanted, o.vreg);
}

void AllocWalk::place_defs(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    if (o.role != Role::Def && o.role != Role::DefEarly) continue;
    const RegClass reg_class = state_.class_of_value(o.vreg);
    const PReg reg = place_def(inst, o), wanted = state_.reg_of(o.vreg);
    const Location place = Location::reg(reg);
    location(inst, i) = place;
    demand_.defs |= bit(reg);
    if (o.role == Role::DefEarly) demand_.early |= bit(reg);
    if (o.where == Where::Tied) demand_.locked |= bit(reg);
    state_.written |= bit(reg);
    if (wanted != kNoReg) {
      if (wanted != reg) move_behind(place, Location::reg(wanted), reg_class);
      state_.release(wanted);
    }
    if (!state_.has_slot(o.vreg)) continue;
    move_behind(place, state_.slot_of(o.vreg), reg_class);
    state_.free_slot(o.vreg);
  }
}

// What lives in a register that the instruction takes is elsewhere while it executes: in a register, else in its slot.
void AllocWalk::vacate(const LirInst& inst) {
  const RegSet destroyed = demand_.destroyed();
  const RegSet behind = state_.occupied();
  for (RegSet rest = behind & (destroyed | demand_.uses); rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    const VReg owner = state_.owner(reg);
    if ((destroyed & bit(reg)) == 0) {
      bool read_here = false;
      for (const Operand& o : function_->operands_of(inst))
        read_here |= o.vreg == owner && is_use(o) && o.where == Where::Fixed && o.index == reg;
      if (read_here) continue;
    }
    const RegClass reg_class = state_.class_of_value(owner);
    const RegSet forbidden = behind | destroyed | demand_.uses;
    const PReg to = options_.spill_all ? kNoReg : state_.pick_free(reg_class, forbidden, owner);
    state_.release(reg);
    if (to == kNoReg) {
      move_behind(state_.slot_of(owner), Location::reg(reg), reg_class);
    } else {
      state_.assign(owner, to);
      move_behind(Location::reg(to), Location::reg(reg), reg_class);
    }
  }
}

// ---- before the instruction ----------------------------------------------------------------------------------

void AllocWalk::move_before(VReg vreg, PReg to) {
  const RegClass reg_class = state_.class_of_value(vreg);
  if (!state_.in_reg(vreg) && !state_.has_slot(vreg)) {
    const PReg reg = take(reg_class, demand_.uses | demand_.early, vreg);
    state_.assign(vreg, reg);
  }
  const Location from = state_.where(vreg);
  if (from.is_reg()) demand_.locked |= bit(from.preg());
  before_.push_back({from, Location::reg(to), reg_class});
}

void AllocWalk::place_use(const LirInst& inst, u32 index, RegSet forbidden) {
  const Operand& o = operand(inst, index);
  PReg reg = state_.reg_of(o.vreg);
  if (reg == kNoReg) {
    if (o.where == Where::Any && state_.has_slot(o.vreg)) {
      location(inst, index) = state_.slot_of(o.vreg);
      return;
    }
    reg = take(state_.class_of_value(o.vreg), forbidden, o.vreg);
    state_.assign(o.vreg, reg);
  }
  location(inst, index) = Location::reg(reg);
  demand_.locked |= bit(reg);
}

/// First, since what is read late may not be in a register that is written.
void AllocWalk::place_late_uses(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    if (o.role == Role::UseLate && o.where != Where::Fixed) place_use(inst, i, demand_.destroyed() | demand_.uses);
  }
}

void AllocWalk::place_fixed_uses(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    if (o.where != Where::Fixed || !is_use(o)) continue;
    location(inst, i) = Location::reg(o.index);
    demand_.locked |= bit(o.index);
    if (state_.reg_of(o.vreg) == o.index) continue;
    const bool can_live_here = !state_.in_reg(o.vreg) && state_.allocatable(o.index);
    if (can_live_here && (state_.occupied() & bit(o.index)) == 0) state_.assign(o.vreg, o.index);
    else move_before(o.vreg, o.index);
  }
}

/// A tied operand is read in the register of its definition: a copy, when the value lives on elsewhere.
void AllocWalk::place_tied_uses(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    if (o.role != Role::Def || o.where != Where::Tied) continue;
    const Operand& source = operand(inst, o.index);
    if (source.where == Where::Fixed) continue;
    const PReg reg = location(inst, i).preg();
    location(inst, o.index) = Location::reg(reg);
    demand_.locked |= bit(reg);
    if (!state_.in_reg(source.vreg) && (state_.occupied() & bit(reg)) == 0) state_.assign(source.vreg, reg);
    else move_before(source.vreg, reg);
  }
}

void AllocWalk::place_uses(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    const bool is_tied = i < 64 && (tied_ >> i & 1) != 0;
    if (o.role == Role::Use && o.where != Where::Fixed && !is_tied) place_use(inst, i, demand_.uses | demand_.early);
  }
}

/// What the planted bug takes for a temporary.
PReg AllocWalk::of_some_use(const LirInst& inst, RegClass reg_class, PReg otherwise) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Location place = location(inst, i);
    if (is_use(operand(inst, i)) && place.is_reg() && class_of(place.preg()) == reg_class) return place.preg();
  }
  return otherwise;
}

void AllocWalk::place_temps(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = operand(inst, i);
    if (o.role != Role::Temp) continue;
    PReg reg = o.index;
    if (o.where != Where::Fixed) {
      const RegClass reg_class = state_.class_of_value(o.vreg);
      reg = take(reg_class, demand_.uses | demand_.destroyed(), kNone);
      if (ASSAY_PLANTED(ra_temp_overlaps_use)) reg = of_some_use(inst, reg_class, reg);
      demand_.early |= bit(reg);
    }
    demand_.locked |= bit(reg);
    state_.written |= bit(reg);
    location(inst, i) = Location::reg(reg);
  }
}

void AllocWalk::general(const LirInst& inst) {
  gather(inst);
  constexpr u32 defs = Demand::any(Role::Def) | Demand::any(Role::DefEarly);
  if ((demand_.kinds & defs) != 0) place_defs(inst);
  if ((state_.occupied() & (demand_.destroyed() | demand_.uses)) != 0) vacate(inst);
  if ((demand_.kinds & Demand::free(Role::UseLate)) != 0) place_late_uses(inst);
  if (demand_.uses != 0) place_fixed_uses(inst);
  if (tied_ != 0) place_tied_uses(inst);
  if ((demand_.kinds & Demand::free(Role::Use)) != 0) place_uses(inst);
  if ((demand_.kinds & Demand::any(Role::Temp)) != 0) place_temps(inst);
  if (!behind_.empty()) {
    sequence_.clear();
    mover_.resolve(behind_, state_.position, state_.slot_count, sequence_);
    for (std::size_t i = sequence_.size(); i-- != 0;)
      state_.edit_behind(sequence_[i].reg_class, sequence_[i].from, sequence_[i].to);
    behind_.clear();
  }
  for (const PendingMove& move : before_) state_.edit(state_.position, move.reg_class, move.from, move.to);
  before_.clear();
}

} // namespace assay::codegen
