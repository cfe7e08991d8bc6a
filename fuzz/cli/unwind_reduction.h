// unwind_reduction.h - `assay reduce --unwind`: a smaller program whose unwind tables are wrong in the same way.
//
// The same way: on the same platform, in the same format, found by the same reader or step, in the same words but for
// names and numbers. What is wrong on other platforms and in other formats tells whether a writer of tables is at fault
// or what all writers are given. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/unwind_check.h"
#include "fuzz/cli/unwind_culprit.h"
#include "fuzz/reduce/reducer.h"

namespace assay::cli {

struct UnwindReduction {
  bool fails = false; // otherwise nothing else is filled
  UnwindFinding before, after;
  fuzz::ReduceResult reduction;
  std::vector<std::string> wrong; // "x64-O0-windows dwarf": all that the small program shows
  TableCulprit culprit;           // of `after`
};

/// Of a program that is wrong on one of these platforms; the calls are tried one after the other, none at all first. An
/// Error is the emulator's, or the compiler's.
Result<UnwindReduction> reduce_unwinding(const Module& module, const fuzz::Cases& cases,
                                         const std::vector<const UnwindRow*>& rows, const fuzz::ReduceOptions& options);

/// The file: what is wrong, how to see it, the call, the program.
std::string to_text(const UnwindReduction& reduction, const std::string& path);

} // namespace assay::cli
