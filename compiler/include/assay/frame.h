// frame.h - FrameDescription: what a function does to the stack, by code offset, for every unwind format.
//
// One list of effects per function, in code order; the writers in compiler/unwind turn it into DWARF CFI,
// Windows and Apple tables. An effect holds from the end of the instruction that has it: `offset` is the
// offset, from the function's first byte, of the byte *after* that instruction. Pure data.
#pragma once

#include "assay/types.h"

namespace assay {

/// A machine register, numbered by the unified index of its target (x64: 0-15 rax..r15 in encoding order,
/// 32-47 xmm0..15; a64: 0-30 x0..x30, 31 sp, 32-63 v0..v31).
using RegIndex = u8;

enum class FrameEffect : u8 {
  Push,         // x64: push reg; sp -= 8, the caller's reg lies at the new sp
  Allocate,     // sp -= value
  SetFrame,     // reg := sp + value; from here on the CFA is known from reg
  Save,         // the caller's reg is stored at CFA - value
  EpilogueBegin,// the state so far is what later code after the epilogue starts from
  Pop,          // x64: pop reg; sp += 8, reg has the caller's value again
  Release,      // sp += value
  ResetToFrame, // sp := frame register + value (signed in `value`)
  Restore,      // reg has the caller's value again
  DropFrame,    // the CFA is known from sp again; value = CFA - sp
  EpilogueEnd,  // back to the state at the matching EpilogueBegin (the next byte is body again)
};

struct FrameOp {
  u32 offset = 0;
  FrameEffect effect = FrameEffect::Allocate;
  RegIndex reg = 0;
  i32 value = 0;
};

} // namespace assay
