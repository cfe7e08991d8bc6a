// generator_bench.cpp - time of one generated module, by preset, and of its inputs.
#include "fuzz/generate/generator.h"
#include "fuzz/generate/inputs.h"

#include <benchmark/benchmark.h>

namespace assay::fuzz {
namespace {

void generate(benchmark::State& state, std::string_view name) {
  GeneratorConfig config;
  preset(name, config);
  Generator generator(config);
  Module module;
  u64 seed = 0;
  for (auto _ : state) {
    generator.generate(seed++, module);
    benchmark::DoNotOptimize(module.functions.data());
  }
  const double modules = static_cast<double>(generator.counts().modules);
  state.counters["instructions"] = static_cast<double>(generator.counts().instructions) / modules;
  state.SetItemsProcessed(static_cast<i64>(generator.counts().instructions));
}

BENCHMARK_CAPTURE(generate, small, "small");
BENCHMARK_CAPTURE(generate, large, "large");
BENCHMARK_CAPTURE(generate, calls, "calls");
BENCHMARK_CAPTURE(generate, memory, "memory");
BENCHMARK_CAPTURE(generate, floats, "floats");
BENCHMARK_CAPTURE(generate, pressure, "pressure");

void inputs(benchmark::State& state) {
  Generator generator;
  Module module;
  generator.generate(1, module);
  std::vector<u64> out;
  u64 seed = 0;
  for (auto _ : state) {
    make_inputs(module, module.find_function("main"), seed++, 4, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(inputs);

} // namespace
} // namespace assay::fuzz
