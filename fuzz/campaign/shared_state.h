// shared_state.h - what a campaign's processes share: counters, the program under way, the next number.
//
// Only atomics and plain arrays, at a fixed place in memory mapped before the workers start. Each worker writes its
// own WorkerState; the parent adds them up. Reading while a worker writes gives a moment's picture, no more. A
// worker that dies leaves here what it was doing. Tested in fuzz/campaign/tests/campaign_test.cpp.
#pragma once

#include "fuzz/check/check.h"
#include "fuzz/check/known_emulator_faults.h"

#include <array>
#include <atomic>

namespace assay::fuzz {

inline constexpr u32 kCombinationCount = kOpcodeCount * kTypeCount * kTypeCount;
inline constexpr u32 kMaxSharedText = 1u << 18; // bytes of a program's text
inline constexpr u32 kMaxSharedSkips = 48;

struct WorkerState {
  // The program under way.
  std::atomic<u64> index{0};
  std::atomic<u64> beat{0};        // one more each program
  std::atomic<u32> text_length{0}; // of `text`; kNone: the program is number `index`
  Progress progress;

  // Counters since the campaign started; kept when the worker is restarted.
  std::atomic<u64> programs{0}, discarded{0}, runs{0}, compared{0}, agree{0}, unknown{0}, refused{0}, skipped{0};
  std::array<std::atomic<u64>, 8> outcomes{}; // [OutcomeKind] of the oracle
  std::atomic<u64> findings{0};               // files written
  std::atomic<u64> similar{0};                // reproduced, but enough of that kind are kept already
  std::atomic<u64> unreproduced{0};           // differences that a replay did not show again
  std::array<std::atomic<u8>, kCombinationCount> covered{};
  std::array<std::atomic<u64>, kMaxEmulatorFaults> avoided{}; // programs compiled otherwise because of a known fault

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
  std::atomic<u64> end_index{0}; // 0: no end
  std::atomic<u32> stop{0};
  std::atomic<u32> write_failed{0};  // a finding could not be written
  std::atomic<u64> finding_total{0}; // written, similar and from dead workers
};

/// Sums over workers, and skips merged.
struct Totals {
  u64 programs = 0, discarded = 0, runs = 0, compared = 0, agree = 0, unknown = 0, refused = 0, skipped = 0;
  std::array<u64, 8> outcomes{};
  u64 findings = 0, similar = 0, unreproduced = 0;
  std::array<u64, kMaxEmulatorFaults> avoided{};
  u32 covered = 0; // combinations of operation and types seen
  std::vector<Skip> skips;
};
/// Overwrites `out`, reusing its storage.
void add_up(std::span<const WorkerState* const> workers, Totals& out);

/// Combinations of operation and types that opcodes.def admits.
u32 admitted_combinations();

/// Marks what the module has.
void note_coverage(const Module& module, WorkerState& state);

/// Counts the known faults of emulators, of those in `concerned`, that the module would meet.
void note_emulator_faults(const Module& module, u32 concerned, WorkerState& state);

/// Copies a checker's counts, as increments over `before`, which is updated.
void publish_counts(const CheckCounts& now, CheckCounts& before, WorkerState& state);
/// Copies the skips; `published` holds how many of each were copied before.
void publish_skips(std::span<const Skip> skips, std::vector<u64>& published, WorkerState& state);

} // namespace assay::fuzz
