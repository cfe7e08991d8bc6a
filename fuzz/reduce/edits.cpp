// edits.cpp - the table of edits, what is done around each, and the cost by which programs are compared.
//
// See edits.h. Linear in the program. Tested in fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edits.h"

#include "fuzz/reduce/edit_functions.h"

#include <algorithm>
#include <bit>

namespace assay::fuzz {
namespace {

constexpr bool kCoarse = true;

// clang-format off
// name                    where                   in a function         in the program       coarse
constexpr Edit kEdits[] = {
  {"empty functions",      list_other_bodies,      empty_function,       nullptr,             kCoarse},
  {"unexport",             list_exports,           nullptr,              unexport,            kCoarse},
  {"empty blocks",         list_blocks,            empty_block,          nullptr,             kCoarse},
  {"drop blocks",          list_inner_blocks,      drop_block,           nullptr,             kCoarse},
  {"cut blocks",           list_blocks,            cut_block,            nullptr,             kCoarse},
  {"return earlier",       list_blocks,            return_latest,        nullptr,             kCoarse},
  {"take one way",         list_edges,             pick_edge,            nullptr,             kCoarse},
  {"drop ways",            list_droppable_edges,   drop_edge,            nullptr,             kCoarse},
  {"merge blocks",         list_inner_blocks,      merge_block,          nullptr,             kCoarse},
  {"delete instructions",  list_insts,             delete_inst,          nullptr,             kCoarse},
  {"shorten table",        list_table,             nullptr,              shorten_table,       kCoarse},
  {"drop data",            list_data,              nullptr,              drop_data,           kCoarse},
  {"shrink memory",        list_memory,            nullptr,              shrink_memory,       kCoarse},
  {"skip blocks",          list_inner_blocks,      skip_block,           nullptr,             false},
  {"zero block params",    list_block_params,      zero_block_param,     nullptr,             false},
  {"known block params",   list_block_params,      replace_block_param,  nullptr,             false},
  {"forward operands",     list_forwards,          forward_operand,      nullptr,             false},
  {"zero operands",        list_operands,          zero_operand,         nullptr,             false},
  {"operands from params", list_operands,          param_operand,        nullptr,             false},
  {"call directly",        list_indirect,          call_directly,        nullptr,             false},
  {"call and return",      list_tail_calls,        call_and_return,      nullptr,             false},
  {"enter callee",         list_callees,           nullptr,              enter_callee,        false},
  {"inline",               list_inlinable,         inline_call,          nullptr,             false},
  {"drop results",         list_results,           nullptr,              drop_result,         false},
  {"drop parameters",      list_params,            nullptr,              drop_param,          false},
  {"share constants",      list_repeated_constants, share_constant,      nullptr,             false},
  {"zero globals",         list_globals,           nullptr,              zero_global,         false},
  {"simpler arguments",    list_call_values,       nullptr,              simplify_call_value, false},
  {"simpler constants",    list_constants,         simplify_constant,    nullptr,             false},
  {"simpler immediates",   list_immediates,        simplify_immediate,   nullptr,             false},
  {"smaller slots",        list_slots,             shrink_slot,          nullptr,             false},
  {"other types",          list_retypes,           nullptr,              retype,              false},
};
// clang-format on

/// Places that are variants of one change, of which only one can be made.
bool same_thing(const Place& a, const Place& b) {
  return a.function == b.function && a.block == b.block && a.inst == b.inst;
}
bool one_of_each(const Edit& edit) {
  return edit.list == list_forwards || edit.list == list_constants || edit.list == list_immediates ||
         edit.list == list_call_values || edit.list == list_data || edit.list == list_edges;
}

void clean(Module& module, FunctionId id, LooseFunction& f, Cleaning cleaning) {
  if (cleaning.unreachable) f.drop_unreachable();
  if (cleaning.dead) f.drop_dead();
  f.drop_unused_slots();
  f.write(module, id);
}

} // namespace

std::span<const Edit> edits() { return kEdits; }

bool apply(const Edit& edit, std::span<const Place> places, Cleaning cleaning, Program& program) {
  bool changed = false;
  const bool one = one_of_each(edit);
  for (std::size_t i = places.size(); i != 0;) {
    if (edit.in_program != nullptr) {
      --i;
      if (!(one && i != 0 && same_thing(places[i - 1], places[i]))) changed |= edit.in_program(program, places[i]);
      continue;
    }
    const FunctionId id = places[i - 1].function;
    LooseFunction f(program.module, id);
    bool here = false;
    for (; i != 0 && places[i - 1].function == id; --i) {
      if (one && i > 1 && same_thing(places[i - 2], places[i - 1])) continue;
      here |= edit.in_function(f, program, places[i - 1]);
    }
    if (here) clean(program.module, id, f, cleaning);
    changed |= here;
  }
  if (edit.in_program != nullptr && changed && cleaning.dead) clean_all(cleaning, program);
  return changed;
}

void clean_all(Cleaning cleaning, Program& program) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    if (program.module.functions[id].imported) continue;
    LooseFunction f(program.module, id);
    clean(program.module, id, f, cleaning);
  }
}

