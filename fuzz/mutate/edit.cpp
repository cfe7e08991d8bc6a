// edit.cpp - insertion, removal and renumbering in a Function's arrays.
//
// Needs: blocks are disjoint runs of insts. Leaves: the same, with value_defs naming the right instruction
// for every value that one defines. Insertion works in place from the back. Linear.
// Tested in fuzz/mutate/tests/edit_test.cpp.
#include "fuzz/mutate/edit.h"

#include <algorithm>

namespace assay::fuzz {

void insert_all(Function& f, std::span<const Insertion> insertions) {
  if (insertions.empty()) return;
  const auto before = [&](InstId inst) { // insertions at places below `inst`
    const auto found = std::lower_bound(insertions.begin(), insertions.end(), inst,
                                        [](const Insertion& insertion, InstId at) { return insertion.before < at; });
    return static_cast<u32>(found - insertions.begin());
  };
  for (Block& block : f.blocks) {
    const u32 first = before(block.first_inst);
    const u32 last = before(block.first_inst + block.inst_count);
    block.first_inst += first;
    block.inst_count += last - first;
  }
  u32 from = static_cast<u32>(f.insts.size());
  u32 next = static_cast<u32>(insertions.size());
  f.insts.resize(f.insts.size() + insertions.size());
  u32 to = static_cast<u32>(f.insts.size());
  while (next != 0) {
    const bool take_insertion = insertions[next - 1].before >= from;
    f.insts[--to] = take_insertion ? insertions[--next].inst : f.insts[--from];
    const Inst& placed = f.insts[to];
    for (u32 i = 0; i < placed.result_count; ++i) f.value_defs[placed.first_result + i] = {to, false};
  }
}

void erase_inst(Function& f, InstId inst) {
  for (Block& block : f.blocks) {
    if (block.first_inst > inst) --block.first_inst;
    else if (inst < block.first_inst + block.inst_count) --block.inst_count;
  }
  f.insts.erase(f.insts.begin() + inst);
  renumber(f);
}

void renumber(Function& f) {
  const u32 values = f.value_count();
  std::vector<ValueId> renamed(values, kNone);
  std::vector<Type> types;
  std::vector<ValueDef> defs;
  std::vector<Inst> insts;
  types.reserve(values);
  defs.reserve(values);
  insts.reserve(f.insts.size());
  const auto define = [&](ValueId first, u32 count, u32 index, bool is_param) {
    const u32 start = static_cast<u32>(types.size());
    for (u32 i = 0; i < count; ++i) {
      renamed[first + i] = start + i;
      types.push_back(f.value_types[first + i]);
      defs.push_back({index, is_param});
    }
    return start;
  };
  for (BlockId b = 0; b < f.blocks.size(); ++b) {
    Block& block = f.blocks[b];
    block.first_param = define(block.first_param, block.param_count, b, true);
    const u32 first = static_cast<u32>(insts.size());
    for (u32 i = 0; i < block.inst_count; ++i) {
      insts.push_back(f.insts[block.first_inst + i]);
      Inst& inst = insts.back();
      inst.first_result = define(inst.first_result, inst.result_count, static_cast<u32>(insts.size()) - 1, false);
    }
    block.first_inst = first;
  }
  std::vector<u32> pool;
  std::vector<Edge> edges;
  pool.reserve(f.pool.size());
  edges.reserve(f.edges.size());
  const auto copy_pool = [&](u32& first, u32 count) {
    const u32 start = static_cast<u32>(pool.size());
    for (u32 i = 0; i < count; ++i) pool.push_back(renamed[f.pool[first + i]]);
    first = start;
  };
  for (Inst& inst : insts) {
    copy_pool(inst.operands, inst.operand_count);
    const u32 start = static_cast<u32>(edges.size());
    for (u32 i = 0; i < inst.edge_count; ++i) edges.push_back(f.edges[inst.first_edge + i]);
    inst.first_edge = start;
    for (u32 i = 0; i < inst.edge_count; ++i) copy_pool(edges[start + i].args, edges[start + i].arg_count);
  }
  f.value_types = std::move(types);
  f.value_defs = std::move(defs);
  f.insts = std::move(insts);
  f.pool = std::move(pool);
  f.edges = std::move(edges);
}

ValueId add_value(Function& f, Type type) {
  f.value_types.push_back(type);
  f.value_defs.push_back({kNone, false});
  return f.value_count() - 1;
}

u32 add_operands(Function& f, std::span<const ValueId> operands) {
  const u32 first = static_cast<u32>(f.pool.size());
  f.pool.insert(f.pool.end(), operands.begin(), operands.end());
  return first;
}

Inst make_inst(Function& f, Opcode op, Type type, Type from, std::span<const ValueId> operands, Type result) {
  Inst inst;
  inst.op = op;
  inst.type = type;
  inst.from = from;
  inst.operands = add_operands(f, operands);
  inst.operand_count = static_cast<u32>(operands.size());
  inst.first_result = f.value_count();
  if (result != Type::None) {
    inst.result_count = 1;
    add_value(f, result);
  }
  return inst;
}

BlockId block_of(const Function& f, InstId inst) {
  for (BlockId b = 0; b < f.blocks.size(); ++b) {
    if (inst >= f.blocks[b].first_inst && inst < f.blocks[b].first_inst + f.blocks[b].inst_count) return b;
  }
  return kNone;
}

} // namespace assay::fuzz
