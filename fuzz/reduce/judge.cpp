// judge.cpp - asks several processes about candidates at once. See reducer.h.
//
// All but the first that fails alike are forgotten, so that the answer does not depend on how many are asked.
// Tested in fuzz/reduce/tests/reducer_test.cpp.
#include "fuzz/reduce/reducer.h"

namespace assay::fuzz {

DifferenceJudge::DifferenceJudge(Seen seen, Variant variant, u32 jobs, u32 timeout_ms)
    : seen_(std::move(seen)), variant_(std::move(variant)) {
  for (u32 i = 0; i < std::max(1u, jobs); ++i) probers_.emplace_back(timeout_ms);
}

u32 DifferenceJudge::first_same(std::span<const Program> candidates) {
  u32 found = kNone;
  for (std::size_t first = 0; first < candidates.size() && found == kNone; first += probers_.size()) {
    const std::size_t count = std::min(probers_.size(), candidates.size() - first);
    for (std::size_t i = 0; i < count; ++i) probers_[i].start(candidates[first + i], variant_);
    std::vector<bool> same(count);
    for (std::size_t i = 0; i < count; ++i) same[i] = probers_[i].finish().same(seen_);
    for (std::size_t i = 0; i < count && found == kNone; ++i) {
      if (!same[i]) continue;
      const bool other_cause = witness_ && probers_[i].ask(candidates[first + i], *witness_).state != Seen::Agrees;
      if (!other_cause) found = static_cast<u32>(first + i);
    }
  }
  return found;
}

u64 DifferenceJudge::asked() const {
  u64 sum = 0;
  for (const Prober& prober : probers_) sum += prober.asked();
  return sum;
}

u64 DifferenceJudge::deaths() const {
  u64 sum = 0;
  for (const Prober& prober : probers_) sum += prober.deaths();
  return sum;
}

} // namespace assay::fuzz
