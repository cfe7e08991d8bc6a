// call_stack.h - the return addresses of this thread's frames, as the system's unwinder finds them.
//
// The unwinder's own walk; on Apple systems backtrace(), on Windows a walk by RtlVirtualUnwind. Compiled frames are in
// it when they are registered (unwind_registry.h). A frame costs 0.2 us and more. Not for signal handlers. Tested in
// compiler/jit/tests/exception_models_test.cpp.
#pragma once

#include "assay/types.h"

#include <vector>

namespace assay::os {

/// Innermost first, beginning with the caller of this function or a frame inside of it; at most `most`. Frames whose
/// stack pointer is above `outermost` need not be in it, but for the first of them.
std::vector<u64> call_stack(u32 most = 1000, u64 outermost = ~u64{0});

} // namespace assay::os
