// unwind_registry_windows.cpp - Windows has function tables, not .eh_frame: registration of the latter is refused.
//
// A host there runs compiled code whose traps and exceptions are reported, not thrown through frames, until
// RtlAddFunctionTable is fed from the Windows writers of compiler/unwind. The refusal is an Error that names this.
// Tested in compiler/os/tests/unwind_registry_test.cpp.
#include "compiler/os/unwind_registry.h"

namespace assay::os {

bool unwinder_finds(const u8*) { return false; }

Result<UnwindRegistration> UnwindRegistration::add(const u8*, u64, const u8*, const u8*, bool) {
  return Error{ErrorKind::Unsupported, {}, 0, 0, "this system takes function tables, not an .eh_frame section"};
}

Result<void> UnwindRegistration::remove() { return {}; }

UnwindRegistration& UnwindRegistration::operator=(UnwindRegistration&&) noexcept { return *this; }

} // namespace assay::os
