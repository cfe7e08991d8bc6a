// edits_signature.cpp - edits of what functions take and give, and of which one is called. See edits.h.
//
// A function whose address or place in the table is used keeps its signature. Tested in
// fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

/// Whether callers that do not name it may call the function.
bool escapes(const Module& module, FunctionId id) {
  if (std::find(module.table.begin(), module.table.end(), id) != module.table.end()) return true;
  bool found = false;
  each_inst(module, [&](const Place&, const Function&, const Inst& inst) {
    found |= inst.op == Opcode::FuncAddr && inst.ref == id;
  });
  return found;
}

std::vector<Type> without(std::span<const Type> types, u32 index) {
  std::vector<Type> out(types.begin(), types.end());
  out.erase(out.begin() + index);
  return out;
}

/// Calls `change(f, call)` for each call of the function, and writes the callers back.
template <typename Change> void each_call(Module& module, FunctionId callee, Change change) {
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    const auto& insts = module.functions[id].insts;
    const auto calls = [&](const Inst& inst) {
      return names_function(inst.op) && inst.op != Opcode::FuncAddr && inst.ref == callee;
    };
    if (std::none_of(insts.begin(), insts.end(), calls)) continue;
    LooseFunction f(module, id);
    for (LooseBlock& block : f.blocks)
      for (LooseInst& inst : block.insts)
        if (names_function(inst.op) && inst.op != Opcode::FuncAddr && inst.ref == callee) change(f, inst);
    f.write(module, id);
  }
}

} // namespace

void list_params(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    if (escapes(program.module, id)) continue;
    const u32 count = static_cast<u32>(program.module.params_of(program.module.functions[id]).size());
    for (u32 i = 0; i < count; ++i) out.push_back({kNone, 0, id, i});
  }
}

bool drop_param(Program& program, const Place& place) {
  Module& m = program.module;
  const FunctionId id = place.inst;
  const std::span<const Type> params = m.params_of(m.functions[id]), results = m.results_of(m.functions[id]);
  if (place.index >= params.size()) return false;
  const std::vector<Type> left = without(params, place.index), same(results.begin(), results.end());
  m.functions[id].signature = m.intern_signature(left, same);
  if (!m.functions[id].imported) {
    LooseFunction f(m, id);
    auto& values = f.blocks[0].params;
    const ValueId gone = values[place.index];
    values.erase(values.begin() + place.index);
    f.replace(gone, f.zero(f.type(gone)));
    f.write(m, id);
  }
  each_call(m, id, [&](LooseFunction&, LooseInst& call) {
    if (place.index < call.operands.size()) call.operands.erase(call.operands.begin() + place.index);
  });
  if (id == program.entry) program.args.erase(program.args.begin() + place.index);
  return true;
}

void list_results(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    if (escapes(program.module, id)) continue;
    const u32 count = static_cast<u32>(program.module.results_of(program.module.functions[id]).size());
    for (u32 i = 0; i < count; ++i) out.push_back({kNone, 0, id, i});
  }
}

bool drop_result(Program& program, const Place& place) {
  Module& m = program.module;
  const FunctionId id = place.inst;
  const std::span<const Type> params = m.params_of(m.functions[id]), results = m.results_of(m.functions[id]);
  if (place.index >= results.size()) return false;
  const std::vector<Type> same(params.begin(), params.end()), left = without(results, place.index);
  m.functions[id].signature = m.intern_signature(same, left);
  if (!m.functions[id].imported) {
    LooseFunction f(m, id);
    for (LooseBlock& block : f.blocks) {
      LooseInst& last = block.insts.back();
      if (last.op == Opcode::Return) last.operands.erase(last.operands.begin() + place.index);
    }
    f.write(m, id);
  }
  each_call(m, id, [&](LooseFunction& f, LooseInst& call) {
    if (place.index >= call.results.size()) return; // of a try_call they are parameters; then the verifier refuses
    const ValueId gone = call.results[place.index];
    call.results.erase(call.results.begin() + place.index);
    f.replace(gone, f.zero(f.type(gone)));
  });
  return true;
}

void list_callees(const Program& program, Places& out) {
  each_inst(program.module, [&](const Place& place, const Function&, const Inst& inst) {
    const bool calls = names_function(inst.op) && inst.op != Opcode::FuncAddr;
    if (place.function != program.entry || !calls || inst.ref == program.entry) return;
    if (!program.module.functions[inst.ref].imported) out.push_back({kNone, place.block, place.inst, program.entry});
  });
}

/// What the entry calls is called instead, with the arguments that are constants there and zero for the others.
bool enter_callee(Program& program, const Place& place) {
  if (place.index != program.entry) return false; // another place was entered before
  const Function& f = program.module.functions[program.entry];
  const Inst& call = f.insts_of(f.blocks[place.block])[place.inst];
  std::vector<u64> args;
  for (const ValueId value : f.operands_of(call)) {
    const ValueDef& def = f.value_defs[value];
    const bool constant = !def.is_param && f.insts[def.index].op == Opcode::Const;
    const bool own = def.is_param && def.index == 0; // a parameter of the entry: its argument
    args.push_back(constant ? f.insts[def.index].imm : own ? program.args[value - f.blocks[0].first_param] : 0);
  }
  const FunctionId callee = call.ref;
  program.module.functions[program.entry].exported = false;
  program.module.functions[callee].exported = true;
  program.entry = callee;
  program.args = std::move(args);
  return true;
}

} // namespace assay::fuzz
