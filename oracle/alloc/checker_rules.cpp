// checker_rules.cpp - what of an allocation can be judged at one place: constraints, sharing, ranges, order.
//
// Leaves what the data flow relies on: every location in range, edits sorted, arguments as many as parameters.
// Linear in operands, but quadratic in the operands of one instruction for sharing (few; calls pass many arguments
// as one operand each, of which only the Defs and Temps are compared with the others).
// Tested in oracle/alloc/tests/checker_test.cpp.
#include "oracle/alloc/checker.h"

namespace assay::oracle {

using codegen::bit;
using codegen::class_of;
using codegen::Edit;
using codegen::LirBlock;
using codegen::LirInst;
using codegen::Location;
using codegen::Operand;
using codegen::RegSet;
using codegen::Role;
using codegen::Where;

namespace {

bool is_use(Role role) { return role == Role::Use || role == Role::UseLate; }

/// Whether a definition of one role and an operand of the other may have one register: only a late
/// write may take the place of an early read.
bool may_share(Role definition, Role other) { return definition == Role::Def && other == Role::Use; }

} // namespace

void AllocationChecker::check_rules() {
  if (allocation_->locations.size() != function_->operands.size()) return fail(0, "not one location an operand");
  if (allocation_->slot_count < function_->constants.size()) return fail(0, "not one slot a constant");
  note_fixed_registers();
  for (u32 inst = 0; inst < function_->insts.size() && !failed(); ++inst) {
    const LirInst& i = function_->insts[inst];
    const u32 end = i.operands + i.operand_count;
    for (u32 o = i.operands; o < end; ++o) check_operand(inst, o);
    for (u32 o = i.operands; o < end; ++o) {
      if (is_use(operand(o).role)) continue;
      for (u32 other = i.operands; other < end; ++other) {
        if (other != o && (is_use(operand(other).role) || other > o)) check_sharing(inst, o, other);
      }
    }
  }
  if (!failed()) check_edits();
  if (!failed()) check_written();
  for (u32 block = 0; block < function_->blocks.size() && !failed(); ++block) check_edges(block);
}

void AllocationChecker::note_fixed_registers() {
  fixed_registers_ = 0;
  for (const Operand& o : function_->operands) {
    if (o.where == Where::Fixed && o.index < 64) fixed_registers_ |= bit(o.index);
  }
}

void AllocationChecker::check_operand(u32 inst, u32 index) {
  const Operand& o = operand(index);
  const Location where = location(index);
  if (!in_range(where)) return fail_operand(inst, index, "has no location (" + to_string(where) + ")");
  if (!where.is_reg()) {
    if (where.slot_index() < function_->constants.size()) fail_operand(inst, index, "is in a constant's slot");
    if (o.where != Where::Any) fail_operand(inst, index, "must be in a register, not in " + to_string(where));
    if (!is_use(o.role)) fail_operand(inst, index, "is written to a slot");
    return;
  }
  check_operand_register(inst, index);
}

void AllocationChecker::check_operand_register(u32 inst, u32 index) {
  const LirInst& i = function_->insts[inst];
  const Operand& o = operand(index);
  const Location where = location(index);
  if (class_of(where.preg()) != function_->vreg_class[o.vreg]) {
    return fail_operand(inst, index, "is in a register of the other class, " + to_string(where));
  }
  if (where.preg() == registers_->scratch[0] || where.preg() == registers_->scratch[1]) {
    return fail_operand(inst, index, "is in the scratch register " + to_string(where));
  }
  bool fixed = o.where == Where::Fixed;
  if (fixed && where.preg() != o.index) {
    return fail_operand(inst, index, "must be in " + to_string(Location::reg(o.index)) + ", not " + to_string(where));
  }
  if (o.where == Where::Tied) {
    if (o.index >= i.operand_count || operand(i.operands + o.index).role != Role::Use) {
      return fail_operand(inst, index, "is tied to what is not a use");
    }
    if (where != location(i.operands + o.index)) {
      return fail_operand(inst, index,
                          "is tied to use " + std::to_string(o.index) + " in " +
                              to_string(location(i.operands + o.index)) + ", but is in " + to_string(where));
    }
    fixed = operand(i.operands + o.index).where == Where::Fixed;
  }
  if (!fixed && (registers_->allocatable & bit(where.preg())) == 0) {
    return fail_operand(inst, index, "is in " + to_string(where) + ", which is not allocatable");
  }
  const bool clobbered = (function_->clobber_sets[i.clobbers] & bit(where.preg())) != 0;
  if (clobbered && (o.role == Role::UseLate || o.role == Role::DefEarly)) {
    fail_operand(inst, index, "is in " + to_string(where) + ", which the instruction clobbers");
  }
}

void AllocationChecker::check_sharing(u32 inst, u32 definition, u32 other) {
  if (location(definition) != location(other)) return;
  if (may_share(operand(definition).role, operand(other).role)) return;
  fail_operand(inst, definition,
               "may not share " + to_string(location(definition)) + " with operand " +
                   std::to_string(other - function_->insts[inst].operands));
}

void AllocationChecker::check_edits() {
  u32 last = 0;
  for (const Edit& edit : allocation_->edits) {
    if (edit.inst >= function_->insts.size()) return fail(0, "an edit stands before no instruction");
    if (edit.inst < last) return fail(edit.inst, "its edits stand behind those of a later instruction");
    last = edit.inst;
    if (!in_range(edit.from) || !in_range(edit.to)) {
      return fail(edit.inst, "edit " + to_string(edit.from) + " -> " + to_string(edit.to) + " is out of range");
    }
    check_edit_register(edit, edit.from);
    check_edit_register(edit, edit.to);
    if (edit.to.is_slot() && edit.to.slot_index() < function_->constants.size())
      fail(edit.inst, "edit " + to_string(edit.from) + " -> " + to_string(edit.to) + " writes a constant's slot");
  }
}

void AllocationChecker::check_edit_register(const Edit& edit, Location where) {
  if (!where.is_reg()) return;
  const char* why = nullptr;
  if (class_of(where.preg()) != edit.reg_class) why = " is of the other class";
  else if (where.preg() == registers_->scratch[0] || where.preg() == registers_->scratch[1])
    why = " uses a scratch register";
  else if (((registers_->allocatable | fixed_registers_) & bit(where.preg())) == 0)
    why = " uses a register that is not allocatable";
  if (why != nullptr) fail(edit.inst, "edit " + to_string(edit.from) + " -> " + to_string(edit.to) + why);
}

void AllocationChecker::check_written() {
  landing_.assign(function_->insts.size(), 0);
  for (const LirBlock& block : function_->blocks) {
    if (block.landing_pad && block.inst_count != 0) landing_[block.first_inst] = 1;
  }
  for (u32 inst = 0; inst < function_->insts.size(); ++inst) {
    const LirInst& i = function_->insts[inst];
    RegSet written = landing_[inst] != 0 ? 0 : function_->clobber_sets[i.clobbers];
    for (u32 o = i.operands; o < i.operands + i.operand_count; ++o) {
      if (!is_use(operand(o).role)) written |= bit(location(o).preg());
    }
    if ((written & ~allocation_->written) != 0) return fail(inst, "writes a register that `written` leaves out");
  }
  for (const Edit& edit : allocation_->edits) {
    if (landing_[edit.inst] != 0) return fail(edit.inst, "an edit stands before it, in a landing pad");
    if (edit.to.is_reg() && (allocation_->written & bit(edit.to.preg())) == 0) {
      return fail(edit.inst, "its edits write " + to_string(edit.to) + ", which `written` leaves out");
    }
  }
}

void AllocationChecker::check_edges(u32 block) {
  const LirBlock& b = function_->blocks[block];
  if (b.inst_count == 0) return fail(b.first_inst, "block " + std::to_string(block) + " is empty");
  const u32 terminator = b.first_inst + b.inst_count - 1;
  if (block == 0 && b.param_count != 0) return fail(terminator, "the entry has parameters");
  if (b.landing_pad && b.param_count != 0) return fail(b.first_inst, "a landing pad has parameters");
  for (const u32 successor : function_->succs_of(b)) {
    if (function_->blocks[successor].param_count != b.arg_count) {
      return fail(terminator, "gives " + std::to_string(b.arg_count) + " arguments to the " +
                                  std::to_string(function_->blocks[successor].param_count) + " parameters of block " +
                                  std::to_string(successor));
    }
  }
}

} // namespace assay::oracle