u32 instruction_count(const Module& module) {
  std::size_t count = 0;
  for (const Function& f : module.functions) count += f.insts.size();
  return static_cast<u32>(count);
}

namespace {

u64 cost_of(const Inst& inst) {
  const OpcodeInfo& row = info(inst.op);
  u64 cost = 100 + 2 * u64{inst.operand_count} + 12 * u64{inst.edge_count};
  if (inst.op == Opcode::Const) return 60 + weight_of(inst.type, inst.imm) / 4;
  if (row.is(kCalls)) cost += 40;
  if (row.form != Form::Call && row.is(kCalls)) cost += 20; // by way of a table or an address, or with clauses
  if (inst.op == Opcode::TailCall) cost += 120;
  if (row.form == Form::Access || row.form == Form::Fuel) cost += weight_of(Type::I64, inst.imm) / 8;
  return cost;
}

u64 cost_of(Type type) {
  switch (type) {
  case Type::I32: return 0;
  case Type::I64:
  case Type::F64: return 1;
  default: return 2;
  }
}

u64 cost_of(const Module& m, const Function& f) {
  u64 cost = 100 + 30 * f.blocks.size() + 20 * f.slots.size() + 20 * f.locals.size() + (f.exported ? 5 : 0);
  cost += 10 * (m.params_of(f).size() + m.results_of(f).size());
  for (const Inst& inst : f.insts) cost += cost_of(inst);
  for (const Block& block : f.blocks) cost += 6 * u64{block.param_count};
  for (const Edge& edge : f.edges) cost += 3 * u64{edge.arg_count};
  for (const Slot& slot : f.slots) cost += std::bit_width(slot.size) + std::bit_width(slot.align);
  for (const Type type : f.value_types) cost += cost_of(type);
  // Among equal operands those that were defined first.
  u64 operands = 0;
  for (const ValueId value : f.pool) operands += value;
  return cost * 4 + std::min<u64>(3, operands / (f.pool.size() * (f.value_types.size() + 1) / 4 + 1));
}

} // namespace

u64 cost_of(const Program& program) {
  const Module& m = program.module;
  u64 cost = 20 * m.tags.size() + (m.has_table ? 20 : 0) + 4 * m.table.size();
  if (m.has_memory) cost += 20 + std::bit_width(m.memory_size) + (m.memory_max != kDefaultMemoryMax ? 5 : 0);
  for (const FunctionId id : m.table) cost += id != kNone ? 8 : 0;
  for (const DataSegment& segment : m.data) cost += 20 + segment.bytes.size();
  for (const Global& global : m.globals) cost += 20 + weight_of(global.type, global.initial) / 4 + cost_of(global.type);
  cost *= 4;
  for (const Function& f : m.functions) cost += cost_of(m, f);
  if (program.entry == kNone) return cost;
  const auto types = m.params_of(m.functions[program.entry]);
  for (u32 i = 0; i < types.size(); ++i) cost += weight_of(types[i], program.args[i]);
  return cost;
}

} // namespace assay::fuzz
