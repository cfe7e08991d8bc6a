// liveness.cpp - see the header. The scan runs backwards, so that each use goes to the front of its list and a
// definition knows, when it is met, whether all uses lay in its own block. Storage is reused.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#include "compiler/codegen/liveness.h"

#include <algorithm>

namespace assay::codegen {

void Liveness::add_use(VReg vreg, u32 position, u32 block) {
  LiveRange& range = ranges_[vreg];
  if (range.uses == kNone) range.end = position;
  uses_.push_back({position, range.uses, block});
  range.uses = static_cast<u32>(uses_.size() - 1);
}

void Liveness::define(VReg vreg, u32 position, u32 block, u32 block_end) {
  LiveRange& range = ranges_[vreg];
  range.start = position;
  range.def_block = block;
  if (range.uses == kNone) range.end = position;
  if (range.end > block_end) escaping_.push_back(vreg);
}

void Liveness::scan_block(const LirFunction& function, u32 index) {
  const LirBlock& block = function.blocks[index];
  const u32 last = block.first_inst + block.inst_count - 1;
  for (VReg arg : function.args_of(block)) add_use(arg, last, index);
  for (u32 i = last + 1; i-- > block.first_inst;) {
    const LirInst& inst = function.insts[i];
    if (inst.clobbers != 0) calls_.push_back(i);
    // Definitions are met first, going backwards: an instruction reads before it writes.
    const Operand* operands = function.operands.data() + inst.operands;
    for (u32 o = 0; o < inst.operand_count; ++o) {
      const Operand& operand = operands[o];
      if (operand.where == Where::Fixed) ranges_[operand.vreg].hint = operand.index;
      if (operand.role == Role::Use || operand.role == Role::UseLate) {
        add_use(operand.vreg, i, index);
      } else {
        define(operand.vreg, i, index, last);
      }
    }
  }
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
  uses_.clear();
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
