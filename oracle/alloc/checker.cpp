// checker.cpp - the data flow of the allocation checker: names move, uses must find them (checker.h has the rules).
//
// Needs the rules of checker_rules.cpp to hold (indices in range, edits sorted) and the lives of checker_live.cpp.
// Every visit checks its uses: the states of unfinished rounds hold too many names, never too few, so a miss is
// always real, and the last visit of a block sees its final state. A join costs the names on entry of the successor.
// Tested in oracle/alloc/tests/checker_test.cpp.
#include "oracle/alloc/checker.h"

#include <algorithm>

namespace assay::oracle {

using codegen::Edit;
using codegen::LirBlock;
using codegen::LirInst;
using codegen::Location;
using codegen::Operand;
using codegen::Role;
using codegen::VReg;

std::string AllocationChecker::check(const codegen::LirFunction& function, const codegen::Allocation& allocation,
                                     const codegen::RegisterFile& registers) {
  function_ = &function;
  allocation_ = &allocation;
  registers_ = &registers;
  report_.clear();
  measure_lives();
  if (!failed()) check_rules();
  if (!failed()) flow();
  return report_;
}

std::string check_allocation(const codegen::LirFunction& function, const codegen::Allocation& allocation,
                             const codegen::RegisterFile& registers) {
  AllocationChecker checker;
  return checker.check(function, allocation, registers);
}

void AllocationChecker::flow() {
  const u32 count = static_cast<u32>(function_->blocks.size());
  if (entry_.size() < count) entry_.resize(count);
  visited_.assign(count, 0);
  dirty_.assign(count, 0);
  arg_mark_.assign(function_->vreg_count(), 0);
  mark_ = 0;
  if (names_.size() < 64 + allocation_->slot_count) {
    names_.resize(64 + allocation_->slot_count);
    listed_.resize(64 + allocation_->slot_count);
  }
  first_edit_.clear();
  for (const LirBlock& block : function_->blocks) {
    const auto first = std::lower_bound(allocation_->edits.begin(), allocation_->edits.end(), block.first_inst,
                                        [](const Edit& edit, u32 inst) { return edit.inst < inst; });
    first_edit_.push_back(static_cast<u32>(first - allocation_->edits.begin()));
  }
  entry_[0].clear();
  for (u32 k = 0; k < function_->constants.size(); ++k) entry_[0].push_back({64 + k, function_->constants[k].vreg});
  visited_[0] = dirty_[0] = 1;
  for (u32 block = 0; block < count && !failed();) {
    if (dirty_[block] == 0) {
      ++block;
      continue;
    }
    dirty_[block] = 0;
    lowest_dirty_ = block + 1;
    visit(block);
    block = lowest_dirty_; // back to a loop's header as soon as it has lost a name
  }
}

void AllocationChecker::load_state(u32 block) {
  for (const u32 place : occupied_) {
    names_[place].clear();
    listed_[place] = 0;
  }
  occupied_.clear();
  for (const Holding& holding : entry_[block]) writable(holding.location).push_back(holding.name);
}

void AllocationChecker::visit(u32 block) {
  const LirBlock& b = function_->blocks[block];
  load_state(block);
  if (b.landing_pad) {
    for (u32 reg = 0; reg < 64; ++reg) names_[reg].clear();
  }
  next_edit_ = first_edit_[block];
  for (u32 inst = b.first_inst; inst < b.first_inst + b.inst_count && !failed(); ++inst) {
    apply_edits(inst);
    apply(inst);
  }
  if (failed()) return;
  for (const u32 successor : function_->succs_of(b)) follow_edge(block, successor);
}

void AllocationChecker::apply_edits(u32 inst) {
  const std::vector<Edit>& edits = allocation_->edits;
  for (; next_edit_ < edits.size() && edits[next_edit_].inst == inst; ++next_edit_) {
    const u32 from = index_of(edits[next_edit_].from), to = index_of(edits[next_edit_].to);
    if (from != to) writable(to).assign(names_[from].begin(), names_[from].end());
  }
}

bool AllocationChecker::holds(u32 location, VReg name) const {
  const Names& names = names_[location];
  return std::find(names.begin(), names.end(), name) != names.end();
}

void AllocationChecker::apply(u32 inst) {
  const LirInst& i = function_->insts[inst];
  const u32 end = i.operands + i.operand_count;
  for (u32 o = i.operands; o < end; ++o) {
    const Role role = operand(o).role;
    if (role != Role::Use && role != Role::UseLate) continue;
    const u32 place = index_of(location(o));
    if (!holds(place, operand(o).vreg)) {
      return fail_operand(inst, o,
                          "is not there: " + to_string(location(o)) + " holds " + names_to_string(place) +
                              how_lost(inst, place, operand(o).vreg));
    }
  }
  codegen::RegSet clobbered = function_->clobber_sets[i.clobbers];
  for (u32 reg = 0; clobbered != 0; ++reg, clobbered >>= 1) {
    if ((clobbered & 1) != 0) names_[reg].clear();
  }
  for (u32 o = i.operands; o < end; ++o) {
    if (operand(o).role == Role::Temp) names_[index_of(location(o))].clear();
  }
  for (u32 o = i.operands; o < end; ++o) {
    const Role role = operand(o).role;
    if (role == Role::Def || role == Role::DefEarly) writable(index_of(location(o))).assign(1, operand(o).vreg);
  }
}

// -- edges -------------------------------------------------------------------------------------------

void AllocationChecker::follow_edge(u32 block, u32 successor) {
  if (visited_[successor] == 0) {
    first_arrival(block, successor);
    visited_[successor] = 1;
    dirty_[successor] = 1;
    lowest_dirty_ = std::min(lowest_dirty_, successor);
  } else {
    join(block, successor);
  }
}

void AllocationChecker::first_arrival(u32 block, u32 successor) {
  const std::span<const VReg> args = function_->args_of(function_->blocks[block]);
  const std::span<const VReg> params = function_->params_of(function_->blocks[successor]);
  ++mark_;
  for (const VReg arg : args) arg_mark_[arg] = mark_;
  std::vector<Holding>& entry = entry_[successor];
  entry.clear();
  for (const u32 place : occupied_) {
    for (const VReg name : names_[place]) {
      if (lives_into(name, successor)) entry.push_back({place, name});
      if (arg_mark_[name] != mark_) continue;
      for (size_t i = 0; i < args.size(); ++i) {
        if (args[i] == name) entry.push_back({place, params[i]});
      }
    }
  }
}

bool AllocationChecker::arrives(u32 block, u32 successor, const Holding& holding) const {
  VReg name = holding.name;
  if (is_param_of(name, successor)) {
    // A parameter is where its argument is; an older value of the parameter itself does not count.
    name = function_->args_of(function_->blocks[block])[param_index_[name]];
  }
  return holds(holding.location, name);
}

void AllocationChecker::join(u32 block, u32 successor) {
  std::vector<Holding>& entry = entry_[successor];
  const auto kept = std::remove_if(entry.begin(), entry.end(),
                                   [&](const Holding& holding) { return !arrives(block, successor, holding); });
  if (kept == entry.end()) return;
  entry.erase(kept, entry.end());
  dirty_[successor] = 1;
  lowest_dirty_ = std::min(lowest_dirty_, successor);
}

} // namespace assay::oracle
