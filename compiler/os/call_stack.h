// call_stack.h - the return addresses of this thread's frames, as the system's unwinder finds them.
//
// glibc's backtrace() and, where there is none, the unwinder's own walk; on Windows a walk by RtlVirtualUnwind.
// Compiled frames are in it when they are registered (unwind_registry.h). Not for signal handlers. Tested in
// compiler/jit/tests/exception_models_test.cpp.
#pragma once

#include "assay/types.h"

#include <vector>

namespace assay::os {

/// Innermost first, beginning with the caller of this function or a frame inside of it; at most `most`.
std::vector<u64> call_stack(u32 most = 1000);

} // namespace assay::os
