// trace.cpp - see trace.h. Tested in qemu/unicorn/tests/trace_test.cpp.
#include "qemu/unicorn/worker/trace.h"

#include <algorithm>
#include <cstring>

namespace assay::qemu::unicorn {

using protocol::RegisterWord;
using protocol::TraceReport;

void Tracer::begin(Engine& engine, u64 code_bytes, const protocol::TraceLimits& limits, const Outcome& outcome) {
  engine_ = &engine;
  outcome_ = &outcome;
  code_bytes_ = code_bytes;
  limits_ = limits;
  ids_.clear();
  regs_.clear();
  for (u32 reg = 0; reg < kRegisters; ++reg) {
    if (engine.isa().registers[reg] == 0) continue;
    ids_.push_back(engine.isa().registers[reg]);
    regs_.push_back(reg);
  }
  ids_.push_back(engine.isa().flags);
  regs_.push_back(protocol::kFlagsRegister);
  std::memset(before_, 0, sizeof before_);
  std::memset(now_, 0, sizeof now_);
  last_.clear();
  last_at_change_.clear();
  executed_ = 0;
  cut_ = stopped_ = known_ = changed_ = false;
}

void Tracer::read_registers(State& state) {
  places_.clear();
  for (const u32 reg : regs_) places_.push_back(state[reg]);
  engine_->read_batch(ids_, places_);
}

/// The words of a state; with `before`, only those that were different then.
void Tracer::words_of(const State& state, const State* before, const Isa& isa, std::vector<RegisterWord>& out) {
  out.clear();
  for (u32 reg = 0; reg < protocol::kTracedRegisters; ++reg) {
    if (reg < kRegisters && isa.registers[reg] == 0) continue;
    const bool is_vector = reg >= 32 && reg < kRegisters;
    for (u8 half = 0; half < (is_vector ? 2 : 1); ++half) {
      if (before == nullptr || (*before)[reg][half] != state[reg][half])
        out.push_back({static_cast<u8>(reg), half, state[reg][half]});
    }
  }
}

/// The last instruction has run: now_ is what came of it.
void Tracer::finish_last() {
  if (last_.empty()) return;
  words_of(now_, &before_, engine_->isa(), last_.back().changed);
}

/// Whether the byte watched is another now, by the instruction that was just finished.
void Tracer::note_change() {
  if (limits_.watch == ~u64{0}) return;
  const u8* byte = engine_->writable(kMemoryAt + limits_.watch, 1);
  if (byte == nullptr) return; // the memory does not reach so far yet
  if (known_ && *byte != watched_ && !last_.empty()) {
    changed_ = true;
    last_at_change_ = last_;
    std::memcpy(at_change_, now_, sizeof now_);
  }
  known_ = true;
  watched_ = *byte;
}

bool Tracer::on_instruction(u64 pc, u32) {
  const u64 offset = pc - kCodeAt;
  if (offset >= code_bytes_) return true;
  if (at_event()) {
    stopped_ = true; // the registers are those before the call
    return false;
  }
  read_registers(now_);
  finish_last();
  note_change();
  std::memcpy(before_, now_, sizeof now_);
  if (executed_ >= limits_.most) {
    cut_ = true;
    return false;
  }
  last_.push_back({executed_++, static_cast<u32>(offset), {}});
  if (last_.size() > limits_.keep) last_.pop_front();
  return true;
}

void Tracer::end(TraceReport& report) {
  report = {};
  report.outcome = outcome_->kind;
  report.outcome_text = outcome_->text;
  report.executed = executed_;
  const bool event = stopped_ || at_event(); // the event may have been the run's end
  if (!event && !cut_) {
    read_registers(now_);
    finish_last();
    note_change();
    std::memcpy(before_, now_, sizeof now_);
  }
  report.stop = event      ? TraceReport::AtEvent
                : changed_ ? TraceReport::AtChange
                : cut_     ? TraceReport::Cut
                           : TraceReport::AtEnd;
  const auto& instructions = report.stop == TraceReport::AtChange ? last_at_change_ : last_;
  report.instructions.assign(instructions.begin(), instructions.end());
  words_of(report.stop == TraceReport::AtChange ? at_change_ : before_, nullptr, engine_->isa(), report.registers);
}

} // namespace assay::qemu::unicorn
