// call_stack.h - the return addresses of this thread's frames, as the system's unwinder finds them.
//
// glibc's backtrace() and, where there is none, the unwinder's own walk; on Windows RtlCaptureStackBackTrace, which
// sees at most 62 frames. Compiled frames are in it when they are registered (unwind_registry.h). Not for signal
// handlers. Tested in compiler/jit/tests/exception_models_test.cpp.
#pragma once

#include "assay/types.h"

#include <vector>

namespace assay::os {

/// What the system gives at most, whatever is asked for.
#if defined(_WIN32)
inline constexpr u32 kCallStackLimit = 62;
#else
inline constexpr u32 kCallStackLimit = ~u32{0};
#endif

/// Innermost first, beginning with the caller of this function or a frame inside of it; at most `most`.
std::vector<u64> call_stack(u32 most = 1000);

} // namespace assay::os
