// stubs.h - the doors between C++ and A64 code: the entry stub and the trap entries.
//
// enter:  a function `void enter(A64EntryFrame*)` of the host's convention (codegen/entry_frame.h). It keeps the host's
//         callee-saved registers (x19-x29, the low halves of v8-v15), loads every register from the frame, copies the
//         stack arguments, calls through x16, and stores every register back. Not loaded: sp, x28 (the context), x29,
//         x30, x16 (AAPCS64 lets any call clobber it, so it may carry the address), and x18, which belongs to the
//         platform: it is never written, and what it was at entry goes to gpr_in[18]. VmContext::entry_fp is the stub's
//         x29 during the call and what it was before afterwards. The stub finds its way back through x28, so it
//         survives a callee that returns with wrong sp, x29 or callee-saved registers; one that returns with a wrong
//         x28 faults. FPCR is put right. gpr_out[16] is not stored. When an exception passes through, the C++ caller
//         puts entry_fp back.
// trap:   kTrapCount entries, each reached by `blr` from compiled code, so that x30 is the return address which has the
//         position; they store x29 to VmContext::exit_fp and call `void on_trap(VmContext*, u64 kind, u64
//         return_address)`, which throws. Unwinding goes on through the return address.
// Both have a FrameDescription, in the shape of compiled functions: pairs stored upwards from the frame record.
// Pure: bytes out. Tested in compiler/target/a64/tests/stubs_test.cpp (run where the processor is one).
#pragma once

#include "compiler/codegen/entry_frame.h"

namespace assay::a64 {

/// The stubs for runtime functions of this convention. They are the same words for all three.
StubCode make_stubs(Os host);

/// Overwrites `out` with a jump to any address, for where a field is too small for one. x16 is lost. kFarJumpBytes,
/// wherever it stands.
void make_far_jump(u64 target, std::vector<u8>& out);
inline constexpr u32 kFarJumpBytes = 20;

} // namespace assay::a64
