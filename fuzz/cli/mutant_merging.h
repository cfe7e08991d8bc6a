// mutant_merging.h - what `assay mutants --merge N` does: N findings of each planted bug, signed while it is planted,
// and all of them merged. There should be as many groups as bugs.
//
// Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/bisect_output.h"
#include "fuzz/mutants/bank.h"
#include "fuzz/triage/sign.h"

#include <string>
#include <vector>

namespace assay::cli {

/// A finding with the bug that caused it.
struct MergedFinding {
  const fuzz::PlantedBug* bug = nullptr;
  std::string file;
  fuzz::Signed result;
};

/// Plants the bug, runs the campaign until so many findings, signs each. Io when the folder cannot be read.
Result<std::vector<MergedFinding>> find_and_sign(const fuzz::PlantedBug& bug, fuzz::CampaignOptions campaign,
                                                 const fuzz::CheckerFactory& make_checker, u32 findings,
                                                 double reduce_seconds);

/// Prints the groups, and how far they are the bugs; the number of groups.
u32 print_groups(const std::vector<MergedFinding>& findings, bool json);

} // namespace assay::cli
