// flow.cpp - see flow.h. The last edge of a terminator is visited first, so that the first edge's block tends to
// stand right behind it in the order. Uses are counted straight from the pool of operands where that is the same.
#include "compiler/codegen/flow.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::codegen {

void Flow::walk(const Function& function) {
  order_.clear();
  stack_.clear();
  analysis::fill_zero(seen_, function.blocks.size());
  analysis::fill_zero(edges_into_, function.blocks.size());
  const auto enter = [&](BlockId block) {
    seen_[block] = 1;
    stack_.push_back({block, function.terminator(function.blocks[block]).edge_count});
  };
  enter(0);
  while (!stack_.empty()) {
    Visit& top = stack_.back();
    if (top.next_edge == 0) {
      order_.push_back(top.block);
      stack_.pop_back();
      continue;
    }
    const Inst& last = function.terminator(function.blocks[top.block]);
    const BlockId target = function.edges[last.first_edge + --top.next_edge].target;
    ++edges_into_[target];
    if (seen_[target] == 0) enter(target);
  }
  std::reverse(order_.begin(), order_.end());
}

// Most instructions have up to two operands: these are counted without branches, in a place of their own when absent.
void Flow::count_operands(const Function& function, const Inst& inst) {
  const u32 first = 0u - static_cast<u32>(inst.operand_count > 0),
            second = 0u - static_cast<u32>(inst.operand_count > 1);
  const ValueId a = function.pool[inst.operands & first], b = function.pool[(inst.operands + 1) & second];
  ++uses_[(a & first) | (no_value_ & ~first)];
  ++uses_[(b & second) | (no_value_ & ~second)];
  for (u32 i = 2; i < inst.operand_count; ++i) ++uses_[function.pool[inst.operands + i]];
}

/// Whether each place in the pool belongs to one instruction or edge, and each instruction to one block: so the builder
/// and the parser leave it. It is found without branches, in the order in which it lies in memory.
bool Flow::covers_pool(const Function& function) {
  u32 next = 0, next_inst = 0, odd = 0;
  for (const Block& block : function.blocks) {
    odd |= block.first_inst ^ next_inst;
    next_inst += block.inst_count;
  }
  if (odd != 0 || next_inst != function.insts.size()) return false;
  for (const Inst& inst : function.insts) {
    odd |= inst.operand_count != 0 ? inst.operands ^ next : 0;
    next += inst.operand_count;
    for (const Edge& edge : function.edges_of(inst)) {
      odd |= edge.arg_count != 0 ? edge.args ^ next : 0;
      next += edge.arg_count;
    }
  }
  return odd == 0 && next == function.pool.size();
}

void Flow::count_reachable(const Function& function) {
  for (BlockId block : order_) {
    for (const Inst& inst : function.insts_of(function.blocks[block])) count_operands(function, inst);
    for (const Edge& edge : function.edges_of(function.terminator(function.blocks[block]))) {
      for (ValueId value : function.args_of(edge)) ++uses_[value];
    }
  }
  uses_[no_value_] = 0;
}

void Flow::compute(const Function& function) {
  no_value_ = function.value_count();
  analysis::fill_zero(uses_, function.value_count() + 1);
  const bool covers = covers_pool(function); // before the walk, which jumps about in what this brings near
  walk(function);
  if (function.pool.empty()) return;
  if (!covers || order_.size() != function.blocks.size()) return count_reachable(function);
  for (ValueId value : function.pool) ++uses_[value];
}

} // namespace assay::codegen
