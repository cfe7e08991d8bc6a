// deaths.cpp - what a campaign's parent does when a worker dies, hangs, or cannot be started. See parent.h.
//
// The program that the worker was at is tried three times in processes of their own. If it ends them too it is a
// finding, and a new worker goes on behind it at once. If not, something else was wrong, and may still be: the worker
// is started again and meets the program once more, but after ever longer waits when it gets through no program.
// Tested in fuzz/campaign/tests/{campaign,state}_test.cpp.
#include "fuzz/campaign/parent.h"
#include "fuzz/campaign/worker.h"
#include "fuzz/os/limits.h"

#include <algorithm>
#include <cstdio>

namespace assay::fuzz {
namespace {
constexpr u32 kReplays = 3;
constexpr double kFirstWait = 0.1, kLongestWait = 30;
constexpr u32 kMaxFruitless = 10; // a minute of waiting; then the worker is given up
} // namespace

void Parent::handle_death(u32 number, FindingKind kind, const std::string& what) {
  Seat& seat = seats_[number];
  WorkerState& state = *seat.state;
  ++deaths_;
  const u64 index = state.index.load();
  const bool idle = index == kNoIndex && (state.text_length.load() == 0 || state.text_length.load() == kNone);
  const u32 reproduced = idle ? 0 : reproduce_death(seat, kind);
  if (!idle && reproduced < kReplays && (!refused_.empty() || interrupted())) {
    // Nothing is known of the program: it is not done, and is met again by the next worker or the next call.
    back_off(seat, number, refused_.empty() ? "interrupted" : refused_);
    return;
  }
  if (reproduced == kReplays) {
    keep_death(seat, kind, what, reproduced);
    seat.fruitless = 0;
  } else {
    state.unreproduced.fetch_add(1);
    std::fprintf(stderr, "\na worker ended (%s) at program %llu of seed %llu; not reproduced (%u of %u)\n",
                 what.c_str(), static_cast<unsigned long long>(index),
                 static_cast<unsigned long long>(options_.source.seed), reproduced, kReplays);
  }
  // What was before the program in the lease is done, what comes after goes to the next worker; so does the program
  // itself, once, when it was not the reason. Otherwise it is through.
  Lease& lease = state.lease;
  const bool again = !idle && reproduced != kReplays && seat.met_again != index;
  if (again) seat.met_again = index;
  else if (index == lease.done.load() && index < lease.end.load()) lease.done.fetch_add(1);
  if (shared_->stop.load() != 0) {
    seat.done = true;
  } else if (reproduced == kReplays || state.beat.load() != seat.beat) {
    seat.fruitless = 0;
    start(number);
  } else {
    back_off(seat, number, what);
  }
}

void Parent::back_off(Seat& seat, u32 number, const std::string& what) {
  seat.worker = {};
  if (++seat.fruitless > kMaxFruitless) {
    std::fprintf(stderr, "\nworker %u is given up: %s\n", number, what.c_str());
    seat.done = true; // what it had left goes to others, if they get on
    return;
  }
  const double wait = std::min(kLongestWait, kFirstWait * static_cast<double>(1u << (seat.fruitless - 1)));
  seat.restart_at = now() + wait;
  if (seat.fruitless > 1)
    std::fprintf(stderr, "\nworker %u: %s; started again in %.1f s\n", number, what.c_str(), wait);
}

bool Parent::run_aside(const std::function<int()>& body, bool& died, std::string* what) {
  died = false;
  const auto start_it = [&] {
    return start_worker([&] {
      if (options_.memory_bytes != 0) static_cast<void>(limit_memory(options_.memory_bytes));
      return body();
    });
  };
  auto worker = start_it();
  for (double wait = kFirstWait; !worker && wait < kLongestWait && !interrupted(); wait *= 2) {
    for (double waited = 0; waited < wait; waited += 0.02) {
      sleep_ms(20);
      drain_all();
    }
    worker = start_it();
  }
  refused_ = worker ? "" : worker.error().to_string();
  if (!worker) return true;
  const double start = now();
  for (;;) {
    const WorkerStatus status = poll_worker(*worker);
    if (status.state != WorkerStatus::Running) {
      died = status.state == WorkerStatus::Killed || status.code != 0;
      if (what != nullptr) *what = status.what;
      return true;
    }
    if (now() - start > options_.hang_seconds || interrupted()) break;
    sleep_ms(1);
    drain_all(); // the other workers go on
  }
  kill_worker(*worker);
  return false;
}

u32 Parent::reproduce_death(Seat& seat, FindingKind kind) {
  u32 reproduced = 0;
  refused_.clear();
  for (u32 i = 0; i < kReplays && !interrupted(); ++i) {
    bool died = false;
    const bool ended = run_aside([&] { return check_again(options_, make_checker_, &corpus_, *seat.state); }, died);
    if (!refused_.empty()) break;
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
  const std::string name = signature(finding);
  book_.see(finding.program_index, group_of(name));
  book_.add_finding(name, to_text(finding, name + ".air"));
  const Result<std::string> path = write_finding(finding, options_.findings);
  if (!path) {
    std::fprintf(stderr, "\n%s; tried again each second\n", path.error().to_string().c_str());
    unwritten_.push_back(std::move(finding));
    return;
  }
  state.findings.fetch_add(1);
  if (options_.print_findings) print_finding(finding, *path);
  append_event(options_.events, finding_event(finding, *path));
}

void Parent::write_again() {
  while (!unwritten_.empty()) {
    const Result<std::string> path = write_finding(unwritten_.back(), options_.findings);
    if (!path) return;
    if (options_.print_findings) print_finding(unwritten_.back(), *path);
    append_event(options_.events, finding_event(unwritten_.back(), *path));
    seats_[0].state->findings.fetch_add(1);
    unwritten_.pop_back();
  }
}

} // namespace assay::fuzz
