// regalloc.cpp - the walk: block by block, instruction by instruction, each given its locations and the moves before it.
//
// All moves wanted before one instruction (arguments into fixed registers, reloads, values making way) form one
// parallel move whose sources are read in the state before it. At the end of a block with one successor the
// state is brought to what that successor expects; the first edge seen to a block decides what that is.
// Invariant between instructions: each live value is in one register or in its slot (regalloc_state.h).
// Cost: near linear in operands plus live-in entries. Tested in compiler/codegen/tests/regalloc_test.cpp and, in
// every verifying build, by oracle/alloc.
#include "compiler/codegen/regalloc.h"

#include "assay/planted.h"
#include "compiler/codegen/regalloc_state.h"

#include <bit>

namespace assay::codegen {

namespace {

constexpr PReg kNoReg = AllocState::kNoReg;

bool is_use(const Operand& operand) { return operand.role == Role::Use || operand.role == Role::UseLate; }

} // namespace

struct RegisterAllocator::Impl {
  Result<void> run(const LirFunction& function, const RegisterFile& file, const AllocOptions& options, Allocation& out);

private:
  // One instruction's registers, by what stands against giving them to something else.
  struct Demand {
    RegSet fixed_uses = 0;   // read early by fixed operands
    RegSet fixed_early = 0;  // fixed Temp and DefEarly
    RegSet fixed_late = 0;   // fixed Def, and clobbers
    RegSet locked = 0;       // read by this instruction, or the target of a pending move
    RegSet late_reads = 0;   // UseLate
    RegSet early_writes = 0; // Temp, DefEarly
    RegSet defs = 0;         // Def, as far as decided
    u64 tied_sources = 0;    // operand numbers that a Def is tied to
    u32 def_count = 0;       // Def and DefEarly
    bool has_early = false;  // a Temp or DefEarly
  };

  struct EntryLocation {
    VReg vreg;
    PReg reg; // kNoReg: in its slot
  };

  void block(u32 index);
  void enter(u32 index);
  void plain_instruction(u32 position, const LirInst& inst);
  PReg reload(u32 position, VReg vreg, RegSet locked);
  PReg plain_tied_source(u32 position, const Operand& source, VReg def, RegSet locked);
  void define(u32 position, VReg vreg, PReg reg);
  void instruction(u32 position, const LirInst& inst);
  void gather(u32 position, const LirInst& inst);
  void move_fixed_uses(const LirInst& inst);
  void vacate(const LirInst& inst);
  void vacate_one(PReg reg, const LirInst& inst);
  void place_use(const LirInst& inst, u32 index);
  void place_tied_source(const LirInst& inst, u32 def_index);
  void place_early_writes(const LirInst& inst);
  void release_dead(const LirInst& inst);
  void place_defs(u32 position, const LirInst& inst);
  void leave(u32 index);
  void decide_entry(u32 from, u32 to, bool with_args);
  void match_entry(u32 from, u32 to);
  PReg place_param(VReg param, VReg arg, RegSet taken, bool arg_stays);

  bool read_late(const LirInst& inst, VReg vreg, u32 except) const;
  Location source_of(VReg vreg) { return moved_at_[vreg] == position_ ? moved_from_[vreg] : state_.where(vreg); }
  void move_to(VReg vreg, Location from, PReg to) {
    moves_.push_back({from, Location::reg(to), function_->vreg_class[vreg]});
    demand_.locked |= bit(to);
    if (!ASSAY_PLANTED(ra_moved_not_saved)) out_->written |= bit(to);
  }
  // The value's register becomes `to`; later moves of this instruction still read it where it was.
  void rehome(VReg vreg, PReg to) {
    const Location from = source_of(vreg);
    if (moved_at_[vreg] != position_) {
      moved_at_[vreg] = position_;
      moved_from_[vreg] = from;
    }
    if (state_.in_reg(vreg)) state_.release(state_.reg_of(vreg));
    state_.assign(vreg, to);
    move_to(vreg, from, to);
  }
  bool is_param_of(VReg vreg, u32 block_start) const {
    return liveness_.range(vreg).is_param && liveness_.range(vreg).start == block_start;
  }
  Location& location(const LirInst& inst, u32 index) { return out_->locations[inst.operands + index]; }

