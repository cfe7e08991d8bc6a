// campaign.cpp - the parent of a campaign: starts workers, watches them, tells how it goes. See campaign.h.
//
// The parent runs no program itself: what kills a worker cannot kill it. It looks every 20 ms; workers are told to
// stop through shared memory and finish the program they are at, so nothing is cut in the middle of a write.
// Tested in fuzz/campaign/tests/campaign_test.cpp.
#include "fuzz/campaign/campaign.h"

#include "fuzz/campaign/report.h"
#include "fuzz/campaign/worker.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>

namespace assay::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
constexpr u32 kReplays = 3;
constexpr u32 kLookMs = 20;
constexpr u32 kStopGraceMs = 10'000; // a worker that does not stop by then is ended

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string state_path(const CampaignOptions& options) {
  return (std::filesystem::path(options.findings) / "campaign.state").string();
}

/// Where the last campaign of the folder stopped: "SEED NEXT".
bool read_state(const CampaignOptions& options, u64& seed, u64& next) {
  std::ifstream file(state_path(options));
  return static_cast<bool>(file >> seed >> next);
}

class Parent {
public:
  Parent(CampaignOptions& options, const CheckerFactory& make_checker)
      : options_(options), make_checker_(make_checker) {}

  Result<void> prepare();
  Result<CampaignResult> run();

private:
  struct Seat {
    WorkerState* state = nullptr;
    Worker worker;
    u64 seen = 0; // a mark of progress
    Clock::time_point moved;
    bool done = false;
  };

  Result<void> start(u32 number);
  void look();
  void look_at(u32 number);
  void handle_death(u32 number, FindingKind kind, const std::string& what);
  u32 reproduce_death(Seat& seat, FindingKind kind);
  bool run_aside(const std::function<int()>& body, bool& died);
  void keep_death(Seat& seat, FindingKind kind, const std::string& what, u32 reproduced);
  void stop_workers();
  bool finished() const;
  void add_up_now() { add_up(states_, totals_); }
  void tell();
  void save_state();

  CampaignOptions& options_;
  const CheckerFactory& make_checker_;
  Corpus corpus_;
  std::optional<SharedMemory> memory_;
  CampaignState* shared_ = nullptr;
  std::vector<Seat> seats_;
  std::vector<const WorkerState*> states_;
  std::vector<std::string> subjects_;
  Totals totals_;
  StatusLine status_line_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point told_ = start_;
  u64 deaths_ = 0;
  bool interrupted_ = false;
  bool broken_ = false;
};

Result<void> Parent::prepare() {
  if (auto ready = prepare_findings_folder(options_.findings); !ready) return ready;
  if (!options_.events.empty()) {
    std::FILE* file = std::fopen(options_.events.c_str(), "ab");
    if (file == nullptr) {
      Error error;
      error.kind = ErrorKind::Io;
      error.file = options_.events;
      error.message = "cannot write events there";
      return error;
    }
    std::fclose(file);
  }
  if (!options_.corpus.empty()) {
    auto corpus = load_corpus(options_.corpus);
    if (!corpus) return corpus.error();
    corpus_ = std::move(*corpus);
  }
  // Made and dropped: says why not before a worker has to. Its subjects' names are kept.
  auto checker = make_checker_();
  if (!checker) return checker.error();
  for (const Checker::Entry& entry : checker->subjects()) subjects_.push_back(entry.name);

  const u32 jobs = std::max(1u, options_.jobs);
  auto memory = SharedMemory::create(sizeof(CampaignState) + sizeof(WorkerState) * jobs + 64);
  if (!memory) return memory.error();
  memory_.emplace(std::move(*memory));
  shared_ = new (memory_->data()) CampaignState;
  auto* states = reinterpret_cast<WorkerState*>(static_cast<char*>(memory_->data()) +
                                                ((sizeof(CampaignState) + 63) & ~std::size_t{63}));
  for (u32 i = 0; i < jobs; ++i) {
    seats_.push_back({new (states + i) WorkerState, {}, 0, Clock::now(), false});
    states_.push_back(seats_.back().state);
  }
  u64 seed = 0, next = 0;
  if (options_.resume && read_state(options_, seed, next)) {
    options_.source.seed = seed;
    shared_->next_index.store(next);
  }
  if (options_.programs != 0) shared_->end_index.store(shared_->next_index.load() + options_.programs);
  return {};
}

