// elf_object.h - a relocatable ELF file about code that is in memory already: what GDB's JIT interface wants.
//
// Sections (System V gABI, chapter 4): .text without contents, at the code's address; .eh_frame; .symtab with a symbol
// for each function; and, where the source is known, .debug_info, .debug_abbrev and .debug_line. Machine: that of the
// object's target; any host writes for any. The frames are written anew, without the personality routine, which
// debuggers need not. Pure; linear in the object. Tested in compiler/debug/info/tests/ (readelf) and
// compiler/debug/tools/tests/ (gdb, lldb).
#pragma once

#include "assay/code_object.h"
#include "assay/code_tools.h"

#include <vector>

namespace assay::debug {

/// `base`: address of the code's first byte. `source` may be null: names and frames only. `with_frames` is off in tests
/// only: it shows what the frames are good for. Empty when the code is too large for its frames.
std::vector<u8> write_elf_object(const CodeObject& object, u64 base, const DebugSource* source,
                                 bool with_frames = true);

} // namespace assay::debug
