// ranges_resolve.cpp - slots, operand locations and moves, for ranges_walk.h: one walk over the code after the scan.
//
// Before an instruction's early position happen at once: the stores of what the last instruction defined, the moves of
// fixed definitions to their place, those between parts of an interval, and those to fixed and tied operands; all read
// what is there one position sooner. On edges move the values that live in different places at both ends: at the end of
// a block with one successor, else at the start of the successor. Slots are shared by values whose lives, from their
// definition to their last position, do not overlap.
// Constant an operand; an edge costs the values that were split among those live over it.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#include "compiler/codegen/ranges_walk.h"

#include "assay/errors.h"

#include <algorithm>
#include <bit>

namespace assay::codegen {

// ---- slots ---------------------------------------------------------------------------------------------------

void RangesWalk::give_slots() {
  slot_end_.assign(function_->constants.size(), ASSAY_PLANTED(a64_constant_slot) ? 0 : kNone);
  const auto start_of = [this](VReg vreg) { return intervals_[vreg].start; };
  std::sort(spilled_.begin(), spilled_.end(),
            [&](VReg a, VReg b) { return start_of(a) != start_of(b) ? start_of(a) < start_of(b) : a < b; });
  for (const VReg vreg : spilled_) {
    u32 last = vreg;
    while (intervals_[last].next != kNone) last = intervals_[last].next;
    const u32 end = intervals_[last].end - (ASSAY_PLANTED(rr_slot_shared) ? 6 : 0);
    const u32 limit = std::min<u32>(static_cast<u32>(slot_end_.size()), 64);
    Value& web = values_[web_of(vreg)];
    u32 slot = web.web_slot != kNone && slot_end_[web.web_slot] <= start_of(vreg) ? web.web_slot : 0;
    while (slot < limit && slot_end_[slot] > start_of(vreg)) ++slot;
    if (slot == limit || !may(Decision::SlotShared)) {
      slot = static_cast<u32>(slot_end_.size());
      slot_end_.push_back(0);
    }
    slot_end_[slot] = end;
    values_[vreg].slot = web.web_slot = slot;
  }
  out_->slot_count = static_cast<u32>(slot_end_.size());
}

// ---- moves ---------------------------------------------------------------------------------------------------

void RangesWalk::emit_moves(u32 inst) {
  if (moves_.empty()) return;
  for (const PendingMove& move : moves_) written_ |= move.to.is_reg() ? bit(move.to.preg()) : 0;
  mover_.resolve(moves_, inst, out_->slot_count, out_->edits);
  moves_.clear();
}

Location RangesWalk::place_of_part(VReg vreg, u32 pos) {
  u32 part = vreg;
  if (intervals_[part].next != kNone) {
    const u32 last = values_[vreg].last_part;
    if (last != kNone && intervals_[last].start <= pos) part = last;
    while (intervals_[part].next != kNone && intervals_[intervals_[part].next].start <= pos)
      part = intervals_[part].next;
    values_[vreg].last_part = part;
  }
  if (intervals_[part].start <= pos) return actual(intervals_[part]);
  const PReg reg = values_[vreg].fixed_def;
  return reg == kNoReg ? Location{} : Location::reg(reg);
}

/// The value was just defined there.
void RangesWalk::save(VReg vreg, Location from) {
  if (values_[vreg].spilled) moves_.push_back({from, Location::slot(values_[vreg].slot), class_of_value(vreg)});
}

/// Values that live over the edge, other than the parameters.
void RangesWalk::edge_moves(u32 from, u32 to) {
  const u32 leaves = end_of(from) - 1, arrives = entry_of(to);
  for (u32 w = 0; w < words_; ++w) {
    for (Words rest = live_in(to)[w] & split_[w]; rest != 0; rest &= rest - 1) {
      const VReg vreg = globals_[64 * w + static_cast<u32>(std::countr_zero(rest))];
      const Location place = place_at(vreg, arrives);
      if (place.is_slot()) continue; // as it is since the definition
      if (ASSAY_PLANTED(rr_edge_move_missing) && to <= from) continue;
      const Location source = place_at(vreg, leaves);
      if (source.valid()) move(source, place, vreg);
    }
  }
}

void RangesWalk::enter(u32 index) {
  const LirBlock& block = function_->blocks[index];
  if (block.pred_count != 1 || block.landing_pad) return;
  const u32 pred = function_->preds_of(block)[0];
  const LirBlock& before = function_->blocks[pred];
  if (before.succ_count == 1) return;
  edge_moves(pred, index);
  const u32 last = before.first_inst + before.inst_count - 1;
  const LirInst& terminator = function_->insts[last];
  for (u32 i = 0; i < terminator.operand_count; ++i) {
    const Operand& o = function_->operands[terminator.operands + i];
    if (o.role == Role::Def || o.role == Role::DefEarly) save(o.vreg, out_->locations[terminator.operands + i]);
  }
  emit_moves(block.first_inst);
}

void RangesWalk::leave(u32 index) {
  const LirBlock& block = function_->blocks[index];
  if (block.succ_count != 1) return;
  const u32 succ = function_->succs_of(block)[0];
  if (words_ != 0) edge_moves(index, succ);
  const auto params = function_->params_of(function_->blocks[succ]);
  const auto args = function_->args_of(block);
  const u32 leaves = end_of(index) - 1;
  for (u32 i = 0; i < params.size(); ++i) {
    if (intervals_[params[i]].start == kNone) continue; // nobody reads it
    move(place_at(args[i], leaves), actual(intervals_[params[i]]), params[i]);
  }
  emit_moves(block.first_inst + block.inst_count - 1);
}

// ---- instructions --------------------------------------------------------------------------------------------

/// Between parts of an interval.
void RangesWalk::parts(u32 pos) {
  for (u32 i = starts_[pos]; i != kNone; i = intervals_[i].chain) {
    const Interval& part = intervals_[i];
    if (part.prev == kNone || part.loc == kMemory) continue;
    if (ASSAY_PLANTED(rr_split_move_missing) && intervals_[part.prev].loc.is_reg()) continue;
    if (intervals_[part.prev].end == pos) move(actual(intervals_[part.prev]), part.loc, part.vreg);
  }
}

void RangesWalk::place(const LirInst& inst, u32 pos) {
  const Operand* operands = function_->operands.data() + inst.operands;
  Location* locations = out_->locations.data() + inst.operands;
  for (u32 i = 0; i < inst.def_count; ++i) {
    locations[i] = intervals_[operands[i].vreg].loc;
    written_ |= bit(locations[i].preg());
  }
  const u32 tied = inst.plan;
  VReg source = kNone;
  if (tied < LirInst::kUntied) {
    source = operands[tied].vreg;
    move(place_at(source, pos - 1), locations[0], source);
  }
  for (u32 i = inst.def_count; i < inst.operand_count; ++i)
    locations[i] = operands[i].vreg == source ? locations[0] : place_at(operands[i].vreg, pos);
}

/// Whether a part of the value begins there in that register.
bool RangesWalk::begins_in(VReg vreg, Location location, u32 pos) const {
  for (u32 i = starts_[pos]; i != kNone; i = intervals_[i].chain) {
    if (intervals_[i].vreg == vreg && intervals_[i].loc == location) return true;
  }
  return false;
}

/// What fixed and tied operands ask for.
void RangesWalk::demand(const LirInst& inst, u32 pos) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = function_->operands[inst.operands + i];
    Location& location = out_->locations[inst.operands + i];
    location = Location{};
    if (o.where == Where::Fixed) {
      location = Location::reg(o.index);
    } else if (o.role >= Role::Def) {
      location = o.where == Where::Tied && function_->operands[inst.operands + o.index].where == Where::Fixed
                     ? Location::reg(function_->operands[inst.operands + o.index].index)
                     : intervals_[o.vreg].loc;
    }
    if (o.role >= Role::Def) {
      written_ |= bit(location.preg());
      continue;
    }
    if (o.where != Where::Fixed) continue;
    const Location from = place_at(o.vreg, pos - 1);
    // Where a part of its own begins in that register the move is made already.
    if (!begins_in(o.vreg, location, pos)) move(from, location, o.vreg);
  }
}

