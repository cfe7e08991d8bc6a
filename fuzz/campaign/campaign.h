// campaign.h - a campaign: many programs, several worker processes, a live status, findings on disk.
//
// The parent starts `jobs` workers, which take program numbers from a shared counter, and watches them. A worker that
// dies or stands still is a finding too: the program is made again from its number, in a process of its own, and a
// new worker takes over. With the same seed and `programs`, the same programs are checked whatever the number of
// jobs; with one job in the same order.
//
// With `state` a campaign may last for weeks: what is done, counted and found is in a ledger (ledger.h), and the same
// call goes on where the last was, however that ended. It then works in rounds: programs with features that none had
// before join the corpus between two rounds, so that within a round a program is a function of its number, and so is
// the corpus of the next. Tested in fuzz/campaign/tests/{campaign,state}_test.cpp.
#pragma once

#include "fuzz/campaign/program_source.h"
#include "fuzz/campaign/shared_state.h"
#include "fuzz/check/attribution.h"

#include <functional>
#include <map>

namespace assay::fuzz {

/// Makes the checker of one worker, in the worker's process.
using CheckerFactory = std::function<Result<Checker>()>;

struct CampaignOptions {
  SourceOptions source;
  bool has_seed = true; // false: with `state`, the seed of the last campaign there with the same settings
  std::string preset;   // the name of `source.generator`
  u64 programs = 0;     // 0: no limit. With `state`: of the seed in all, else of this call
  double seconds = 0;   // 0: no limit
  u32 jobs = 1;
  std::string corpus;            // folder, or empty
  std::string findings;          // folder
  std::string events;            // JSONL file, or empty
  bool resume = false;           // go on where the last campaign with these findings stopped
  bool status = false;           // a status line each second on the error stream
  bool print_findings = true;    // a line for each on the error stream
  u64 max_findings = 0;          // stop after so many; 0: no limit
  u32 kept_per_kind = 10;        // files for one kind, subject and observable, a worker
  double hang_seconds = 60;      // a worker without progress for so long is ended
  std::string state;             // file of the ledger, or empty
  u64 round_programs = 1u << 20; // with `state`: after so many the corpus may grow
  u32 added_per_round = 64;      // programs that join it, at most
  u64 memory_bytes = 0;          // of a worker; 0: no limit
  double write_patience = 0;     // seconds that a worker waits for a disk that is full; then the finding is printed
  std::function<double()> clock; // seconds; null: the system's
  std::map<std::string, u32> kept_before{}; // files of findings by kind, from earlier runs
  bool fork_workers = true;                 // false: one worker, in this process
  bool reach = false;                       // note what of the compiler was reached
  /// Replaces the loop of a worker (the libFuzzer engine does); null: program numbers one after the other.
  std::function<int(struct WorkerContext&)> engine;
};

struct CampaignResult {
  u64 seed = 0;
  Totals totals;
  std::vector<ReachRow> reach; // with `reach`: of this call
  u64 finding_total = 0;       // all that were reproduced, also those not kept as files
  u64 worker_deaths = 0;
  double seconds = 0, cpu_seconds = 0;
  bool interrupted = false;
  u64 stopped = 0;                    // times that a worker was stopped from outside and told to go on
  double left_out = 0;                // seconds in which the campaign itself stood still
  u32 processors = 1;                 // of this machine
  u64 done = 0, runs = 0;             // with `state`: programs of the seed that are done, and runs before this one
  u64 all_programs = 0, all_seen = 0; // with `state`: checked, and findings in them, in all runs
  u64 corpus_digest = 0;              // with `state`: of the programs that joined, and their numbers
  u64 rounds = 0;                     // with `state`: that are complete
  u32 corpus_added = 0;               // with `state`: programs that joined the corpus, in all runs
  u32 corpus_ignored = 0;
  std::vector<std::string> ignored_because{}; // of some of them
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
  std::map<std::string, u32> kept{}; // kind of finding, files
  Attributor attributor{};
  u32 emulator_faults = 0; // known ones that concern these subjects

  bool busy = false;                // the program at lease.done is under way
  bool unwritten = false;           // its finding could not be written: it is not done
  std::function<void()> on_batch{}; // where the parent is the same process: its turn
  Checker oracle_alone{std::vector<Checker::Entry>{}};

  bool should_stop() const { return shared.stop.load(std::memory_order_relaxed) != 0; }
  /// The number of the next program; the one before is done. False when there is none, or the campaign stops.
  bool take(u64& index);
  /// Posts what is done. To be called when `take` gave false.
  void finish();
  /// Checks one program that is in `state` as the one under way, and keeps what it finds. `original`, if not null, is
  /// the program that it says otherwise: the oracle must find both the same.
  void check(const Module& module, const Cases& cases, const std::string& origin, const Module* original = nullptr);

private:
  void post();
  bool judge(const Module& module, const Cases& cases, const std::string& origin);
  void compare(const Module& original, const Module& module, const Cases& cases, const std::string& origin);
};

/// Runs the campaign to its end. Io when findings or events cannot be written, before anything else is done.
Result<CampaignResult> run_campaign(const CampaignOptions& options, const CheckerFactory& make_checker);

/// Why a campaign that found nothing says little; empty when it found something, or compared what it was given.
std::string_view why_undecided(const CampaignResult& result);

/// A summary of several lines, as `assay fuzz` prints it.
std::string summary(const CampaignResult& result, const CampaignOptions& options);
/// The same as JSON.
std::string summary_json(const CampaignResult& result, const CampaignOptions& options);

} // namespace assay::fuzz
