// caller_frame.h - the frame of whoever called this function, as a frame record: for functions that compiled code
// calls.
//
// ASSAY_CALLER_FRAME() is the frame pointer register as the caller of the function that it stands in left it, and the
// address that the function returns to. Where our C++ functions keep a frame record, it is that; on Windows, where they
// keep none or keep it elsewhere, the system unwinds two frames, some 0.5 us. The caller must be unwindable there.
// Tested in compiler/jit/tests/exceptions_test.cpp.
#pragma once

#include "assay/types.h"

#include <cstring>

namespace assay::os {

/// Laid out as frame records are, which its address may be taken for.
struct CallerFrame {
  u64 frame_pointer = 0;
  u64 return_address = 0; // on ARM64 perhaps signed
};

#if defined(_WIN32)
CallerFrame caller_frame();
#define ASSAY_CALLER_FRAME() ::assay::os::caller_frame()
#else
inline CallerFrame caller_frame_at(const void* record) {
  CallerFrame frame;
  std::memcpy(&frame, record, sizeof frame);
  return frame;
}
#define ASSAY_CALLER_FRAME() ::assay::os::caller_frame_at(__builtin_frame_address(0))
#endif

} // namespace assay::os
