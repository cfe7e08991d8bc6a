// campaign.cpp - the parent's loop: starts workers, watches them, tells how it goes. See campaign.h and parent.h.
//
// It looks every 20 ms; workers are told to stop through shared memory and finish the program they are at, so nothing
// is cut in the middle of a write. Tested in fuzz/campaign/tests/{campaign,state}_test.cpp.
#include "fuzz/campaign/campaign.h"

#include "fuzz/campaign/parent.h"
#include "fuzz/campaign/worker.h"
#include "fuzz/os/limits.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>

namespace assay::fuzz {
namespace {

constexpr u32 kLookMs = 20;
constexpr double kStopGrace = 10; // a worker that does not stop by then is ended
constexpr u32 kMaxBatch = 64;

Error error_of(ErrorKind kind, std::string file, std::string message) {
  Error error;
  error.kind = kind;
  error.file = std::move(file);
  error.message = std::move(message);
  return error;
}

} // namespace

Result<void> Parent::prepare() {
  ignore_write_signals();
  if (auto ready = prepare_findings_folder(options_.findings); !ready) return ready;
  if (!options_.events.empty()) {
    std::FILE* file = std::fopen(options_.events.c_str(), "ab");
    if (file == nullptr) return error_of(ErrorKind::Io, options_.events, "cannot write events there");
    std::fclose(file);
  }
  if (auto read = read_folder(); !read) return read;
  // Made and dropped: says why not before a worker has to. Its subjects' names are kept.
  {
    auto checker = make_checker_();
    if (!checker) return checker.error();
    for (const Checker::Entry& entry : checker->subjects()) subjects_.push_back(entry.name);
  }
  if (auto ready = prepare_memory(); !ready) return ready;
  return open_book();
}

Result<void> Parent::prepare_memory() {
  const u32 jobs = std::max(1u, options_.jobs);
  auto memory = SharedMemory::create(sizeof(CampaignState) + sizeof(WorkerState) * jobs + 64);
  if (!memory) return memory.error();
  memory_.emplace(std::move(*memory));
  shared_ = new (memory_->data()) CampaignState;
  auto* states = reinterpret_cast<WorkerState*>(static_cast<char*>(memory_->data()) +
                                                ((sizeof(CampaignState) + 63) & ~std::size_t{63}));
  for (u32 i = 0; i < jobs; ++i) {
    seats_.push_back({new (states + i) WorkerState});
    states_.push_back(seats_.back().state);
  }
  const u64 share = options_.programs == 0 ? kMaxBatch : options_.programs / (u64{jobs} * 4);
  shared_->batch = static_cast<u32>(std::clamp<u64>(share, 1, kMaxBatch));
  return {};
}

/// On failure the seat stays empty and is tried again later.
void Parent::start(u32 number) {
  Seat& seat = seats_[number];
  seat.moved = seat.began = now();
  seat.beat = seat.state->beat.load();
  options_.kept_before = book_.group_files();
  auto worker = start_worker([this, number, &seat] {
    if (options_.memory_bytes != 0) static_cast<void>(limit_memory(options_.memory_bytes)); // else watch_memory
    return work(options_, make_checker_, &corpus_, *shared_, *seat.state, number);
  });
  if (worker) seat.worker = *worker;
  else back_off(seat, number, worker.error().to_string());
}

Result<CampaignResult> Parent::run() {
  append_event(options_.events, start_event(options_, subjects_));
  const bool apart = options_.fork_workers && can_fork();
  for (;;) {
    if (hand_out()) {
      const u64 before = book_.done().count();
      if (auto worked = apart ? work_apart() : work_here(); !worked) return worked.error();
      if (shared_->stop.load() != 0) break;
      broken_ |= book_.done().count() == before;
      if (broken_) break;
    } else if (!round_is_complete()) {
      break;
    }
    if (auto done = finish_round(); !done) {
      round_trouble_ = done.error().to_string(); // what is done is done; the next call makes the round anew
      break;
    }
  }
  return conclude();
}

Result<void> Parent::work_apart() {
  for (u32 i = 0; i < seats_.size(); ++i) {
    seats_[i].done = false;
    start(i);
  }
  while (!finished()) {
    sleep_ms(kLookMs);
    look();
  }
  drain_all();
  return {};
}

/// Without worker processes: the parent has its turn after each batch.
Result<void> Parent::work_here() {
  options_.kept_before = book_.group_files();
  const auto turn = [this] {
    interrupted_ |= interrupted();
    book_.drain(0, *seats_[0].state);
    if (interrupted_ || enough()) shared_->stop.store(1);
    if (now() - told_ >= 1) tell();
  };
  broken_ = work(options_, make_checker_, &corpus_, *shared_, *seats_[0].state, 0, turn) != 0;
  book_.drain(0, *seats_[0].state);
  return {};
}

CampaignResult Parent::result() {
  CampaignResult out;
  add_up(states_, totals_);
  out.seed = options_.source.seed;
  out.totals = totals_;
  if (options_.reach) {
    auto all = std::make_unique<Reach>();
    for (const WorkerState* worker : states_) all->add(worker->reach);
    out.reach = reach_rows(*all);
  }
  out.finding_total = shared_->finding_total.load();
  out.worker_deaths = deaths_;
  out.seconds = now();
  out.cpu_seconds = own_cpu_seconds();
  out.interrupted = interrupted_;
  out.stopped = stopped_;
  out.left_out = watch_.left_out();
  out.processors = processor_count();
  out.done = book_.done().count();
  out.runs = runs_;
  out.all_programs = book_.programs();
  for (const auto& [group, seen] : book_.groups()) out.all_seen += seen;
  out.rounds = round_;
  out.corpus_added = added_;
  out.corpus_digest = digest_;
  out.corpus_programs = static_cast<u32>(corpus_.programs.size());
  out.corpus_ignored = corpus_.ignored;
  out.ignored_because = corpus_.ignored_because;
  out.subjects = subjects_;
  return out;
}

Result<CampaignResult> Parent::conclude() {
  drain_all();
  write_again();
  save(broken_ ? "broken" : interrupted_ ? "interrupted" : "ended");
  const CampaignResult out = result();
  if (options_.status) status_line_.clear();
  append_event(options_.events, end_event(out, options_));
  for (const Finding& finding : unwritten_)
    std::fprintf(stderr, "the finding, so that it is not lost:\n%s\n", to_text(finding, "FILE").c_str());
  if (!save_trouble_.empty())
    return error_of(ErrorKind::Io, "", save_trouble_ + "; what it lacks is checked again by the next call");
  if (!round_trouble_.empty())
    return error_of(ErrorKind::Io, "", round_trouble_ + "; the next call goes on from there");
  if (shared_->write_failed.load() != 0 || !unwritten_.empty())
    return error_of(ErrorKind::Io, "", "a finding could not be written; it is printed above");
  if (broken_)
    return error_of(ErrorKind::Internal, "", "no worker could start its subjects, or get through a program; see above");
  return out;
}

bool Parent::finished() const {
  return std::all_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.done; });
}

