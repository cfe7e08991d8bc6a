// unwind_frames.h - frames of compiled code by their descriptions (assay/frame.h): at each instruction, where the CFA
// is and which places hold a register of the caller.
//
// Rules of unwind tables that differ may find the same caller all the same: where sp and the frame register are at a
// known distance, or where a register was saved and still has its value. That is decided here, from the description
// that tables were written from, for rules that a changed table decodes to. What cannot be shown is not the same.
// Linear in the code. Tested in fuzz/cli/tests/ with --mutate.
#pragma once

#include "assay/code_object.h"
#include "oracle/unwind/unwind.h"

namespace assay::cli {

class FrameStates {
public:
  explicit FrameStates(const CodeObject& object) : object_(object) {}

  /// Whether both rules find the same caller at that offset of the code. `is_return`: a call returns there, so the
  /// frame is that of the call.
  bool same_caller(u32 offset, bool is_return, const oracle::FrameRule& a, const oracle::FrameRule& b) const;

private:
  struct State {
    i32 depth = 0; // CFA - sp
    RegIndex frame = oracle::kNoRegister;
    i32 from_frame = 0;                            // CFA - the frame register
    bool has_value[oracle::kUnwindRegisters] = {}; // the register has the caller's value
    i32 saved[oracle::kUnwindRegisters] = {};      // at CFA - this; 0: not
    bool is_signed = false;
  };
  /// False: no function is there.
  bool state_at(u32 offset, bool is_return, State& out) const;
  void apply(const FrameOp& op, State& state, State& kept) const;
  bool distance(const State& state, oracle::Place place, i64& from_cfa) const;
  bool holds(const State& state, const oracle::FrameRule& rule, RegIndex reg, u32& bytes) const;

  const CodeObject& object_;
};

} // namespace assay::cli
