// mutator_bench.cpp - time of one mutation of a default program: in memory, and through text as a corpus keeps it;
// of crossover and of the passes that settle a mutant.
#include "fuzz/mutate/mutator.h"

#include "assay/text.h"
#include "fuzz/generate/generator.h"
#include "fuzz/mutate/nan.h"

#include <benchmark/benchmark.h>

namespace assay::fuzz {
namespace {

constexpr u64 kPrograms = 256;

std::vector<Module> programs() {
  Generator generator;
  std::vector<Module> modules(kPrograms);
  for (u64 seed = 0; seed < kPrograms; ++seed) generator.generate(seed, modules[seed]);
  return modules;
}

void mutate_module(benchmark::State& state) {
  const std::vector<Module> modules = programs();
  Mutator mutator;
  Module module;
  u64 seed = 0;
  for (auto _ : state) {
    module = modules[seed % kPrograms];
    benchmark::DoNotOptimize(mutator.mutate(module, seed++));
  }
}
BENCHMARK(mutate_module);

void mutate_through_text(benchmark::State& state) {
  std::vector<std::string> texts;
  for (const Module& module : programs()) texts.push_back(to_text(module));
  Mutator mutator;
  Module module;
  std::string out;
  u64 seed = 0;
  for (auto _ : state) {
    if (!parse_module_into(texts[seed % kPrograms], "bench", module)) state.SkipWithError("does not parse");
    mutator.mutate(module, seed++);
    settle(module);
    out.clear();
    print_module(module, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(mutate_through_text);

void crossover(benchmark::State& state) {
  const std::vector<Module> modules = programs();
  Mutator mutator;
  Module module;
  u64 seed = 0;
  for (auto _ : state) {
    module = modules[seed % kPrograms];
    benchmark::DoNotOptimize(mutator.crossover(module, modules[(seed + 1) % kPrograms], seed));
    ++seed;
  }
}
BENCHMARK(crossover);

void settle_module(benchmark::State& state) {
  std::vector<Module> modules = programs();
  u64 seed = 0;
  for (auto _ : state) benchmark::DoNotOptimize(settle(modules[seed++ % kPrograms]));
}
BENCHMARK(settle_module);

void canonicalise(benchmark::State& state) {
  std::vector<Module> modules = programs();
  u64 seed = 0;
  for (auto _ : state) benchmark::DoNotOptimize(canonicalise_exposed_nans(modules[seed++ % kPrograms]));
}
BENCHMARK(canonicalise);

} // namespace
} // namespace assay::fuzz
