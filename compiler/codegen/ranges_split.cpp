// ranges_split.cpp - splitting for ranges_walk.h: where an interval loses its register, where it gets one again, whose
// loss costs least.
//
// A value goes to memory before the outermost loop in which it is not read, and comes back before the outermost loop
// that destroys no registers in which it is: what a loop's edges would move at each round stays as it is. Prices count
// memory accesses, one eight times as much for each loop around it, by the distance to the next use.
// Cost: linear in the uses passed, the loop depth and the registers.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#include "compiler/codegen/ranges_walk.h"

#include "assay/errors.h"

#include <algorithm>
#include <bit>

namespace assay::codegen {

namespace {

constexpr u64 weight(u32 depth) { return u64{1} << (3 * std::min(depth, 5u)); }

} // namespace

u32 RangesWalk::block_at(u32 pos) const {
  u32 low = 0, high = static_cast<u32>(function_->blocks.size());
  while (high - low > 1) {
    const u32 middle = (low + high) / 2;
    if (entry_of(middle) <= pos) low = middle;
    else high = middle;
  }
  return low;
}

void RangesWalk::mark_split(VReg vreg) {
  const u32 global = values_[vreg].global;
  if (global != kNone) split_[global / 64] |= u64{1} << (global % 64);
}

/// The interval keeps what lies before `pos`, the new one gets the rest. Neither is empty.
u32 RangesWalk::split(u32 index, u32 pos) {
  const u32 rest = static_cast<u32>(intervals_.size());
  intervals_.emplace_back();
  Interval& before = intervals_[index];
  Interval& behind = intervals_[rest];
  u32 r = before.range, last = kNone;
  while (ranges_[r].to <= pos) {
    last = r;
    r = ranges_[r].next;
  }
  if (ranges_[r].from < pos) {
    ranges_.push_back({pos, ranges_[r].to, ranges_[r].next});
    ranges_[r].to = pos;
    last = r;
    r = static_cast<u32>(ranges_.size() - 1);
  }
  behind.range = r;
  behind.start = ranges_[r].from;
  behind.end = before.end;
  if (last != kNone) ranges_[last].next = kNone;
  else before.range = kNone; // its other ranges are over
  before.end = last != kNone ? ranges_[last].to : pos;
  behind.vreg = before.vreg;
  behind.next = before.next;
  behind.prev = index;
  before.next = rest;
  if (behind.next != kNone) intervals_[behind.next].prev = rest;
  behind.use = before.use;
  behind.last_use = before.last_use;
  for (; behind.use != kNone && uses_[behind.use].pos() < pos; behind.use = uses_[behind.use].next)
    behind.last_use = uses_[behind.use].pos();
  mark_split(before.vreg);
  return rest;
}

/// The start of the outermost loop around `pos` that starts behind `after`, else `pos`.
u32 RangesWalk::sunk(u32 pos, u32 after) const {
  if (loops_.empty()) return pos;
  for (u32 loop = loop_at(pos); loop != kNone && loop_start(loop) > after; loop = loops_[loop].parent)
    pos = loop_start(loop);
  return pos;
}

/// The same, of loops that destroy no registers; else the gap before `pos`. `through`: those that do, too.
u32 RangesWalk::hoisted(u32 pos, u32 after, bool through) const {
  u32 place = pos & ~1u;
  if (loops_.empty()) return place;
  for (u32 loop = loop_at(pos); loop != kNone && loop_start(loop) > after && (through || !loops_[loop].destroys);
       loop = loops_[loop].parent)
    place = loop_start(loop);
  return place;
}

/// The interval that gets a register at its start loses it at `limit`, or before.
void RangesWalk::cut(u32 index, u32 limit) {
  const u32 start = intervals_[index].start;
  u32 last_use = start;
  for (u32 u = intervals_[index].use; u != kNone && uses_[u].pos() < limit; u = uses_[u].next)
    last_use = uses_[u].pos();
  bool destroyed = false; // what calls destroy is not kept by another move
  for (u32 e = next_event_; e-- != 0 && events_[e].pos <= limit;) destroyed |= events_[e].pos == limit;
  u32 place = sunk(limit, std::max(last_use, start));
  const bool to_slot = destroyed || (limit % 2 != 0 && limit - 1 <= start);
  if (!to_slot) place &= ~1u;
  const u32 rest = split(index, place);
  if (to_slot) to_memory(rest, start);
  else enlist(rest);
}

/// Where the interval, in memory from its start on, should have a register again, behind `now`; or kNone.
u32 RangesWalk::reload_place(const Interval& interval, u32 now) const {
  const u32 after = std::max(now, interval.start);
  const bool through = interval.start == 0; // a constant, which no register has had yet
  for (u32 u = interval.use; u != kNone; u = uses_[u].next) {
    const u32 pos = uses_[u].pos();
    if (pos >= interval.end) break; // another part's
    if ((pos & ~1u) <= after || uses_[u].need() == Need::Moved) continue;
    const u32 place = hoisted(pos, after, through);
    if (uses_[u].need() == Need::Register) return place;
    // A slot will do, unless that is asked for again and again.
    if (place < (pos & ~1u)) return place;
    const u32 next = uses_[u].next;
    if (next == kNone || uses_[next].need() == Need::Moved) continue;
    if (uses_[next].pos() - pos < 64) return place;
  }
  return kNone;
}

/// It lies in its slot up to where it should have a register again, which is behind `now`, where the scan is.
void RangesWalk::to_memory(u32 index, u32 now) {
  Interval& interval = intervals_[index];
  interval.loc = kMemory;
  Value& value = values_[interval.vreg];
  if (!value.spilled) {
    value.spilled = true;
    spilled_.push_back(interval.vreg);
  }
  const u32 place = reload_place(interval, now);
  if (place != kNone) enlist(split(index, place));
}

/// From the start on it is nowhere. Where it comes into a register, what else begins there has the choice before it.
void RangesWalk::place_constant(VReg vreg) {
  intervals_[vreg].loc = kMemory;
  const u32 place = reload_place(intervals_[vreg], 0);
  if (place == kNone) return;
  const u32 rest = split(vreg, place);
  u32* last = &starts_[intervals_[rest].start];
  while (*last != kNone) last = &intervals_[*last].chain;
  *last = rest;
}

void RangesWalk::advance_uses(Interval& interval, u32 pos) {
  for (; interval.use != kNone && uses_[interval.use].pos() < pos; interval.use = uses_[interval.use].next)
    interval.last_use = uses_[interval.use].pos();
}

/// What it costs when the interval has no register at `pos`, by the room that it makes.
u64 RangesWalk::price(const Interval& interval, u32 pos) const {
  u64 cost = 0;
  if (!values_[interval.vreg].spilled) cost += weight(depth_of(loop_at(intervals_[interval.vreg].start)));
  u32 next = interval.use;
  while (next != kNone && uses_[next].pos() < pos) next = uses_[next].next;
  if (next != kNone && uses_[next].pos() > interval.end) next = kNone; // another part's
  const u32 here = loop_at(pos);
  u32 until = interval.end;
  if (next != kNone) {
    until = std::max(uses_[next].pos(), pos);
    u32 loop = loop_at(until);
    while (loop != kNone && loop_start(loop) > pos && !loops_[loop].destroys) loop = loops_[loop].parent;
    cost += weight(depth_of(loop));
  }
  // Read in this loop before: wanted again at its next round.
  if (here != kNone && interval.last_use >= loop_start(here) && interval.end > end_of(loops_[here].last)) {
    if (next == kNone || until > end_of(loops_[here].last)) cost += weight(depth_of(here));
    until = std::min(until, end_of(loops_[here].last));
  }
  return (cost << 16) / (std::max(until, pos) - pos + 4);
}

/// The register whose interval is the cheapest to send to memory, cheaper than `below`, and that may be held up to
/// `needed` at least; `limit` is up to where. When an instruction needs more than max_registers, any that is free.
PReg RangesWalk::find_victim(u32 index, u32 needed, u64 below, u32& limit) {
  const Interval& interval = intervals_[index];
  const RegClass reg_class = class_of_value(interval.vreg);
  const u32 pos = interval.start;
  const auto limit_of = [&](PReg reg) {
    limit_[reg] = interval.end;
    meet_events(index, bit(reg));
    return fixed_limit(index, reg, limit_[reg]);
  };
  PReg best = kNoReg;
  for (RegSet rest = active_; rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    if (class_of(reg) != reg_class) continue;
    Interval& holder = intervals_[active_interval_[reg]];
    advance_uses(holder, pos);
    if (needs_register_now(holder, pos)) continue;
    const u64 cost = price(holder, pos);
    if (cost >= below) continue;
    const u32 up_to = limit_of(reg);
    if (up_to < needed) continue;
    below = cost;
    best = reg;
    limit = up_to;
  }
  if (best != kNoReg) return best;
  if (!needs_register_now(interval, pos)) return kNoReg;
  for (RegSet rest = file_->allocatable & ~active_; rest != 0; rest &= rest - 1) {
    const PReg reg = static_cast<PReg>(std::countr_zero(rest));
    if (class_of(reg) != reg_class) continue;
    limit = limit_of(reg);
    if (limit >= needed) return reg;
  }
  return kNoReg;
}

/// The register's interval goes to memory at `pos`, or before where nothing reads it.
void RangesWalk::evict(PReg reg, u32 pos) {
  const u32 index = active_interval_[reg];
  active_ &= ~bit(reg);
  const Interval& interval = intervals_[index];
  const u32 place = std::max(sunk(pos, std::max(interval.last_use, interval.start)), ranges_[interval.range].from);
  if (place <= interval.start) return to_memory(index, pos);
  to_memory(split(index, place), pos);
}

} // namespace assay::codegen
