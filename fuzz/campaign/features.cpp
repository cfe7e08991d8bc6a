// features.cpp - see features.h. Tested in fuzz/campaign/tests/features_test.cpp.
#include "fuzz/campaign/features.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

u32 feature(u64 value) {
  value *= 0x9e3779b97f4a7c15u;
  return static_cast<u32>(value >> 48);
}

u64 code_of(const Inst& inst) {
  return (static_cast<u64>(inst.op) << 8) | (static_cast<u64>(inst.type) << 4) | static_cast<u64>(inst.from);
}

template <typename Use> void for_features(const Module& module, Use use) {
  for (const Function& function : module.functions) {
    for (const Block& block : function.blocks) {
      u64 before = 0; // nothing: the block begins
      for (u32 i = block.first_inst; i < block.first_inst + block.inst_count; ++i) {
        const Inst& inst = function.insts[i];
        use(feature(code_of(inst) + 1));
        use(feature((before << 24) | (static_cast<u64>(inst.op) << 8) | static_cast<u64>(inst.type) | (u64{1} << 60)));
        before = static_cast<u64>(inst.op) + 1;
      }
    }
  }
}

} // namespace

void features_of(const Module& module, std::vector<u32>& out) {
  for_features(module, [&out](u32 number) { out.push_back(number); });
}

void note_features(const Module& module, u64 index, FeatureTable& table) {
  for_features(module, [&](u32 number) {
    u64 lowest = table[number].load(std::memory_order_relaxed);
    while (index + 1 < lowest && !table[number].compare_exchange_weak(lowest, index + 1, std::memory_order_relaxed)) {}
  });
}

std::vector<u64> choose_programs(std::span<const FirstSeen> seen, u32 limit) {
  std::vector<u64> programs;
  for (const FirstSeen& one : seen) programs.push_back(one.program);
  std::sort(programs.begin(), programs.end());
  std::vector<std::pair<u64, u64>> ranked; // features, program
  for (std::size_t i = 0; i < programs.size();) {
    std::size_t end = i;
    while (end < programs.size() && programs[end] == programs[i]) ++end;
    ranked.push_back({end - i, programs[i]});
    i = end;
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  ranked.resize(std::min<std::size_t>(ranked.size(), limit));
  std::vector<u64> out;
  for (const auto& [count, program] : ranked) out.push_back(program);
  return out;
}

std::vector<u32> minimal_cover(std::span<const std::vector<u32>> features, std::span<const std::size_t> sizes) {
  std::vector<bool> covered(kFeatureCount, false);
  std::vector<bool> taken(features.size(), false);
  std::vector<u32> out, fresh_of(features.size());
  const auto fresh = [&](std::size_t item) {
    std::vector<u32> own;
    for (const u32 number : features[item])
      if (!covered[number]) own.push_back(number);
    std::sort(own.begin(), own.end());
    return static_cast<u32>(std::unique(own.begin(), own.end()) - own.begin());
  };
  for (std::size_t i = 0; i < features.size(); ++i) fresh_of[i] = fresh(i);
  for (;;) {
    // What an item adds only shrinks, so a count from earlier is a bound from above: recount only the leader.
    std::size_t best = features.size();
    for (std::size_t i = 0; i < features.size(); ++i) {
      if (taken[i] || fresh_of[i] == 0) continue;
      const bool better = best == features.size() || fresh_of[i] > fresh_of[best] ||
                          (fresh_of[i] == fresh_of[best] && sizes[i] < sizes[best]);
      if (better) best = i;
    }
    if (best == features.size()) break;
    const u32 now = fresh(best);
    if (now != fresh_of[best]) {
      fresh_of[best] = now;
      continue;
    }
    taken[best] = true;
    out.push_back(static_cast<u32>(best));
    for (const u32 number : features[best]) covered[number] = true;
  }
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace assay::fuzz
