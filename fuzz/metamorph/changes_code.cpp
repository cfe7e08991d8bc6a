// changes_code.cpp - changes within blocks. See changes.h.
#include "fuzz/metamorph/changes.h"

#include <algorithm>
#include <numeric>

namespace assay::fuzz {
namespace {

bool is_integer(Type type) { return type == Type::I8 || type == Type::I16 || type == Type::I32 || type == Type::I64; }
bool is_number(Type type) { return is_integer(type) || type == Type::F32 || type == Type::F64; }

bool uses_any(const LooseFunction& body, const LooseInst& inst, const std::vector<ValueId>& values) {
  return std::any_of(inst.operands.begin(), inst.operands.end(), [&](ValueId operand) {
    return std::find(values.begin(), values.end(), body.now(operand)) != values.end();
  });
}

/// Whether what the instruction does depends on nothing but its operands, and is seen in nothing but its results.
bool is_free(const LooseInst& inst) { return info(inst.op).is(kPure) && !info(inst.op).is(kEnds); }

/// Marks each value that something outside of [begin, end) of the block uses.
std::vector<bool> used_outside(const LooseFunction& body, u32 block, std::size_t begin, std::size_t end,
                               std::size_t values) {
  std::vector<bool> out(values, false);
  for (u32 b = 0; b < body.blocks.size(); ++b) {
    const auto& insts = body.blocks[b].insts;
    for (std::size_t i = 0; i < insts.size(); ++i) {
      if (b == block && i >= begin && i < end) continue;
      for (const ValueId value : insts[i].operands) out[body.now(value)] = true;
      for (const LooseEdge& edge : insts[i].edges)
        for (const ValueId value : edge.args) out[body.now(value)] = true;
    }
  }
  return out;
}

} // namespace

std::vector<ValueId> values_before(const LooseFunction& body, u32 block, std::size_t at, bool integers) {
  std::vector<ValueId> out;
  const auto add = [&](ValueId value) {
    const Type type = body.type(value);
    if (integers ? is_integer(type) : is_number(type)) out.push_back(value);
  };
  for (const ValueId param : body.blocks[block].params) add(param);
  for (std::size_t i = 0; i < at; ++i)
    for (const ValueId result : body.blocks[block].insts[i].results) add(result);
  return out;
}

LooseInst make(LooseFunction& body, Opcode op, Type type, std::vector<ValueId> operands, Type result, u64 imm) {
  LooseInst out;
  out.op = op;
  out.type = type;
  out.operands = std::move(operands);
  out.imm = imm;
  if (result != Type::None) out.results = {body.new_value(result)};
  return out;
}

u32 pick_block(const MorphContext& c, std::size_t least) {
  std::vector<u32> found;
  for (u32 b = 0; b < c.body.blocks.size(); ++b)
    if (c.body.blocks[b].insts.size() > least) found.push_back(b);
  return found.empty() ? kNone : c.random.pick(found);
}

std::size_t pick_place(const MorphContext& c, u32 block) {
  return c.random.below(static_cast<u32>(c.body.blocks[block].insts.size()));
}

bool add_dead_code(MorphContext& c) {
  const u32 block = pick_block(c, 0);
  if (block == kNone) return false;
  std::size_t at = pick_place(c, block);
  auto& insts = c.body.blocks[block].insts;
  static constexpr Opcode kInteger[] = {Opcode::Add, Opcode::Mul, Opcode::Xor, Opcode::Shl, Opcode::MinS, Opcode::Rotl};
  static constexpr Opcode kFloat[] = {Opcode::FAdd, Opcode::FMul, Opcode::FMin, Opcode::FCopysign};
  for (u32 i = c.random.between(1, 4); i != 0; --i) {
    const auto values = values_before(c.body, block, at, false);
    LooseInst inst;
    if (values.empty()) {
      inst = make(c.body, Opcode::Const, Type::I32, {}, Type::I32, c.random.below(1000));
    } else {
      const ValueId value = values[c.random.below(static_cast<u32>(values.size()))];
      const Type type = c.body.type(value);
      const Opcode op = is_integer(type) ? c.random.pick(kInteger) : c.random.pick(kFloat);
      inst = make(c.body, op, type, {value, value}, type);
    }
    insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(at++), std::move(inst));
  }
  return true;
}

