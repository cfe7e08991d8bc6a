// mutant_reduction.h - what `assay mutants --reduce` does with the first finding of each planted bug: reduced,
// bisected, and asked whether the small program still shows that bug and no other.
//
// A small program that fails without the bug, too, has drifted. Whether bisection names the bug is judged by the
// component in the bank. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/bisect_output.h"
#include "fuzz/cli/unwind_reduction.h"
#include "fuzz/mutants/bank.h"
#include "fuzz/triage/triage.h"

#include <string>
#include <vector>

namespace assay::cli {

struct MutantReduction {
  const fuzz::PlantedBug* bug = nullptr;
  bool reduced = false;
  std::string why_not; // when it was not
  fuzz::Reduced result;
  double seconds = 0; // looking at it, reducing and bisecting
  bool drifted = false;
  bool named = false;  // bisection says the bank's component
  std::string culprit; // in its signature; empty: a bug of tables
  std::string wrong;   // of a bug of tables: the platform and format, and in how many
};

/// Of the finding in this file, which the bug has caused.
MutantReduction reduce_finding(const fuzz::PlantedBug& bug, const std::string& path, double seconds, u32 jobs);

/// Of a bug of unwind tables that this program shows on one of these platforms.
MutantReduction reduce_tables(const fuzz::PlantedBug& bug, const Module& module, const fuzz::Cases& cases,
                              const std::vector<const UnwindRow*>& rows, double seconds);

void print(const MutantReduction& reduction);
Json to_json(const MutantReduction& reduction);
/// Median and 95th percentile of sizes and seconds, how many drifted, of how many bugs the component was named.
Json summary_of(const std::vector<MutantReduction>& reductions);
void print_summary(const std::vector<MutantReduction>& reductions);

} // namespace assay::cli
