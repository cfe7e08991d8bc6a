// edits_values.cpp - edits of instructions, operands and constants. See edits.h.
//
// Tested in fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

#include <algorithm>
#include <bit>

namespace assay::fuzz {
namespace {

constexpr u32 kEdgeStep = 1u << 12; // index = edge * kEdgeStep + argument + 1; operands come before

ValueId* use_at(LooseFunction& f, const Place& place) {
  LooseInst& inst = f.blocks[place.block].insts[place.inst];
  if (place.index < kEdgeStep) return place.index < inst.operands.size() ? &inst.operands[place.index] : nullptr;
  const u32 edge = place.index / kEdgeStep - 1, arg = place.index % kEdgeStep;
  if (edge >= inst.edges.size() || arg >= inst.edges[edge].args.size()) return nullptr;
  return &inst.edges[edge].args[arg];
}

bool is_zero(const LooseFunction& f, ValueId value) {
  const LooseInst* const inst = f.definition(value);
  return inst != nullptr && inst->op == Opcode::Const && inst->imm == 0;
}

} // namespace

u64 weight_of(Type type, u64 bits) {
  bits &= bit_mask(type);
  if (bits == 0) return 0;
  if (is_float(type)) return 4 + static_cast<u64>(std::popcount(bits));
  if (bits == 1) return 1;
  if (bits == bit_mask(type)) return 2;
  const u64 negated = (~bits + 1) & bit_mask(type);
  return 2 + static_cast<u64>(std::bit_width(std::min(bits, negated))) + static_cast<u64>(std::popcount(bits));
}

bool simpler_value(Type type, u64 bits, u32 variant, u64& out) {
  const u64 mask = bit_mask(type), one = type == Type::F32 ? 0x3f800000u : type == Type::F64 ? 0x3ff0000000000000u : 1;
  const u32 fraction = type == Type::F32 ? 23 : 52;
  switch (variant) {
  case 0: out = 0; break;
  case 1: out = one; break;
  case 2: out = is_float(type) ? bits & ~((u64{1} << fraction) - 1) : mask; break;
  case 3: out = is_float(type) ? bits & ~((u64{1} << fraction / 2) - 1) : bits >> (std::bit_width(bits) / 2); break;
  case 4: out = is_float(type) ? bits & ~(mask ^ mask >> 1) : bits / 2; break;
  default: out = is_float(type) ? bits & (bits - 1) : std::bit_floor(bits); break; // one bit fewer; the highest alone
  }
  out &= mask;
  return weight_of(type, out) < weight_of(type, bits);
}

void list_insts(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function&, const Inst& inst) {
    if (!ends_block(inst)) out.push_back(place);
  });
}

bool delete_inst(LooseFunction& f, const Program&, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  const std::vector<ValueId> results = insts[place.inst].results;
  insts.erase(insts.begin() + place.inst);
  for (const ValueId result : results) f.replace(result, f.zero(f.type(result)));
  return true;
}

void list_forwards(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function& f, const Inst& inst) {
    if (ends_block(inst) || inst.result_count == 0) return;
    for (place.index = 0; place.index < inst.operand_count; ++place.index)
      if (f.value_types[f.operand(inst, place.index)] == f.value_types[inst.first_result]) out.push_back(place);
  });
}

/// The instruction's first result becomes one of its operands.
bool forward_operand(LooseFunction& f, const Program&, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  if (place.inst >= insts.size() || insts[place.inst].results.empty()) return false;
  const LooseInst inst = insts[place.inst];
  if (place.index >= inst.operands.size() || f.type(inst.operands[place.index]) != f.type(inst.results[0]))
    return false;
  insts.erase(insts.begin() + place.inst);
  f.replace(inst.results[0], inst.operands[place.index]);
  for (std::size_t i = 1; i < inst.results.size(); ++i) f.replace(inst.results[i], f.zero(f.type(inst.results[i])));
  return true;
}

