// ranges_live.cpp - which values live into which block, and loops, for ranges_walk.h.
//
// Only values that are read in another block than their own have a bit in the sets. One pass over the operands, then
// backward passes over the blocks until nothing changes: one without loops, seldom more than three with them.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#include "compiler/codegen/ranges_walk.h"

#include "compiler/analysis/fill.h"

#include <algorithm>

namespace assay::codegen {

namespace {

/// Above this many words a set of tables is not worth it.
constexpr std::size_t kTableLimit = std::size_t{1} << 20;

} // namespace

void RangesWalk::note_use(VReg vreg, u32 block) {
  Value& value = values_[vreg];
  if (value.def_block == block) return;
  if (value.global == kNone) {
    value.global = static_cast<u32>(globals_.size());
    globals_.push_back(vreg);
  }
  readings_.push_back({block, value.global});
}

void RangesWalk::find_globals() {
  globals_.clear();
  readings_.clear();
  for (const Constant& constant : function_->constants) values_[constant.vreg].def_block = 0;
  for (u32 b = 0; b < function_->blocks.size(); ++b) {
    const LirBlock& block = function_->blocks[b];
    for (const VReg param : function_->params_of(block)) values_[param].def_block = b;
    // The operands of a block's instructions lie side by side, in order.
    for (const LirInst& inst : function_->insts_of(block)) {
      for (const Operand& operand : function_->operands_of(inst)) {
        if (operand.role >= Role::Def) values_[operand.vreg].def_block = b;
        else note_use(operand.vreg, b);
      }
    }
    for (const VReg arg : function_->args_of(block)) note_use(arg, b);
  }
}

bool RangesWalk::find_live() {
  find_globals();
  const std::size_t blocks = function_->blocks.size();
  words_ = static_cast<u32>((globals_.size() + 63) / 64);
  if (blocks * words_ > kTableLimit) return false;
  live_.assign(blocks * words_, 0);
  defined_.assign(blocks * words_, 0);
  split_.assign(words_, 0);
  for (u32 g = 0; g < globals_.size(); ++g)
    defined_[std::size_t{values_[globals_[g]].def_block} * words_ + g / 64] |= u64{1} << (g % 64);
  for (const Reading& r : readings_) live_in(r.block)[r.global / 64] |= u64{1} << (r.global % 64);
  flow_live();
  return true;
}

void RangesWalk::flow_live() {
  for (bool changed = words_ != 0; changed;) {
    changed = false;
    for (u32 b = static_cast<u32>(function_->blocks.size()); b-- != 0;) {
      Words* const in = live_in(b);
      const Words* const defined = defined_.data() + std::size_t{b} * words_;
      for (const u32 succ : function_->succs_of(function_->blocks[b])) {
        const Words* const out = live_in(succ);
        for (u32 w = 0; w < words_; ++w) {
          const Words more = out[w] & ~defined[w] & ~in[w];
          in[w] |= more;
          changed |= more != 0;
        }
      }
    }
    changed &= function_->may_loop;
  }
}

// A loop is the blocks from the target of an edge that leads back to the last such edge's source, in layout order.
// Loops that overlap are made to nest by prolonging the first. For prices and places only: nothing depends on it.
void RangesWalk::find_loops() {
  loops_.clear();
  if (!function_->may_loop) return;
  const u32 count = static_cast<u32>(function_->blocks.size());
  analysis::fill_none(loop_last_, count);
  for (u32 b = 0; b < count; ++b) {
    for (const u32 succ : function_->succs_of(function_->blocks[b])) {
      if (succ <= b) loop_last_[succ] = b;
    }
  }
  analysis::fill_none(loop_of_, count);
  std::vector<u32>& open = loop_stack_;
  open.clear();
  for (u32 b = 0; b < count; ++b) {
    if (loop_last_[b] == kNone) continue;
    while (!open.empty() && loops_[open.back()].last < b) open.pop_back();
    // Of two that are open the outer ends no sooner.
    for (std::size_t i = open.size(); i-- > 0 && loops_[open[i]].last < loop_last_[b];)
      loops_[open[i]].last = loop_last_[b];
    const u32 parent = open.empty() ? kNone : open.back();
    open.push_back(static_cast<u32>(loops_.size()));
    loops_.push_back({b, loop_last_[b], parent, static_cast<u32>(open.size()), false});
  }
  u32 next = 0, inner = kNone; // in order of their headers; the innermost that has not ended
  for (u32 b = 0; b < count; ++b) {
    while (inner != kNone && loops_[inner].last < b) inner = loops_[inner].parent;
    if (next < loops_.size() && loops_[next].header == b) inner = next++;
    loop_of_[b] = inner;
  }
}

} // namespace assay::codegen
