// liveness.cpp - see the header. First definitions and uses are listed by counting sort, then each register's
// use blocks are walked up to its definition. Storage is reused from function to function.
// Tested in compiler/codegen/tests/liveness_test.cpp.
#include "compiler/codegen/liveness.h"

#include "assay/errors.h"

#include <algorithm>

namespace assay::codegen {

namespace {

bool reads(const Operand& operand) { return operand.role == Role::Use || operand.role == Role::UseLate; }

} // namespace

void Liveness::collect(const LirFunction& function) {
  const u32 vregs = function.vreg_count();
  first_use_.assign(vregs + 2, 0);
  start_.assign(vregs, kNone);
  end_.assign(vregs, 0);
  def_block_.assign(vregs, kNone);
  is_param_.assign(vregs, 0);
  // Counts are kept two places on, so that after the prefix sum and the fill first_use_[v] is v's first.
  for (const Operand& operand : function.operands) {
    if (reads(operand)) ++first_use_[operand.vreg + 2];
  }
  for (const LirBlock& block : function.blocks) {
    for (VReg arg : function.args_of(block)) ++first_use_[arg + 2];
  }
  u32 total = 0;
  for (u32 v = 0; v < vregs + 2; ++v) total = first_use_[v] += total;
  uses_.resize(total);
  use_block_.resize(total);
  auto add_use = [&](VReg vreg, u32 position, u32 block) {
    const u32 at = first_use_[vreg + 1]++;
    uses_[at] = position;
    use_block_[at] = block;
    end_[vreg] = std::max(end_[vreg], position);
  };
  for (u32 b = 0; b < function.blocks.size(); ++b) {
    const LirBlock& block = function.blocks[b];
    for (VReg param : function.params_of(block)) {
      start_[param] = end_[param] = block.first_inst;
      def_block_[param] = b;
      is_param_[param] = 1;
    }
    for (u32 i = block.first_inst; i < block.first_inst + block.inst_count; ++i) {
      for (const Operand& operand : function.operands_of(function.insts[i])) {
        if (reads(operand)) {
          add_use(operand.vreg, i, b);
        } else {
          start_[operand.vreg] = i;
          end_[operand.vreg] = std::max(end_[operand.vreg], i);
          def_block_[operand.vreg] = b;
        }
      }
    }
    for (VReg arg : function.args_of(block)) add_use(arg, block.first_inst + block.inst_count - 1, b);
  }
}

bool Liveness::walk_up(const LirFunction& function) {
  for (VReg vreg = 0; vreg < function.vreg_count(); ++vreg) {
    for (u32 use = first_use_[vreg]; use < first_use_[vreg + 1]; ++use) {
      const u32 home = use_block_[use];
      if (home == def_block_[vreg] || marked_[home] == vreg) continue;
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
          end_[vreg] = std::max(end_[vreg], from.first_inst + from.inst_count - 1);
          if (pred == def_block_[vreg] || marked_[pred] == vreg) continue;
          marked_[pred] = vreg;
          worklist_.push_back(pred);
        }
      }
    }
  }
  return true;
}

bool Liveness::compute(const LirFunction& function) {
  collect(function);
  head_.assign(function.blocks.size(), kNone);
  marked_.assign(function.blocks.size(), kNone);
  nodes_.clear();
  worklist_.clear();
  return walk_up(function);
}

} // namespace assay::codegen
