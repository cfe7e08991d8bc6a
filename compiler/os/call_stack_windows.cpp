// call_stack_windows.cpp - see call_stack.h.
//
// A walk of its own, of the two look-ups that structured exceptions are made of: RtlCaptureStackBackTrace sees 62
// frames, and in Wine 8 on ARM64 none. A function without an entry is a leaf, which only the innermost one can be, and
// that one is this. On ARM64 a call may be a function's last instruction, so a caller is looked up where it calls;
// on x64 the ABI has something follow.
#include "compiler/os/call_stack.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

#if defined(_M_ARM64) || defined(__aarch64__)
u64 pc_of(const CONTEXT& c) { return c.Pc; }
u64 sp_of(const CONTEXT& c) { return c.Sp; }
constexpr u64 kCallBytes = 4;
#else
u64 pc_of(const CONTEXT& c) { return c.Rip; }
u64 sp_of(const CONTEXT& c) { return c.Rsp; }
constexpr u64 kCallBytes = 0;
#endif

} // namespace

/// Beginning with the caller's frame. Ends where a frame has no entry, or is not above the one before.
__declspec(noinline) std::vector<u64> call_stack(u32 most, u64 outermost) {
  std::vector<u64> out;
  CONTEXT context;
  RtlCaptureContext(&context);
  for (u64 below = 0; out.size() < most && sp_of(context) > below && below <= outermost;) {
    below = sp_of(context);
    DWORD64 base = 0;
    const u64 pc = pc_of(context) - (out.empty() ? 0 : kCallBytes);
    auto* const entry = RtlLookupFunctionEntry(pc, &base, nullptr);
    if (entry == nullptr) break;
    void* data = nullptr;
    DWORD64 establisher = 0;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, pc, entry, &context, &data, &establisher, nullptr);
    if (pc_of(context) == 0) break;
    out.push_back(pc_of(context));
  }
  return out;
}

} // namespace assay::os
