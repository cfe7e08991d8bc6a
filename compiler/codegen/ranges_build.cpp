// ranges_build.cpp - live ranges, uses and demands of all values, for ranges_walk.h: one walk backwards over the code.
//
// Ranges and uses are put in front of those that a value has, so they come out in order. Where values should share a
// register is noted on the way: a value that an edge passes on, or that a definition is tied to, joins the web of the
// one that takes its place. Constant an operand, plus the values live at each block's end.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#include "compiler/codegen/ranges_walk.h"

#include <algorithm>
#include <bit>

namespace assay::codegen {

// ---- ranges and uses -----------------------------------------------------------------------------------------

void RangesWalk::add_range(VReg vreg, u32 from, u32 to) {
  Interval& interval = intervals_[vreg];
  if (interval.range != kNone && ranges_[interval.range].from <= to) {
    Range& range = ranges_[interval.range];
    range.from = std::min(from, range.from);
    if (range.to >= to) return;
    range.to = to; // by two operands of one instruction
    interval.end = std::max(interval.end, to);
    return;
  }
  if (interval.range == kNone) interval.end = to;
  ranges_.push_back({from, to, interval.range});
  interval.range = static_cast<u32>(ranges_.size() - 1);
}

ASSAY_ALWAYS_INLINE void RangesWalk::add_use(VReg vreg, u32 pos, Need need) {
  uses_.push_back({pos << 2 | static_cast<u32>(need), intervals_[vreg].use});
  intervals_[vreg].use = static_cast<u32>(uses_.size() - 1);
}

/// The value is defined; what was added before its definition does not belong to its life.
void RangesWalk::begin_at(VReg vreg, u32 from) {
  Interval& interval = intervals_[vreg];
  if (interval.range != kNone) {
    Range& range = ranges_[interval.range];
    if (range.to <= from) interval.range = range.next;
    else range.from = std::max(range.from, from);
  }
  if (interval.range == kNone) return;
  interval.start = interval.last_use = ranges_[interval.range].from;
  enlist(vreg);
}

void RangesWalk::enlist(u32 index) {
  u32& head = starts_[intervals_[index].start];
  intervals_[index].chain = head;
  head = index;
}

void RangesWalk::add_fixed(PReg reg, u32 from, u32 to, VReg owner) {
  fixed_.push_back({from, to, owner, fixed_head_[reg]});
  fixed_head_[reg] = static_cast<u32>(fixed_.size() - 1);
}

void RangesWalk::add_event(u32 pos, RegSet set, u32 block) {
  events_.push_back({pos, set});
  destroyed_ |= set;
  if (loops_.empty()) return;
  for (u32 loop = loop_of_[block]; loop != kNone && !loops_[loop].destroys; loop = loops_[loop].parent)
    loops_[loop].destroys = true;
}

VReg RangesWalk::web_of(VReg vreg) {
  while (values_[vreg].web != vreg) {
    values_[vreg].web = values_[values_[vreg].web].web;
    vreg = values_[vreg].web;
  }
  return vreg;
}

/// The source joins the web of what takes its place. A web that others have joined is not joined to another.
void RangesWalk::tie(VReg result, VReg source) {
  Value& value = values_[source];
  if (value.web != source || value.has_web) return;
  value.web = web_of(result);
  values_[value.web].has_web = true;
}

// ---- instructions --------------------------------------------------------------------------------------------

void RangesWalk::plain(const LirInst& inst, u32 pos, u32 entry) {
  const Operand* operands = function_->operands.data() + inst.operands;
  const bool tied = inst.plan < LirInst::kUntied;
  for (u32 i = 0; i < inst.def_count; ++i) {
    const VReg vreg = operands[i].vreg;
    const u32 from = pos + (tied && i == 0 ? 0 : 1);
    if (intervals_[vreg].range == kNone) add_range(vreg, from, pos + 2);
    add_use(vreg, pos + 1, Need::Register);
    begin_at(vreg, from);
  }
  const VReg source = tied ? operands[inst.plan].vreg : kNone;
  if (tied) {
    if (intervals_[source].range == kNone) tie(operands[0].vreg, source);
    values_[operands[0].vreg].tied_to = source;
  }
  for (u32 i = inst.def_count; i < inst.operand_count; ++i) {
    const VReg vreg = operands[i].vreg;
    const bool moved = vreg == source;
    cover(vreg, entry, pos + (moved ? 0 : 1));
    add_use(vreg, pos, moved ? Need::Moved : operands[i].where == Where::Any ? Need::Either : Need::Register);
  }
}

/// `from`: where the instruction writes it. The value begins behind the instruction, where it is moved to its place.
void RangesWalk::define_fixed(VReg vreg, PReg reg, u32 from, u32 pos) {
  add_fixed(reg, from, pos + 2, vreg);
  values_[vreg].fixed_def = reg;
  begin_at(vreg, pos + 2);
  if (values_[vreg].global != kNone) mark_split(vreg);
}

void RangesWalk::general_write(const Operand& o, const LirInst& inst, u32 pos) {
  if (o.role == Role::Temp || o.role == Role::DefEarly) {
    if (o.where == Where::Fixed && o.role == Role::Temp) return add_fixed(o.index, pos, pos + 2, kNone);
    if (o.where == Where::Fixed) return define_fixed(o.vreg, o.index, pos, pos);
    if (intervals_[o.vreg].range == kNone) add_range(o.vreg, pos, pos + 2);
    add_use(o.vreg, pos + 1, Need::Register);
    return begin_at(o.vreg, pos);
  }
  if (o.where == Where::Fixed) return define_fixed(o.vreg, o.index, pos + 1, pos);
  u32 from = pos + 1;
  if (o.where == Where::Tied) {
    const Operand& source = function_->operands[inst.operands + o.index];
    if (source.where == Where::Fixed) return define_fixed(o.vreg, source.index, pos + 1, pos);
    from = pos;
    if (intervals_[source.vreg].range == kNone) tie(o.vreg, source.vreg);
    values_[o.vreg].tied_to = source.vreg;
  }
  if (intervals_[o.vreg].range == kNone) add_range(o.vreg, from, pos + 2);
  add_use(o.vreg, pos + 1, Need::Register);
  begin_at(o.vreg, from);
}

void RangesWalk::general_read(const Operand& o, u32 pos, u32 entry, bool is_tied) {
  const bool late = o.role == Role::UseLate;
  if (o.where == Where::Fixed) {
    add_fixed(o.index, pos, pos + (late ? 2 : 1), o.vreg);
    values_[o.vreg].hint = o.index;
  }
  if (o.where == Where::Fixed || (is_tied && !late)) {
    cover(o.vreg, entry, pos);
    return add_use(o.vreg, pos, Need::Moved);
  }
  const u32 read = pos + (late ? 1 : 0);
  cover(o.vreg, entry, read + 1);
  add_use(o.vreg, read, o.where == Where::Any ? Need::Either : Need::Register);
}

void RangesWalk::general(const LirInst& inst, u32 pos, u32 block) {
  const auto operands = function_->operands_of(inst);
  const u32 entry = entry_of(block);
  VReg tied[2] = {kNone, kNone};
  u32 tied_count = 0;
  for (const Operand& o : operands) {
    if (is_use(o)) continue;
    general_write(o, inst, pos);
    if (o.where == Where::Tied && tied_count < 2) tied[tied_count++] = operands[o.index].vreg;
  }
  const bool is_landing = function_->blocks[block].landing_pad && pos == entry + 2; // the event before it does
  if (inst.clobbers != 0 && !is_landing) {
    RegSet set = function_->clobber_sets[inst.clobbers];
    if (ASSAY_PLANTED(rr_clobber_forgotten)) set &= ~bit(file_->order[0][2]);
    add_event(pos + 1, set, block);
  }
  for (const Operand& o : operands) {
    if (is_use(o)) general_read(o, pos, entry, o.vreg == tied[0] || o.vreg == tied[1]);
  }
}

// ---- blocks --------------------------------------------------------------------------------------------------

void RangesWalk::live_out(u32 block) {
  const u32 entry = entry_of(block), end = end_of(block);
  const auto succs = function_->succs_of(function_->blocks[block]);
  for (u32 w = 0; w < words_; ++w) {
    Words live = 0;
    for (const u32 succ : succs) live |= live_in(succ)[w];
    for (; live != 0; live &= live - 1) add_range(globals_[64 * w + std::countr_zero(live)], entry, end);
  }
}

void RangesWalk::build_block(u32 index) {
  const LirBlock& block = function_->blocks[index];
  const u32 entry = entry_of(index), end = end_of(index);
  live_out(index);
  const auto args = function_->args_of(block);
  for (u32 i = 0; i < args.size(); ++i) {
    const VReg param = function_->params_of(function_->blocks[function_->succs_of(block)[0]])[i];
    cover(args[i], entry, end);
    add_use(args[i], end - 1, Need::Moved);
    tie(param, args[i]);
  }
  u32 pos = end;
  for (u32 i = block.first_inst + block.inst_count; i-- != block.first_inst;) {
    pos -= 2;
    const LirInst& inst = function_->insts[i];
    if (inst.plan != LirInst::kGeneral && inst.clobbers == 0) plain(inst, pos, entry);
    else general(inst, pos, index);
  }
  for (const VReg param : function_->params_of(block)) begin_at(param, entry);
  if (block.landing_pad && !ASSAY_PLANTED(rr_pad_keeps_registers)) add_event(entry, file_->allocatable, index);
}

void RangesWalk::build() {
  ranges_.clear();
  uses_.clear();
  fixed_.clear();
  events_.clear();
  destroyed_ = 0;
  for (u32& head : fixed_head_) head = kNone;
  const u32 count = static_cast<u32>(function_->blocks.size());
  starts_.assign(2 * (function_->insts.size() + count) + 2, kNone);
  for (u32 b = count; b-- != 0;) build_block(b);
  for (const Constant& constant : function_->constants) begin_constant(constant.vreg);
}

/// It is there before the first instruction. What could read a slot wants a register: this slot is nowhere.
void RangesWalk::begin_constant(VReg vreg) {
  begin_at(vreg, 0);
  for (u32 u = intervals_[vreg].use; u != kNone; u = uses_[u].next) {
    if (uses_[u].need() == Need::Either) uses_[u].pos_need = uses_[u].pos() << 2 | static_cast<u32>(Need::Register);
  }
}

} // namespace assay::codegen