Result<void> Parent::start(u32 number) {
  Seat& seat = seats_[number];
  seat.moved = Clock::now();
  auto worker = start_worker(
      [this, number, &seat] { return work(options_, make_checker_, &corpus_, *shared_, *seat.state, number); });
  if (!worker) return worker.error();
  seat.worker = *worker;
  return {};
}

Result<CampaignResult> Parent::run() {
  append_event(options_.events, start_event(options_, subjects_));
  if (options_.fork_workers && can_fork()) {
    for (u32 i = 0; i < seats_.size(); ++i)
      if (auto started = start(i); !started) return started.error();
    while (!finished()) {
      sleep_ms(kLookMs);
      look();
    }
    stop_workers();
  } else {
    broken_ = work(options_, make_checker_, &corpus_, *shared_, *seats_[0].state, 0) != 0;
  }
  save_state();
  CampaignResult result;
  add_up_now();
  result.seed = options_.source.seed;
  result.totals = totals_;
  result.finding_total = shared_->finding_total.load();
  result.worker_deaths = deaths_;
  result.seconds = since(start_);
  result.cpu_seconds = cpu_seconds();
  result.interrupted = interrupted_;
  result.corpus_programs = static_cast<u32>(corpus_.programs.size());
  result.subjects = subjects_;
  if (options_.status) status_line_.clear();
  append_event(options_.events, end_event(result, options_));
  Error error;
  error.kind = ErrorKind::Io;
  error.message = "a finding could not be written; it is printed above";
  if (shared_->write_failed.load() != 0) return error;
  error.kind = ErrorKind::Internal;
  error.message = "a worker could not start its subjects";
  if (broken_) return error;
  return result;
}

bool Parent::finished() const {
  return std::all_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.done; });
}

void Parent::look() {
  interrupted_ |= interrupted();
  const bool enough = options_.max_findings != 0 && shared_->finding_total.load() >= options_.max_findings;
  const bool late = options_.seconds != 0 && since(start_) >= options_.seconds;
  if (interrupted_ || enough || late || broken_) {
    shared_->stop.store(1);
    stop_workers();
  }
  for (u32 i = 0; i < seats_.size(); ++i)
    if (!seats_[i].done) look_at(i);
  if (since(told_) >= 1) tell();
}

void Parent::look_at(u32 number) {
  Seat& seat = seats_[number];
  const WorkerStatus status = poll_worker(seat.worker);
  if (status.state == WorkerStatus::Exited && (status.code == 0 || status.code == 5)) {
    seat.done = true;
    broken_ |= status.code == 5;
    return;
  }
  if (status.state != WorkerStatus::Running) {
    handle_death(number, FindingKind::Crash, status.what);
    return;
  }
  const WorkerState& state = *seat.state;
  const u64 mark = state.index.load() * 31 + state.beat.load() * 1009 + state.progress.subject.load() * 17 +
                   state.progress.case_index.load();
  if (mark != seat.seen) {
    seat.seen = mark;
    seat.moved = Clock::now();
  } else if (since(seat.moved) > options_.hang_seconds) {
    kill_worker(seat.worker);
    handle_death(number, FindingKind::Hang, "no progress");
  }
}

void Parent::handle_death(u32 number, FindingKind kind, const std::string& what) {
  Seat& seat = seats_[number];
  ++deaths_;
  const u32 reproduced = reproduce_death(seat, kind);
  if (reproduced == kReplays) {
    keep_death(seat, kind, what, reproduced);
  } else {
    seat.state->unreproduced.fetch_add(1);
    std::fprintf(stderr, "\na worker ended (%s) at program %llu of seed %llu; not reproduced (%u of %u)\n",
                 what.c_str(), static_cast<unsigned long long>(seat.state->index.load()),
                 static_cast<unsigned long long>(options_.source.seed), reproduced, kReplays);
  }
  if (shared_->stop.load() != 0 || !start(number)) seat.done = true;
}