bool add_dead_store(MorphContext& c) {
  const u32 block = pick_block(c, 0);
  if (block == kNone) return false;
  const std::size_t at = pick_place(c, block);
  const auto values = values_before(c.body, block, at, false);
  if (values.empty()) return false;
  const ValueId value = values[c.random.below(static_cast<u32>(values.size()))];
  const Type type = c.body.type(value);
  Slot slot;
  slot.size = 8u << c.random.below(6);
  slot.align = 8;
  c.body.slots.push_back(slot);
  LooseInst address = make(c.body, Opcode::SlotAddr, Type::None, {}, Type::Ptr);
  address.ref = static_cast<u32>(c.body.slots.size() - 1);
  const ValueId where = address.results[0];
  std::vector<LooseInst> added;
  added.push_back(std::move(address));
  added.push_back(make(c.body, Opcode::PStore, type, {where, value}, Type::None));
  added.push_back(make(c.body, Opcode::PLoad, type, {where}, type));
  auto& insts = c.body.blocks[block].insts;
  insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(at), added.begin(), added.end());
  return true;
}

bool reorder(MorphContext& c) {
  std::vector<std::pair<u32, std::size_t>> places; // of the first of two
  for (u32 b = 0; b < c.body.blocks.size(); ++b) {
    const auto& insts = c.body.blocks[b].insts;
    for (std::size_t i = 0; i + 2 < insts.size(); ++i) {
      const bool free = is_free(insts[i]) || is_free(insts[i + 1]);
      if (free && !uses_any(c.body, insts[i + 1], insts[i].results)) places.emplace_back(b, i);
    }
  }
  if (places.empty()) return false;
  const auto [block, at] = places[c.random.below(static_cast<u32>(places.size()))];
  auto& insts = c.body.blocks[block].insts;
  std::swap(insts[at], insts[at + 1]);
  // Further down or up, as far as it goes.
  for (std::size_t i = at + 1; i + 2 < insts.size() && c.random.coin(); ++i) {
    if (!(is_free(insts[i]) || is_free(insts[i + 1])) || uses_any(c.body, insts[i + 1], insts[i].results)) break;
    std::swap(insts[i], insts[i + 1]);
  }
  return true;
}

bool rename_storage(MorphContext& c) {
  const std::size_t slots = c.body.slots.size(), locals = c.body.locals.size();
  if (slots < 2 && locals < 2) return false;
  std::vector<u32> slot_of(slots), local_of(locals);
  std::iota(slot_of.begin(), slot_of.end(), 0);
  std::iota(local_of.begin(), local_of.end(), 0);
  // Turned by one or more, so that something changes; where each goes.
  const u32 by = c.random.between(1, 1000);
  for (u32& at : slot_of)
    at = (at + 1 + by % static_cast<u32>(std::max<std::size_t>(slots - 1, 1))) % static_cast<u32>(slots);
  for (u32& at : local_of)
    at = (at + 1 + by % static_cast<u32>(std::max<std::size_t>(locals - 1, 1))) % static_cast<u32>(locals);
  auto new_slots = c.body.slots;
  auto new_locals = c.body.locals;
  for (u32 i = 0; i < slots; ++i) new_slots[slot_of[i]] = c.body.slots[i];
  for (u32 i = 0; i < locals; ++i) new_locals[local_of[i]] = c.body.locals[i];
  c.body.slots = std::move(new_slots);
  c.body.locals = std::move(new_locals);
  for (LooseBlock& block : c.body.blocks) {
    for (LooseInst& inst : block.insts) {
      if (info(inst.op).form == Form::Slot) inst.ref = slot_of[inst.ref];
      else if (info(inst.op).form == Form::Local) inst.ref = local_of[inst.ref];
    }
  }
  return true;
}