  const LirFunction* function_ = nullptr;
  const RegisterFile* file_ = nullptr;
  AllocOptions options_;
  Allocation* out_ = nullptr;
  Liveness liveness_;
  AllocState state_;
  ParallelMover mover_;
  Demand demand_;
  u32 position_ = 0;
  std::vector<PendingMove> moves_;
  std::vector<u32> moved_at_;        // [VReg]: the instruction that moved it
  std::vector<Location> moved_from_; // [VReg]: where it was before that
  std::vector<EntryLocation> entry_pool_;
  std::vector<u32> entry_first_, entry_count_; // [block]; kNone: not decided yet
  std::vector<u32> stamp_;                     // [VReg]: block whose live-in set it is known to be in
};

// Whether an operand other than `except` reads the value late.
bool RegisterAllocator::Impl::read_late(const LirInst& inst, VReg vreg, u32 except) const {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    if (i != except && operand.vreg == vreg && operand.role == Role::UseLate) return true;
  }
  return false;
}

// One look at every operand: what is demanded of which register, and the uses are counted as consumed.
void RegisterAllocator::Impl::gather(u32 position, const LirInst& inst) {
  demand_ = {};
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    const RegSet reg = operand.where == Where::Fixed ? bit(operand.index) : 0;
    switch (operand.role) {
    case Role::UseLate: demand_.late_reads |= reg; [[fallthrough]];
    case Role::Use:
      demand_.fixed_uses |= reg;
      state_.consume(operand.vreg, position);
      break;
    case Role::Def:
      demand_.fixed_late |= reg;
      demand_.defs |= reg;
      ++demand_.def_count;
      // Only the first 64 operands may be tied to.
      if (operand.where == Where::Tied) demand_.tied_sources |= u64{1} << operand.index;
      break;
    case Role::DefEarly: ++demand_.def_count; [[fallthrough]];
    case Role::Temp:
      demand_.fixed_early |= reg;
      demand_.has_early = true;
      break;
    }
  }
  if (inst.clobbers != 0) demand_.fixed_late |= function_->clobber_sets[inst.clobbers];
  if (ASSAY_PLANTED(ra_clobber_forgotten)) demand_.fixed_late &= ~bit(file_->order[0][3]);
  demand_.locked = demand_.fixed_uses;
  demand_.early_writes = demand_.fixed_early;
}

// Fixed uses read the state before the instruction, so their moves come first, from untouched places.
void RegisterAllocator::Impl::move_fixed_uses(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    if (operand.where != Where::Fixed || !is_use(operand)) continue;
    location(inst, i) = Location::reg(operand.index);
    if (state_.in_reg(operand.vreg) && state_.reg_of(operand.vreg) == operand.index) continue;
    move_to(operand.vreg, state_.where(operand.vreg), operand.index);
  }
}

// The owner of a register that this instruction takes goes to a free one, or to its slot.
void RegisterAllocator::Impl::vacate_one(PReg reg, const LirInst& inst) {
  const VReg owner = state_.owner(reg);
  bool fixed_here = false, plain_use = false;
  for (const Operand& operand : function_->operands_of(inst)) {
    if (operand.vreg != owner || !is_use(operand)) continue;
    if (operand.where == Where::Fixed) {
      fixed_here |= operand.index == reg;
    } else {
      plain_use = true;
    }
  }
  const bool early = ((demand_.fixed_uses & bit(reg)) != 0 && !fixed_here) || (demand_.fixed_early & bit(reg)) != 0;
  const bool late = (demand_.fixed_late & bit(reg)) != 0;
  const bool lives = state_.live_after(owner);
  if (!early && !(late && lives)) return; // read in place
  if (!lives && !plain_use) {
    // Only fixed operands read it, and their moves already know where it is.
    state_.release(reg);
    return;
  }
  const RegSet forbidden = demand_.locked | demand_.fixed_early | demand_.fixed_late;
  const PReg free =
      options_.spill_all ? kNoReg : state_.pick_free(function_->vreg_class[owner], forbidden, owner, kNoReg);
  if (free != kNoReg) {
    rehome(owner, free);
    return;
  }
  if (!early) return; // read in place; `release_dead` takes the register afterwards
  moved_at_[owner] = position_;
  moved_from_[owner] = Location::reg(reg);
  state_.evict(reg);
}

