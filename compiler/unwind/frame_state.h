// frame_state.h - what a FrameDescription (assay/frame.h) says at one place, for writers that think in states.
//
// The CFA is the caller's sp before the call. `apply` follows one effect; epilogues bring back the state at their
// beginning. Bad sequences (a pop of what is not there) leave a state that the writers' own checks refuse, never
// undefined behaviour: distances are 64-bit. Constant time an effect. Tested through the writers in
// compiler/unwind/tests/.
#pragma once

#include "assay/code_object.h"

#include <vector>

namespace assay::unwind {

struct FrameState {
  static constexpr u32 kRegisters = 64; // unified numbers

  i64 depth = 0; // CFA - sp
  bool from_frame = false;
  RegIndex frame = 0;
  i64 cfa_from_frame = 0;     // CFA - frame register
  i64 saved[kRegisters] = {}; // the caller's register lies at CFA - this; 0: the register has it
  bool signed_return = false;

  static FrameState at_entry(Target target) {
    FrameState state;
    state.depth = target == Target::X64 ? 8 : 0;
    return state;
  }
  /// Everything but EpilogueBegin and EpilogueEnd.
  void apply(const FrameOp& op);
  /// The largest distance at which a register is saved, 0 when none is.
  i64 deepest_save() const;
};

/// A prologue and the epilogues of a function, as indices into its effects.
struct FrameOutline {
  struct Epilogue {
    u32 begin = 0, end = 0; // the effects EpilogueBegin and EpilogueEnd
  };
  u32 prologue_ops = 0; // effects before the first EpilogueBegin
  std::vector<Epilogue> epilogues;

  /// Overwrites. False when the effects are not a prologue followed by whole epilogues.
  bool read(std::span<const FrameOp> ops);
};

} // namespace assay::unwind
