// step.cpp - see step.h: the frames of a run as they truly are. What tables make of them is step_check.cpp.
//
// Functions are entered at their first byte and nowhere else. An entry is a call when the return address is behind the
// instruction that was executed before, or the pad; else it is a tail call. Tested in qemu/unicorn/tests/step_test.cpp.
#include "qemu/unicorn/worker/step.h"

#include "qemu/unicorn/worker/pads.h"

#include <algorithm>

namespace assay::qemu::unicorn {

namespace {

constexpr u32 kPaciasp = 0xd503233f, kAutiasp = 0xd50323bf, kAutia1716 = 0xd503219f, kMovX30X17 = 0xaa1103fe;
constexpr u32 kMostFrames = 1u << 16;

} // namespace

void Stepper::begin(Engine& engine, protocol::StepReport& report, u64 most) {
  engine_ = &engine;
  report_ = &report;
  most_ = most;
  sweeping_ = false;
  report = {};
  frames_.clear();
  previous_ = previous_end_ = 0;
  host_enters_ = authenticates_ = false;
}

void Stepper::enter() {
  host_enters_ = true;
  previous_ = previous_end_ = 0;
}

void Stepper::leave() {
  while (!frames_.empty()) {
    const bool last = frames_.back().from_host;
    frames_.pop_back();
    if (last) break;
  }
  host_enters_ = false;
  previous_ = previous_end_ = 0;
  report_->pcs = pcs_;
}

void Stepper::read_registers() { engine_->read_batch(ids_, places_); }

void Stepper::push(u64 return_address, u32 function, bool from_host) {
  Frame frame;
  frame.return_address = return_address;
  frame.sp = now_.value[isa_->sp][0] + (isa_->link == kNone ? 8 : 0);
  frame.sp_after = frame.sp + popped_[function];
  frame.function = function;
  frame.from_host = from_host;
  for (std::size_t i = 0; i < kept_.size(); ++i) frame.values[i] = now_.value[kept_[i].reg][kept_[i].half];
  if (frames_.size() < kMostFrames) frames_.push_back(frame);
  report_->max_depth = std::max(report_->max_depth, static_cast<u32>(frames_.size()));
}

/// At the first instruction of a function.
void Stepper::entered(u64 pc, u32 function) {
  u64 return_address = now_.value[isa_->link == kNone ? 0 : isa_->link][0];
  if (isa_->link == kNone)
    static_cast<void>(stack_from(now_.value[isa_->sp][0]).read(now_.value[isa_->sp][0], &return_address, 8));
  const bool called = host_enters_ || return_address == previous_end_;
  if (called) {
    ++report_->events.calls;
    push(return_address, function, host_enters_);
    host_enters_ = false;
    for (Format& format : formats_) walk(format, pc, false);
    return;
  }
  if (frames_.empty()) return;
  ++report_->events.tail_calls;
  Frame& frame = frames_.back();
  frame.sp = now_.value[isa_->sp][0] + (isa_->link == kNone ? 8 : 0);
  frame.function = function;
  frame.is_signed = false;
  if (frame.next_sp != 0 && frame.next_sp != frame.sp)
    fail(formats_.front(), kCodeAt + frame.next_sp_at, false, "sp after the tail call", frame.sp, frame.next_sp);
  frame.next_sp = 0;
}

/// Brings the stack of frames up to the instruction that is about to run.
void Stepper::follow(u64 pc) {
  const u64 offset = pc - kCodeAt;
  if (offset % 16 == 0 && entry_at_[offset / 16] != kNone) return entered(pc, entry_at_[offset / 16]);
  if (frames_.empty()) return;
  const u64 sp = now_.value[isa_->sp][0];
  const Frame& top = frames_.back();
  if (pc == top.return_address && sp == top.sp_after) {
    if (top.next_sp != 0)
      fail(formats_.front(), kCodeAt + top.next_sp_at, false, "sp, and no tail call followed", top.sp, top.next_sp);
    frames_.pop_back();
  }
}

/// a64: whether the frame's return address is signed, by the instruction that was executed.
void Stepper::note_signature(u32 word) {
  Frame& frame = frames_.back();
  if (word == kPaciasp) frame.is_signed = true;
  else if (word == kAutiasp) frame.is_signed = false;
  else if (word == kAutia1716) authenticates_ = true;
  else if (word == kMovX30X17 && authenticates_) frame.is_signed = authenticates_ = false;
}

void Stepper::caught(const Registers& registers, u64 pc, u32 frames) {
  if (report_ == nullptr) return;
  ++report_->events.caught;
  report_->events.frames_left += frames;
  previous_ = previous_end_ = 0;
  if (frames == 0) return; // caught by the caller of what threw: nothing was unwound
  Frame last;
  for (u32 i = 0; i < frames; ++i) {
    if (frames_.size() < 2 || frames_.back().from_host)
      return fail(formats_.front(), pc, true, "landing pad: frames that there were", frames, i);
    last = frames_.back();
    frames_.pop_back();
  }
  if (last.return_address != pc)
    return fail(formats_.front(), pc, true, "landing pad: pc of the call", last.return_address, pc);
  const u64 sp = registers.value[isa_->sp][0];
  if (sp != last.sp) return fail(formats_.front(), pc, true, "landing pad: sp", last.sp, sp);
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const u64 found = registers.value[kept_[i].reg][kept_[i].half];
    if (found != last.values[i])
      return fail(formats_.front(), pc, true, std::string("landing pad: ") + isa_->names[kept_[i].reg], last.values[i],
                  found);
  }
}

bool Stepper::on_instruction(u64 pc, u32 size) {
  const u64 offset = pc - kCodeAt;
  if (report_ == nullptr || offset >= object_->code.size()) return true;
  if (report_->instructions >= most_) {
    report_->cut = true;
    return false;
  }
  if (sweeping_ && called_nowhere(pc)) return false;
  read_registers();
  now_.pc = pc;
  if (isa_->link != kNone && !frames_.empty() && previous_ != 0) {
    u32 word = 0;
    std::memcpy(&word, object_->code.data() + (previous_ - kCodeAt), 4);
    note_signature(word);
  }
  follow(pc);
  if (sweeping_) guard_frame(offset);
  ++report_->instructions;
  if (seen_[offset] == 0) seen_[offset] = 1, ++pcs_;
  if (!frames_.empty()) {
    for (Format& format : formats_) check(format, pc);
  }
  if (sweeping_ && !sweep_on(pc)) return false;
  previous_ = pc;
  previous_end_ = pc + size;
  return true;
}

void Stepper::called_out(const Registers& registers, u64 address) {
  if (report_ == nullptr || frames_.empty()) return;
  std::memcpy(now_.value, registers.value, sizeof now_.value);
  now_.pc = address;
  ++report_->events.called_out;
  for (Format& format : formats_) walk(format, address, true);
}

} // namespace assay::qemu::unicorn
