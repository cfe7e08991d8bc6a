// stubs.h - the doors between C++ and x64 code: the entry stub and the trap entries.
//
// enter:  a function `void enter(X64EntryFrame*)` of the host's convention (codegen/entry_frame.h). It keeps the host's
//         callee-saved registers, loads every register (not rsp, rbp; r14 is the context) from the frame, pushes the
//         stack arguments, calls, and stores every register back. VmContext::entry_fp is the stub's rbp during the
//         call and what it was before afterwards. It finds its way back through r14 (never allocated by our code), so
//         it survives a callee that returns with wrong rsp, rbp or callee-saved registers; a callee that returns with
//         a wrong r14 faults. gpr_out[r14] is therefore not stored. Direction flag and MXCSR are put right.
//         When an exception passes through, the C++ caller puts entry_fp back.
// trap:   kTrapCount entries, each `call`ed by compiled code with rsp 16-aligned before the call; they store rbp to
//         VmContext::exit_fp and call `void on_trap(VmContext*, u64 kind, u64 return_address)`, which throws. The
//         return address of the compiled code stays on the stack, so unwinding goes on through it.
// Both have a FrameDescription. Pure: bytes out. Tested in compiler/target/x64/tests/stubs_test.cpp (natively).
#pragma once

#include "compiler/codegen/entry_frame.h"

namespace assay::x64 {

/// The stubs for runtime functions of this convention.
StubCode make_stubs(Os host);

/// Overwrites `out` with a jump to any address, for where a field is too small for one. rax is lost, flags are kept. At
/// most kFarJumpBytes.
void make_far_jump(u64 target, std::vector<u8>& out);
inline constexpr u32 kFarJumpBytes = 16;

} // namespace assay::x64
