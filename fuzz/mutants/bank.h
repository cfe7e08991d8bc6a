// bank.h - the bank of planted bugs, by which the harness measures itself, and the measurement of one.
//
// Rows are in bank.def, sites in the compiler (assay/planted.h). Only builds with ASSAY_MUTANTS have either; in others
// the bank is empty. A measurement plants one bug, runs a campaign until its first finding or a time limit, and
// takes the bug out again. Tested in fuzz/mutants/tests/.
#pragma once

#include "fuzz/campaign/campaign.h"

#include <span>
#include <string>
#include <string_view>

namespace assay::fuzz {

struct PlantedBug {
  std::string_view name;
  std::string_view component;
  u32 bug_class = 0;            // number in bug-classes.md
  std::string_view origin;      // a public id of such a bug, or "gen"
  std::string_view meaning;
};

/// This build has the bank.
bool has_bank();
std::span<const PlantedBug> planted_bugs();

struct Measurement {
  std::string name;             // "none": nothing planted
  bool found = false;
  std::string observable;       // of the first finding: "miscompile: result 0: 1 != 2"
  u64 programs = 0;             // checked until then
  double seconds = 0, cpu_seconds = 0;
};

/// Runs `options` (its limits and seed are the caller's) with the named bug planted, or none when the name is empty.
Result<Measurement> measure(std::string_view name, CampaignOptions options, const CheckerFactory& make_checker);

} // namespace assay::fuzz
