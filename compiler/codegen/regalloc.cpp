// regalloc.cpp - the walk over blocks and edges, and the instructions that demand no particular register.
//
// See regalloc_walk.h for the method. Every block leaves its entry state behind; moves that an edge needs stand
// before the terminator of a block with one successor, or at the start of a block with one predecessor.
// Tested in compiler/codegen/tests/regalloc_test.cpp and, in every verifying build, by oracle/alloc.
#include "compiler/codegen/regalloc.h"

#include "assay/planted.h"
#include "compiler/codegen/regalloc_walk.h"

#include <algorithm>

namespace assay::codegen {

// ---- instructions --------------------------------------------------------------------------------------------

PReg AllocWalk::pick(RegClass reg_class, RegSet locked, VReg for_value) {
  const PReg reg = state_.pick_free(reg_class, locked, for_value);
  if (reg != kNoReg) return reg;
  bool evicts = false;
  const PReg victim = state_.victim(reg_class, locked, evicts);
  if (evicts) {
    state_.edit_behind(reg_class, state_.slot_of(state_.owner(victim)), Location::reg(victim));
    state_.release(victim);
  }
  return victim;
}

/// The value has a slot as well: it is stored there.
void AllocWalk::save_defined(VReg vreg, PReg reg) {
  state_.edit_behind(state_.class_of_value(vreg), Location::reg(reg), state_.slot_of(vreg));
  state_.free_slot(vreg);
}

/// Gives the register that is written, as a set.
ASSAY_ALWAYS_INLINE RegSet AllocWalk::define(const Operand& operand, Location& location, RegSet locked) {
  const VReg vreg = operand.vreg;
  PReg reg = state_.reg_of(vreg);
  if (reg == kNoReg) reg = pick(state_.class_of_value(vreg), locked, vreg); // dead, or only in its slot
  else state_.release_from(vreg, reg);
  location = Location::reg(reg);
  if (state_.has_slot(vreg)) save_defined(vreg, reg);
  return bit(reg);
}

/// A use that is read in the register of its definition, which is free before the instruction.
ASSAY_ALWAYS_INLINE RegSet AllocWalk::tie(const Operand& operand, Location& location, Location to) {
  const VReg vreg = operand.vreg;
  const PReg from = state_.reg_of(vreg);
  location = to;
  if (from == kNoReg) {
    state_.assign(vreg, to.preg());
    return bit(to.preg());
  }
  state_.edit(state_.position, state_.class_of_value(vreg), Location::reg(from), to); // it lives on there
  return bit(to.preg()) | bit(from);
}

/// The last use of a value gives it a register.
RegSet AllocWalk::place_unplaced(const Operand& operand, Location& location, RegSet locked) {
  const VReg vreg = operand.vreg;
  if (operand.where == Where::Any && state_.has_slot(vreg)) {
    location = state_.slot_of(vreg);
    return 0;
  }
  const PReg reg = pick(state_.class_of_value(vreg), locked, vreg);
  state_.assign(vreg, reg);
  location = Location::reg(reg);
  return bit(reg);
}

/// Gives the registers that it reads.
ASSAY_ALWAYS_INLINE RegSet AllocWalk::read(const Operand& operand, Location& location, RegSet locked) {
  const PReg reg = state_.reg_of(operand.vreg);
  if (reg == kNoReg) return place_unplaced(operand, location, locked);
  location = Location::reg(reg);
  return bit(reg);
}
void AllocWalk::plain(const LirInst& inst) {
  const Operand* operands = function_->operands.data() + inst.operands;
  Location* locations = out_->locations.data() + inst.operands;
  RegSet locked = 0;
  for (u32 i = 0; i < inst.def_count; ++i) locked |= define(operands[i], locations[i], locked);
  state_.written |= locked;
  locked = 0;
  const u32 tied = inst.plan;
  if (tied < LirInst::kUntied) locked = tie(operands[tied], locations[tied], locations[0]);
  for (u32 i = inst.def_count; i < inst.operand_count; ++i) {
    if (i != tied) locked |= read(operands[i], locations[i], locked);
  }
}

// ---- leaving a block: the state at its end -------------------------------------------------------------------

/// Executes moves_ before `inst`, and before all edits found for it so far.
void AllocWalk::emit_moves(u32 inst) {
  sequence_.clear();
  mover_.resolve(moves_, inst, state_.slot_count, sequence_);
  for (std::size_t i = sequence_.size(); i-- != 0;)
    state_.edit(inst, sequence_[i].reg_class, sequence_[i].from, sequence_[i].to);
  moves_.clear();
}

void AllocWalk::load(u32 index) {
  state_.release_all();
  const Entries entries = entries_[index];
  for (u32 i = entries.first; i < entries.first + entries.count; ++i)
    state_.assign(entry_pool_[i].vreg, entry_pool_[i].reg);
}

// Brings a further successor's entry state in, where it agrees with the state; what does not is moved at its start.
void AllocWalk::merge(u32 succ) {
  const Entries entries = entries_[succ];
  const bool leaves_loop = state_.in_loop() && succ > state_.loop().last;
  for (u32 i = entries.first; i < entries.first + entries.count; ++i) {
    const auto [vreg, reg] = entry_pool_[i];
    const RegClass reg_class = state_.class_of_value(vreg);
    const PReg now = state_.reg_of(vreg);
    if (now == reg) continue;
    if (now == kNoReg && !(leaves_loop && vreg < state_.loop().first_vreg)) {
      if ((state_.occupied() & bit(reg)) == 0) {
        state_.assign(vreg, reg);
        continue;
      }
      if (state_.free_count(reg_class) > 3) state_.assign(vreg, state_.pick_free(reg_class, 0, vreg));
    }
    if (ASSAY_PLANTED(ra_edge_reload_missing) && !state_.in_reg(vreg)) {
      state_.slot_of(vreg);
      continue;
    }
    moves_.push_back({state_.where(vreg), Location::reg(reg), reg_class});
  }
  emit_moves(function_->blocks[succ].first_inst);
}

/// On the first edge back to its header: where a parameter shall arrive.
void AllocWalk::choose_home(VReg param, Location& home, RegSet& taken) {
  const RegClass reg_class = state_.class_of_value(param);
  if (!options_.spill_all && state_.free_count(reg_class) > 3) {
    const PReg reg = state_.pick_free(reg_class, taken, kNone);
    if (reg != kNoReg) {
      home = Location::reg(reg);
      taken |= bit(reg);
      state_.written |= bit(reg); // no other value may count on it around the loop
      state_.set_hint(param, reg);
      return;
    }
  }
  home = state_.slot_of(param);
}

/// Where an argument is that goes elsewhere.
Location AllocWalk::place_arg(VReg arg, RegSet taken) {
  if (!state_.in_reg(arg) && !state_.has_slot(arg) && !options_.spill_all) {
    const PReg reg = state_.pick_free(state_.class_of_value(arg), taken, arg);
    if (reg != kNoReg) state_.assign(arg, reg);
  }
  return state_.where(arg);
}

void AllocWalk::pass_args(u32 from, u32 to) {
  const auto params = function_->params_of(function_->blocks[to]);
  const auto args = function_->args_of(function_->blocks[from]);
  Location* homes = homes_.data() + function_->blocks[to].params;
  RegSet taken = 0;
  for (u32 i = 0; i < params.size(); ++i) {
    if (homes[i].is_reg()) taken |= bit(homes[i].preg());
  }
  for (u32 i = 0; i < params.size(); ++i) {
    if (!homes[i].valid()) {
      if (to > from) continue; // nobody reads it
      choose_home(params[i], homes[i], taken);
    }
    const bool to_reg = homes[i].is_reg();
    if (to_reg && !state_.in_reg(args[i]) && (state_.occupied() & bit(homes[i].preg())) == 0) {
      state_.assign(args[i], homes[i].preg());
      continue;
    }
    moves_.push_back({place_arg(args[i], taken), homes[i], state_.class_of_value(args[i])});
  }
  if (!moves_.empty()) emit_moves(state_.position);
}

void AllocWalk::leave(u32 index) {
  const auto succs = function_->succs_of(function_->blocks[index]);
  if (succs.size() == 1) {
    if (succs[0] <= index) state_.release_all();
    else if (state_block_ != succs[0]) load(succs[0]);
    if (function_->blocks[succs[0]].param_count != 0) pass_args(index, succs[0]);
    return;
  }
  // Inside a loop nothing is kept in a register just because the code behind the loop wants it there.
  const bool leaves_loop = state_.in_loop() && state_block_ > state_.loop().last;
  const bool keep = !leaves_loop && std::find(succs.begin(), succs.end(), state_block_) != succs.end() &&
                    state_.may(Decision::KeptOverBranch);
  if (!keep) state_.release_all();
  for (u32 succ : succs) {
    if (!keep || succ != state_block_) merge(succ);
  }
}

// ---- the start of a block: its entry state -------------------------------------------------------------------

void AllocWalk::settle_params(u32 index) {
  const LirBlock& block = function_->blocks[index];
  const auto params = function_->params_of(block);
  for (u32 i = 0; i < params.size(); ++i) {
    const VReg param = params[i];
    Location& home = homes_[block.params + i];
    const PReg reg = state_.reg_of(param);
    const RegClass reg_class = state_.class_of_value(param);
    if (!home.valid()) {
      if (reg != kNoReg) home = Location::reg(reg);
      else if (state_.has_slot(param)) home = state_.slot_of(param);
    }
    if (reg != kNoReg) {
      if (home != Location::reg(reg)) moves_.push_back({home, Location::reg(reg), reg_class});
      state_.release(reg);
      state_.written |= bit(reg);
    }
    if (!state_.has_slot(param)) continue;
    if (home != state_.slot_of(param)) moves_.push_back({home, state_.slot_of(param), reg_class});
    state_.free_slot(param);
  }
}

/// At a loop's header: what is live around the loop is in its slot, or in a register that the loop never wrote.
void AllocWalk::settle_loop() {
  const RegSet kept = state_.loop().clean ? ~state_.written : 0;
  for (RegSet rest = state_.occupied() & ~kept; rest != 0; rest &= rest - 1)
    fill_at_start(static_cast<PReg>(std::countr_zero(rest)));
}

/// The register's value lies in its slot where the block begins, and is loaded there.
void AllocWalk::fill_at_start(PReg reg) {
  const VReg vreg = state_.owner(reg);
  moves_.push_back({state_.slot_of(vreg), Location::reg(reg), state_.class_of_value(vreg)});
  state_.release(reg);
}

void AllocWalk::start(u32 index) {
  const LirBlock& block = function_->blocks[index];
  state_.position = block.first_inst;
  const bool is_header = state_.in_loop() && state_.loop().header == index;
  if (block.param_count != 0) settle_params(index);
  if (is_header) settle_loop();
  for (RegSet rest = state_.occupied(); rest != 0; rest &= rest - 1)
    if (!state_.may(Decision::CarriedIntoBlock)) fill_at_start(static_cast<PReg>(std::countr_zero(rest)));
  if (!moves_.empty()) emit_moves(block.first_inst);
  if (is_header) state_.pop_loop();
  Entries& entries = entries_[index];
  entries.first = static_cast<u32>(entry_pool_.size());
  for (RegSet rest = state_.occupied(); rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    entry_pool_.push_back({state_.owner(reg), reg});
  }
  entries.count = static_cast<u32>(entry_pool_.size()) - entries.first;
  state_block_ = index;
}

void AllocWalk::block(u32 index) {
  const LirBlock& block = function_->blocks[index];
  for (; next_loop_ < loops_.size() && loops_[next_loop_].last == index; ++next_loop_)
    state_.push_loop(loops_[next_loop_]);
  state_.enter_block(block);
  leave(index);
  for (u32 i = block.first_inst + block.inst_count; i-- != block.first_inst;) {
    const LirInst& inst = function_->insts[i];
    state_.position = i;
    if (inst.plan != LirInst::kGeneral && inst.clobbers == 0) plain(inst);
    else general(inst);
    if (!options_.spill_all) continue;
    for (RegSet rest = state_.occupied(); rest != 0; rest &= rest - 1) {
      const PReg reg = static_cast<PReg>(std::countr_zero(rest));
      state_.edit(i, class_of(reg), state_.slot_of(state_.owner(reg)), Location::reg(reg));
    }
    state_.release_all();
  }
  start(index);
}

// ---- loops ---------------------------------------------------------------------------------------------------

/// Tells of each loop whether it is clean: no edge leads from before the header to another block of it, so that the
/// header is on every way in. No landing pad either, since there no register holds what it held. For loops in order of
/// their headers; what is found of an inner loop counts for the one around it.
void AllocWalk::find_clean() {
  std::vector<u32>& open = loop_stack_;
  open.clear();
  least_pred_.assign(loops_.size(), kNone); // of blocks behind the header
  const auto close = [&](u32 block) {
    while (!open.empty() && loops_[open.back()].last < block) {
      const u32 loop = open.back();
      open.pop_back();
      loops_[loop].clean = least_pred_[loop] >= loops_[loop].header;
      if (!open.empty()) least_pred_[open.back()] = std::min(least_pred_[open.back()], least_pred_[loop]);
    }
  };
  u32 next = 0;
  for (u32 b = 0; b < function_->blocks.size(); ++b) {
    const LirBlock& block = function_->blocks[b];
    close(b);
    if (!open.empty()) {
      u32& least = least_pred_[open.back()];
      if (block.landing_pad) least = 0;
      for (const u32 pred : function_->preds_of(block)) least = std::min(least, pred);
    }
    if (next < loops_.size() && loops_[next].header == b) open.push_back(next++);
  }
  close(kNone);
}

// A loop is the blocks from the target of an edge that leads back to the last such edge's source, in layout order.
// Loops that overlap are made to nest by prolonging the first.
void AllocWalk::find_loops() {
  loops_.clear();
  next_loop_ = 0;
  if (!function_->may_loop) return;
  const u32 count = static_cast<u32>(function_->blocks.size());
  loop_last_.assign(count, kNone);
  for (u32 b = 0; b < count; ++b) {
    for (u32 succ : function_->succs_of(function_->blocks[b])) {
      if (succ <= b) loop_last_[succ] = b;
    }
  }
  std::vector<u32>& open = loop_stack_;
  open.clear();
  for (u32 b = 0; b < count; ++b) {
    if (loop_last_[b] == kNone) continue;
    while (!open.empty() && loops_[open.back()].last < b) open.pop_back();
    // Of two that are open the outer ends no sooner.
    for (std::size_t i = open.size(); i-- > 0 && loops_[open[i]].last < loop_last_[b];)
      loops_[open[i]].last = loop_last_[b];
    open.push_back(static_cast<u32>(loops_.size()));
    AllocState::Loop& loop = loops_.emplace_back();
    loop.header = b;
    loop.last = loop_last_[b];
    loop.first_vreg = function_->blocks[b].first_vreg;
  }
  for (AllocState::Loop& loop : loops_) {
    const LirBlock& last = function_->blocks[loop.last];
    loop.last_position = last.first_inst + last.inst_count - 1;
  }
  find_clean();
  std::sort(loops_.begin(), loops_.end(), [](const AllocState::Loop& a, const AllocState::Loop& b) {
    return a.last != b.last ? a.last > b.last : a.header < b.header;
  });
}

// ---- the function --------------------------------------------------------------------------------------------

void AllocWalk::run(const LirFunction& function, const RegisterFile& file, const AllocOptions& options,
                    Allocation& out) {
  function_ = &function;
  options_ = options;
  out_ = &out;
  out.edits.clear();
  out.locations.resize(function.operands.size());
  state_.begin(function, file, options, out);
  mover_.reset();
  clobber_left_out_ = bit(file.order[0][3]);
  entry_pool_.clear();
  entries_.resize(std::max(entries_.size(), function.blocks.size()));
  homes_.assign(function.vreg_pool.size(), Location{});
  find_loops();
  state_block_ = kNone;
  for (u32 b = static_cast<u32>(function.blocks.size()); b-- != 0;) block(b);
  ASSAY_CHECK(state_.occupied() == 0); // every value is defined before it is used
  state_.cycle_slot = mover_.register_cycle_slot();
  state_.finish();
}

struct RegisterAllocator::Impl {
  AllocWalk walk;
};

RegisterAllocator::RegisterAllocator() : impl_(std::make_unique<Impl>()) {}
RegisterAllocator::~RegisterAllocator() = default;

Result<void> RegisterAllocator::run(const LirFunction& function, const RegisterFile& registers,
                                    const AllocOptions& options, Allocation& out) {
  impl_->walk.run(function, registers, options, out);
  return {};
}

} // namespace assay::codegen
