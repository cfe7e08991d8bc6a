// edits_calls.cpp - edits of calls: inlined, made direct, made plain. See edits.h.
//
// Inlining does not keep what a program means (slots and locals of the callee are not fresh in each turn of a loop);
// it need not. Tested in fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr u32 kMostInlined = 100; // instructions

bool is_inlinable(const Function& callee) {
  return !callee.imported && callee.insts.size() <= kMostInlined &&
         std::none_of(callee.insts.begin(), callee.insts.end(), [](const Inst& inst) {
           return inst.op == Opcode::TailCall || inst.op == Opcode::TailCallIndirect;
         });
}

/// Renames what the callee's body refers to, for its place in the caller.
void adopt(LooseFunction& f, const LooseFunction& body, const Module& module, FunctionId callee,
           std::span<const ValueId> args, BlockId first_block, BlockId behind, std::vector<LooseBlock>& out) {
  const u32 count = module.functions[callee].value_count();
  const u32 slots = static_cast<u32>(f.slots.size()), locals = static_cast<u32>(f.locals.size());
  std::vector<ValueId> names;
  for (ValueId value = 0; value < count; ++value) names.push_back(f.new_value(body.type(value)));
  for (std::size_t i = 0; i < args.size(); ++i) names[body.blocks[0].params[i]] = args[i];
  const auto rename = [&](std::vector<ValueId>& values) {
    for (ValueId& value : values) value = names[value];
  };
  for (LooseBlock block : body.blocks) {
    rename(block.params);
    if (out.empty()) block.params.clear(); // the entry's are the arguments
    for (LooseInst& inst : block.insts) {
      rename(inst.operands);
      rename(inst.results);
      for (LooseEdge& edge : inst.edges) {
        rename(edge.args);
        edge.target += first_block;
      }
      if (info(inst.op).form == Form::Slot) inst.ref += slots;
      if (info(inst.op).form == Form::Local) inst.ref += locals;
      if (inst.op != Opcode::Return) continue;
      inst.op = Opcode::Jump;
      inst.edges.push_back({behind, std::move(inst.operands), EdgeKind::Normal, 0});
      inst.operands.clear();
    }
    out.push_back(std::move(block));
  }
  f.slots.insert(f.slots.end(), body.slots.begin(), body.slots.end());
  f.locals.insert(f.locals.end(), body.locals.begin(), body.locals.end());
}

} // namespace

void list_inlinable(const Program& program, Places& out) {
  each_inst(program.module, [&](const Place& place, const Function&, const Inst& inst) {
    if (inst.op == Opcode::Call && inst.ref != place.function && is_inlinable(program.module.functions[inst.ref]))
      out.push_back(place);
  });
}

bool inline_call(LooseFunction& f, const Program& program, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  const LooseInst call = insts[place.inst];
  if (call.op != Opcode::Call) return false;
  LooseBlock behind;
  behind.params = call.results;
  behind.insts.assign(insts.begin() + place.inst + 1, insts.end());
  insts.resize(place.inst);
  const BlockId behind_id = static_cast<BlockId>(f.blocks.size()), first = behind_id + 1;
  LooseInst jump;
  jump.op = Opcode::Jump;
  jump.edges.push_back({first, {}, EdgeKind::Normal, 0});
  insts.push_back(std::move(jump));
  std::vector<LooseBlock> body;
  adopt(f, LooseFunction(program.module, call.ref), program.module, call.ref, call.operands, first, behind_id, body);
  f.blocks.push_back(std::move(behind));
  for (LooseBlock& block : body) f.blocks.push_back(std::move(block));
  return true;
}

namespace {

/// A body or import of that signature, which the operation could call by name; one of the table first.
FunctionId candidate(const Module& module, const Inst& inst) {
  for (const FunctionId id : module.table)
    if (id != kNone && module.functions[id].signature == inst.ref) return id;
  for (FunctionId id = 0; id < module.functions.size(); ++id)
    if (module.functions[id].signature == inst.ref) return id;
  return kNone;
}

Opcode direct_form(Opcode op) {
  switch (op) {
  case Opcode::CallIndirect:
  case Opcode::CallPtr: return Opcode::Call;
  case Opcode::TailCallIndirect: return Opcode::TailCall;
  case Opcode::TryCallIndirect:
  case Opcode::TryCallPtr: return Opcode::TryCall;
  default: return op;
  }
}

} // namespace

void list_indirect(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function&, const Inst& inst) {
    if (direct_form(inst.op) == inst.op) return;
    place.index = candidate(program.module, inst);
    if (place.index != kNone) out.push_back(place);
  });
}

bool call_directly(LooseFunction& f, const Program&, const Place& place) {
  LooseInst& inst = f.blocks[place.block].insts[place.inst];
  if (direct_form(inst.op) == inst.op) return false;
  inst.op = direct_form(inst.op);
  inst.operands.erase(inst.operands.begin());
  inst.ref = place.index;
  return true;
}

void list_tail_calls(const Program& program, Places& out) {
  each_inst(program.module, [&](const Place& place, const Function&, const Inst& inst) {
    if (inst.op == Opcode::TailCall || inst.op == Opcode::TailCallIndirect) out.push_back(place);
  });
}

bool call_and_return(LooseFunction& f, const Program& program, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  LooseInst& call = insts.back();
  if (call.op != Opcode::TailCall && call.op != Opcode::TailCallIndirect) return false;
  call.op = call.op == Opcode::TailCall ? Opcode::Call : Opcode::CallIndirect;
  for (const Type type : program.module.results_of(program.module.functions[place.function]))
    call.results.push_back(f.new_value(type));
  LooseInst end;
  end.op = Opcode::Return;
  end.operands = call.results;
  insts.push_back(std::move(end));
  return true;
}

} // namespace assay::fuzz
