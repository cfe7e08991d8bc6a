// call_stack_windows.cpp - see call_stack.h.
#include "compiler/os/call_stack.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

std::vector<u64> call_stack(u32 most) {
  void* addresses[kCallStackLimit];
  const u32 count = RtlCaptureStackBackTrace(0, most < kCallStackLimit ? most : kCallStackLimit, addresses, nullptr);
  std::vector<u64> out;
  for (u32 i = 0; i < count; ++i) out.push_back(reinterpret_cast<u64>(addresses[i]));
  return out;
}

} // namespace assay::os