void RegisterAllocator::Impl::vacate(const LirInst& inst) {
  const RegSet taken = demand_.fixed_uses | demand_.fixed_early | demand_.fixed_late;
  for (RegSet rest = taken & state_.occupied(); rest != 0; rest &= rest - 1) {
    vacate_one(static_cast<PReg>(std::countr_zero(rest)), inst);
  }
}

void RegisterAllocator::Impl::place_use(const LirInst& inst, u32 index) {
  const Operand& operand = function_->operands[inst.operands + index];
  const VReg vreg = operand.vreg;
  const bool late = operand.role == Role::UseLate;
  const RegSet late_conflict = late ? demand_.fixed_late | demand_.fixed_early : demand_.fixed_early;
  if (state_.in_reg(vreg) && (bit(state_.reg_of(vreg)) & late_conflict) == 0) {
    location(inst, index) = Location::reg(state_.reg_of(vreg));
  } else if (operand.where == Where::Any && !state_.in_reg(vreg)) {
    location(inst, index) = state_.slot_of(vreg);
  } else {
    // An early read may share with what is written late, but then the value is lost there: the second choice.
    const RegSet forbidden = demand_.locked | demand_.fixed_early;
    const RegClass reg_class = function_->vreg_class[vreg];
    PReg reg = kNoReg;
    if (late || state_.can_pick(reg_class, forbidden | demand_.fixed_late)) {
      reg = state_.pick(reg_class, forbidden | demand_.fixed_late, vreg, kNoReg);
    } else {
      reg = state_.pick(reg_class, forbidden, vreg, kNoReg);
    }
    rehome(vreg, reg);
    location(inst, index) = Location::reg(reg);
  }
  if (location(inst, index).is_reg()) {
    demand_.locked |= bit(location(inst, index).preg());
    if (late) demand_.late_reads |= bit(location(inst, index).preg());
  }
}

// A tied definition overwrites the register of its source: fine when the source dies here, else a copy is made.
void RegisterAllocator::Impl::place_tied_source(const LirInst& inst, u32 def_index) {
  const Operand& def = function_->operands[inst.operands + def_index];
  const Operand& source = function_->operands[inst.operands + def.index];
  if (source.where == Where::Fixed) {
    location(inst, def_index) = location(inst, def.index);
    return;
  }
  const VReg vreg = source.vreg;
  const bool dies = !state_.live_after(vreg) && !read_late(inst, vreg, def.index);
  const RegSet conflict = demand_.fixed_early | demand_.fixed_late | demand_.fixed_uses;
  if (dies && state_.in_reg(vreg) && (bit(state_.reg_of(vreg)) & conflict) == 0) {
    location(inst, def.index) = Location::reg(state_.reg_of(vreg));
  } else {
    const Location from = source_of(vreg);
    const PReg reg =
        state_.pick(function_->vreg_class[vreg], demand_.locked | conflict, def.vreg, state_.hint_of(def.vreg));
    move_to(vreg, from, reg);
    location(inst, def.index) = Location::reg(reg);
  }
  demand_.locked |= bit(location(inst, def.index).preg());
  location(inst, def_index) = location(inst, def.index);
}

void RegisterAllocator::Impl::place_early_writes(const LirInst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    if (operand.role != Role::Temp && operand.role != Role::DefEarly) continue;
    PReg reg = operand.index;
    if (operand.where != Where::Fixed) {
      RegSet forbidden = demand_.locked | demand_.early_writes | demand_.fixed_late;
      if (ASSAY_PLANTED(ra_temp_overlaps_use)) forbidden = demand_.early_writes;
      reg = state_.pick(function_->vreg_class[operand.vreg], forbidden,
                        operand.role == Role::Temp ? kNone : operand.vreg, state_.hint_of(operand.vreg));
    }
    demand_.early_writes |= bit(reg);
    demand_.locked |= bit(reg);
    out_->written |= bit(reg);
    location(inst, i) = Location::reg(reg);
  }
}

