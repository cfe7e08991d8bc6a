// frame.h - FrameDescription: what a function does to the stack, by code offset, for every unwind format.
//
// One list of effects per function, in code order; the writers in compiler/unwind turn it into DWARF CFI,
// Windows and Apple tables. An effect holds from the end of the instruction that has it: `offset` is the
// offset, from the function's first byte, of the byte *after* that instruction. Pure data.
//
// Exactly: the CFA is the value of sp before the call (x64: entry sp + 8, the return address at CFA - 8; a64: entry sp,
// the return address in x30). The state is
// (a) from where the CFA is known: sp, at entry, or a frame register; (b) depth = CFA - sp, at entry 8 on x64, 0 on
// a64; (c) for each register, "has the caller's value" or "saved at CFA - n". Offsets never fall from one op to the
// next; ops with equal offset hold together. EpilogueBegin has the offset at which the epilogue's first instruction
// *starts* and keeps the whole state; EpilogueEnd has the offset after its last (ret, jmp) and brings it back.
// Epilogues do not nest. In a body whose CFA is known from a frame register, sp may move without an op.
#pragma once

#include "assay/types.h"

namespace assay {

/// A machine register, numbered by the unified index of its target (x64: 0-15 rax..r15 in encoding order,
/// 32-47 xmm0..15; a64: 0-30 x0..x30, 31 sp, 32-63 v0..v31).
using RegIndex = u8;

enum class FrameEffect : u8 {
  Push,          // x64: push reg; depth += 8, the caller's reg is saved at CFA - depth
  Allocate,      // sp -= value; depth += value
  SetFrame,      // reg := sp + value; from here on the CFA is known from reg: CFA = reg + (depth - value)
  Save,          // the caller's reg is stored at CFA - value
  EpilogueBegin, // the state so far is what later code after the epilogue starts from
  Pop,           // x64: pop reg; depth -= 8, reg has the caller's value again (popping the frame register itself is
                 // followed by DropFrame at the same offset)
  Release,       // sp += value; depth -= value
  ResetToFrame,  // sp := frame register + value (signed in `value`)
  Restore,       // reg has the caller's value again
  DropFrame,     // the CFA is known from sp again; value = CFA - sp = depth
  SignReturn,    // a64: the return address in x30, and wherever it is saved from there, is signed (paciasp)
  AuthReturn,    // a64: it is plain again (autiasp)
  EpilogueEnd,   // back to the state at the matching EpilogueBegin (the next byte is body again)
};

struct FrameOp {
  u32 offset = 0;
  FrameEffect effect = FrameEffect::Allocate;
  RegIndex reg = 0;
  i32 value = 0;
  bool plain = false; // writers say it in the most general form that their format has
};

} // namespace assay
