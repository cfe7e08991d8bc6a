// unwind_registry.h - tells the C++ runtime's unwinder about the frames of installed code.
//
// One registration is one .eh_frame section (CIE, FDEs, zero word) for one contiguous range of code that no other
// registration overlaps, as both libgcc generations demand. LLVM libunwind takes each FDE, libgcc from GCC 13 on the
// section by its CIE, libgcc before that a few large tables (frame_leaves.h). Which of them is in charge is found out
// once, by effect: after the first registration the unwinder must find our entries. Later registrations are checked
// only when `verify` is set, since a look-up makes libgcc sort what is new. The section must stay where it is,
// readable, until the registration is removed. Cost: libgcc about 0.5 us each way; LLVM 0.1 us an FDE. Thread-safe,
// also while other threads throw through other code. On Windows the section is the array of function entries
// (compiler/unwind/tables.h), given to RtlAddFunctionTable.
// Tested in compiler/os/tests/unwind_registry_test.cpp and, with real frames, in compiler/jit/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

namespace assay::os {

class UnwindRegistration {
public:
  UnwindRegistration() = default;
  /// Registers the section at `section` (its first byte is the CIE's length), which describes the code from
  /// `first_pc` to `last_pc` (the last byte that an entry covers). With `verify` an Error when the unwinder does
  /// not find both afterwards; then nothing stays registered. `base`: Windows only, what entries are relative to.
  static Result<UnwindRegistration> add(const u8* section, u64 size, const u8* first_pc, const u8* last_pc,
                                        bool verify = true, const u8* base = nullptr);
  /// Removes it; does nothing when empty. With verification on, an Error when the unwinder still finds it.
  Result<void> remove();

  UnwindRegistration(UnwindRegistration&& other) noexcept { *this = static_cast<UnwindRegistration&&>(other); }
  UnwindRegistration& operator=(UnwindRegistration&& other) noexcept;
  ~UnwindRegistration() { static_cast<void>(remove()); }

private:
  const u8* section_ = nullptr;
  u64 size_ = 0;
  const u8 *first_pc_ = nullptr, *last_pc_ = nullptr;
  bool verify_ = false;
};

/// Whether the unwinder in charge has an entry for the instruction at `pc`.
bool unwinder_finds(const u8* pc);

} // namespace assay::os
