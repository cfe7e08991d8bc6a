// code_lines.h - from code offsets to lines of AIR text, and the names that tools show.
//
// The compiler notes positions of return addresses and of instructions that may fault. A row holds from its offset to
// the next row, so that the line is exact at each call (tools look one byte before a return address) and at each fault
// site; code between has the line of the call that it leads up to. A function's first row is that of its declaration,
// the second begins behind the prologue, where debuggers put breakpoints.
// Pure; linear in the positions. Tested in compiler/debug/info/tests/code_lines_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/code_tools.h"

#include <string>
#include <vector>

namespace assay::debug {

struct LineRow {
  u32 offset = 0; // in the object's code
  u32 line = 0;   // counted from 1
};

/// The rows of one function: offsets ascend strictly, from its first byte on. Empty for a thunk, and where the source
/// does not know the function.
void lines_of(const CodeObject& object, const FunctionCode& function, const DebugSource& source,
              std::vector<LineRow>& out);

/// The line on which a function is declared; 0: not known.
u32 declared_at(const FunctionCode& function, const DebugSource& source);

/// "gcd"; "import_log" for the way out to an imported function; "assay_enter" for a stub.
std::string shown_name(const CodeObject& object, const FunctionCode& function);

} // namespace assay::debug
