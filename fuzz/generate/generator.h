// generator.h - random AIR programs: valid, terminating, free of undefined native accesses.
//
// A seed and a config give one module, the same bytes on every host. Guarantees of the result: verify()
// accepts it; every cycle of blocks (but loops of few turns, fuzz/mutate/counted.h) and of calls takes fuel and
// is bounded besides; native accesses stay inside live slots; the number behind a pointer and the payload of an
// arithmetic NaN cannot be observed. About 0.1 us an instruction; storage of the module and of the generator is
// reused.
// Tested in fuzz/generate/tests/, measured in fuzz/generate/bench/.
#pragma once

#include "assay/module.h"
#include "fuzz/generate/config.h"

#include <array>
#include <memory>
#include <vector>

namespace assay::fuzz {

/// What was generated since the generator was made; for coverage reports.
struct GeneratorCounts {
  u64 modules = 0;
  u64 functions = 0;
  u64 blocks = 0;
  u64 instructions = 0;
  u64 nans_canonicalised = 0;
  /// By opcode, T and S (None where the row has none): see `combination`.
  std::vector<u64> combinations;

  static u32 combination(Opcode op, Type type, Type from) {
    return (static_cast<u32>(op) * kTypeCount + static_cast<u32>(type)) * kTypeCount + static_cast<u32>(from);
  }
};

class Generator {
public:
  explicit Generator(GeneratorConfig config = {});
  ~Generator();
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;

  /// Overwrites `out` with program `seed`.
  void generate(u64 seed, Module& out);

  const GeneratorConfig& config() const;
  const GeneratorCounts& counts() const;
  /// Counting combinations costs a little; off by default.
  void count_combinations(bool on);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The combination of an opcode with its types that opcodes.def admits but `counts` lacks.
struct MissingCombination {
  Opcode op;
  Type type;
  Type from;
};
/// All of them, leaving out what the config cannot make (exceptions when they are off).
std::vector<MissingCombination> missing_combinations(const GeneratorCounts& counts, const GeneratorConfig& config);

} // namespace assay::fuzz
