// entry_frame.h - the one door from C++ into compiled code: a register file in memory.
//
// The entry stub (code made by the target, one a convention) loads every register from an EntryFrame,
// calls `code`, and stores every register back. So the caller places arguments itself (call_conv.h), may put
// junk wherever nothing is promised and canaries in callee-saved registers, and can check the machine
// contract afterwards from the `out` half. Callee-saved registers of the C++ caller are kept by the stub,
// whose frame has a FrameDescription like any other. Layout shared by C++ and machine code.
#pragma once

#include "assay/types.h"

#include <cstddef>

namespace assay {

struct EntryFrame {
  u64 code = 0;           // address to call
  u64 context = 0;        // VmContext*, goes to the context register
  u64 stack_args = 0;     // address of stack_bytes bytes to copy to the stack-argument area
  u64 stack_bytes = 0;    // multiple of 16
  u64 gpr_in[16] = {};    // x64: by encoding; rsp, rbp, r14 ignored
  u64 fpr_in[16][2] = {}; // all 128 bits
  u64 gpr_out[16] = {};   // after the return; rsp as seen then, rbp as seen then
  u64 fpr_out[16][2] = {};
  u64 flags_out = 0;   // rflags after the return
  u64 mxcsr_out = 0;   // MXCSR after the return
  u64 sp_expected = 0; // what gpr_out[rsp] must be
  u64 fp_expected = 0; // what gpr_out[rbp] must be
};

} // namespace assay
