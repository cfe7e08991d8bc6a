// call_stack_posix.cpp - see call_stack.h.
//
// glibc's backtrace() is the same walk of the unwinder, but always to the end. Tested in
// compiler/jit/tests/exception_models_test.cpp.
#include "compiler/os/call_stack.h"

#if defined(__APPLE__)
#include <execinfo.h>
#else
#include <unwind.h>
#endif

namespace assay::os {

#if defined(__APPLE__)

std::vector<u64> call_stack(u32 most, u64) {
  std::vector<void*> addresses(most);
  const int count = backtrace(addresses.data(), static_cast<int>(most));
  std::vector<u64> out;
  for (int i = 0; i < count; ++i) out.push_back(reinterpret_cast<u64>(addresses[static_cast<u32>(i)]));
  return out;
}

#else

namespace {

struct Walk {
  std::vector<u64> out;
  u32 most;
  u64 outermost;
};

/// The frame's stack pointer, where its callee's frame ended, is what the unwinder calls the CFA here.
_Unwind_Reason_Code visit(_Unwind_Context* context, void* walk) {
  Walk& w = *static_cast<Walk*>(walk);
  if (w.out.size() >= w.most) return _URC_END_OF_STACK;
  w.out.push_back(_Unwind_GetIP(context));
  return _Unwind_GetCFA(context) > w.outermost ? _URC_END_OF_STACK : _URC_NO_REASON;
}

} // namespace

std::vector<u64> call_stack(u32 most, u64 outermost) {
  Walk walk{{}, most, outermost};
  walk.out.reserve(32);
  _Unwind_Backtrace(&visit, &walk);
  return std::move(walk.out);
}

#endif

} // namespace assay::os
