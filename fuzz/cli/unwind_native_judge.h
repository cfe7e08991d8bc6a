// unwind_native_judge.h - frames of a run as they truly are, and what tables make of them, told instruction by
// instruction.
//
// A function is entered at its first byte: by a call when the return address is behind the instruction before, else by
// a tail call. Where code is entered from outside, at a return or a landing pad, all frames below sp are gone. What
// tables say of sp in an epilogue that a tail call may end must come true at its jump, and there must be one. Linear in
// frames at an entry from outside, else constant. Tested through `assay unwind --native`.
#pragma once

#include "fuzz/cli/unwind_tables.h"
#include "fuzz/os/single_step.h"
#include "oracle/unwind/unwind.h"

#include <memory>

namespace assay::cli {

class NativeJudge final : public fuzz::StepObserver {
public:
  struct Failure {
    TableFormat format = TableFormat::Dwarf;
    u32 offset = 0;
    std::string what;
  };

  /// For code at `base`. BadInput when a table cannot be opened.
  Result<void> set(const Module& module, const CodeObject& object, const CodeMap& map, u64 base,
                   std::span<const StepTable> tables);
  void begin_run() { frames_.clear(), previous_end_ = 0; }
  /// All frames are gone.
  void end_run() {
    while (!frames_.empty()) pop();
  }
  void on_step(const fuzz::StepRegisters& registers, bool entered) override;

  u64 instructions = 0, calls = 0, tail_calls = 0, landings = 0;
  u32 max_depth = 0;
  u64 checked[qemu::protocol::kTableFormats] = {}, failed[qemu::protocol::kTableFormats] = {};
  std::vector<Failure> failures; // the first ones, each place once
  std::vector<bool> seen;        // [offset]

private:
  static constexpr u32 kMostKept = 32;
  struct Frame {
    u64 return_address = 0, sp = 0, sp_after = 0;
    u64 next_sp = 0;                    // what a table says that a tail call will make of `sp`; 0: nothing
    u32 next_sp_at = 0, next_sp_of = 0; // where, and which: offset in the code, index in formats_
    u64 values[kMostKept] = {};
  };
  struct Kept {
    RegIndex reg = 0;
    u8 half = 0;
  };
  struct Format {
    TableFormat kind = TableFormat::Dwarf;
    std::unique_ptr<oracle::UnwindTables> tables;
    std::vector<u32> rule_of; // [offset]: index in rules and 1
    std::vector<oracle::FrameRule> rules;
    std::vector<bool> reported;
  };

  void follow(u32 offset, bool entered);
  void enter(u32 function, bool entered);
  void pop();
  void check(Format& format, u32 offset);
  std::string judge(const Format& format, const oracle::FrameRule& rule, u32 offset);
  void fail(Format& format, u32 offset, std::string what);
  bool in_epilogue(u32 offset) const;

  const CodeObject* object_ = nullptr;
  const CodeMap* map_ = nullptr;
  u64 base_ = 0;
  std::vector<Format> formats_;
  std::vector<Kept> kept_;
  std::vector<u32> popped_; // [index in CodeObject::functions]
  std::vector<Frame> frames_;
  oracle::RegisterFile now_;
  u64 previous_end_ = 0;
};

} // namespace assay::cli