// After the reads: values that die here free their registers, and registers that the instruction writes late
// are lost to what lived in them.
void RegisterAllocator::Impl::release_dead(const LirInst& inst) {
  for (const Operand& operand : function_->operands_of(inst)) {
    if (!is_use(operand)) continue;
    if (state_.in_reg(operand.vreg) && !state_.live_after(operand.vreg)) state_.release(state_.reg_of(operand.vreg));
  }
  for (RegSet rest = demand_.fixed_late & state_.occupied(); rest != 0; rest &= rest - 1) {
    state_.evict(static_cast<PReg>(std::countr_zero(rest)));
  }
}

void RegisterAllocator::Impl::place_defs(u32 position, const LirInst& inst) {
  if (demand_.tied_sources != 0 || demand_.defs != 0) {
    for (u32 i = 0; i < inst.operand_count; ++i) {
      const Operand& operand = function_->operands[inst.operands + i];
      if (operand.role != Role::Def || operand.where == Where::Reg) continue;
      if (operand.where == Where::Fixed) location(inst, i) = Location::reg(operand.index);
      demand_.defs |= bit(location(inst, i).preg());
    }
  }
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    if (operand.role != Role::Def && operand.role != Role::DefEarly) continue;
    if (operand.role == Role::Def && operand.where == Where::Reg) {
      const RegSet forbidden = demand_.late_reads | demand_.early_writes | demand_.defs | demand_.fixed_late;
      const PReg reg =
          state_.pick(function_->vreg_class[operand.vreg], forbidden, operand.vreg, state_.hint_of(operand.vreg));
      location(inst, i) = Location::reg(reg);
      demand_.defs |= bit(reg);
    }
    define(position, operand.vreg, location(inst, i).preg());
  }
}

// The value is now in `reg`, and from there goes to its slot when it ever gets one.
void RegisterAllocator::Impl::define(u32 position, VReg vreg, PReg reg) {
  out_->written |= bit(reg);
  if (state_.owner(reg) != kNone) state_.evict(reg);
  state_.defined_at(vreg, reg, position + 1);
  if (!state_.live_after(vreg)) return;
  state_.assign(vreg, reg);
  if (options_.spill_all) state_.evict(reg);
}

// ---- instructions that Liveness::plain tells of: most of them -----------------------------------------------

PReg RegisterAllocator::Impl::reload(u32 position, VReg vreg, RegSet locked) {
  const RegClass reg_class = function_->vreg_class[vreg];
  const PReg reg = state_.pick(reg_class, locked, vreg, kNoReg);
  out_->edits.push_back({position, reg_class, state_.slot_of(vreg), Location::reg(reg)});
  out_->written |= bit(reg);
  state_.assign(vreg, reg);
  return reg;
}

// The source's register when it dies here, else a copy's.
PReg RegisterAllocator::Impl::plain_tied_source(u32 position, const Operand& source, VReg def, RegSet locked) {
  const VReg vreg = source.vreg;
  if (state_.in_reg(vreg) && !state_.live_after(vreg)) return state_.reg_of(vreg);
  const RegClass reg_class = function_->vreg_class[vreg];
  const Location from = state_.where(vreg);
  const PReg reg = state_.pick(reg_class, locked, def, state_.hint_of(def));
  if (from != Location::reg(reg)) out_->edits.push_back({position, reg_class, from, Location::reg(reg)});
  out_->written |= bit(reg);
  return reg;
}

// One look at each operand, and edits one after the other, each in the state that the last one left.
void RegisterAllocator::Impl::plain_instruction(u32 position, const LirInst& inst) {
  const Operand* operands = function_->operands.data() + inst.operands;
  Location* locations = out_->locations.data() + inst.operands;
  const u32 count = inst.operand_count;
  u32 defs = 0, tied_def = kNone, tied = kNone;
  for (; defs < count && operands[defs].role == Role::Def; ++defs) {
    if (operands[defs].where != Where::Tied) continue;
    tied_def = defs;
    tied = operands[defs].index;
  }
  RegSet locked = 0;
  for (u32 i = defs; i < count; ++i) {
    const VReg vreg = operands[i].vreg;
    state_.consume(vreg, position);
    if (i == tied) continue;
    PReg reg = state_.reg_of(vreg);
    if (reg == kNoReg && operands[i].where == Where::Any) {
      locations[i] = state_.slot_of(vreg);
      continue;
    }
    if (reg == kNoReg) reg = reload(position, vreg, locked);
    locations[i] = Location::reg(reg);
    locked |= bit(reg);
  }
  RegSet taken = 0;
  if (tied != kNone) {
    const PReg reg = plain_tied_source(position, operands[tied], operands[tied_def].vreg, locked);
    locations[tied] = locations[tied_def] = Location::reg(reg);
    taken = bit(reg);
  }
  for (u32 i = defs; i < count; ++i) {
    const VReg vreg = operands[i].vreg;
    if (state_.in_reg(vreg) && !state_.live_after(vreg)) state_.release(state_.reg_of(vreg));
  }
  for (u32 i = 0; i < defs; ++i) {
    const VReg vreg = operands[i].vreg;
    if (i != tied_def) {
      const PReg reg = state_.pick(function_->vreg_class[vreg], taken, vreg, state_.hint_of(vreg));
      locations[i] = Location::reg(reg);
      taken |= bit(reg);
    }
    define(position, vreg, locations[i].preg());
  }
}

