// shared_state.h - what a campaign's processes share: counters, the program under way, the next number.
//
// Only atomics and plain arrays, at a fixed place in memory mapped before the workers start. Each worker writes its
// own WorkerState; the parent adds them up. Reading while a worker writes gives a moment's picture, no more. A
// worker that dies leaves here what it was doing.
//
// Programs are handed out by batches: a worker has a lease of numbers, and posts it, with its counters, when it is
// done. What is posted is a value of the counters, not a difference, so that a worker that dies at any moment is at
// worst asked twice for the same. Tested in fuzz/campaign/tests/{campaign,state}_test.cpp.
#pragma once

#include "fuzz/campaign/features.h"
#include "fuzz/campaign/ranges.h"
#include "fuzz/check/check.h"
#include "fuzz/check/combinations.h"
#include "fuzz/check/known_emulator_faults.h"
#include "fuzz/check/reach.h"

#include <array>
#include <atomic>
#include <bitset>
#include <string>

namespace assay::fuzz {

inline constexpr u32 kMaxSharedText = 1u << 18; // bytes of a program's text
inline constexpr u32 kMaxSharedSkips = 48;
inline constexpr u32 kMaxHoles = 8192;
inline constexpr u64 kNoIndex = ~u64{0};

/// A queue from one process to one other.
template <typename T, u32 N> struct Ring {
  std::atomic<u32> head{0}, tail{0}; // written, read; modulo 2^32
  std::array<T, N> slots{};

  bool push(const T& value) {
    const u32 at = head.load(std::memory_order_relaxed);
    if (at - tail.load(std::memory_order_acquire) == N) return false;
    slots[at % N] = value;
    head.store(at + 1, std::memory_order_release);
    return true;
  }
  bool pop(T& out) {
    const u32 at = tail.load(std::memory_order_relaxed);
    if (at == head.load(std::memory_order_acquire)) return false;
    out = slots[at % N];
    tail.store(at + 1, std::memory_order_release);
    return true;
  }
};

/// A worker's counters at one moment.
struct CounterValues {
  u64 programs = 0, discarded = 0, runs = 0, compared = 0, agree = 0, unknown = 0, refused = 0, skipped = 0;
  u64 variants = 0, unreproduced = 0;
  std::array<u64, 8> outcomes{};
  std::array<u64, kMaxSharedSkips> skips{}; // of WorkerState::skips
};

/// A part of a lease that is done.
struct BatchRecord {
  NumberRange range;
  CounterValues now; // at its end
};

/// A finding in program `index`, posted before its batch.
struct Occurrence {
  u64 index = 0;
  char group[128] = {};     // signature without its hash
  char signature[160] = {}; // of the file in the folder; empty: similar ones are kept already
};

/// Numbers [begin, end) that one worker checks; those below `done` are.
struct Lease {
  std::atomic<u64> begin{0}, done{0}, end{0};
};

struct WorkerState {
  // The program under way.
  std::atomic<u64> index{kNoIndex};
  std::atomic<u64> beat{0};        // one more each program
  std::atomic<u32> text_length{0}; // of `text`; kNone: the program is number `index`
  Progress progress;
  Lease lease;
  Ring<BatchRecord, 64> batches;
  Ring<Occurrence, 64> occurrences;

  // Counters since the campaign started; kept when the worker is restarted.
  std::atomic<u64> programs{0}, discarded{0}, runs{0}, compared{0}, agree{0}, unknown{0}, refused{0}, skipped{0};
  std::atomic<u64> variants{0};               // of them said otherwise, and compared with what they were
  std::array<std::atomic<u64>, 8> outcomes{}; // [OutcomeKind] of the oracle
  std::atomic<u64> findings{0};               // files written
  std::atomic<u64> similar{0};                // reproduced, but enough of that kind are kept already
  std::atomic<u64> unreproduced{0};           // differences that a replay did not show again
  std::array<std::atomic<u8>, kCombinationCount> covered{};
  std::array<std::atomic<u64>, kMaxEmulatorFaults> avoided{}; // programs compiled otherwise because of a known fault
  Reach reach{}; // noted where it is wanted; whole when the worker has ended

  struct SharedSkip {
    std::atomic<u64> count{0};
    u32 subject = 0;
    char reason[116] = {};
  };
  std::atomic<u32> skip_count{0};
  std::array<SharedSkip, kMaxSharedSkips> skips;

  char text[kMaxSharedText] = {};
};

struct CampaignState {
  std::atomic<u64> next_index{0};
  std::atomic<u64> end_index{0}; // where this round ends
  // What was left out below next_index, set before workers start; these are handed out first.
  std::atomic<u32> next_hole{0};
  u32 hole_count = 0;
  u32 batch = 64;
  bool wants_features = false;
  NumberRange holes[kMaxHoles];
  FeatureTable features; // used when wanted
  std::atomic<u32> stop{0};
  std::atomic<u32> write_failed{0};  // a finding could not be written
  std::atomic<u64> finding_total{0}; // written, similar and from dead workers
};

/// Sums over workers, and skips merged.
struct Totals {
  u64 programs = 0, discarded = 0, runs = 0, compared = 0, agree = 0, unknown = 0, refused = 0, skipped = 0;
  std::array<u64, 8> outcomes{};
  u64 variants = 0, findings = 0, similar = 0, unreproduced = 0;
  std::array<u64, kMaxEmulatorFaults> avoided{};
  u32 covered = 0;                    // combinations of operation and types seen
  std::bitset<kCombinationCount> met; // those, by GeneratorCounts::combination
  std::vector<Skip> skips;
};
/// Overwrites `out`, reusing its storage.
void add_up(std::span<const WorkerState* const> workers, Totals& out);

/// Combinations of operation and types that opcodes.def admits.
u32 admitted_combinations();
/// "ptr_to_int.i64": those of them that are not in `met`, in order.
std::vector<std::string> unmet_combinations(const std::bitset<kCombinationCount>& met);

/// Marks what the module has.
void note_coverage(const Module& module, WorkerState& state);

/// Counts the known faults of emulators, of those in `concerned`, that the module would meet.
void note_emulator_faults(const Module& module, u32 concerned, WorkerState& state);

/// Gives the worker its next lease, once the last is done; false: there is nothing left.
bool take_lease(CampaignState& shared, Lease& lease);
CounterValues counters_of(const WorkerState& state);

/// Copies a checker's counts, as increments over `before`, which is updated.
void publish_counts(const CheckCounts& now, CheckCounts& before, WorkerState& state);
/// Copies the skips; `published` holds how many of each were copied before.
void publish_skips(std::span<const Skip> skips, std::vector<u64>& published, WorkerState& state);

} // namespace assay::fuzz
