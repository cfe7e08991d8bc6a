// bank.h - the bank of planted bugs, by which the harness measures itself, and the measurement of one.
//
// Rows are in bank.def, sites in the compiler (assay/planted.h). Only builds with ASSAY_MUTANTS have either; in others
// the bank is empty. A measurement plants one bug, runs a campaign until its first finding or a limit, and takes the
// bug out again. What a bug makes workers say on the error stream is part of the measurement. Tested in
// fuzz/mutants/tests/.
#pragma once

#include "fuzz/campaign/campaign.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace assay::fuzz {

struct PlantedBug {
  std::string_view name;
  std::string_view component;
  u32 bug_class = 0;       // number in bug-classes.md
  std::string_view origin; // a public id of such a bug, or "gen"
  std::string_view meaning;
};

/// This build has the bank.
bool has_bank();
std::span<const PlantedBug> planted_bugs();

/// While it lives, the bug is in the compiler, of this process and of those that it starts. Null: none is.
class Planted {
public:
  explicit Planted(const PlantedBug* bug);
  ~Planted();
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
};

struct Measurement {
  const PlantedBug* bug = nullptr; // null: nothing was planted
  bool found = false;
  std::string check;      // what found it: the kind of the first finding, "miscompile", "checker"
  std::string difference; // of that finding: "result 0: 1 != 2"
  std::string path;       // of its file, where one was kept
  u64 programs = 0;       // checked until then, the one that showed it included
  double seconds = 0, cpu_seconds = 0;
  std::string errors; // what was written to the error stream meanwhile, a worker's last words for instance
};

/// Bugs of this component show in unwind tables, which programs that run do not use: they are searched for by reading
/// and stepping tables.
inline constexpr std::string_view kTableComponent = "unwind tables";

/// With the bug planted, or none when `bug` is null, `search` fills what it found and in how many programs; times and
/// what was written to the error stream are added. Everything happens in this process and its children.
Result<Measurement> measure_by(const PlantedBug* bug, const std::function<Result<void>(Measurement&)>& search);

/// Runs `options` (its limits and seed are the caller's) until the first finding, with the bug planted, or without any
/// when `bug` is null.
Result<Measurement> measure(const PlantedBug* bug, CampaignOptions options, const CheckerFactory& make_checker);

} // namespace assay::fuzz