// ---- all others ----------------------------------------------------------------------------------------------

void RegisterAllocator::Impl::instruction(u32 position, const LirInst& inst) {
  position_ = position;
  moves_.clear();
  gather(position, inst);
  if ((demand_.fixed_uses | demand_.fixed_early | demand_.fixed_late) != 0) {
    if (demand_.fixed_uses != 0) move_fixed_uses(inst);
    vacate(inst);
  }
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Operand& operand = function_->operands[inst.operands + i];
    const bool tied = i < 64 && ((demand_.tied_sources >> i) & 1) != 0;
    if (is_use(operand) && operand.where != Where::Fixed && !tied) place_use(inst, i);
  }
  if (demand_.tied_sources != 0) {
    for (u32 i = 0; i < inst.operand_count; ++i) {
      const Operand& operand = function_->operands[inst.operands + i];
      if (operand.role == Role::Def && operand.where == Where::Tied) place_tied_source(inst, i);
    }
  }
  if (demand_.has_early) place_early_writes(inst);
  mover_.resolve(moves_, position, state_.slot_count, out_->edits);
  release_dead(inst);
  if (inst.clobbers != 0) {
    state_.pass_call();
    out_->written |= function_->clobber_sets[inst.clobbers];
  }
  if (demand_.def_count != 0) place_defs(position, inst);
  if (options_.spill_all) {
    for (RegSet rest = state_.occupied(); rest != 0; rest &= rest - 1)
      state_.evict(static_cast<PReg>(std::countr_zero(rest)));
  }
}

void RegisterAllocator::Impl::enter(u32 index) {
  state_.release_all();
  if (index == 0) return;
  ASSAY_CHECK(entry_first_[index] != kNone);
  const u32 first_inst = function_->blocks[index].first_inst;
  for (u32 i = 0; i < entry_count_[index]; ++i) {
    const EntryLocation& entry = entry_pool_[entry_first_[index] + i];
    if (entry.reg == kNoReg) continue;
    state_.assign(entry.vreg, entry.reg);
    out_->written |= bit(entry.reg);
    if (is_param_of(entry.vreg, first_inst)) {
      state_.defined_at(entry.vreg, entry.reg, first_inst);
    }
  }
}

// A register for a parameter on the first edge to its block: the argument's own when it dies on the edge.
PReg RegisterAllocator::Impl::place_param(VReg param, VReg arg, RegSet taken, bool arg_stays) {
  if (options_.spill_all) return kNoReg;
  if (!arg_stays && state_.in_reg(arg) && (taken & bit(state_.reg_of(arg))) == 0) return state_.reg_of(arg);
  const RegSet forbidden = taken | state_.occupied();
  return state_.pick_free(function_->vreg_class[param], forbidden, param, state_.hint_of(param));
}

