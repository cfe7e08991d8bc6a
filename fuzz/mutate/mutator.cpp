// mutator.cpp - the table of mutations, and the driver that draws one, checks its result and counts.
//
// Needs a valid module and leaves one: when the verifier refuses, the module is put back from a copy, whose
// storage is kept. A series is verified at its end, since every mutation is meant to keep a module valid; should
// the verifier refuse that, the series is made again with each step verified. Linear in the module. Tested in
// fuzz/mutate/tests/mutator_test.cpp; speed in bench/.
#include "fuzz/mutate/mutator.h"

#include "assay/verify.h"
#include "fuzz/mutate/context.h"
#include "fuzz/mutate/nan.h"

#include <algorithm>
#include <array>

namespace assay::fuzz {
namespace {

constexpr NamedMutation kMutations[] = {
    {"replace_operand", replace_operand, 10},
    {"operand_to_literal", operand_to_literal, 5},
    {"swap_operands", swap_operands, 4},
    {"wrap_in_casts", wrap_in_casts, 5},
    {"change_opcode", change_opcode, 10},
    {"change_literal", change_literal, 10},
    {"change_offset", change_offset, 4},
    {"insert_operation", insert_operation, 8},
    {"insert_access", insert_access, 4},
    {"delete_instruction", delete_instruction, 6},
    {"duplicate_instruction", duplicate_instruction, 4},
    {"swap_neighbours", swap_neighbours, 4},
    {"change_width", change_width, 5},
    {"add_pressure", add_pressure, 3},
    {"swap_arms", swap_arms, 4},
    {"redirect_edge", redirect_edge, 4},
    {"add_block_parameter", add_block_parameter, 4},
    {"remove_block_parameter", remove_block_parameter, 3},
    {"permute_arguments", permute_arguments, 3},
    {"change_call_kind", change_call_kind, 4, true},
    {"change_callee", change_callee, 3},
    {"change_module", change_module, 2, true},
};
constexpr u32 kCount = static_cast<u32>(std::size(kMutations));
constexpr u32 kCrossover = kCount;

} // namespace

std::span<const NamedMutation> mutations() { return kMutations; }

namespace {

/// A copy of a module whose functions keep their storage, also when the next module has fewer.
class Snapshot {
public:
  void take(const Module& module) {
    // All but the functions; these change seldom and are small.
    rest_.has_memory = module.has_memory;
    rest_.memory_size = module.memory_size;
    rest_.memory_max = module.memory_max;
    rest_.data = module.data;
    rest_.globals = module.globals;
    rest_.tags = module.tags;
    rest_.table = module.table;
    rest_.has_table = module.has_table;
    rest_.signatures = module.signatures;
    rest_.signature_types = module.signature_types;
    count_ = module.functions.size();
    if (functions_.size() < count_) functions_.resize(count_);
    std::copy(module.functions.begin(), module.functions.end(), functions_.begin());
  }
  /// Once for each `take`.
  void restore(Module& module) {
    module.functions.resize(count_);
    std::swap_ranges(module.functions.begin(), module.functions.end(), functions_.begin());
    std::swap(rest_.functions, module.functions);
    std::swap(rest_, module);
  }

private:
  Module rest_;                     // without functions
  std::vector<Function> functions_; // count_ of them in use
  std::size_t count_ = 0;
};

} // namespace

struct Mutator::Impl {
  Impl() {
    for (u32 i = 0; i < kCount; ++i) {
      counts[i].name = kMutations[i].name;
      weights[i] = kMutations[i].weight;
    }
    counts[kCrossover].name = "crossover";
  }

  /// Counts a change that was tried. False when it must be taken back.
  bool keep(const Module& module, u32 index, bool changed) {
    const bool valid = changed && (!verifies || verify(module).ok());
    ++(valid ? counts[index].applied : changed ? counts[index].discarded : counts[index].refused);
    return valid;
  }

  bool run(Module& module, u32 index, Random& random) {
    if (!context.begin(module, random)) return keep(module, index, false);
    const bool whole = kMutations[index].beyond_function;
    if (whole) before.take(module);
    else function_before = context.f();
    const bool changed = kMutations[index].run(context);
    if (changed) context.finish();
    const bool kept = keep(module, index, changed);
    if (!kept && whole) before.restore(module);
    else if (!kept) std::swap(context.f(), function_before);
    return kept;
  }

  bool crossover(Module& into, const Module& from, u64 seed) {
    if (&into == &from) {
      const Module itself = from;
      return crossover(into, itself, seed);
    }
    Random random(derive_seed(seed, 3));
    before.take(into);
    const bool kept = keep(into, kCrossover, crossover_functions(context, into, from, random));
    if (!kept) before.restore(into);
    return kept;
  }

  bool mutate(Module& module, u64 seed) {
    Random random(derive_seed(seed, 1));
    u32 wanted = 1;
    while (wanted < 4 && random.chance(1, 4)) ++wanted;
    u32 done = 0;
    for (u32 tries = 0; tries < 16 && done < wanted; ++tries) done += run(module, random.weighted(weights), random);
    return done != 0;
  }

  bool series(Module& module, const Module* donor, std::span<const u64> seeds) {
    bool done = donor != nullptr && crossover(module, *donor, seeds[0]);
    for (const u64 seed : seeds.subspan(donor != nullptr ? 1 : 0)) done |= mutate(module, seed);
    return done;
  }

  MutationContext context;
  Snapshot before, before_series; // of the module, of the change and of the series under way
  Function function_before;
  bool verifies = true;
  std::array<MutationCount, kCount + 1> counts{};
  std::array<u32, kCount> weights{};
};

Mutator::Mutator() : impl_(std::make_unique<Impl>()) {}
Mutator::~Mutator() = default;
Mutator::Mutator(Mutator&&) noexcept = default;
Mutator& Mutator::operator=(Mutator&&) noexcept = default;

bool Mutator::mutate(Module& module, u64 seed) { return impl_->mutate(module, seed); }

bool Mutator::mutate_series(Module& module, const Module* donor, std::span<const u64> seeds) {
  impl_->before_series.take(module);
  const auto counts = impl_->counts;
  impl_->verifies = false;
  const bool done = impl_->series(module, donor, seeds);
  impl_->verifies = true;
  if (!done || verify(module).ok()) return done;
  impl_->before_series.restore(module);
  impl_->counts = counts;
  return impl_->series(module, donor, seeds);
}

bool Mutator::apply(std::string_view name, Module& module, u64 seed) {
  Random random(derive_seed(seed, 2));
  for (u32 i = 0; i < kCount; ++i) {
    if (kMutations[i].name == name) return impl_->run(module, i, random);
  }
  return false;
}

bool Mutator::crossover(Module& into, const Module& from, u64 seed) { return impl_->crossover(into, from, seed); }

std::span<const MutationCount> Mutator::counts() const { return impl_->counts; }

bool settle(Module& module, std::string* reason) {
  if (exposes_pointers(module, reason)) return false;
  bound_with_fuel(module);
  canonicalise_exposed_nans(module);
  return true;
}

} // namespace assay::fuzz
