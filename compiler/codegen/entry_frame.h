// entry_frame.h - the one door from C++ into compiled code: a register file in memory.
//
// The entry stub (code made by the target, one a convention) loads every register from an EntryFrame,
// calls `code`, and stores every register back. So the caller places arguments itself (call_conv.h), may put
// junk wherever nothing is promised and canaries in callee-saved registers, and can check the machine
// contract afterwards from the `out` half. Callee-saved registers of the C++ caller are kept by the stub,
// whose frame has a FrameDescription like any other. Layout shared by C++ and machine code, one a target: stubs of
// every target can be made and looked at on every host; EntryFrame is that of the host's processor.
#pragma once

#include "assay/code_object.h"
#include "assay/types.h"

#include <cstddef>

namespace assay {

/// `N`: registers of each class, general and vector, by their number in instructions.
template <u32 N> struct EntryFrameOf {
  static constexpr u32 kRegisters = N;

  u64 code = 0;        // address to call
  u64 context = 0;     // VmContext*, goes to the context register
  u64 stack_args = 0;  // address of stack_bytes bytes to copy to the stack-argument area
  u64 stack_bytes = 0; // multiple of 16
  u64 gpr_in[N] = {}; // x64: rsp, rbp, r14 ignored; a64: x16, x28-x30, 31 ignored, x18 is written: what it was at entry
  u64 fpr_in[N][2] = {}; // all 128 bits
  u64 gpr_out[N] = {};   // after the return; stack and frame pointer (x64: rsp, rbp; a64: 31, x29) as seen then
  u64 fpr_out[N][2] = {};
  u64 flags_out = 0;         // x64: rflags; a64: NZCV; after the return
  u64 float_control_in = 0;  // written: x64: MXCSR, a64: FPCR, at the entry
  u64 float_control_out = 0; // after the return
  u64 float_status_out = 0;  // a64: FPSR; x64: not used, the status is in MXCSR
  u64 sp_expected = 0;       // what the stack pointer of gpr_out must be
  u64 fp_expected = 0;       // what the frame pointer of gpr_out must be
};

using X64EntryFrame = EntryFrameOf<16>;
using A64EntryFrame = EntryFrameOf<32>;
#if defined(__aarch64__) || defined(_M_ARM64)
using EntryFrame = A64EntryFrame;
#else
using EntryFrame = X64EntryFrame;
#endif

/// The entry stub and the trap entries of a target, before they are installed (target/*/stubs.h).
struct StubCode {
  CodeObject object;                // functions[0]: enter; functions[1]: the trap entries
  u32 enter_offset = 0;             // in object.code
  u32 trap_offset[kTrapCount] = {}; // in object.code
  u32 on_trap_field = 0;            // in object.code: eight bytes for the address of on_trap
};

} // namespace assay
