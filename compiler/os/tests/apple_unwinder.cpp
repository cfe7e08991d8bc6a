// apple_unwinder.cpp - LLVM's libunwind as macOS 14 and later have it, on Linux: for ci/apple-unwinder.
//
// What differs there from LLVM's own on Linux: compact unwind is read, and a pc that is in no image is looked up
// through the callbacks that were registered, before single entries are. The rest, stepping by compact unwind
// included, is LLVM's code. The older copy of it that ci/apple-unwinder takes has no such callbacks, so they are added
// here: its LocalAddressSpace::findUnwindSections is renamed to findImageSections, and this one put in its place.
// glibc's backtrace() would load libgcc, which knows nothing of all this; here it asks LLVM's unwinder.
#include "libunwind.cpp" // LLVM's

#include <atomic>
#include <cstring>
#include <unwind.h>

namespace {

struct Sections {
  uintptr_t dso_base, dwarf, dwarf_size, compact, compact_size;
};
using Find = int (*)(uintptr_t pc, Sections* out);
std::atomic<Find> callback{nullptr};

struct Walk {
  void** out;
  int room, count;
};

_Unwind_Reason_Code visit(_Unwind_Context* context, void* to) {
  Walk& walk = *static_cast<Walk*>(to);
  if (walk.count == walk.room) return _URC_END_OF_STACK;
  if (walk.count >= 0) walk.out[walk.count] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  ++walk.count;
  return _URC_NO_REASON;
}

} // namespace

namespace libunwind {

bool LocalAddressSpace::findUnwindSections(pint_t pc, UnwindInfoSections& info) {
  std::memset(&info, 0, sizeof info);
  if (findImageSections(pc, info)) return true;
  std::memset(&info, 0, sizeof info);
  const Find find = callback.load();
  Sections found{};
  if (find == nullptr || find(pc, &found) == 0) return false;
  info.dso_base = found.dso_base;
  info.dwarf_section = found.dwarf;
  info.dwarf_section_length = found.dwarf_size;
  info.compact_unwind_section = found.compact;
  info.compact_unwind_section_length = found.compact_size;
  return true;
}

} // namespace libunwind

extern "C" {
__attribute__((visibility("default"))) int __unw_add_find_dynamic_unwind_sections(Find find) {
  Find none = nullptr;
  return callback.compare_exchange_strong(none, find) ? UNW_ESUCCESS : UNW_ENOMEM;
}

__attribute__((visibility("default"))) int backtrace(void** out, int room) {
  Walk walk{out, room, -1}; // without this very frame
  _Unwind_Backtrace(&visit, &walk);
  return walk.count < 0 ? 0 : walk.count;
}
}
