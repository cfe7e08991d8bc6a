// caller_frame_windows.cpp - see caller_frame.h.
//
// Two frames up from here: this function's caller, and the one that called that. A function without an entry in the
// function tables is a leaf, whose return address is where it was at its start.
// Tested in compiler/jit/tests/exceptions_test.cpp.
#include "compiler/os/caller_frame.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

#if defined(_M_ARM64) || defined(__aarch64__)
DWORD64& pc_of(CONTEXT& c) { return c.Pc; }
DWORD64 frame_pointer_of(const CONTEXT& c) { return c.Fp; }
void leave_leaf(CONTEXT& c) { c.Pc = c.Lr; }
#else
DWORD64& pc_of(CONTEXT& c) { return c.Rip; }
DWORD64 frame_pointer_of(const CONTEXT& c) { return c.Rbp; }
void leave_leaf(CONTEXT& c) {
  std::memcpy(&c.Rip, reinterpret_cast<const void*>(c.Rsp), 8);
  c.Rsp += 8;
}
#endif

void leave_function(CONTEXT& context) {
  DWORD64 base = 0;
  const DWORD64 pc = pc_of(context);
  auto* const entry = RtlLookupFunctionEntry(pc, &base, nullptr);
  if (entry == nullptr) return leave_leaf(context);
  void* data = nullptr;
  DWORD64 establisher = 0;
  RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, pc, entry, &context, &data, &establisher, nullptr);
}

} // namespace

/// Has a frame of its own, so that two are left.
__declspec(noinline) CallerFrame caller_frame() {
  CONTEXT context;
  RtlCaptureContext(&context);
  leave_function(context);
  leave_function(context);
  return {frame_pointer_of(context), pc_of(context)};
}

} // namespace assay::os
