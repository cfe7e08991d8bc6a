// unwind_callback.h - registration with macOS 14 and later: its unwinder asks us for the sections of a pc.
//
// __unw_add_find_dynamic_unwind_sections has room for few callbacks in a process, so there is one, of all engines, over
// one SectionTable. It runs inside throws, on any thread, under a lock of the unwinder's: it takes none of its own. The
// unwinder asks it before it looks at entries that were registered one by one, and for pcs in no image only.
// Each range has compact unwind whose DWARF modes name their FDE: without that name the unwinder would keep, by itself,
// what it found in the section, and still find it when the code has gone.
// Compiled on every system but Windows. Tested, with a stand-in for the system, in
// compiler/os/tests/unwind_registry_apple_test.cpp, and by ci/apple-unwinder with exceptions that fly.
#pragma once

#include "compiler/os/section_table.h"
#include "compiler/os/unwind_registry.h"
#include "compiler/os/unwinder_calls.h"

namespace assay::os {

/// What the system is given, once.
FindUnwindSections unwind_callback();
/// False when the tables lack compact unwind, `base` is null, above the code or 4 GiB below its end, or the range meets
/// another.
bool add_to_callback(const CodeTables& tables);
void remove_from_callback(const CodeTables& tables);

} // namespace assay::os
