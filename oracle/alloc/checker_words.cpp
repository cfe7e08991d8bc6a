// checker_words.cpp - what the allocation checker says: where something is wrong, and how a value was lost.
//
// A value that is not where it is used is followed backwards from there: through moves to where they took it from, over
// edges to the arguments of parameters, up to what took it away, or to its definition, from which nobody put it there.
// Breadth first, so that what is said is near the use; done only for what is wrong. Linear in the function for each
// place that the value came by. Tested in oracle/alloc/tests/checker_words_test.cpp.
#include "oracle/alloc/checker.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace assay::oracle {

using codegen::bit;
using codegen::Edit;
using codegen::LirBlock;
using codegen::LirInst;
using codegen::Location;
using codegen::Operand;
using codegen::RegSet;
using codegen::Role;
using codegen::VReg;

std::string to_string(Location location) {
  if (location.is_reg()) {
    return (location.bits < 32 ? "r" : "f") + std::to_string(location.bits % 32);
  }
  return location.is_slot() ? "slot" + std::to_string(location.slot_index()) : "nowhere";
}

std::string AllocationChecker::names_to_string(u32 place) const {
  std::string text = "{";
  for (const VReg name : names_[place]) text += (text.size() > 1 ? ", v" : "v") + std::to_string(name);
  return text + "}";
}

void AllocationChecker::fail(u32 inst, const std::string& what) {
  if (failed()) return;
  u32 block = 0;
  for (u32 b = 0; b < function_->blocks.size(); ++b) {
    const LirBlock& candidate = function_->blocks[b];
    if (inst - candidate.first_inst < candidate.inst_count) block = b;
  }
  report_ = "block " + std::to_string(block) + ", inst " + std::to_string(inst) + ": " + what;
}

void AllocationChecker::fail_operand(u32 inst, u32 operand_index, const std::string& what) {
  static constexpr const char* kRoles[] = {"use", "late use", "def", "early def", "temp"};
  const Operand& o = operand(operand_index);
  fail(inst, std::string(kRoles[static_cast<u32>(o.role)]) + " " +
                 std::to_string(operand_index - function_->insts[inst].operands) + " (v" + std::to_string(o.vreg) +
                 ") " + what);
}

/// What instruction `inst` itself, not the edits before it, does to a value in the place; empty: puts it there.
std::optional<std::string> AllocationChecker::taken_by(u32 inst, u32 place, VReg vreg) const {
  const LirInst& i = function_->insts[inst];
  for (u32 o = i.operands; o < i.operands + i.operand_count; ++o) {
    const Role role = operand(o).role;
    if (role == Role::Use || role == Role::UseLate) continue;
    const bool here = index_of(location(o)) == place;
    if (role != Role::Temp && operand(o).vreg == vreg) return here ? "" : ", never put there";
    if (here) return ", overwritten by inst " + std::to_string(inst);
  }
  const bool clobbered = place < 64 && (function_->clobber_sets[i.clobbers] & bit(static_cast<u8>(place))) != 0;
  if (clobbered) return ", lost over inst " + std::to_string(inst);
  return std::nullopt;
}

/// Before the edits of an instruction the value was where they took it from. kNone: they put something else there.
u32 AllocationChecker::before_edits(u32 inst, u32 place) const {
  const std::vector<Edit>& edits = allocation_->edits;
  for (std::size_t e = edits.size(); e-- != 0;)
    if (edits[e].inst == inst && index_of(edits[e].to) == place) place = index_of(edits[e].from);
  return place;
}

namespace {

/// The value should have come from a slot: what took it away, took the slot.
std::string in_slot(const std::string& taken, bool is_in_slot) {
  constexpr std::string_view kOverwritten = ", overwritten", kNever = ", never put there";
  if (taken.rfind(kOverwritten, 0) == 0)
    return std::string(kOverwritten) + " in a slot" + taken.substr(kOverwritten.size());
  // A move has put into the slot what was in a register then: another value.
  return taken == kNever && !is_in_slot ? std::string(kOverwritten) + " in a slot by a move" : taken;
}

} // namespace

std::string AllocationChecker::how_lost(u32 inst, u32 place, VReg vreg) const {
  struct Point {
    u32 block, end, place; // before instruction `end`
    VReg name;
    bool by_slot; // it came, or should have come, from a slot
  };
  u32 block = 0;
  while (inst - function_->blocks[block].first_inst >= function_->blocks[block].inst_count) ++block;
  std::vector<Point> points{{block, inst, before_edits(inst, place), vreg, place >= 64}};
  std::set<std::tuple<u32, u32, VReg>> seen;
  for (std::size_t at = 0; at < points.size(); ++at) {
    Point p = points[at];
    const LirBlock& b = function_->blocks[p.block];
    std::optional<std::string> taken;
    for (u32 i = p.end; !taken && i-- != b.first_inst;) {
      p.by_slot |= p.place >= 64;
      taken = taken_by(i, p.place, p.name);
      if (!taken) p.place = before_edits(i, p.place);
    }
    if (taken && taken->empty()) continue; // this way it is there
    if (taken) return p.by_slot ? in_slot(*taken, p.place >= 64) : *taken;
    if (b.landing_pad && p.place < 64) {
      const RegSet said = function_->clobber_sets[function_->insts[b.first_inst].clobbers];
      const bool is_said = (said & bit(static_cast<u8>(p.place))) != 0;
      return is_said ? ", lost before a landing pad, over the call" : ", kept by the landing pad's own instruction";
    }
    const bool is_param = is_param_of(p.name, p.block);
    for (u32 from = 0; from < function_->blocks.size(); ++from) {
      const LirBlock& before = function_->blocks[from];
      const auto succs = function_->succs_of(before);
      if (std::find(succs.begin(), succs.end(), p.block) == succs.end()) continue;
      const VReg name = is_param ? function_->args_of(before)[param_index_[p.name]] : p.name;
      if (seen.emplace(from, p.place, name).second)
        points.push_back({from, before.first_inst + before.inst_count, p.place, name, p.by_slot});
    }
  }
  return {};
}

} // namespace assay::oracle
