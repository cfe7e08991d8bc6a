// edits_module.cpp - edits of functions as a whole, of what else a module has, of the call, and of types. See edits.h.
//
// Tested in fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

#include <algorithm>
#include <cstring>

namespace assay::fuzz {

void list_other_bodies(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    const Function& f = program.module.functions[id];
    if (id != program.entry && f.blocks.size() + f.insts.size() > 2) out.push_back({id, 0, 0, 0});
  }
}

bool empty_function(LooseFunction& f, const Program& program, const Place& place) {
  f.end_with_return(0, 0, program.module.results_of(program.module.functions[place.function]));
  return true;
}

void list_exports(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id)
    if (program.module.functions[id].exported && id != program.entry) out.push_back({kNone, 0, id, 0});
}

bool unexport(Program& program, const Place& place) {
  program.module.functions[place.inst].exported = false;
  return true;
}

void list_table(const Program& program, Places& out) {
  for (u32 i = 0; i < program.module.table.size(); ++i) {
    out.push_back({kNone, 0, i, 0});
    if (program.module.table[i] != kNone) out.push_back({kNone, 0, i, 1});
  }
}

/// The table ends there, or has nothing there.
bool shorten_table(Program& program, const Place& place) {
  auto& table = program.module.table;
  if (place.inst >= table.size()) return false;
  if (place.index == 0) table.resize(place.inst);
  else table[place.inst] = kNone;
  return true;
}

void list_data(const Program& program, Places& out) {
  for (u32 i = 0; i < program.module.data.size(); ++i) {
    out.push_back({kNone, 0, i, 0});
    if (program.module.data[i].bytes.size() > 1) out.push_back({kNone, 0, i, 1});
    if (program.module.data[i].bytes.size() > 1) out.push_back({kNone, 0, i, 2});
  }
}

/// The segment, or a half of it, becomes empty.
bool drop_data(Program& program, const Place& place) {
  if (place.inst >= program.module.data.size()) return false;
  DataSegment& segment = program.module.data[place.inst];
  const std::size_t half = segment.bytes.size() / 2;
  if (place.index == 0) {
    program.module.data.erase(program.module.data.begin() + place.inst);
  } else if (place.index == 1) {
    segment.bytes.resize(half);
  } else {
    segment.bytes.erase(0, half);
    segment.offset += half;
  }
  return true;
}

void list_memory(const Program& program, Places& out) {
  for (u32 i = 0; i < 4 && program.module.has_memory; ++i) out.push_back({kNone, 0, i, 0});
}

bool shrink_memory(Program& program, const Place& place) {
  Module& m = program.module;
  if (!m.has_memory) return false;
  const u64 size = m.memory_size, max = m.memory_max;
  switch (place.inst) {
  case 0:
    m.has_memory = false;
    m.memory_size = m.memory_max = 0;
    m.data.clear();
    return true;
  case 1: m.memory_size = std::min<u64>(size, 16); break;
  case 2: m.memory_size = size / 2; break;
  default: m.memory_max = std::max(m.memory_size, kDefaultMemoryMax); break; // what the text leaves out
  }
  return m.memory_size != size || m.memory_max != max;
}

void list_globals(const Program& program, Places& out) {
  for (u32 i = 0; i < program.module.globals.size(); ++i)
    if (program.module.globals[i].initial != 0) out.push_back({kNone, 0, i, 0});
}

bool zero_global(Program& program, const Place& place) {
  program.module.globals[place.inst].initial = 0;
  return true;
}

void list_call_values(const Program& program, Places& out) {
  if (program.entry == kNone) return;
  const auto types = program.module.params_of(program.module.functions[program.entry]);
  u64 simpler = 0;
  for (u32 i = 0; i < types.size(); ++i)
    for (u32 variant = 0; variant < kSimplerValues; ++variant)
      if (simpler_value(types[i], program.args[i], variant, simpler)) out.push_back({kNone, 0, i, variant});
}

