// apple_compact.h - FrameDescription to Apple's compact unwind: __unwind_info with one encoding a function (via
// tables.h).
//
// Encodings of <mach-o/compact_unwind_encoding.h>: RBP frame on x64, frame on ARM64, both with the saved registers in
// the encoding's own order next to the frame register. A function whose frame is otherwise, or that has a call or a
// fault site where the encoding is not true (in a prologue before the saves, in an epilogue), or that signs its return
// address, or whose calls have handlers while a personality routine is given, gets DWARF mode with the offset of its
// FDE. Regular second-level pages. Linear. `object` and `place` as write_tables has checked them. Tested in
// compiler/unwind/tests/apple_compact_test.cpp.
#pragma once

#include "compiler/unwind/tables.h"

namespace assay::unwind {

Result<void> write_apple_compact(const CodeObject& object, const UnwindPlace& place, UnwindTables& out);

} // namespace assay::unwind
