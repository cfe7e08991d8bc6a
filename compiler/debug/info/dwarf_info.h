// dwarf_info.h - DWARF 4 for debuggers: one compilation unit, a subprogram for each function, and the line table.
//
// By the DWARF 4 standard: 7.5 (.debug_info, .debug_abbrev), 6.2 (.debug_line). Addresses are absolute: the code is
// where it is. No types and no variables: names, lines and (from .eh_frame) frames are what a backtrace needs.
// Pure; linear in functions and positions. Tested in compiler/debug/info/tests/ (readelf) and
// compiler/debug/tools/tests/ (gdb, lldb).
#pragma once

#include "compiler/debug/info/code_lines.h"

namespace assay::debug {

struct DwarfSections {
  std::vector<u8> info, abbrev, line;
};

/// Overwrites `out`. `base`: address of the code's first byte. Without lines there is no unit: all sections are empty.
void write_dwarf_info(const CodeObject& object, u64 base, const DebugSource& source, DwarfSections& out);

} // namespace assay::debug
