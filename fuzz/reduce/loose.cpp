// loose.cpp - see loose.h. Tested in fuzz/reduce/tests/loose_test.cpp.
#include "fuzz/reduce/loose.h"

#include <algorithm>
#include <numeric>

namespace assay::fuzz {

LooseFunction::LooseFunction(const Module& module, FunctionId function) {
  const Function& f = module.functions[function];
  slots = f.slots;
  locals = f.locals;
  types_ = f.value_types;
  now_.resize(types_.size());
  std::iota(now_.begin(), now_.end(), 0);
  blocks.resize(f.blocks.size());
  for (BlockId b = 0; b < f.blocks.size(); ++b) {
    const Block& from = f.blocks[b];
    LooseBlock& block = blocks[b];
    block.params.resize(from.param_count);
    std::iota(block.params.begin(), block.params.end(), from.first_param);
    block.insts.reserve(from.inst_count);
    for (const Inst& inst : f.insts_of(from)) {
      LooseInst& loose = block.insts.emplace_back();
      loose.op = inst.op;
      loose.type = inst.type;
      loose.from = inst.from;
      loose.ref = inst.ref;
      loose.imm = inst.imm;
      const auto operands = f.operands_of(inst);
      loose.operands.assign(operands.begin(), operands.end());
      loose.results.resize(inst.result_count);
      std::iota(loose.results.begin(), loose.results.end(), inst.first_result);
      for (const Edge& edge : f.edges_of(inst)) {
        const auto args = f.args_of(edge);
        loose.edges.push_back({edge.target, {args.begin(), args.end()}, edge.kind, edge.value});
      }
    }
  }
}

ValueId LooseFunction::new_value(Type type) {
  types_.push_back(type);
  now_.push_back(static_cast<ValueId>(now_.size()));
  return now_.back();
}

ValueId LooseFunction::zero(Type type) {
  for (const ValueId value : zeros_)
    if (types_[value] == type) return value;
  for (const LooseInst& inst : blocks[0].insts) {
    if (inst.op != Opcode::Const) break;
    if (inst.type == type && inst.imm == 0 && now(inst.results[0]) == inst.results[0]) return inst.results[0];
  }
  zeros_.push_back(new_value(type));
  return zeros_.back();
}

ValueId LooseFunction::now(ValueId value) const {
  // A cycle of replacements would be one value used for itself; the verifier refuses what then comes out.
  for (std::size_t steps = 0; now_[value] != value && steps < now_.size(); ++steps) value = now_[value];
  return value;
}

void LooseFunction::end_with_return(u32 block, std::size_t keep, std::span<const Type> results) {
  LooseInst end;
  end.op = Opcode::Return;
  for (const Type type : results) end.operands.push_back(zero(type));
  blocks[block].insts.resize(std::min(keep, blocks[block].insts.size()));
  blocks[block].insts.push_back(std::move(end));
}

const LooseInst* LooseFunction::definition(ValueId value) const {
  value = now(value);
  for (const LooseBlock& block : blocks) {
    for (const LooseInst& inst : block.insts)
      if (std::find(inst.results.begin(), inst.results.end(), value) != inst.results.end()) return &inst;
  }
  return nullptr;
}

void LooseFunction::drop_unreachable() {
  std::vector<BlockId> renamed(blocks.size(), kNone), work = {0};
  renamed[0] = 0;
  while (!work.empty()) {
    const BlockId block = work.back();
    work.pop_back();
    for (const LooseInst& inst : blocks[block].insts) {
      for (const LooseEdge& edge : inst.edges) {
        if (edge.target >= blocks.size() || renamed[edge.target] != kNone) continue;
        renamed[edge.target] = 0;
        work.push_back(edge.target);
      }
    }
  }
  BlockId count = 0;
  for (BlockId b = 0; b < blocks.size(); ++b) {
    if (renamed[b] == kNone) continue;
    renamed[b] = count;
    if (count != b) blocks[count] = std::move(blocks[b]);
    ++count;
  }
  blocks.resize(count);
  for (LooseBlock& block : blocks)
    for (LooseInst& inst : block.insts)
      for (LooseEdge& edge : inst.edges) edge.target = renamed[edge.target];
}

void LooseFunction::drop_dead() {
  constexpr OpFlags kStays = kEnds | kEffect | kTraps | kWrites | kCalls;
  std::vector<u32> uses(types_.size(), 0);
  const auto each_use = [this](const LooseInst& inst, auto visit) {
    for (const ValueId value : inst.operands) visit(now(value));
    for (const LooseEdge& edge : inst.edges)
      for (const ValueId value : edge.args) visit(now(value));
  };
  for (const LooseBlock& block : blocks)
    for (const LooseInst& inst : block.insts) each_use(inst, [&](ValueId value) { ++uses[value]; });
  for (bool changed = true; changed;) {
    changed = false;
    for (LooseBlock& block : blocks) {
      for (std::size_t i = block.insts.size(); i-- != 0;) {
        const LooseInst& inst = block.insts[i];
        const bool used =
            std::any_of(inst.results.begin(), inst.results.end(), [&](ValueId r) { return uses[r] != 0; });
        if (used || info(inst.op).is(kStays)) continue;
        each_use(inst, [&](ValueId value) { --uses[value]; });
        block.insts.erase(block.insts.begin() + static_cast<std::ptrdiff_t>(i));
        changed = true;
      }
    }
  }
}

void LooseFunction::drop_unused_slots() {
  std::vector<u32> slot_names(slots.size(), kNone), local_names(locals.size(), kNone);
  const auto each = [&](auto visit) {
    for (LooseBlock& block : blocks) {
      for (LooseInst& inst : block.insts) {
        if (info(inst.op).form == Form::Slot) visit(inst, slot_names);
        else if (info(inst.op).form == Form::Local) visit(inst, local_names);
      }
    }
  };
  each([](const LooseInst& inst, std::vector<u32>& names) { names[inst.ref] = 0; });
  const auto compact = [](auto& things, std::vector<u32>& names) {
    u32 count = 0;
    for (u32 i = 0; i < names.size(); ++i) {
      if (names[i] == kNone) continue;
      things[count] = things[i];
      names[i] = count++;
    }
    things.resize(count);
  };
  compact(slots, slot_names);
  compact(locals, local_names);
  each([](LooseInst& inst, const std::vector<u32>& names) { inst.ref = names[inst.ref]; });
}

void LooseFunction::write(Module& module, FunctionId function) const {
  Function& f = module.functions[function];
  f.clear_body();
  f.slots = slots;
  f.locals = locals;
  std::vector<ValueId> renamed(types_.size(), kNone);
  const auto define = [&](ValueId value, u32 index, bool is_param) {
    renamed[value] = f.value_count();
    f.value_types.push_back(types_[value]);
    f.value_defs.push_back({index, is_param});
  };
  // Numbers first: a use may stand before the definition.
  InstId inst_count = 0;
  for (BlockId b = 0; b < blocks.size(); ++b) {
    Block block;
    block.first_param = f.value_count();
    block.param_count = static_cast<u32>(blocks[b].params.size());
    for (const ValueId param : blocks[b].params) define(param, b, true);
    block.first_inst = inst_count;
    if (b == 0)
      for (const ValueId value : zeros_) define(value, inst_count++, false);
    for (const LooseInst& inst : blocks[b].insts) {
      for (const ValueId result : inst.results) define(result, inst_count, false);
      ++inst_count;
    }
    block.inst_count = inst_count - block.first_inst;
    f.blocks.push_back(block);
  }
  const auto add_to_pool = [&](const std::vector<ValueId>& values) {
    const u32 first = static_cast<u32>(f.pool.size());
    for (const ValueId value : values) f.pool.push_back(renamed[now(value)]);
    return first;
  };
  const auto add = [&](const LooseInst& loose) {
    Inst inst;
    inst.op = loose.op;
    inst.type = loose.type;
    inst.from = loose.from;
    inst.ref = loose.ref;
    inst.imm = loose.imm;
    inst.operands = add_to_pool(loose.operands);
    inst.operand_count = static_cast<u32>(loose.operands.size());
    inst.first_result = loose.results.empty() ? 0 : renamed[loose.results[0]];
    inst.result_count = static_cast<u32>(loose.results.size());
    inst.first_edge = static_cast<u32>(f.edges.size());
    inst.edge_count = static_cast<u32>(loose.edges.size());
    f.edges.resize(f.edges.size() + loose.edges.size());
    for (u32 e = 0; e < inst.edge_count; ++e) {
      const LooseEdge& from = loose.edges[e];
      const u32 args = add_to_pool(from.args);
      f.edges[inst.first_edge + e] = {from.target, args, static_cast<u32>(from.args.size()), from.kind, from.value};
    }
    f.insts.push_back(inst);
  };
  for (BlockId b = 0; b < blocks.size(); ++b) {
    for (std::size_t z = 0; b == 0 && z < zeros_.size(); ++z) {
      LooseInst inst;
      inst.op = Opcode::Const;
      inst.type = types_[zeros_[z]];
      inst.results = {zeros_[z]};
      add(inst);
    }
    for (const LooseInst& inst : blocks[b].insts) add(inst);
  }
}

} // namespace assay::fuzz
