// unwind_search.h - looks for one wrong unwind table: how `assay mutants` finds bugs that were planted in writers of
// tables.
//
// First the program of frame shapes, then random programs, on each platform, until the first finding. Tested in
// fuzz/cli/tests/cli_test.cmake and fuzz-smoke.mutants.
#pragma once

#include "fuzz/cli/unwind_check.h"
#include "fuzz/mutants/bank.h"

namespace assay::cli {

struct UnwindSearch {
  std::vector<const UnwindRow*> rows;
  u64 seed = 1;
  u64 programs = 0;   // 0: no limit
  double seconds = 0; // 0: no limit
};

/// A program, and calls that are made of it.
struct SearchedProgram {
  Module module;
  fuzz::Cases cases;
};

/// Leaves in `program` the last one looked at: with a finding, the one that has it. Fills `found`, `check`,
/// `difference` and `programs`. An Error is the emulator's.
Result<void> search_tables(const UnwindSearch& search, fuzz::Measurement& out, SearchedProgram& program);

} // namespace assay::cli
