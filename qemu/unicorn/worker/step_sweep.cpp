// step_sweep.cpp - see step.h: walking through a function along every way that its code has, instead of running it.
//
// At a conditional branch the way not taken is kept: registers that unwinding reads, the frame as it truly is, and the
// frame's memory down to kSavedMemory below its upper end, where saved registers are. A way ends where the code was
// before in this sweep, at returns, traps, tail calls and throws; the latest one kept comes next. At last comes what
// follows an end of control flow and was not reached otherwise: targets of jump tables, and blocks that nothing
// reaches. Values that lead nowhere do not matter: what cannot be done is passed over, and unwinding depends on none of
// them. Cost: each instruction once, and 1 us a branch. Tested in qemu/unicorn/tests/step_test.cpp.
#include "qemu/unicorn/worker/step.h"

#include <algorithm>
#include <utility>

namespace assay::qemu::unicorn {

namespace {

constexpr u64 kSavedMemory = 2048;
constexpr std::size_t kMostWays = 4096;

enum class Flow : u8 { On, Branch, Jump, IndirectJump, Call, End };

/// What an instruction does to control flow, and for Branch the target.
struct Control {
  Flow flow = Flow::On;
  u64 target = 0;
};

i64 sign_extended(u64 value, u32 bits) {
  const u64 sign = u64{1} << (bits - 1);
  return static_cast<i64>((value ^ sign) - sign);
}

Control x64_control(std::span<const u8> code, u64 offset, u64 pc) {
  const auto byte = [&](u64 i) -> u32 { return offset + i < code.size() ? code[offset + i] : 0; };
  const auto word = [&](u64 i) {
    return sign_extended(byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24, 32);
  };
  const u32 rex = (byte(0) & 0xf0) == 0x40 ? 1 : 0, op = byte(rex);
  if (op >= 0x70 && op <= 0x7f) return {Flow::Branch, pc + rex + 2 + static_cast<u64>(sign_extended(byte(rex + 1), 8))};
  if (op == 0x0f && (byte(rex + 1) & 0xf0) == 0x80)
    return {Flow::Branch, pc + rex + 6 + static_cast<u64>(word(rex + 2))};
  if (op == 0x0f && byte(rex + 1) == 0x0b) return {Flow::End, 0};
  if (op == 0xeb || op == 0xe9) return {Flow::Jump, 0};
  if (op == 0xe8) return {Flow::Call, 0};
  if (op == 0xc3 || op == 0xc2) return {Flow::End, 0};
  if (op != 0xff) return {};
  const u32 which = byte(rex + 1) >> 3 & 7;
  return {which == 2 ? Flow::Call : which == 4 ? Flow::IndirectJump : Flow::On, 0};
}

Control a64_control(std::span<const u8> code, u64 offset, u64 pc) {
  if (offset + 4 > code.size()) return {};
  u32 word = 0;
  std::memcpy(&word, code.data() + offset, 4);
  const auto to = [&](u32 low, u32 bits) {
    return pc + 4 * static_cast<u64>(sign_extended(word >> low & ((1u << bits) - 1), bits));
  };
  if ((word & 0xff000010) == 0x54000000) return {Flow::Branch, to(5, 19)}; // b.cond
  if ((word & 0x7e000000) == 0x34000000) return {Flow::Branch, to(5, 19)}; // cbz, cbnz
  if ((word & 0x7e000000) == 0x36000000) return {Flow::Branch, to(5, 14)}; // tbz, tbnz
  if ((word & 0xfc000000) == 0x14000000) return {Flow::Jump, 0};
  if ((word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000) return {Flow::Call, 0};
  if ((word & 0xfffffc1f) == 0xd61f0000) return {Flow::IndirectJump, 0};
  if ((word & 0xfffffc1f) == 0xd65f0000 || word >> 16 == 0) return {Flow::End, 0}; // ret, udf
  return {};
}

Control control_at(Target target, std::span<const u8> code, u64 offset) {
  return target == Target::X64 ? x64_control(code, offset, kCodeAt + offset)
                               : a64_control(code, offset, kCodeAt + offset);
}

} // namespace

bool Stepper::sweep(u32 function, std::span<const u32> starts) {
  const FunctionCode& f = object_->functions[function];
  const auto first = std::lower_bound(starts.begin(), starts.end(), f.begin);
  const auto last = std::lower_bound(first, starts.end(), f.end);
  starts_.assign(first, last);
  const bool all = std::all_of(first, last, [&](u32 at) { return at < seen_.size() && seen_[at] != 0; });
  if (all) return false;
  swept_.resize(object_->code.size());
  ++sweeps_;
  swept_function_ = function;
  ways_.clear();
  rest_.pc = go_on_at_ = last_rest_ = 0;
  guarded_.clear();
  return sweeping_ = true;
}

void Stepper::unseen(std::span<const u32> starts, std::vector<u32>& out) const {
  std::copy_if(starts.begin(), starts.end(), std::back_inserter(out),
               [&](u32 at) { return at >= seen_.size() || seen_[at] == 0; });
}

/// With values from anywhere, stores may go anywhere: in the body, the saved registers are as they were behind the
/// prologue. (That compiled code leaves them alone is judged in runs.)
void Stepper::guard_frame(u64 offset) {
  if (frames_.size() != 1 || frames_.back().function != swept_function_ || body_[offset] != Part::Body) return;
  if (guarded_.empty()) {
    i64 depth = isa_->link == kNone ? 8 : 0, deepest = 0;
    for (const FrameOp& op : object_->frame_of(object_->functions[swept_function_])) {
      if (op.effect == FrameEffect::EpilogueBegin) break;
      if (op.effect == FrameEffect::Push) deepest = std::max(deepest, depth += 8);
      if (op.effect == FrameEffect::Allocate) depth += op.value;
      if (op.effect == FrameEffect::Save) deepest = std::max(deepest, i64{op.value});
    }
    guarded_at_ = frames_.back().sp - static_cast<u64>(deepest);
    if (const u8* memory = engine_->writable(guarded_at_, static_cast<u64>(deepest)))
      guarded_.assign(memory, memory + deepest);
    rest_ = way_to(now_.pc);
    return;
  }
  if (u8* memory = engine_->writable(guarded_at_, guarded_.size())) std::copy(guarded_.begin(), guarded_.end(), memory);
}

bool Stepper::is_new(u64 pc) const {
  const FunctionCode& f = object_->functions[swept_function_];
  const u64 offset = pc - kCodeAt;
  return offset >= f.begin && offset < f.end && swept_[offset] != sweeps_;
}

Stepper::Way Stepper::way_to(u64 pc) {
  Way way;
  way.pc = pc;
  way.frame = frames_.back();
  for (std::size_t i = 0; i < places_.size(); ++i) std::memcpy(way.values[i], places_[i], 16);
  const u64 sp = now_.value[isa_->sp][0], end = way.frame.sp_after;
  const u64 size = end > sp ? std::min(end - sp, kSavedMemory) : 0;
  way.memory_at = end - size;
  if (const u8* memory = engine_->writable(way.memory_at, size)) way.memory.assign(memory, memory + size);
  return way;
}

void Stepper::keep_way(u64 pc) {
  if (is_new(pc) && ways_.size() < kMostWays) ways_.push_back(way_to(pc));
}

/// At a return address: an exception may come back instead.
void Stepper::keep_pads(u64 pc) {
  const u64 offset = pc - kCodeAt;
  const CallSite* site = offset <= object_->code.size() ? object_->call_site_at(static_cast<u32>(offset)) : nullptr;
  if (site == nullptr || frames_.empty()) return;
  u64& sp = now_.value[isa_->sp][0]; // there still with the arguments on the stack
  const u64 after = std::exchange(sp, call_sp_);
  for (const Clause& clause : object_->clauses_of(*site)) keep_way(kCodeAt + clause.landing_pad);
  sp = after;
}

void Stepper::take(const Way& way) {
  frames_.resize(frames_.size() - 1);
  frames_.push_back(way.frame);
  for (std::size_t i = 0; i < places_.size(); ++i) std::memcpy(places_[i], way.values[i], 16);
  engine_->write_batch(ids_, places_);
  if (u8* memory = engine_->writable(way.memory_at, way.memory.size()))
    std::copy(way.memory.begin(), way.memory.end(), memory);
}

/// The instruction behind an end of control flow that no way of this sweep led to: a jump table's target, though a run
/// may have been there (not on all ways from it), or a block that nothing reaches, an epilogue alone too. 0: none.
u64 Stepper::next_rest() const {
  for (std::size_t i = 1; i < starts_.size(); ++i) {
    if (swept_[starts_[i]] == sweeps_ || body_[starts_[i]] == Part::Prologue) continue;
    const Flow before = control_at(object_->target, object_->code, starts_[i - 1]).flow;
    if (before == Flow::Jump || before == Flow::End || before == Flow::IndirectJump) return kCodeAt + starts_[i];
  }
  return 0;
}

bool Stepper::divert(u64 to) {
  go_on_at_ = to;
  return false;
}

/// Called when an instruction of the way was judged. False: it is not to be executed.
bool Stepper::sweep_on(u64 pc) {
  const u64 offset = pc - kCodeAt;
  const bool entry = offset % 16 == 0 && entry_at_[offset / 16] != kNone;
  if (frames_.empty() || (entry && swept_[offset] == sweeps_ && frames_.size() == 1)) return divert(0);
  if (frames_.size() > 1) { // a call: passed over
    const u64 back = frames_.back().return_address;
    frames_.pop_back();
    ++report_->events.skipped;
    return divert(behind_call(back));
  }
  if (frames_.back().function != swept_function_) return divert(0); // a tail call
  const Control before = previous_ == 0 ? Control() : control_at(object_->target, object_->code, previous_ - kCodeAt);
  if (before.flow == Flow::Branch) keep_way(pc == before.target ? previous_end_ : before.target);
  keep_pads(pc);
  if (!is_new(pc)) return divert(0);
  swept_[offset] = sweeps_;
  call_sp_ = now_.value[isa_->sp][0];
  // A value from anywhere leads anywhere; the targets come at last.
  if (control_at(object_->target, object_->code, offset).flow == Flow::IndirectJump) return divert(0);
  return true;
}

bool Stepper::elsewhere(u64& pc) {
  if (!sweeping_ || report_->cut || frames_.empty()) return false;
  previous_ = previous_end_ = 0;
  if (go_on_at_ != 0) {
    pc = go_on_at_;
    go_on_at_ = 0;
    return true;
  }
  while (!ways_.empty()) {
    const Way way = std::move(ways_.back());
    ways_.pop_back();
    if (!is_new(way.pc)) continue;
    take(way);
    pc = way.pc;
    return true;
  }
  if (rest_.pc == 0) return false;
  pc = next_rest();
  if (pc == 0 || pc == last_rest_) return false;
  last_rest_ = pc;
  take(rest_);
  return true;
}

/// The stack is as the callee would have left it: without the arguments, whose room the caller takes again at once.
/// Which function a value from anywhere led to does not matter: it may take other arguments than the caller gave.
u64 Stepper::behind_call(u64 pc) {
  const u64 offset = pc - kCodeAt;
  const std::span<const u8> code = object_->code;
  const auto byte = [&](u64 i) -> u32 { return offset + i < code.size() ? code[offset + i] : 0; };
  const u32 word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
  u64 popped = 0;
  if (object_->target == Target::A64) {
    if ((word & 0xff8003ff) == 0xd10003ff) popped = u64{word >> 10 & 0xfff} << ((word >> 22 & 1) * 12);
  } else if ((word & 0xffffff) == 0xec8348) {
    popped = byte(3);
  } else if ((word & 0xffffff) == 0xec8148) {
    popped = byte(3) | byte(4) << 8 | byte(5) << 16 | byte(6) << 24;
  }
  now_.value[isa_->sp][0] = call_sp_ + popped;
  engine_->write_batch(ids_, places_);
  return pc;
}

/// A value from anywhere was called, and is no function of the module: the call is passed over.
bool Stepper::called_nowhere(u64 pc) {
  const u64 offset = pc - kCodeAt;
  if (previous_ == 0 || pc == previous_end_ || (offset % 16 == 0 && entry_at_[offset / 16] != kNone)) return false;
  if (control_at(object_->target, object_->code, previous_ - kCodeAt).flow != Flow::Call) return false;
  ++report_->events.skipped;
  read_registers();
  go_on_at_ = behind_call(previous_end_);
  return true;
}

bool Stepper::over_fault(bool passable, u64& pc) {
  go_on_at_ = 0;
  if (passable && previous_ != 0 && !frames_.empty() && frames_.size() == 1) {
    const Flow flow = control_at(object_->target, object_->code, previous_ - kCodeAt).flow;
    ++report_->events.skipped;
    if (flow == Flow::On) go_on_at_ = previous_end_;
    if (flow == Flow::Call) go_on_at_ = behind_call(previous_end_);
  }
  return elsewhere(pc);
}

} // namespace assay::qemu::unicorn