bool simplify_call_value(Program& program, const Place& place) {
  const auto types = program.module.params_of(program.module.functions[program.entry]);
  return simpler_value(types[place.inst], program.args[place.inst], place.index, program.args[place.inst]);
}

namespace {

constexpr std::pair<Type, Type> kRetypes[] = {
    {Type::I64, Type::I32}, {Type::I16, Type::I32}, {Type::I8, Type::I32}, {Type::F32, Type::F64}};

u64 convert(u64 bits, Type from, Type to) {
  if (from != Type::F32) return bits & bit_mask(to);
  const u32 word = static_cast<u32>(bits);
  float single = 0;
  std::memcpy(&single, &word, sizeof word);
  const double wide = single;
  u64 out = 0;
  std::memcpy(&out, &wide, sizeof out);
  return out;
}

/// Values, suffixes and constants of one body; casts between the two types go.
void retype_body(Program& program, FunctionId id, Type from, Type to) {
  LooseFunction f(program.module, id);
  const u32 values = program.module.functions[id].value_count();
  for (ValueId value = 0; value < values; ++value)
    if (f.type(value) == from) f.set_type(value, to);
  for (Type& local : f.locals)
    if (local == from) local = to;
  for (LooseBlock& block : f.blocks) {
    for (std::size_t i = block.insts.size(); i-- != 0;) {
      LooseInst& inst = block.insts[i];
      if (inst.op == Opcode::Const && inst.type == from) inst.imm = convert(inst.imm, from, to);
      if (inst.type == from) inst.type = to;
      if (inst.from == from) inst.from = to;
      if (inst.from == Type::None || types_allowed(inst.op, inst.type, inst.from) || inst.type != inst.from) continue;
      f.replace(inst.results[0], inst.operands[0]);
      block.insts.erase(block.insts.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  f.write(program.module, id);
}

} // namespace

void list_retypes(const Program& program, Places& out) {
  for (u32 i = 0; i < std::size(kRetypes); ++i) {
    const bool used = std::any_of(program.module.functions.begin(), program.module.functions.end(), [&](const auto& f) {
      return std::find(f.value_types.begin(), f.value_types.end(), kRetypes[i].first) != f.value_types.end();
    });
    if (used) out.push_back({kNone, 0, i, 0});
  }
}

/// Everywhere one type in place of another.
bool retype(Program& program, const Place& place) {
  const auto [from, to] = kRetypes[place.inst];
  Module& m = program.module;
  if (program.entry != kNone) {
    const auto types = m.params_of(m.functions[program.entry]);
    for (u32 i = 0; i < types.size(); ++i)
      if (types[i] == from) program.args[i] = convert(program.args[i], from, to);
  }
  for (FunctionId id = 0; id < m.functions.size(); ++id)
    if (!m.functions[id].imported) retype_body(program, id, from, to);
  for (Global& global : m.globals) {
    if (global.type != from) continue;
    global.type = to;
    global.initial = convert(global.initial, from, to);
  }
  // Signatures that become equal are made one.
  const std::vector<Signature> old = m.signatures;
  const std::vector<Type> types = m.signature_types;
  m.signatures.clear();
  m.signature_types.clear();
  std::vector<SignatureId> renamed;
  const auto changed = [&](u32 first, u32 count) {
    std::vector<Type> out(types.begin() + first, types.begin() + first + count);
    std::replace(out.begin(), out.end(), from, to);
    return out;
  };
  for (const Signature& s : old)
    renamed.push_back(m.intern_signature(changed(s.params, s.param_count), changed(s.results, s.result_count)));
  for (Tag& tag : m.tags) tag.signature = renamed[tag.signature];
  for (Function& f : m.functions) {
    f.signature = renamed[f.signature];
    for (Inst& inst : f.insts) {
      const Form form = info(inst.op).form;
      if (form == Form::CallIndirect || form == Form::CallPtr || form == Form::TryCallIndirect ||
          form == Form::TryCallPtr)
        inst.ref = renamed[inst.ref];
    }
  }
  return true;
}

} // namespace assay::fuzz
