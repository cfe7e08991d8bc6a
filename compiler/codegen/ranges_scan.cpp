// ranges_scan.cpp - the scan of ranges_walk.h: intervals in order of their start, each gets the register that suits it.
//
// A register that is free for the whole of the interval is taken at once: one where its moves would vanish, else the
// first in the target's order; a callee-saved one not used so far only if the value saves more than that costs. Failing
// that the interval is cut where the register that is free longest is wanted by others, or takes the register of an
// interval whose loss costs less, or waits in memory. Cost: see ranges_walk.h.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#include "compiler/codegen/ranges_walk.h"

#include <algorithm>
#include <bit>

namespace assay::codegen {

namespace {

template <typename F> void for_each(RegSet set, F&& visit) {
  for (; set != 0; set &= set - 1) visit(static_cast<PReg>(std::countr_zero(set)));
}

} // namespace

// ---- where the scan is ---------------------------------------------------------------------------------------

void RangesWalk::pass_ranges(Interval& interval, u32 pos) {
  while (interval.range != kNone && ranges_[interval.range].to <= pos) interval.range = ranges_[interval.range].next;
}

/// Brings active_ and inactive_ up to `pos`.
void RangesWalk::advance(u32 pos) {
  while (next_event_ != 0 && events_[next_event_ - 1].pos < pos) --next_event_;
  if (pos < next_change_) return;
  next_change_ = kNone;
  for_each(active_, [&](PReg reg) {
    if (active_end_[reg] > pos) {
      next_change_ = std::min(next_change_, active_end_[reg]);
      return;
    }
    Interval& interval = intervals_[active_interval_[reg]];
    pass_ranges(interval, pos);
    active_ &= ~bit(reg);
    if (interval.range != kNone) inactive_.push_back(active_interval_[reg]);
  });
  std::size_t kept = 0;
  for (const u32 index : inactive_) {
    Interval& interval = intervals_[index];
    pass_ranges(interval, pos);
    if (interval.range == kNone) continue;
    const Range& range = ranges_[interval.range];
    if (range.from > pos) {
      next_change_ = std::min(next_change_, range.from);
      inactive_[kept++] = index;
      continue;
    }
    const PReg reg = interval.loc.preg();
    active_ |= bit(reg);
    active_interval_[reg] = index;
    active_end_[reg] = range.to;
    next_change_ = std::min(next_change_, range.to);
  }
  inactive_.resize(kept);
}

// ---- what an interval meets ----------------------------------------------------------------------------------

/// The first position in [from, to) that the interval holds, or kNone.
u32 RangesWalk::intersection(const Interval& interval, u32 from, u32 to) const {
  for (u32 r = interval.range; r != kNone && ranges_[r].from < to; r = ranges_[r].next) {
    if (ranges_[r].to > from) return std::max(ranges_[r].from, from);
  }
  return kNone;
}

u32 RangesWalk::intersection(const Interval& a, const Interval& b) const {
  for (u32 r = b.range; r != kNone; r = ranges_[r].next) {
    const u32 at = intersection(a, ranges_[r].from, ranges_[r].to);
    if (at != kNone) return at;
  }
  return kNone;
}

/// Up to where the interval may have the register, as far as fixed ranges and intervals in a hole say; at most `end`.
u32 RangesWalk::fixed_limit(u32 index, PReg reg, u32 end) {
  const Interval& interval = intervals_[index];
  u32& head = fixed_head_[reg];
  while (head != kNone && fixed_[head].to <= interval.start) head = fixed_[head].next;
  for (u32 f = head; f != kNone && fixed_[f].from < end; f = fixed_[f].next) {
    if (fixed_[f].owner == interval.vreg || (ASSAY_PLANTED(rr_fixed_temp_ignored) && fixed_[f].owner == kNone))
      continue;
    end = std::min(end, intersection(interval, fixed_[f].from, fixed_[f].to));
  }
  // Two values that are both whole never meet in a hole of one: else one would live where the other is defined.
  if (interval.prev == kNone || ASSAY_PLANTED(rr_hole_ignored)) return end;
  for (const u32 other : inactive_) {
    if (intervals_[other].loc == Location::reg(reg)) end = std::min(end, intersection(interval, intervals_[other]));
  }
  return end;
}

/// Takes from `open` the registers that events in the interval's life destroy, and notes in limit_ where.
RegSet RangesWalk::meet_events(u32 index, RegSet open) {
  const Interval& interval = intervals_[index];
  for (u32 e = next_event_; e-- != 0 && events_[e].pos < interval.end;) {
    const RegSet hit = open & events_[e].set;
    if (hit == 0) {
      if ((open & destroyed_) == 0) break;
      continue;
    }
    if (!covers(interval, events_[e].pos)) continue;
    for_each(hit, [&](PReg reg) { limit_[reg] = events_[e].pos; });
    open &= ~hit;
  }
  return open;
}

bool RangesWalk::needs_register_now(const Interval& interval, u32 pos) const {
  for (u32 u = interval.use; u != kNone && uses_[u].pos() >> 1 <= pos >> 1; u = uses_[u].next) {
    if (uses_[u].pos() >= pos && uses_[u].need() == Need::Register) return true;
  }
  return false;
}

/// Whether the use is in a loop that the interval lives through and that destroys registers: then it was over such an
/// event that the value has come to the next round.
bool RangesWalk::comes_again_behind_event(const Interval& interval, u32 pos) const {
  u32 loop = loop_at(pos);
  while (loop != kNone && !loops_[loop].destroys) loop = loops_[loop].parent;
  return loop != kNone && loop_start(loop) > interval.start && interval.end >= end_of(loops_[loop].last);
}

/// Whether a callee-saved register, saved and restored, is cheaper than the slot for a value that lives over calls.
bool RangesWalk::worth_saving(u32 index) const {
  const Interval& interval = intervals_[index];
  const u64 saving = 2;
  u64 total = values_[interval.vreg].spilled ? 0 : u64{1} << (3 * std::min(depth_of(loop_at(interval.start)), 5u));
  if (total > saving) return true;
  u32 event = next_event_;
  for (u32 u = interval.use; u != kNone && uses_[u].pos() <= interval.end; u = uses_[u].next) {
    const u32 pos = uses_[u].pos();
    if (comes_again_behind_event(interval, pos)) return true;
    // One reload serves all uses up to the next event.
    if (event == 0 || events_[event - 1].pos >= pos) continue;
    while (event != 0 && events_[event - 1].pos < pos) --event;
    total += u64{1} << (3 * std::min(depth_of(loop_at(pos)), 5u));
    if (total > saving) return true;
  }
  return false;
}

// ---- choosing ------------------------------------------------------------------------------------------------

/// One of `open`, or kNoReg. Notes in limit_ up to where the others would do.
PReg RangesWalk::wholly_free(u32 index, RegSet open) {
  const Interval& interval = intervals_[index];
  const u32 end = interval.end;
  Value& value = values_[interval.vreg];
  const PReg tied = value.tied_to != kNone ? values_[value.tied_to].last_reg : kNoReg;
  const RegSet cheap = ~file_->callee_saved | saved_used_;
  for (const PReg wanted :
       {value.last_reg, value.hint, value.fixed_def, values_[web_of(interval.vreg)].web_reg, tied}) {
    if ((open & cheap & bit(wanted)) != 0 && fixed_limit(index, wanted, end) >= end && may(Decision::Hint))
      return wanted;
  }
  const u32 reg_class = static_cast<u32>(class_of_value(interval.vreg));
  const auto try_all = [&](RegSet set) {
    set &= open;
    if (set == 0) return kNoReg;
    for (u32 i = 0; i < file_->order_count[reg_class]; ++i) {
      const PReg reg = file_->order[reg_class][i];
      if ((set & bit(reg)) == 0) continue;
      limit_[reg] = fixed_limit(index, reg, end);
      if (limit_[reg] >= end) return reg;
    }
    return kNoReg;
  };
  const PReg found = try_all(cheap);
  return found != kNoReg ? found : try_all(~cheap);
}

/// A register that nobody holds, up to `needed` at least, and in limit_ up to where; kNoReg when there is none.
PReg RangesWalk::find_free(u32 index, u32 needed) {
  const Interval& interval = intervals_[index];
  const u32 reg_class = static_cast<u32>(class_of_value(interval.vreg));
  const RegSet now = usable_[reg_class] & ~active_;
  RegSet open = now;
  if (next_event_ != 0 && events_[next_event_ - 1].pos < interval.end) open = meet_events(index, now);
  const bool reluctant = open != now && (open & saved_used_) == 0 && !worth_saving(index);
  const auto whole = [&] {
    const PReg reg = open != 0 ? wholly_free(index, open) : kNoReg;
    if (reg != kNoReg) limit_[reg] = interval.end;
    return reg;
  };
  if (const PReg reg = reluctant ? kNoReg : whole(); reg != kNoReg) return reg;
  PReg best = kNoReg;
  u32 best_limit = needed - 1;
  for_each(now & ~open, [&](PReg reg) { limit_[reg] = fixed_limit(index, reg, limit_[reg]); });
  const auto longest = [&](RegSet set) {
    for_each(set, [&](PReg reg) {
      const bool held = reg == values_[interval.vreg].last_reg;
      if (limit_[reg] <= best_limit && !(held && limit_[reg] == best_limit && best != kNoReg)) return;
      best = reg;
      best_limit = limit_[reg];
    });
  };
  const RegSet partly = reluctant ? now & ~open : now, fresh = file_->callee_saved & ~saved_used_;
  longest(partly & ~fresh);
  if ((partly & fresh) != 0 && (best == kNoReg || worth_saving(index))) longest(partly & fresh);
  return best == kNoReg && reluctant ? whole() : best;
}

void RangesWalk::assign(u32 index, PReg reg, u32 limit) {
  if (limit < intervals_[index].end) cut(index, limit);
  Interval& interval = intervals_[index];
  interval.loc = Location::reg(reg);
  active_ |= bit(reg);
  active_interval_[reg] = index;
  active_end_[reg] = ranges_[interval.range].to;
  next_change_ = std::min(next_change_, active_end_[reg]);
  saved_used_ |= bit(reg) & file_->callee_saved;
  values_[interval.vreg].last_reg = reg;
  const VReg web = web_of(interval.vreg);
  if (values_[web].web_reg == kNoReg || web == interval.vreg) values_[web].web_reg = reg;
}

/// Whether it is a constant that starts before a loop, which would have to be made again behind a call in there.
bool RangesWalk::is_hoisted_through(u32 index) const {
  const Interval& interval = intervals_[index];
  if (values_[interval.vreg].slot == kNone) return false; // others have none yet
  const u32 loop = loop_at(interval.start);
  return loop != kNone && loops_[loop].destroys && loop_start(loop) == interval.start;
}

void RangesWalk::allocate(u32 index) {
  const u32 pos = intervals_[index].start;
  advance(pos);
  // Up to where it must have a register, or is read first: less is of no use.
  u32 needed = 0;
  for (u32 u = intervals_[index].use; u != kNone && uses_[u].pos() >> 1 == pos >> 1; u = uses_[u].next) {
    if (uses_[u].pos() >= intervals_[index].end) break;
    if (uses_[u].need() == Need::Register) needed = std::max(needed, uses_[u].pos() + 1);
  }
  const bool must = needed != 0;
  const bool is_rest = index >= function_->vreg_count();
  if (!must && !may(is_rest ? Decision::RestInRegister : Decision::InRegister)) return to_memory(index, pos);
  const u32 first = intervals_[index].use;
  if (!must) needed = first == kNone ? pos + 1 : std::max(uses_[first].pos(), pos) + 1;
  const PReg free = find_free(index, std::min(needed, intervals_[index].end));
  if (is_rest && !must && (free == kNoReg || limit_[free] < intervals_[index].end) && is_hoisted_through(index))
    return to_memory(index, pos);
  if (free != kNoReg && (must || limit_[free] >= intervals_[index].end || may(Decision::PartInRegister)))
    return assign(index, free, limit_[free]);
  u32 limit = 0;
  const u64 worth = must ? ~u64{0} : price(intervals_[index], pos);
  const PReg victim = find_victim(index, needed, worth, limit);
  if (victim != kNoReg && (must || may(Decision::Evicted))) {
    if ((active_ >> victim & 1) != 0) evict(victim, pos);
    return assign(index, victim, limit);
  }
  if (must) failed_ = true;
  else to_memory(index, pos);
}

bool RangesWalk::scan() {
  active_ = saved_used_ = 0;
  inactive_.clear();
  next_change_ = kNone;
  next_event_ = static_cast<u32>(events_.size());
  spilled_.clear();
  failed_ = false;
  for (const Constant& constant : function_->constants) {
    if (intervals_[constant.vreg].start != kNone) place_constant(constant.vreg);
  }
  for (u32 pos = 0; pos < starts_.size(); ++pos) {
    // What is put in front meanwhile has its place.
    for (u32 i = starts_[pos]; i != kNone && !failed_; i = intervals_[i].chain) {
      if (!intervals_[i].loc.valid()) allocate(i);
    }
  }
  return !failed_;
}

} // namespace assay::codegen
