// peak_memory.h - how much memory this process has at most from some moment on.
//
// What is resident, by the kernel's account: Linux only, where a process may set its own mark back. Other systems say
// that they do not know. Tested in fuzz/os/tests/peak_memory_test.cpp.
#pragma once

#include "assay/types.h"

namespace assay::fuzz {

/// Sets the mark back to what is resident now, after giving free memory back. False: not known on this system.
bool begin_peak_memory();
/// The most that was resident since then, in bytes; 0 when that is not known.
u64 peak_memory();

} // namespace assay::fuzz
