// checker_live.cpp - how long each VReg may live, from above, in whole blocks of block order.
//
// def_block_ and last_block_ bound a life. The claim (lives_into is true wherever the VReg is live on entry) rests on
// the order being a reverse postorder: if v is live on entry of q > last use, a path leads from q back to a use; where
// it first comes back to or before the last use it goes through a back edge b -> h with h <= last use < b. Were h at or
// before v's definition, v's definition would not dominate that use; so the loop [h, b] is entered after the
// definition, and prolonging has covered b. Cost: operands, plus loop depth a VReg.
// Tested in oracle/alloc/tests/checker_test.cpp (a wrong bound shows as a right allocation refused).
#include "oracle/alloc/checker.h"

#include <algorithm>

namespace assay::oracle {

using codegen::LirBlock;
using codegen::LirInst;
using codegen::Role;
using codegen::VReg;

void AllocationChecker::define(u32 block, VReg vreg) {
  if (def_block_[vreg] != kNone) {
    return fail(function_->blocks[block].first_inst, "v" + std::to_string(vreg) + " has a second definition");
  }
  def_block_[vreg] = block;
}

void AllocationChecker::measure_lives() {
  def_block_.assign(function_->vreg_count(), kNone);
  last_block_.assign(function_->vreg_count(), 0);
  param_index_.assign(function_->vreg_count(), kNone);
  for (const codegen::Constant& constant : function_->constants) define(0, constant.vreg);
  for (u32 block = 0; block < function_->blocks.size(); ++block) {
    const LirBlock& b = function_->blocks[block];
    u32 index = 0;
    for (const VReg param : function_->params_of(b)) {
      define(block, param);
      param_index_[param] = index++;
      last_block_[param] = std::max(last_block_[param], block);
    }
    for (const LirInst& inst : function_->insts_of(b)) {
      for (const codegen::Operand& o : function_->operands_of(inst)) {
        if (o.role != Role::Use && o.role != Role::UseLate) define(block, o.vreg);
        last_block_[o.vreg] = std::max(last_block_[o.vreg], block);
      }
    }
    for (const VReg arg : function_->args_of(b)) last_block_[arg] = std::max(last_block_[arg], block);
  }
  find_loops();
  if (loops_.empty()) return;
  for (VReg v = 0; v < function_->vreg_count(); ++v) {
    if (def_block_[v] != kNone) prolong(v);
  }
}

void AllocationChecker::find_loops() {
  loops_.clear();
  const u32 count = static_cast<u32>(function_->blocks.size());
  for (u32 header = 0; header < count; ++header) {
    u32 last = kNone;
    for (const u32 pred : function_->preds_of(function_->blocks[header])) {
      if (pred >= header && (last == kNone || pred > last)) last = pred;
    }
    if (last != kNone) loops_.push_back({header, last, kNone});
  }
  // Overlapping ones are made to nest: the earlier is prolonged to the end of the later. Last header first, so
  // that what is jumped over is already final.
  for (size_t i = loops_.size(); i-- > 0;) {
    for (size_t j = i + 1; j < loops_.size() && loops_[j].header <= loops_[i].last; ++j) {
      loops_[i].last = std::max(loops_[i].last, loops_[j].last);
    }
  }
  loop_of_.assign(count, kNone);
  loop_stack_.clear();
  u32 next = 0;
  for (u32 block = 0; block < count && !loops_.empty(); ++block) {
    while (!loop_stack_.empty() && loops_[loop_stack_.back()].last < block) loop_stack_.pop_back();
    if (next < loops_.size() && loops_[next].header == block) {
      loops_[next].parent = loop_stack_.empty() ? kNone : loop_stack_.back();
      loop_stack_.push_back(next++);
    }
    if (!loop_stack_.empty()) loop_of_[block] = loop_stack_.back();
  }
}

void AllocationChecker::prolong(VReg vreg) {
  u32 loop = loop_of_[last_block_[vreg]];
  while (loop != kNone && loops_[loop].header > def_block_[vreg]) {
    last_block_[vreg] = std::max(last_block_[vreg], loops_[loop].last);
    loop = loops_[loop].parent;
  }
}

} // namespace assay::oracle
