// unwinder_calls.h - the functions of the C++ runtime's unwinder that registration uses, as data.
//
// So that a test can give the registry another system's unwinder, or one that fails, and a measurement can compare the
// ways of one system. Registrations keep the unwinder that they were made with. Not on Windows.
// Tested in compiler/os/tests/unwind_registry_test.cpp and unwind_registry_apple_test.cpp.
#pragma once

#include "compiler/os/frame_leaves.h"

namespace assay::os {

/// What _Unwind_Find_FDE says beside the entry. LLVM's: `text` is the base of the sections that it comes from.
struct EhBases {
  void* text = nullptr;
  void* data = nullptr;
  void* function = nullptr;
};

/// macOS 14: unw_dynamic_unwind_sections, which no header of the system has. All zero when it is handed in.
struct DynamicUnwindSections {
  u64 dso_base;
  u64 dwarf, dwarf_size;
  u64 compact, compact_size;
};
/// 1: found, and `out` is filled in. 0: not known.
using FindUnwindSections = int (*)(u64 pc, DynamicUnwindSections* out);

struct UnwinderCalls {
  void (*add_frame)(void*) = nullptr;                         // __register_frame
  void (*remove_frame)(void*) = nullptr;                      // __deregister_frame
  const void* (*find_frame)(const void*, EhBases*) = nullptr; // _Unwind_Find_FDE
  bool each_entry = false;                                    // LLVM: add_frame takes one FDE
  /// __unw_add_find_dynamic_unwind_sections; 0: done. Null where the system has none.
  int (*add_find_sections)(FindUnwindSections) = nullptr;
  FrameTableCalls tables; // libgcc before GCC 13; null elsewhere
};

/// This process's.
UnwinderCalls unwinder_calls();

/// While it exists, registrations are made with other calls than the process's. What was registered with them must be
/// removed before its end. Not thread-safe; one at a time.
class OtherUnwinder {
public:
  explicit OtherUnwinder(const UnwinderCalls& calls);
  OtherUnwinder(const OtherUnwinder&) = delete;
  OtherUnwinder& operator=(const OtherUnwinder&) = delete;
  ~OtherUnwinder();

private:
  struct Unwinder* mine_;
};

} // namespace assay::os