bool Parent::enough() {
  const bool found = options_.max_findings != 0 && shared_->finding_total.load() >= options_.max_findings;
  return found || (options_.seconds != 0 && now() >= options_.seconds);
}

void Parent::drain_all() {
  for (u32 i = 0; i < seats_.size(); ++i) book_.drain(i, *seats_[i].state);
}

void Parent::look() {
  interrupted_ |= interrupted();
  drain_all();
  if (interrupted_ || enough() || broken_) {
    shared_->stop.store(1);
    stop_workers();
  }
  for (u32 i = 0; i < seats_.size(); ++i)
    if (!seats_[i].done) look_at(i);
  if (now() - told_ >= 1) tell();
}

/// Of a worker: whether it has ended, and what follows from it.
bool Parent::ended(u32 number) {
  Seat& seat = seats_[number];
  const u64 process = static_cast<u64>(seat.worker.process);
  const WorkerStatus status = poll_worker(seat.worker);
  if (status.state == WorkerStatus::Running) {
    if (!status.what.empty()) ++stopped_;
    return false;
  }
  const Lease& lease = seat.state->lease;
  const bool idle = lease.done.load() >= lease.end.load() || shared_->stop.load() != 0;
  const bool done = status.state == WorkerStatus::Exited && status.code == 0 && idle;
  book_.add_worker({number, process, seat.began, now(), done ? "done" : status.what, seat.state->index.load()});
  if (done) {
    seat.done = true;
  } else if (status.state == WorkerStatus::Exited && status.code == 5) {
    // The checker could be made when the campaign began; a campaign of weeks waits until it can be again.
    if (options_.state.empty()) seat.done = broken_ = true;
    else back_off(seat, number, "its subjects could not be started");
  } else {
    const bool memory = status.state == WorkerStatus::Exited && status.code == kOutOfMemoryStatus;
    handle_death(number, FindingKind::Crash, memory ? "out of memory" : status.what);
  }
  return true;
}

