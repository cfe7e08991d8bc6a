// exec_memory_bench.cpp - what publishing code costs, by strategy, and what a guarded run costs.
#include "compiler/os/exec_memory.h"
#include "compiler/os/fault_handler.h"

#include <benchmark/benchmark.h>

#include <cstring>

namespace assay::os {
namespace {

const u8 kReturn[200] = {0xc3};

void arena_install_and_free(benchmark::State& state, MemoryStrategy strategy) {
  auto arena = CodeArena::create({strategy, false});
  for (auto _ : state) {
    const CodeBlock block = *arena->allocate(sizeof kReturn);
    std::memcpy(block.write, kReturn, sizeof kReturn);
    static_cast<void>(arena->publish(block));
    arena->free(block);
  }
}
BENCHMARK_CAPTURE(arena_install_and_free, protect, MemoryStrategy::Protect);
BENCHMARK_CAPTURE(arena_install_and_free, dual_map, MemoryStrategy::DualMap);

void bump_install_and_reset(benchmark::State& state) {
  auto arena = BumpArena::create();
  for (auto _ : state) {
    arena->reset();
    const CodeBlock block = *arena->allocate(sizeof kReturn);
    std::memcpy(block.write, kReturn, sizeof kReturn);
    static_cast<void>(arena->publish(block));
  }
}
BENCHMARK(bump_install_and_reset);

void guarded_run(benchmark::State& state) {
  Fault fault;
  u64 count = 0;
  for (auto _ : state) benchmark::DoNotOptimize(run_guarded([&] { benchmark::DoNotOptimize(++count); }, 1000, fault));
}
BENCHMARK(guarded_run);

} // namespace
} // namespace assay::os
