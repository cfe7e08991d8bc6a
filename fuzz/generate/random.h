// random.h - the fuzzer's own random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna,
// "Scrambled Linear Pseudorandom Number Generators").
//
// A seed must give the same program on every host, compiler and build, so nothing of <random> is used
// (its distributions differ between standard libraries) and nothing is computed in floating point.
// A draw costs about a nanosecond. Tested in fuzz/generate/tests/random_test.cpp.
#pragma once

#include "assay/types.h"

#include <span>

namespace assay::fuzz {

/// An inclusive range of counts or sizes.
struct Range {
  u32 low = 0;
  u32 high = 0;
};

/// A probability as a fraction: `n` times out of `of`. {0, 1} is never.
struct Chance {
  u32 n = 0;
  u32 of = 1;
};

/// One step of splitmix64: also the way to derive independent seeds from one.
constexpr u64 splitmix64(u64& state) {
  state += 0x9e3779b97f4a7c15u;
  u64 z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// A seed for part `index` of whatever `seed` names.
constexpr u64 derive_seed(u64 seed, u64 index) {
  u64 state = seed ^ (index * 0xd1342543de82ef95u + 0x632be59bd9b4e019u);
  return splitmix64(state);
}

class Random {
public:
  explicit constexpr Random(u64 seed = 0) { reseed(seed); }

  constexpr void reseed(u64 seed) {
    for (u64& word : state_) word = splitmix64(seed);
  }

  /// 64 uniform bits.
  constexpr u64 next() {
    const u64 result = rotl(state_[1] * 5, 7) * 9;
    const u64 shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// A number in [0, bound); 0 when `bound` is 0. The bias is below bound / 2^32, which no fuzzer feels.
  constexpr u32 below(u32 bound) { return static_cast<u32>(((next() >> 32) * bound) >> 32); }

  /// A number in [low, high].
  constexpr u32 between(u32 low, u32 high) { return low + below(high - low + 1); }
  constexpr u32 in(Range range) { return between(range.low, range.high); }

  constexpr bool chance(u32 n, u32 of) { return below(of) < n; }
  constexpr bool chance(Chance chance_of) { return below(chance_of.of) < chance_of.n; }
  constexpr bool coin() { return (next() >> 63) != 0; }

  /// An index into `weights`, each as likely as its weight; 0 when all are 0.
  constexpr u32 weighted(std::span<const u32> weights) {
    u32 total = 0;
    for (const u32 weight : weights) total += weight;
    u32 draw = below(total);
    u32 index = 0;
    for (const u32 weight : weights) {
      if (draw < weight) return index;
      draw -= weight;
      ++index;
    }
    return 0;
  }

  /// An element of a non-empty array.
  template <typename Container> constexpr auto& pick(Container& items) {
    return items[below(static_cast<u32>(items.size()))];
  }
  template <typename T, u32 N> constexpr const T& pick(const T (&items)[N]) { return items[below(N)]; }

private:
  static constexpr u64 rotl(u64 value, u32 count) { return (value << count) | (value >> (64 - count)); }

  u64 state_[4] = {};
};

} // namespace assay::fuzz
