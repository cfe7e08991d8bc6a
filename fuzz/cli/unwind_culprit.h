// unwind_culprit.h - which row of an unwind table is wrong: what it is of, where the compiler recorded that, and whose
// row it is: one format's writer, or what all writers are given.
//
// Each effect on the frame is a choice of the area Unwinding (compiler/codegen/decisions.def), whose short form may be
// said no to. Where that cures, the first one whose short form makes it fail is named. Else the row that holds at the
// instruction and says what was found wrong (a register, or where the frame is): the number of its effect among those
// of the module is that of its choice, so the same counters tell the line. What the strict reader objects to is of no
// instruction: it is named by the format and the words. Some ten compiles, each stepped through. Tested in
// fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/unwind_check.h"

namespace assay::cli {

struct TableCulprit {
  /// For a signature: "x64/unwinding/dwarf:row_of_push", "x64/unwinding/frames:row_of_save",
  /// "a64/unwinding/windows:reader:a-code-longer-than".
  std::string culprit;
  std::string words; // the same with the place: "..., row 3 (3 in @f) of emit_frame.cpp:52, in its short form only"
};

/// Of the program with these calls on this platform, which has that finding. `all`: what all platforms found.
TableCulprit culprit_of(const Module& module, const fuzz::Cases& cases, const UnwindRow& row,
                        const UnwindFinding& finding, const std::vector<UnwindFinding>& all);

/// Whether both are wrong in the same way: platform, format, reader or step, and words but for names and numbers.
bool same_way(const UnwindFinding& a, const UnwindFinding& b);

} // namespace assay::cli