void RangesWalk::place_general(const LirInst& inst, u32 pos) {
  demand(inst, pos);
  Location* locations = out_->locations.data() + inst.operands;
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = function_->operands[inst.operands + i];
    if (o.role != Role::Def || o.where != Where::Tied) continue;
    const Operand& source = function_->operands[inst.operands + o.index];
    if (source.where == Where::Fixed) continue;
    move(place_at(source.vreg, pos - 1), locations[i], source.vreg);
    for (u32 k = 0; k < inst.operand_count; ++k) {
      const Operand& same = function_->operands[inst.operands + k];
      if (same.vreg == source.vreg && same.role == Role::Use && same.where != Where::Fixed) locations[k] = locations[i];
    }
  }
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = function_->operands[inst.operands + i];
    if (!locations[i].valid()) locations[i] = place_at(o.vreg, pos + (o.role == Role::UseLate ? 1 : 0));
  }
}

/// Behind the instruction: stores of what it defined, moves to where that lives.
void RangesWalk::defined(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& o = function_->operands[inst.operands + i];
    if (o.role != Role::Def && o.role != Role::DefEarly) {
      if (inst.plan != LirInst::kGeneral) return; // definitions come first
      continue;
    }
    const Location from = out_->locations[inst.operands + i];
    save(o.vreg, from);
    const Interval& interval = intervals_[o.vreg];
    if (interval.start != kNone && interval.loc.is_reg() && interval.loc != kMemory) move(from, interval.loc, o.vreg);
  }
}

void RangesWalk::resolve_block(u32 index) {
  const LirBlock& block = function_->blocks[index];
  if (words_ != 0 || index != 0) enter(index);
  u32 pos = entry_of(index);
  for (const VReg param : function_->params_of(block)) {
    if (intervals_[param].start != kNone && intervals_[param].loc != kMemory && !ASSAY_PLANTED(rr_parameter_not_stored))
      save(param, intervals_[param].loc);
  }
  const u32 end = block.first_inst + block.inst_count;
  for (u32 i = block.first_inst; i < end; ++i) {
    pos += 2;
    const LirInst& inst = function_->insts[i];
    if (starts_[pos] != kNone) parts(pos);
    if (inst.plan != LirInst::kGeneral && inst.clobbers == 0) {
      place(inst, pos);
    } else {
      if (!block.landing_pad || i != block.first_inst) written_ |= function_->clobber_sets[inst.clobbers];
      place_general(inst, pos);
    }
    emit_moves(i);
    if (i + 1 != end) defined(inst);
  }
  leave(index);
}

void RangesWalk::resolve() {
  out_->edits.clear();
  out_->locations.resize(function_->operands.size());
  written_ = 0;
  mover_.reset();
  give_slots();
  for (u32 b = 0; b < function_->blocks.size(); ++b) resolve_block(b);
  out_->cycle_slot = mover_.register_cycle_slot();
  out_->written = written_;
}

} // namespace assay::codegen