namespace {

/// Runs of operations that may leave the block: free ones without addresses.
bool may_leave(const LooseFunction& body, const LooseInst& inst) {
  if (!is_free(inst) || info(inst.op).form == Form::Slot || info(inst.op).form == Form::FuncAddr) return false;
  const auto number = [&](ValueId value) { return is_number(body.type(value)); };
  return std::all_of(inst.operands.begin(), inst.operands.end(), number) &&
         std::all_of(inst.results.begin(), inst.results.end(), number);
}

struct Run {
  u32 block = 0;
  std::size_t begin = 0, end = 0;
};

/// A function of its own for the run: its operands as parameters, what is used behind it as results.
FunctionId move_out(MorphContext& c, const Run& run, const std::vector<ValueId>& in, const std::vector<ValueId>& out) {
  std::vector<Type> params, results;
  for (const ValueId value : in) params.push_back(c.body.type(value));
  for (const ValueId value : out) results.push_back(c.body.type(value));
  Function made;
  for (u32 i = 0;; ++i) {
    made.name = "outlined" + std::to_string(i);
    if (c.module.find_function(made.name) == kNone) break;
  }
  made.signature = c.module.intern_signature(params, results);
  c.module.functions.push_back(made);
  const FunctionId id = static_cast<FunctionId>(c.module.functions.size() - 1);
  LooseFunction body(c.module, id);
  LooseBlock& entry = body.blocks.emplace_back();
  std::vector<std::pair<ValueId, ValueId>> names; // there, here
  const auto named = [&](ValueId value) {
    value = c.body.now(value);
    for (const auto& [there, here] : names)
      if (there == value) return here;
    names.emplace_back(value, body.new_value(c.body.type(value)));
    return names.back().second;
  };
  for (const ValueId value : in) entry.params.push_back(named(value));
  for (std::size_t i = run.begin; i < run.end; ++i) {
    LooseInst inst = c.body.blocks[run.block].insts[i];
    for (ValueId& value : inst.operands) value = named(value);
    for (ValueId& value : inst.results) value = named(value);
    entry.insts.push_back(std::move(inst));
  }
  LooseInst& end = entry.insts.emplace_back();
  end.op = Opcode::Return;
  for (const ValueId value : out) end.operands.push_back(named(value));
  body.write(c.module, id);
  return id;
}

} // namespace

bool outline(MorphContext& c) {
  constexpr std::size_t kLongest = 6;
  std::vector<Run> runs;
  for (u32 b = 0; b < c.body.blocks.size(); ++b) {
    const auto& insts = c.body.blocks[b].insts;
    for (std::size_t i = 0; i < insts.size(); ++i) {
      std::size_t end = i;
      while (end < insts.size() && end - i < kLongest && may_leave(c.body, insts[end])) ++end;
      if (end != i) runs.push_back({b, i, end});
    }
  }
  if (runs.empty()) return false;
  Run run = runs[c.random.below(static_cast<u32>(runs.size()))];
  run.end = run.begin + 1 + c.random.below(static_cast<u32>(run.end - run.begin));
  auto& insts = c.body.blocks[run.block].insts;
  std::vector<ValueId> in, out, defined;
  const std::size_t values = c.body.new_value(Type::I32) + std::size_t{1}; // more than any there is
  const std::vector<bool> outside = used_outside(c.body, run.block, run.begin, run.end, values);
  const auto has = [](const std::vector<ValueId>& list, ValueId value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  for (std::size_t i = run.begin; i < run.end; ++i) {
    for (const ValueId operand : insts[i].operands) {
      const ValueId value = c.body.now(operand);
      if (!has(defined, value) && !has(in, value)) in.push_back(value);
    }
    for (const ValueId result : insts[i].results) {
      defined.push_back(result);
      if (outside[result]) out.push_back(result);
    }
  }
  LooseInst call;
  call.op = Opcode::Call;
  call.ref = move_out(c, run, in, out);
  call.operands = in;
  call.results = out;
  insts.erase(insts.begin() + static_cast<std::ptrdiff_t>(run.begin),
              insts.begin() + static_cast<std::ptrdiff_t>(run.end));
  insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(run.begin), std::move(call));
  return true;
}

} // namespace assay::fuzz
