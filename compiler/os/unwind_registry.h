// unwind_registry.h - tells the C++ runtime's unwinder about the frames of installed code.
//
// One registration is one .eh_frame section (CIE, FDEs, zero word) for one contiguous range of code that no other
// registration overlaps, as both libgcc generations demand. LLVM libunwind takes each FDE, libgcc from GCC 13 on the
// section by its CIE, libgcc before that a few large tables (frame_leaves.h); macOS 14 and later ask us for the
// sections of a pc (section_table.h), and get compact unwind beside the section. Which of them is in charge is found
// out once, by effect: after the first registration the unwinder must find our entries. After later registrations and
// removals it is asked when `verify` is set, as it is for whoever does not say otherwise. The sections must stay where
// they are, readable, until the registration is removed. On Windows the section is the array of function entries
// (compiler/unwind/tables.h), given to RtlAddFunctionTable. Thread-safe, also while other threads throw through other
// code. Cost: libgcc about 0.5 us each way; LLVM 0.1 us an FDE; `assay_selftest costs` has the machine's figures.
// Tested in compiler/os/tests/unwind_registry*_test.cpp and, with real frames, in compiler/jit/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

namespace assay::os {

struct Unwinder;

/// What describes one range of code.
struct CodeTables {
  const u8* section = nullptr; // its first byte is the CIE's length
  u64 size = 0;
  const u8 *first_pc = nullptr, *last_pc = nullptr; // the last byte that an entry covers
  const u8* base = nullptr;                         // what Windows' entries and compact unwind are relative to
  const u8* compact = nullptr;                      // __unwind_info, where unwinder_takes_compact(); else unused
  u64 compact_size = 0;
};

class UnwindRegistration {
public:
  UnwindRegistration() = default;
  /// With `verify` an Error (Unsupported) when the unwinder does not find both ends of the code afterwards; then
  /// nothing stays registered.
  static Result<UnwindRegistration> add(const CodeTables& tables, bool verify = true);
  /// Removes it; does nothing when empty. With verification on, an Error when the unwinder still finds it: its tables
  /// must then stay where they are.
  Result<void> remove();

  UnwindRegistration(UnwindRegistration&& other) noexcept { *this = static_cast<UnwindRegistration&&>(other); }
  UnwindRegistration& operator=(UnwindRegistration&& other) noexcept;
  ~UnwindRegistration() { static_cast<void>(remove()); }

private:
  CodeTables tables_; // without a section: empty
  Unwinder* unwinder_ = nullptr;
  u8 shape_ = 0;
  bool verify_ = false;
};

/// Whether the unwinder in charge has an entry for the instruction at `pc`.
bool unwinder_finds(const u8* pc);

/// The memory goes back to the system; no code in it is registered any more. To be said before it goes: what comes
/// there next may be registered by others.
void unwinder_forgets(const u8* memory, u64 bytes);

/// Whether registrations should come with compact unwind: on macOS 14 and later.
bool unwinder_takes_compact();

} // namespace assay::os