void list_operands(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function& f, const Inst& inst) {
    const auto wanted = [&](ValueId value) {
      const ValueDef& def = f.value_defs[value];
      return def.is_param || f.insts[def.index].op != Opcode::Const || f.insts[def.index].imm != 0;
    };
    for (u32 i = 0; i < std::min(inst.operand_count, kEdgeStep); ++i) {
      place.index = i;
      if (wanted(f.operand(inst, i))) out.push_back(place);
    }
    for (u32 e = 0; e < inst.edge_count; ++e) {
      const Edge& edge = f.edges[inst.first_edge + e];
      for (u32 i = 0; i < std::min(edge.arg_count, kEdgeStep); ++i) {
        place.index = (e + 1) * kEdgeStep + i;
        if (wanted(f.args_of(edge)[i])) out.push_back(place);
      }
    }
  });
}

bool zero_operand(LooseFunction& f, const Program&, const Place& place) {
  ValueId* const use = use_at(f, place);
  if (use == nullptr || is_zero(f, *use)) return false;
  const Type type = f.type(*use);
  *use = f.zero(type);
  return true;
}

/// The first parameter of the function that has the type.
bool param_operand(LooseFunction& f, const Program&, const Place& place) {
  ValueId* const use = use_at(f, place);
  if (use == nullptr) return false;
  const auto& params = f.blocks[0].params;
  const Type type = f.type(*use);
  const auto found = std::find_if(params.begin(), params.end(), [&](ValueId p) { return f.type(p) == type; });
  const bool is_param = std::find(params.begin(), params.end(), f.now(*use)) != params.end();
  if (found == params.end() || is_param) return false;
  *use = *found;
  return true;
}

void list_constants(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function&, const Inst& inst) {
    u64 simpler = 0;
    if (inst.op != Opcode::Const) return;
    for (place.index = 0; place.index < kSimplerValues; ++place.index)
      if (simpler_value(inst.type, inst.imm, place.index, simpler)) out.push_back(place);
  });
}

bool simplify_constant(LooseFunction& f, const Program&, const Place& place) {
  LooseInst& inst = f.blocks[place.block].insts[place.inst];
  return inst.op == Opcode::Const && simpler_value(inst.type, inst.imm, place.index, inst.imm);
}

void list_repeated_constants(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function& f, const Inst& inst) {
    if (inst.op != Opcode::Const) return;
    for (const Inst& other : f.insts_of(f.blocks[0])) {
      if (&other == &inst) return;
      if (other.op == Opcode::Const && other.type == inst.type && other.imm == inst.imm) return out.push_back(place);
    }
  });
}

bool share_constant(LooseFunction& f, const Program&, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  const LooseInst inst = insts[place.inst];
  for (const LooseInst& other : f.blocks[0].insts) {
    if (other.op != Opcode::Const || other.type != inst.type || other.imm != inst.imm) continue;
    if (other.results == inst.results) return false;
    f.replace(inst.results[0], other.results[0]);
    insts.erase(insts.begin() + place.inst);
    return true;
  }
  return false;
}

void list_immediates(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function&, const Inst& inst) {
    const Form form = info(inst.op).form;
    if ((form != Form::Access && form != Form::Fuel) || inst.imm == 0) return;
    u64 simpler = 0;
    for (place.index = 0; place.index < kSimplerValues; ++place.index)
      if (simpler_value(Type::I64, inst.imm, place.index, simpler) && simpler < inst.imm) out.push_back(place);
  });
}

bool simplify_immediate(LooseFunction& f, const Program&, const Place& place) {
  LooseInst& inst = f.blocks[place.block].insts[place.inst];
  return simpler_value(Type::I64, inst.imm, place.index, inst.imm);
}

void list_slots(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    const auto& slots = program.module.functions[id].slots;
    for (u32 i = 0; i < slots.size(); ++i)
      for (u32 variant = 0; variant < 3; ++variant) out.push_back({id, 0, i, variant});
  }
}

bool shrink_slot(LooseFunction& f, const Program&, const Place& place) {
  Slot& slot = f.slots[place.inst];
  const Slot before = slot;
  if (place.index == 0) slot.size = std::min(slot.size, 8u);
  else if (place.index == 1) slot.size /= 2;
  else slot.align = 1;
  return slot.size != before.size || slot.align != before.align;
}

} // namespace assay::fuzz
