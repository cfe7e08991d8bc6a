// pointers.cpp - the filter for programs in which the number behind a pointer may be seen.
//
// The number of a ptr differs from engine to engine, so a program whose outcome depends on it cannot be
// compared. Allowed: accesses, ptr_add, select, passing pointers to functions of the module, comparing two
// that come from one slot or two literals, and keeping pointers in slots of which only whole pointers
// are stored and loaded. Anything else is said to expose. One pass, and one over the uses of slot addresses.
// Tested in fuzz/mutate/tests/pointers_test.cpp.
#include "fuzz/mutate/nan.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr u32 kLiteral = kNone - 1;

/// The slot that a pointer leads into, kLiteral for a literal, kNone when that is not plain.
u32 origin(const Function& f, ValueId value) {
  for (u32 steps = 0; steps < 64; ++steps) {
    const ValueDef& def = f.value_defs[value];
    if (def.is_param) return kNone;
    const Inst& inst = f.insts[def.index];
    if (inst.op == Opcode::SlotAddr) return inst.ref;
    if (inst.op == Opcode::Const) return kLiteral;
    if (inst.op != Opcode::PtrAdd) return kNone;
    value = f.pool[inst.operands];
  }
  return kNone;
}

bool is_slot_address(const Function& f, ValueId value) {
  const ValueDef& def = f.value_defs[value];
  return !def.is_param && f.insts[def.index].op == Opcode::SlotAddr;
}

/// Slots to which a pointer is stored. False: one is stored elsewhere.
bool find_cells(const Function& f, std::vector<bool>& cells) {
  cells.assign(f.slots.size(), false);
  for (const Inst& inst : f.insts) {
    if (inst.op != Opcode::PStore || inst.type != Type::Ptr) continue;
    if (!is_slot_address(f, f.operand(inst, 0))) return false;
    cells[f.insts[f.value_defs[f.operand(inst, 0)].index].ref] = true;
  }
  return true;
}

/// Whether the address of a cell is used for anything but moving whole pointers.
bool misuses_cell(const Function& f, const Inst& inst, const std::vector<bool>& cells) {
  const bool moves = inst.type == Type::Ptr && (inst.op == Opcode::PStore || inst.op == Opcode::PLoad);
  const auto is_cell = [&](ValueId value) {
    return is_slot_address(f, value) && cells[f.insts[f.value_defs[value].index].ref];
  };
  for (u32 i = 0; i < inst.operand_count; ++i) {
    if (is_cell(f.operand(inst, i)) && !(moves && i == 0 && inst.imm == 0)) return true;
  }
  for (const Edge& edge : f.edges_of(inst)) {
    for (const ValueId arg : f.args_of(edge)) {
      if (is_cell(arg)) return true;
    }
  }
  return false;
}

/// What is wrong with the instruction, or null.
const char* exposure(const Function& f, const Inst& inst, const std::vector<bool>& cells) {
  const bool on_pointers = inst.type == Type::Ptr || inst.from == Type::Ptr;
  if (inst.op == Opcode::Bitcast && on_pointers) return "bitcast with ptr";
  if ((inst.op == Opcode::Eq || inst.op == Opcode::Ne) && on_pointers) {
    const u32 a = origin(f, f.operand(inst, 0));
    if (a == kNone || a != origin(f, f.operand(inst, 1)))
      return "comparison of pointers that may be of different slots";
  }
  if (std::find(cells.begin(), cells.end(), true) != cells.end() && misuses_cell(f, inst, cells)) {
    return "a slot that holds a pointer is used otherwise";
  }
  return nullptr;
}

bool has_pointer(std::span<const Type> types) {
  return std::find(types.begin(), types.end(), Type::Ptr) != types.end();
}

void set_reason(std::string* reason, const std::string& function, const char* what) {
  if (reason != nullptr) *reason = "@" + function + ": " + what;
}

} // namespace

bool exposes_pointers(const Module& module, std::string* reason) {
  thread_local std::vector<bool> cells;
  for (const Tag& tag : module.tags) {
    if (!has_pointer(module.params(module.signatures[tag.signature]))) continue;
    set_reason(reason, tag.name, "ptr in the payload of a tag");
    return true;
  }
  for (const Function& f : module.functions) {
    const bool is_visible = f.exported || f.imported;
    if (is_visible && (has_pointer(module.params_of(f)) || has_pointer(module.results_of(f)))) {
      set_reason(reason, f.name, "ptr in a signature that the host sees");
      return true;
    }
    if (!find_cells(f, cells)) {
      set_reason(reason, f.name, "a pointer is stored where it may be read as a number");
      return true;
    }
    for (const Inst& inst : f.insts) {
      const char* what = exposure(f, inst, cells);
      if (what == nullptr) continue;
      set_reason(reason, f.name, what);
      return true;
    }
  }
  return false;
}

} // namespace assay::fuzz
