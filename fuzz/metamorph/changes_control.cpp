// changes_control.cpp - changes of the graph of blocks. See changes.h.
#include "fuzz/metamorph/changes.h"

#include <algorithm>
#include <numeric>

namespace assay::fuzz {
namespace {

LooseInst jump_to(BlockId block) {
  LooseInst out;
  out.op = Opcode::Jump;
  out.edges.push_back({block, {}, EdgeKind::Normal, 0});
  return out;
}

/// What stands from `at` on goes into a new block without parameters; the block it leaves has no terminator then.
BlockId cut(LooseFunction& body, u32 block, std::size_t at) {
  LooseBlock rest;
  auto& insts = body.blocks[block].insts;
  rest.insts.assign(std::make_move_iterator(insts.begin() + static_cast<std::ptrdiff_t>(at)),
                    std::make_move_iterator(insts.end()));
  insts.resize(at);
  body.blocks.push_back(std::move(rest));
  return static_cast<BlockId>(body.blocks.size() - 1);
}

} // namespace

bool split_block(MorphContext& c) {
  const u32 block = pick_block(c, 0);
  if (block == kNone) return false;
  const BlockId rest = cut(c.body, block, pick_place(c, block));
  c.body.blocks[block].insts.push_back(jump_to(rest));
  return true;
}

bool add_opaque_branch(MorphContext& c) {
  const u32 block = pick_block(c, 0);
  if (block == kNone) return false;
  const std::size_t at = pick_place(c, block);
  const auto values = values_before(c.body, block, at, true);
  if (values.empty()) return false;
  const ValueId value = values[c.random.below(static_cast<u32>(values.size()))];
  const Type type = c.body.type(value);
  const BlockId rest = cut(c.body, block, at);
  LooseInst trap;
  trap.op = Opcode::Trap;
  trap.imm = static_cast<u64>(TrapKind::Unreachable);
  LooseBlock never;
  never.insts.push_back(std::move(trap));
  c.body.blocks.push_back(std::move(never));
  const BlockId wrong = static_cast<BlockId>(c.body.blocks.size() - 1);
  // x | 1 is not 0; x - x is.
  auto& insts = c.body.blocks[block].insts;
  LooseInst branch;
  branch.op = Opcode::Branch;
  if (c.random.coin()) {
    insts.push_back(make(c.body, Opcode::Const, type, {}, type, 1));
    const ValueId one = insts.back().results[0];
    insts.push_back(make(c.body, Opcode::Or, type, {value, one}, type));
    branch.edges = {{rest, {}, EdgeKind::Normal, 0}, {wrong, {}, EdgeKind::Normal, 0}};
  } else {
    insts.push_back(make(c.body, Opcode::Sub, type, {value, value}, type));
    branch.edges = {{wrong, {}, EdgeKind::Normal, 0}, {rest, {}, EdgeKind::Normal, 0}};
  }
  branch.operands = {insts.back().results[0]};
  insts.push_back(std::move(branch));
  return true;
}

bool merge_blocks(MorphContext& c) {
  std::vector<u32> ways(c.body.blocks.size(), 0);
  for (const LooseBlock& block : c.body.blocks)
    for (const LooseInst& inst : block.insts)
      for (const LooseEdge& edge : inst.edges) ++ways[edge.target];
  std::vector<u32> found;
  for (u32 b = 0; b < c.body.blocks.size(); ++b) {
    const LooseInst& last = c.body.blocks[b].insts.back();
    if (last.op != Opcode::Jump) continue;
    const BlockId to = last.edges[0].target;
    if (to != 0 && to != b && ways[to] == 1) found.push_back(b);
  }
  if (found.empty()) return false;
  LooseBlock& first = c.body.blocks[c.random.pick(found)];
  const LooseEdge edge = first.insts.back().edges[0];
  LooseBlock second = std::move(c.body.blocks[edge.target]);
  for (std::size_t i = 0; i < second.params.size(); ++i) c.body.replace(second.params[i], edge.args[i]);
  first.insts.pop_back();
  std::move(second.insts.begin(), second.insts.end(), std::back_inserter(first.insts));
  // Nothing leads to what is left of it.
  c.body.blocks[edge.target] = {};
  c.body.blocks[edge.target].insts.emplace_back().op = Opcode::Trap;
  c.body.drop_unreachable();
  return true;
}

bool shuffle_blocks(MorphContext& c) {
  const u32 count = static_cast<u32>(c.body.blocks.size());
  if (count < 3) return false; // the entry stays
  std::vector<BlockId> to(count);
  std::iota(to.begin(), to.end(), 0);
  for (u32 i = count - 1; i > 1; --i) std::swap(to[i], to[c.random.between(1, i)]);
  std::vector<LooseBlock> blocks(count);
  for (u32 b = 0; b < count; ++b) blocks[to[b]] = std::move(c.body.blocks[b]);
  c.body.blocks = std::move(blocks);
  for (LooseBlock& block : c.body.blocks)
    for (LooseInst& inst : block.insts)
      for (LooseEdge& edge : inst.edges) edge.target = to[edge.target];
  return true;
}

} // namespace assay::fuzz
