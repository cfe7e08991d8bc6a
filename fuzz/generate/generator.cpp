// generator.cpp - one seed, one module: plan, bodies from the last to the first, canonical NaNs.
//
// Bodies are made callees first, so that a caller knows what a call costs. Storage of functions is taken
// back from the module that is overwritten. Linear in the instructions made.
// Tested in fuzz/generate/tests/generator_test.cpp; speed in fuzz/generate/bench/.
#include "fuzz/generate/generator.h"

#include "fuzz/generate/body.h"
#include "fuzz/mutate/nan.h"

namespace assay::fuzz {

struct Generator::Impl {
  explicit Impl(GeneratorConfig wanted) : config(wanted), body(config, random) {
    counts.combinations.resize(kOpcodeCount * kTypeCount * kTypeCount);
  }

  void count(const Module& module) {
    for (const Function& f : module.functions) {
      if (f.imported) continue;
      ++counts.functions;
      counts.blocks += f.blocks.size();
      counts.instructions += f.insts.size();
      if (!count_combinations) continue;
      for (const Inst& inst : f.insts) {
        ++counts.combinations[GeneratorCounts::combination(inst.op, inst.type, inst.from)];
      }
    }
    ++counts.modules;
  }

  GeneratorConfig config;
  Random random;
  Body body;
  ModulePlan plan;
  std::vector<Function> spare;
  GeneratorCounts counts;
  bool count_combinations = false;
};

Generator::Generator(GeneratorConfig config) : impl_(std::make_unique<Impl>(config)) {}
Generator::~Generator() = default;
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;

void Generator::generate(u64 seed, Module& out) {
  Impl& g = *impl_;
  for (Function& f : out.functions) {
    if (g.spare.size() < 64) g.spare.push_back(std::move(f));
  }
  out.clear();
  g.random.reseed(derive_seed(seed, 0));
  plan_module(g.random, g.config, out, g.plan, g.spare);
  const u32 count = static_cast<u32>(out.functions.size());
  u32 left = g.random.in(g.config.instructions);
  for (FunctionId f = count; f-- > g.plan.first_body;) {
    const u32 others = f - g.plan.first_body;
    const u32 part = others == 0 ? left : g.random.between(left / (others + 2), left / (others + 1) + 1);
    left -= part < left ? part : left;
    g.body.run(out, g.plan, f, part);
  }
  g.counts.nans_canonicalised += canonicalise_exposed_nans(out);
  g.count(out);
}

const GeneratorConfig& Generator::config() const { return impl_->config; }
const GeneratorCounts& Generator::counts() const { return impl_->counts; }
void Generator::count_combinations(bool on) { impl_->count_combinations = on; }

namespace {

/// What no generated program may contain: a bitcast shows or makes up the number of a pointer.
bool is_left_out(const OpcodeInfo& row, Type type, Type from, const GeneratorConfig& config) {
  if (row.has_from() && (type == Type::Ptr || from == Type::Ptr)) return true;
  const bool unwinds = row.form == Form::Throw || row.form == Form::TryCall || row.form == Form::TryCallIndirect ||
                       row.form == Form::TryCallPtr || row.name == "rethrow";
  return unwinds && config.exceptions.n == 0;
}

} // namespace

std::vector<MissingCombination> missing_combinations(const GeneratorCounts& counts, const GeneratorConfig& config) {
  std::vector<MissingCombination> missing;
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    for (u32 t = 0; t < kTypeCount; ++t) {
      for (u32 s = 0; s < kTypeCount; ++s) {
        const Type type = static_cast<Type>(t), from = static_cast<Type>(s);
        if (!types_allowed(op, type, from) || is_left_out(info(op), type, from, config)) continue;
        if (counts.combinations[GeneratorCounts::combination(op, type, from)] == 0) missing.push_back({op, type, from});
      }
    }
  }
  return missing;
}

} // namespace assay::fuzz