/// Runs `body` in a process of its own; false when it hung.
bool Parent::run_aside(const std::function<int()>& body, bool& died) {
  died = false;
  auto worker = start_worker(body);
  if (!worker) return true;
  const Clock::time_point start = Clock::now();
  for (;;) {
    const WorkerStatus status = poll_worker(*worker);
    if (status.state != WorkerStatus::Running) {
      died = status.state == WorkerStatus::Killed || status.code != 0;
      return true;
    }
    if (since(start) > options_.hang_seconds || interrupted()) break;
    sleep_ms(1);
  }
  kill_worker(*worker);
  return false;
}

u32 Parent::reproduce_death(Seat& seat, FindingKind kind) {
  u32 reproduced = 0;
  for (u32 i = 0; i < kReplays && !interrupted(); ++i) {
    bool died = false;
    const bool ended = run_aside([&] { return check_again(options_, make_checker_, &corpus_, *seat.state); }, died);
    reproduced += kind == FindingKind::Hang ? !ended : died;
  }
  return reproduced;
}

void Parent::keep_death(Seat& seat, FindingKind kind, const std::string& what, u32 reproduced) {
  WorkerState& state = *seat.state;
  bool died = false;
  run_aside([&] { return describe(options_, make_checker_, &corpus_, state, kind); }, died);
  Finding finding;
  finding.origin = "the program itself could not be made: generator or mutator at fault";
  if (!died) {
    auto described = parse_finding({state.text, std::min(state.text_length.load(), kMaxSharedText)}, "<worker>");
    if (described) finding = std::move(*described);
    // The file's own header comes again from to_text.
    const std::size_t program = finding.program.find("\n\n");
    if (program != std::string::npos) finding.program.erase(0, program + 2);
  }
  finding.kind = kind;
  finding.seed = options_.source.seed;
  finding.program_index = state.index.load();
  finding.actual = "the process ended: " + what;
  finding.difference = what;
  finding.tool = tool_version();
  finding.replays = kReplays;
  finding.reproduced = reproduced;
  shared_->finding_total.fetch_add(1);
  const Result<std::string> path = write_finding(finding, options_.findings);
  if (!path) {
    shared_->write_failed.store(1);
    std::fprintf(stderr, "%s\n%s\n", path.error().to_string().c_str(), to_text(finding, "FILE").c_str());
    return;
  }
  state.findings.fetch_add(1);
  if (options_.print_findings) print_finding(finding, *path);
  append_event(options_.events, finding_event(finding, *path));
}

void Parent::stop_workers() {
  shared_->stop.store(1);
  const Clock::time_point start = Clock::now();
  for (Seat& seat : seats_) {
    while (!seat.done) {
      if (poll_worker(seat.worker).state != WorkerStatus::Running) {
        seat.done = true;
      } else if (since(start) * 1000 > kStopGraceMs) {
        kill_worker(seat.worker);
        seat.done = true;
      } else {
        sleep_ms(1);
      }
    }
  }
}

void Parent::tell() {
  told_ = Clock::now();
  add_up_now();
  const u64 findings = shared_->finding_total.load();
  if (options_.status) status_line_.show(totals_, findings, since(start_));
  append_event(options_.events, status_event(totals_, findings, since(start_)));
  save_state();
}

void Parent::save_state() {
  const u64 end = shared_->end_index.load();
  const u64 next = shared_->next_index.load();
  const std::string text =
      std::to_string(options_.source.seed) + " " + std::to_string(end == 0 ? next : std::min(next, end)) + "\n";
  // Only --resume needs it: a failure is told by the next finding that cannot be written.
  static_cast<void>(write_file_atomically(state_path(options_), text));
}

} // namespace

Result<CampaignResult> run_campaign(const CampaignOptions& options, const CheckerFactory& make_checker) {
  CampaignOptions own = options;
  Parent parent(own, make_checker);
  if (auto ready = parent.prepare(); !ready) return ready.error();
  return parent.run();
}

} // namespace assay::fuzz
