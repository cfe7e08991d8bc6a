// shared_state.cpp - see shared_state.h.
//
// All accesses are relaxed: nothing but the numbers themselves is communicated.
// Tested in fuzz/campaign/tests/campaign_test.cpp.
#include "fuzz/campaign/shared_state.h"

#include "fuzz/generate/generator.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace assay::fuzz {
namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;

void add(std::atomic<u64>& cell, u64 amount) {
  if (amount != 0) cell.store(cell.load(kRelaxed) + amount, kRelaxed); // one writer a cell
}
} // namespace

void publish_counts(const CheckCounts& now, CheckCounts& before, WorkerState& state) {
  add(state.programs, now.programs - before.programs);
  add(state.runs, now.runs - before.runs);
  add(state.compared, now.compared - before.compared);
  add(state.agree, now.agree - before.agree);
  add(state.unknown, now.unknown - before.unknown);
  add(state.refused, now.refused - before.refused);
  add(state.skipped, now.skipped - before.skipped);
  for (u32 i = 0; i < now.outcomes.size(); ++i) add(state.outcomes[i], now.outcomes[i] - before.outcomes[i]);
  before = now;
}

void publish_skips(std::span<const Skip> skips, std::vector<u64>& published, WorkerState& state) {
  published.resize(std::max(published.size(), skips.size()));
  for (std::size_t i = 0; i < skips.size(); ++i) {
    const u64 fresh = skips[i].count - published[i];
    if (fresh == 0) continue;
    published[i] = skips[i].count;
    const u32 count = state.skip_count.load(kRelaxed);
    u32 slot = 0;
    const std::string_view reason =
        std::string_view(skips[i].reason).substr(0, sizeof(WorkerState::SharedSkip::reason) - 1);
    while (slot < count && (state.skips[slot].subject != skips[i].subject || state.skips[slot].reason != reason))
      ++slot;
    if (slot == kMaxSharedSkips) continue; // counted in `skipped` all the same
    if (slot == count) {
      state.skips[slot].subject = skips[i].subject;
      std::memcpy(state.skips[slot].reason, reason.data(), reason.size());
      state.skip_count.store(count + 1, std::memory_order_release);
    }
    add(state.skips[slot].count, fresh);
  }
}

bool take_lease(CampaignState& shared, Lease& lease) {
  NumberRange range;
  u32 hole = shared.hole_count;
  if (shared.next_hole.load(kRelaxed) < shared.hole_count) hole = shared.next_hole.fetch_add(1, kRelaxed);
  if (hole < shared.hole_count) {
    range = shared.holes[hole];
  } else {
    const u64 end = shared.end_index.load(kRelaxed);
    if (shared.next_index.load(kRelaxed) >= end) return false;
    range.begin = shared.next_index.fetch_add(shared.batch, kRelaxed);
    range.end = std::min(range.begin + shared.batch, end);
    if (range.begin >= range.end) return false;
  }
  // In an order in which a death at any point leaves nothing, or a lease that is done but never posted: then it is a
  // hole.
  lease.begin.store(kNoIndex, std::memory_order_release);
  lease.done.store(kNoIndex, std::memory_order_release);
  lease.end.store(range.end, std::memory_order_release);
  lease.done.store(range.begin, std::memory_order_release);
  lease.begin.store(range.begin, std::memory_order_release);
  return true;
}

CounterValues counters_of(const WorkerState& state) {
  CounterValues out;
  out.programs = state.programs.load(kRelaxed);
  out.discarded = state.discarded.load(kRelaxed);
  out.runs = state.runs.load(kRelaxed);
  out.compared = state.compared.load(kRelaxed);
  out.agree = state.agree.load(kRelaxed);
  out.unknown = state.unknown.load(kRelaxed);
  out.refused = state.refused.load(kRelaxed);
  out.skipped = state.skipped.load(kRelaxed);
  out.variants = state.variants.load(kRelaxed);
  out.unreproduced = state.unreproduced.load(kRelaxed);
  for (u32 i = 0; i < out.outcomes.size(); ++i) out.outcomes[i] = state.outcomes[i].load(kRelaxed);
  for (u32 i = 0; i < state.skip_count.load(std::memory_order_acquire); ++i)
    out.skips[i] = state.skips[i].count.load(kRelaxed);
  return out;
}

void add_up(std::span<const WorkerState* const> workers, Totals& out) {
  std::vector<Skip> skips = std::move(out.skips);
  skips.clear();
  out = {};
  for (const WorkerState* worker : workers) {
    out.programs += worker->programs.load(kRelaxed);
    out.discarded += worker->discarded.load(kRelaxed);
    out.runs += worker->runs.load(kRelaxed);
    out.compared += worker->compared.load(kRelaxed);
    out.agree += worker->agree.load(kRelaxed);
    out.unknown += worker->unknown.load(kRelaxed);
    out.refused += worker->refused.load(kRelaxed);
    out.skipped += worker->skipped.load(kRelaxed);
    out.variants += worker->variants.load(kRelaxed);
    out.findings += worker->findings.load(kRelaxed);
    out.similar += worker->similar.load(kRelaxed);
    out.unreproduced += worker->unreproduced.load(kRelaxed);
    for (u32 i = 0; i < out.avoided.size(); ++i) out.avoided[i] += worker->avoided[i].load(kRelaxed);
    for (u32 i = 0; i < out.outcomes.size(); ++i) out.outcomes[i] += worker->outcomes[i].load(kRelaxed);
    for (u32 i = 0; i < worker->skip_count.load(std::memory_order_acquire); ++i) {
      const auto& skip = worker->skips[i];
      const auto same = std::find_if(skips.begin(), skips.end(), [&](const Skip& s) {
        return s.subject == skip.subject && s.reason == skip.reason;
      });
      if (same != skips.end()) same->count += skip.count.load(kRelaxed);
      else skips.push_back({skip.subject, skip.reason, skip.count.load(kRelaxed)});
    }
  }
  out.met.reset();
  for (u32 i = 0; i < kCombinationCount; ++i)
    out.met[i] = std::any_of(workers.begin(), workers.end(),
                             [&](const WorkerState* w) { return w->covered[i].load(kRelaxed) != 0; });
  out.covered = static_cast<u32>(out.met.count());
  out.skips = std::move(skips);
}

u32 admitted_combinations() {
  u32 count = 0;
  each_combination([&](Opcode, Type, Type) { ++count; });
  return count;
}

std::vector<std::string> unmet_combinations(const std::bitset<kCombinationCount>& met) {
  std::vector<std::string> out;
  each_combination([&](Opcode op, Type type, Type from) {
    if (!met[GeneratorCounts::combination(op, type, from)]) out.push_back(combination_name(op, type, from));
  });
  return out;
}

void note_emulator_faults(const Module& module, u32 concerned, WorkerState& state) {
  if (concerned == 0) return;
  for (u32 met = emulator_faults_in(module) & concerned; met != 0; met &= met - 1)
    add(state.avoided[static_cast<u32>(std::countr_zero(met))], 1);
}

void note_coverage(const Module& module, WorkerState& state) {
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts)
      state.covered[GeneratorCounts::combination(inst.op, inst.type, inst.from)].store(1, kRelaxed);
}

} // namespace assay::fuzz
