// parent.h - the parent of a campaign: starts workers, watches them, keeps the book. Internal to fuzz/campaign.
//
// campaign.cpp has the loop, deaths.cpp what happens when a worker ends, rounds.cpp where programs come from and what
// is left to do. The parent runs no program itself: what kills a worker cannot kill it.
#pragma once

#include "fuzz/campaign/book.h"
#include "fuzz/campaign/campaign.h"
#include "fuzz/campaign/report.h"
#include "fuzz/campaign/stopwatch.h"
#include "fuzz/check/finding.h"
#include "fuzz/os/process.h"

#include <optional>

namespace assay::fuzz {

class Parent {
public:
  Parent(CampaignOptions& options, const CheckerFactory& make_checker)
      : options_(options), make_checker_(make_checker), watch_(options.clock) {}

  Result<void> prepare();
  Result<CampaignResult> run();

private:
  struct Seat {
    WorkerState* state = nullptr;
    Worker worker{};  // none: it ended, and is started again at `restart_at`
    u64 seen = 0;     // a mark of progress
    u64 beat = 0;     // when it was started
    double moved = 0; // when the mark changed
    double began = 0;
    double restart_at = 0;
    u32 fruitless = 0;        // ends in a row before a single program, for no reason that comes again
    u64 met_again = kNoIndex; // the program at which it ended so last
    bool done = false;
  };

  // campaign.cpp
  Result<void> prepare_memory();
  void start(u32 number);
  Result<void> work_apart();
  Result<void> work_here();
  void look();
  void look_at(u32 number);
  bool ended(u32 number);
  void watch_memory(u32 number);
  void drain_all();
  void stop_workers();
  bool finished() const;
  bool enough();
  double now() { return watch_.look(); }
  /// Of this campaign: a process that has become this one may have used some, and so may its children.
  double own_cpu_seconds() const { return cpu_seconds() - cpu_before_; }
  void tell();
  void save(const std::string& end = {});
  CampaignResult result();
  Result<CampaignResult> conclude();

  // deaths.cpp
  void handle_death(u32 number, FindingKind kind, const std::string& what);
  void back_off(Seat& seat, u32 number, const std::string& what);
  u32 reproduce_death(Seat& seat, FindingKind kind);
  /// Runs `body` in a process of its own; false when it hung. A system that refuses the process is asked again for some
  /// seconds; then `refused_` says why, and nothing is known.
  bool run_aside(const std::function<int()>& body, bool& died, std::string* what = nullptr);
  void keep_death(Seat& seat, FindingKind kind, const std::string& what, u32 reproduced);
  void write_again();

  // rounds.cpp
  Result<void> read_folder();
  Result<void> open_book();
  std::string settings();
  u64 fingerprint();
  Result<void> add_to_corpus(std::span<const CorpusRow> rows);
  /// What is left to do below the round's end; false: nothing is.
  bool hand_out();
  bool round_is_complete();
  Result<void> finish_round();
  Result<std::vector<CorpusRow>> new_programs();

  CampaignOptions& options_;
  const CheckerFactory& make_checker_;
  Stopwatch watch_;
  const double cpu_before_ = cpu_seconds();
  Corpus corpus_;
  Book book_;
  std::optional<SharedMemory> memory_;
  CampaignState* shared_ = nullptr;
  std::vector<Seat> seats_;
  std::vector<const WorkerState*> states_;
  std::vector<std::string> subjects_;
  Totals totals_;
  StatusLine status_line_;
  double told_ = 0;
  u64 deaths_ = 0, stopped_ = 0, runs_ = 0;
  u64 end_ = kNoIndex; // of all programs
  u64 round_ = 0;
  u32 added_ = 0;
  u64 digest_ = 0;                 // of what was added
  std::vector<Finding> unwritten_; // of dead workers
  std::string round_trouble_;      // why a round could not be ended
  std::string refused_;            // why the last process aside could not be started; empty: it was
  std::string save_trouble_;       // why the ledger could not be written; empty: it could
  bool interrupted_ = false;
  bool broken_ = false;
};

} // namespace assay::fuzz
