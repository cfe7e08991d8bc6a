// edit_functions.h - the lists and changes that the rows of edits.cpp name, by file. Internal to fuzz/reduce.
#pragma once

#include "fuzz/reduce/edits.h"

namespace assay::fuzz {

using Places = std::vector<Place>;

/// Calls `visit(place, function, block, inst)` for every instruction of every body, terminators included.
template <typename Visit> void each_inst(const Module& module, Visit visit) {
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    const Function& f = module.functions[id];
    for (BlockId b = 0; b < f.blocks.size(); ++b) {
      const auto insts = f.insts_of(f.blocks[b]);
      for (u32 i = 0; i < insts.size(); ++i) visit(Place{id, b, i, 0}, f, insts[i]);
    }
  }
}
inline bool ends_block(const Inst& inst) { return info(inst.op).is(kEnds); }
inline bool is_try(Opcode op) {
  return op == Opcode::TryCall || op == Opcode::TryCallIndirect || op == Opcode::TryCallPtr;
}
/// The function that the operation names, as a callee or by its address.
inline bool names_function(Opcode op) {
  return op == Opcode::Call || op == Opcode::TailCall || op == Opcode::TryCall || op == Opcode::FuncAddr;
}

// edits_module.cpp
void list_other_bodies(const Program& program, Places& out);
bool empty_function(LooseFunction& f, const Program& program, const Place& place);
void list_exports(const Program& program, Places& out);
bool unexport(Program& program, const Place& place);
void list_table(const Program& program, Places& out);
bool shorten_table(Program& program, const Place& place);
void list_data(const Program& program, Places& out);
bool drop_data(Program& program, const Place& place);
void list_memory(const Program& program, Places& out);
bool shrink_memory(Program& program, const Place& place);
void list_globals(const Program& program, Places& out);
bool zero_global(Program& program, const Place& place);
void list_call_values(const Program& program, Places& out);
bool simplify_call_value(Program& program, const Place& place);
void list_retypes(const Program& program, Places& out);
bool retype(Program& program, const Place& place);

// edits_signature.cpp
void list_params(const Program& program, Places& out);
bool drop_param(Program& program, const Place& place);
void list_results(const Program& program, Places& out);
bool drop_result(Program& program, const Place& place);
void list_callees(const Program& program, Places& out);
bool enter_callee(Program& program, const Place& place);

// edits_calls.cpp
void list_inlinable(const Program& program, Places& out);
bool inline_call(LooseFunction& f, const Program& program, const Place& place);
void list_indirect(const Program& program, Places& out);
bool call_directly(LooseFunction& f, const Program& program, const Place& place);
void list_tail_calls(const Program& program, Places& out);
bool call_and_return(LooseFunction& f, const Program& program, const Place& place);

// edits_control.cpp
void list_blocks(const Program& program, Places& out);
bool empty_block(LooseFunction& f, const Program& program, const Place& place);
bool drop_block(LooseFunction& f, const Program& program, const Place& place);
bool cut_block(LooseFunction& f, const Program& program, const Place& place);
bool return_latest(LooseFunction& f, const Program& program, const Place& place);
void list_edges(const Program& program, Places& out);
bool pick_edge(LooseFunction& f, const Program& program, const Place& place);
void list_droppable_edges(const Program& program, Places& out);
bool drop_edge(LooseFunction& f, const Program& program, const Place& place);
void list_inner_blocks(const Program& program, Places& out);
bool merge_block(LooseFunction& f, const Program& program, const Place& place);
bool skip_block(LooseFunction& f, const Program& program, const Place& place);
void list_block_params(const Program& program, Places& out);
bool zero_block_param(LooseFunction& f, const Program& program, const Place& place);
bool replace_block_param(LooseFunction& f, const Program& program, const Place& place);

// edits_values.cpp
void list_insts(const Program& program, Places& out);
bool delete_inst(LooseFunction& f, const Program& program, const Place& place);
void list_forwards(const Program& program, Places& out);
bool forward_operand(LooseFunction& f, const Program& program, const Place& place);
void list_operands(const Program& program, Places& out);
bool zero_operand(LooseFunction& f, const Program& program, const Place& place);
bool param_operand(LooseFunction& f, const Program& program, const Place& place);
void list_constants(const Program& program, Places& out);
bool simplify_constant(LooseFunction& f, const Program& program, const Place& place);
void list_repeated_constants(const Program& program, Places& out);
bool share_constant(LooseFunction& f, const Program& program, const Place& place);
void list_immediates(const Program& program, Places& out);
bool simplify_immediate(LooseFunction& f, const Program& program, const Place& place);
void list_slots(const Program& program, Places& out);
bool shrink_slot(LooseFunction& f, const Program& program, const Place& place);

/// How far from simple the bits are: 0 for zero, 1 for one, at most about 130.
u64 weight_of(Type type, u64 bits);
/// The `variant`th simpler value of the type than these bits, from the simplest on; false when there is none.
inline constexpr u32 kSimplerValues = 6;
bool simpler_value(Type type, u64 bits, u32 variant, u64& out);

} // namespace assay::fuzz
