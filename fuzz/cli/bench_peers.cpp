// bench_peers.cpp - see bench_peers.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/bench_peers.h"

#include "fuzz/cli/bench_module.h"
#include "fuzz/targets/targets.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

namespace assay::cli {
namespace {

using PeerClock = std::chrono::steady_clock;

struct CompilingEngine {
  std::string name;
  std::unique_ptr<fuzz::Subject> subject;
  double least = 0; // nanoseconds of a round
  u64 failed = 0;
};

Result<std::vector<CompilingEngine>> compiling_engines() {
  std::vector<CompilingEngine> out;
  const std::string ours(name_of(host_target()));
  for (const std::string& name : {ours + "-O0-native-linux", ours + "-O2-native-linux", std::string("llvm-O0"),
                                  std::string("llvm-O2"), std::string("gccjit-O0"), std::string("gccjit-O2")}) {
    const fuzz::SubjectRow* row = fuzz::find_subject_row(name);
    const std::string reason = row == nullptr ? "there is no such subject" : fuzz::unavailable_reason(*row);
    if (!reason.empty()) {
      std::fprintf(stderr, "assay bench: %s is left out: %s\n", name.c_str(), reason.c_str());
      continue;
    }
    fuzz::SubjectOptions how;
    how.check_allocation = false;
    auto subject = fuzz::make_subject(*row, how);
    if (!subject) return subject.error();
    out.push_back({name, std::move(*subject)});
  }
  return out;
}

void measure_on(std::vector<CompilingEngine>& engines, std::span<const Module> modules, u32 rounds) {
  for (u32 round = 0; round < rounds; ++round) {
    for (CompilingEngine& engine : engines) {
      engine.failed = 0;
      const PeerClock::time_point start = PeerClock::now();
      for (const Module& module : modules) engine.failed += engine.subject->prepare(module).ok() ? 0 : 1;
      const double spent = std::chrono::duration<double, std::nano>(PeerClock::now() - start).count();
      engine.least = round == 0 ? spent : std::min(engine.least, spent);
    }
  }
  for (const CompilingEngine& engine : engines)
    if (engine.failed != 0)
      std::fprintf(stderr, "assay bench: %s could not compile %llu programs\n", engine.name.c_str(),
                   static_cast<unsigned long long>(engine.failed));
}

double instructions_of(std::span<const Module> modules) {
  u64 out = 0;
  for (const Module& module : modules)
    for (const Function& function : module.functions) out += function.insts.size();
  return static_cast<double>(std::max<u64>(1, out));
}

} // namespace

Result<void> measure_peers(std::span<const Module> programs, u32 rounds, std::vector<Figure>& out) {
  auto engines = compiling_engines();
  if (!engines) return engines.error();
  measure_on(*engines, programs, rounds);
  for (const CompilingEngine& engine : *engines) {
    out.push_back({"ready to run, " + engine.name, "us/program",
                   engine.least / static_cast<double>(std::max<std::size_t>(1, programs.size())) / 1e3});
    out.push_back({"ready to run, " + engine.name, "ns/instruction", engine.least / instructions_of(programs)});
  }
  const Module large = make_bench_module(1000);
  measure_on(*engines, {&large, 1}, rounds);
  for (const CompilingEngine& engine : *engines)
    out.push_back(
        {"module of 1,000 functions, " + engine.name, "ns/instruction", engine.least / instructions_of({&large, 1})});
  return {};
}

} // namespace assay::cli