void RegisterAllocator::Impl::decide_entry(u32 from, u32 to, bool with_args) {
  entry_first_[to] = static_cast<u32>(entry_pool_.size());
  RegSet taken = 0;
  liveness_.for_each_live_in(to, [&](VReg vreg) {
    const PReg reg = state_.reg_of(vreg);
    if (reg != kNoReg) taken |= bit(reg);
    entry_pool_.push_back({vreg, reg});
    stamp_[vreg] = to;
  });
  if (with_args) {
    const auto params = function_->params_of(function_->blocks[to]);
    const auto args = function_->args_of(function_->blocks[from]);
    for (u32 i = 0; i < params.size(); ++i) {
      if (liveness_.range(params[i]).uses == kNone) continue;
      const PReg reg = place_param(params[i], args[i], taken, stamp_[args[i]] == to);
      if (reg != kNoReg) taken |= bit(reg);
      entry_pool_.push_back({params[i], reg});
      if (reg == kNoReg) state_.defined_in_slot(params[i]);
    }
  }
  entry_count_[to] = static_cast<u32>(entry_pool_.size()) - entry_first_[to];
}

// Moves that bring this end of `from` to what `to` expects. Parameters stand after the live-ins, in order.
void RegisterAllocator::Impl::match_entry(u32 from, u32 to) {
  moves_.clear();
  const auto params = function_->params_of(function_->blocks[to]);
  const auto args = function_->args_of(function_->blocks[from]);
  u32 param = 0;
  for (u32 i = 0; i < entry_count_[to]; ++i) {
    const EntryLocation entry = entry_pool_[entry_first_[to] + i];
    VReg value = entry.vreg;
    const bool is_param = param < params.size() && is_param_of(value, function_->blocks[to].first_inst);
    if (is_param) {
      while (params[param] != value) ++param;
      value = args[param++];
    } else if (entry.reg == kNoReg) {
      state_.slot_of(value); // already right there
      continue;
    }
    const Location want = entry.reg == kNoReg ? state_.slot_of(entry.vreg) : Location::reg(entry.reg);
    const Location have = state_.where(value);
    if (have == want) continue;
    if (ASSAY_PLANTED(ra_edge_reload_missing) && have.is_slot() && !is_param) continue;
    moves_.push_back({have, want, function_->vreg_class[entry.vreg]});
    if (want.is_reg()) out_->written |= bit(want.preg());
  }
  const LirBlock& block = function_->blocks[from];
  mover_.resolve(moves_, block.first_inst + block.inst_count - 1, state_.slot_count, out_->edits);
}

void RegisterAllocator::Impl::leave(u32 index) {
  const LirBlock& block = function_->blocks[index];
  const auto succs = function_->succs_of(block);
  const bool single = succs.size() == 1;
  for (u32 succ : succs) {
    if (entry_first_[succ] == kNone) decide_entry(index, succ, single);
    if (single) match_entry(index, succ);
  }
}

void RegisterAllocator::Impl::block(u32 index) {
  const LirBlock& block = function_->blocks[index];
  enter(index);
  state_.enter_block(index);
  for (u32 i = block.first_inst; i < block.first_inst + block.inst_count; ++i) {
    if (liveness_.plain(i) && !options_.spill_all) plain_instruction(i, function_->insts[i]);
    else instruction(i, function_->insts[i]);
  }
  leave(index);
}

Result<void> RegisterAllocator::Impl::run(const LirFunction& function, const RegisterFile& file,
                                          const AllocOptions& options, Allocation& out) {
  function_ = &function;
  file_ = &file;
  options_ = options;
  out_ = &out;
  out.clear();
  out.locations.assign(function.operands.size(), Location{});
  if (!liveness_.compute(function)) {
    return Error{ErrorKind::Unsupported, "", 0, 0,
                 "a function too large for register allocation: over 33554432 live-in entries"};
  }
  state_.begin(function, liveness_, file, options, out);
  mover_.reset();
  moved_at_.assign(function.vreg_count(), kNone);
  moved_from_.resize(function.vreg_count());
  entry_pool_.clear();
  entry_first_.assign(function.blocks.size(), kNone);
  entry_count_.assign(function.blocks.size(), 0);
  stamp_.assign(function.vreg_count(), kNone);
  for (u32 b = 0; b < function.blocks.size(); ++b) block(b);
  state_.finish();
  return {};
}

RegisterAllocator::RegisterAllocator() : impl_(std::make_unique<Impl>()) {}
RegisterAllocator::~RegisterAllocator() = default;

Result<void> RegisterAllocator::run(const LirFunction& function, const RegisterFile& registers,
                                    const AllocOptions& options, Allocation& out) {
  return impl_->run(function, registers, options, out);
}

} // namespace assay::codegen
