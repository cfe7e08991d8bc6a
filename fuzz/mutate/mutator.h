// mutator.h - small changes to a valid AIR program that keep it valid.
//
// Structure-aware: a mutation knows types, dominance and signatures, so its result verifies; the verifier
// is asked all the same and a refused change is taken back and counted. A mutant keeps AIR's
// guarantees only after `settle`. Same seed and module, same mutant, on every host. A few
// microseconds for 50 instructions. Tested in fuzz/mutate/tests/, measured in fuzz/mutate/bench/.
#pragma once

#include "assay/module.h"
#include "fuzz/generate/random.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

/// What one mutation did so far.
struct MutationCount {
  std::string_view name;
  u64 applied = 0;   // changed the module
  u64 refused = 0;   // found no place in the module
  u64 discarded = 0; // the verifier refused the result; taken back
};

class Mutator {
public:
  Mutator();
  ~Mutator();
  Mutator(Mutator&&) noexcept;
  Mutator& operator=(Mutator&&) noexcept;

  /// Changes the module in one place (now and then in a few). False: nothing fitted, unchanged.
  bool mutate(Module& module, u64 seed);

  /// A crossover with `donor`, if there is one, by the first seed, then `mutate` by each other seed: the same module as
  /// by those calls, for a third of the time, because the verifier is asked once. `donor` is another module.
  bool mutate_series(Module& module, const Module* donor, std::span<const u64> seeds);

  /// The named mutation, or false when it finds no place (or there is none of that name).
  bool apply(std::string_view name, Module& module, u64 seed);

  /// Brings a function of `from`, with what it calls, into `into`, where it takes the place of one with the
  /// same signature or is called from a new place. False: nothing fitted, unchanged.
  bool crossover(Module& into, const Module& from, u64 seed);

  /// One entry a mutation, in the order of the table, crossover last.
  std::span<const MutationCount> counts() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Makes a mutant comparable: bounds it with fuel and canonicalises exposed NaNs. False when it may
/// expose a pointer and must be dropped (`reason`, if given, says where).
bool settle(Module& module, std::string* reason = nullptr);

} // namespace assay::fuzz
