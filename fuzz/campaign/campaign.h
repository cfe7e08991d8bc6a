// campaign.h - a campaign: many programs, several worker processes, a live status, findings on disk.
//
// The parent starts `jobs` workers, which take program numbers from a shared counter, and watches them. A worker that
// dies or stands still is a finding too: the program is made again from its number, in a process of its own, and a
// new worker takes over. With the same seed and `programs`, the same programs are checked whatever the number of
// jobs; with one job in the same order. Tested in fuzz/campaign/tests/campaign_test.cpp.
#pragma once

#include "fuzz/campaign/program_source.h"
#include "fuzz/campaign/shared_state.h"
#include "fuzz/check/attribution.h"

#include <functional>

namespace assay::fuzz {

/// Makes the checker of one worker, in the worker's process.
using CheckerFactory = std::function<Result<Checker>()>;

struct CampaignOptions {
  SourceOptions source;
  u64 programs = 0;   // 0: no limit
  double seconds = 0; // 0: no limit
  u32 jobs = 1;
  std::string corpus;         // folder, or empty
  std::string findings;       // folder
  std::string events;         // JSONL file, or empty
  bool resume = false;        // go on where the last campaign with these findings stopped
  bool status = false;        // a status line each second on the error stream
  bool print_findings = true; // a line for each on the error stream
  u64 max_findings = 0;       // stop after so many; 0: no limit
  u32 kept_per_kind = 10;     // files for one kind, subject and observable, a worker
  double hang_seconds = 60;   // a worker without progress for so long is ended
  bool fork_workers = true;   // false: one worker, in this process
  /// Replaces the loop of a worker (the libFuzzer engine does); null: program numbers one after the other.
  std::function<int(struct WorkerContext&)> engine;
};

struct CampaignResult {
  u64 seed = 0;
  Totals totals;
  u64 finding_total = 0; // all that were reproduced, also those not kept as files
  u64 worker_deaths = 0;
  double seconds = 0, cpu_seconds = 0;
  bool interrupted = false;
  u32 corpus_programs = 0;
  std::vector<std::string> subjects;
};

/// What a worker's loop works with.
struct WorkerContext {
  const CampaignOptions& options;
  CampaignState& shared;
  WorkerState& state;
  ProgramSource& source;
  Checker& checker;
  u32 number = 0;

  CheckCounts published{};
  std::vector<u64> published_skips{};
  std::vector<std::pair<std::string, u32>> kept{}; // kind of finding, files
  Attributor attributor{};
  u32 emulator_faults = 0; // known ones that concern these subjects

  bool should_stop() const { return shared.stop.load(std::memory_order_relaxed) != 0; }
  /// Checks one program that is in `state` as the one under way, and keeps what it finds.
  void check(const Module& module, const Cases& cases, const std::string& origin);

private:
  bool judge(const Module& module, const Cases& cases, const std::string& origin);
};

/// Runs the campaign to its end. Io when findings or events cannot be written, before anything else is done.
Result<CampaignResult> run_campaign(const CampaignOptions& options, const CheckerFactory& make_checker);

/// A summary of several lines, as `assay fuzz` prints it.
std::string summary(const CampaignResult& result, const CampaignOptions& options);
/// The same as JSON.
std::string summary_json(const CampaignResult& result, const CampaignOptions& options);

} // namespace assay::fuzz