void Parent::look_at(u32 number) {
  Seat& seat = seats_[number];
  if (seat.worker.process == 0) {
    if (now() >= seat.restart_at) start(number);
    return;
  }
  if (ended(number)) return;
  const WorkerState& state = *seat.state;
  const u64 mark = state.index.load() * 31 + state.beat.load() * 1009 + state.progress.subject.load() * 17 +
                   state.progress.case_index.load();
  if (mark != seat.seen) {
    seat.seen = mark;
    seat.moved = now();
  } else if (now() - seat.moved > options_.hang_seconds) {
    book_.add_worker(
        {number, static_cast<u64>(seat.worker.process), seat.began, now(), "no progress", state.index.load()});
    kill_worker(seat.worker);
    handle_death(number, FindingKind::Hang, "no progress");
  }
}

/// What RLIMIT_DATA does not see: memory shared with others, and systems without it.
void Parent::watch_memory(u32 number) {
  Seat& seat = seats_[number];
  if (options_.memory_bytes == 0 || seat.done || seat.worker.process == 0) return;
  if (resident_bytes(seat.worker) <= options_.memory_bytes) return;
  book_.add_worker(
      {number, static_cast<u64>(seat.worker.process), seat.began, now(), "out of memory", seat.state->index.load()});
  kill_worker(seat.worker);
  handle_death(number, FindingKind::Crash, "out of memory");
}

void Parent::stop_workers() {
  shared_->stop.store(1);
  const double start = now();
  for (u32 i = 0; i < seats_.size(); ++i) {
    Seat& seat = seats_[i];
    if (seat.worker.process == 0) seat.done = true;
    while (!seat.done) {
      drain_all(); // one waits perhaps until its last batch is taken
      const u64 process = static_cast<u64>(seat.worker.process);
      const WorkerStatus status = poll_worker(seat.worker);
      std::string how = "done";
      if (status.state == WorkerStatus::Running) {
        if (now() - start <= kStopGrace) {
          sleep_ms(1);
          continue;
        }
        kill_worker(seat.worker);
        how = "did not stop";
      } else if (status.state == WorkerStatus::Killed || status.code != 0) {
        how = status.what;
      }
      seat.done = true;
      book_.add_worker({i, process, seat.began, now(), how, seat.state->index.load()});
    }
  }
  drain_all();
}

void Parent::tell() {
  told_ = now();
  for (u32 i = 0; i < seats_.size(); ++i) watch_memory(i);
  add_up(states_, totals_);
  const u64 findings = shared_->finding_total.load();
  if (options_.status) status_line_.show(totals_, findings, now());
  append_event(options_.events, status_event(totals_, findings, now()));
  write_again();
  save();
}

void Parent::save(const std::string& end) {
  if (shared_->wants_features) book_.add_features(shared_->features);
  const auto saved = book_.save(now(), own_cpu_seconds(), end);
  if (!saved && save_trouble_.empty())
    std::fprintf(stderr, "\n%s; kept in memory and tried again each second\n", saved.error().to_string().c_str());
  if (saved && !save_trouble_.empty()) std::fprintf(stderr, "\nthe state of the campaign is written again\n");
  save_trouble_ = saved ? "" : saved.error().to_string();
  if (book_.has_ledger()) return;
  const std::string text = std::to_string(options_.source.seed) + " " + std::to_string(book_.done().first_gap()) + "\n";
  // Only --resume needs it: a failure is told by the next finding that cannot be written.
  static_cast<void>(
      write_file_atomically((std::filesystem::path(options_.findings) / "campaign.state").string(), text));
}

Result<CampaignResult> run_campaign(const CampaignOptions& options, const CheckerFactory& make_checker) {
  CampaignOptions own = options;
  Parent parent(own, make_checker);
  if (auto ready = parent.prepare(); !ready) return ready.error();
  return parent.run();
}

} // namespace assay::fuzz
