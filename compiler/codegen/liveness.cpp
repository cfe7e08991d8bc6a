// liveness.cpp - see the header. The scan runs backwards, so that each use goes to the front of its list and a
// definition knows, when it is met, whether all uses lay in its own block. Storage is reused.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#include "compiler/codegen/liveness.h"

#include <algorithm>

namespace assay::codegen {

inline void Liveness::define(VReg vreg, u32 position, u32 block, u32 block_end) {
  LiveRange& range = ranges_[vreg];
  range.start = position;
  range.def_block = block;
  if (range.uses == kNone) range.end = position;
  else if (range.end > block_end) escaping_.push_back(vreg);
}

inline void Liveness::scan_instruction(const LirFunction& function, u32 position, u32 block, u32 block_end) {
  const LirInst& inst = function.insts[position];
  const Operand* operands = function.operands.data() + inst.operands;
  const Operand* const end = operands + inst.operand_count;
  bool odd = inst.clobbers != 0;
  if (odd) calls_.push_back(position);
  u32 ties = 0, uses = 0;
  // An instruction reads before it writes. A use and a definition of the same register do not meet here.
  for (; operands != end; ++operands) {
    const Operand operand = *operands;
    if (operand.where == Where::Fixed) {
      ranges_[operand.vreg].hint = operand.index;
      odd = true;
    }
    if (operand.role <= Role::UseLate) {
      odd |= operand.role == Role::UseLate;
      ++uses;
      add_use(operand.vreg, position, block);
    } else {
      odd |= operand.role != Role::Def || uses != 0;
      ties += operand.where == Where::Tied ? 1 : 0;
      define(operand.vreg, position, block, block_end);
    }
  }
  plain_[position] = !odd && ties <= 1 ? 1 : 0;
}

void Liveness::scan_block(const LirFunction& function, u32 index) {
  const LirBlock& block = function.blocks[index];
  const u32 last = block.first_inst + block.inst_count - 1;
  for (VReg arg : function.args_of(block)) add_use(arg, last, index);
  for (u32 i = last + 1; i-- > block.first_inst;) scan_instruction(function, i, index, last);
  for (VReg param : function.params_of(block)) {
    ranges_[param].is_param = true;
    define(param, block.first_inst, index, last);
  }
}

bool Liveness::walk_up(const LirFunction& function, VReg vreg) {
  LiveRange& range = ranges_[vreg];
  for (u32 u = range.uses; u != kNone; u = uses_[u].next) {
    const u32 home = uses_[u].block;
    if (home == range.def_block || marked_[home] == vreg) continue;
    worklist_.push_back(home);
    marked_[home] = vreg;
    while (!worklist_.empty()) {
      const u32 b = worklist_.back();
      worklist_.pop_back();
      if (nodes_.size() >= kMaxEntries) return false;
      nodes_.push_back({vreg, head_[b]});
      head_[b] = static_cast<u32>(nodes_.size() - 1);
      for (u32 pred : function.preds_of(function.blocks[b])) {
        const LirBlock& from = function.blocks[pred];
        range.end = std::max(range.end, from.first_inst + from.inst_count - 1);
        if (pred == range.def_block || marked_[pred] == vreg) continue;
        marked_[pred] = vreg;
        worklist_.push_back(pred);
      }
    }
  }
  return true;
}

bool Liveness::compute(const LirFunction& function) {
  ranges_.assign(function.vreg_count(), LiveRange{});
  // Each operand is a use at most, each argument of an edge is one.
  uses_.resize(std::max(uses_.size(), function.operands.size() + function.vreg_pool.size()));
  use_count_ = 0;
  plain_.resize(std::max(plain_.size(), function.insts.size()));
  calls_.clear();
  escaping_.clear();
  nodes_.clear();
  worklist_.clear();
  head_.assign(function.blocks.size(), kNone);
  marked_.assign(function.blocks.size(), kNone);
  for (u32 b = static_cast<u32>(function.blocks.size()); b-- > 0;) scan_block(function, b);
  for (VReg vreg : escaping_) {
    if (!walk_up(function, vreg)) {
      worklist_.clear();
      return false;
    }
  }
  return true;
}

} // namespace assay::codegen
