// unicorn_bench.cpp - what a program costs in the emulator: shipping and translating fresh code, running it, a host
// call.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "qemu/test_host.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>

namespace assay::qemu {
namespace {

struct Setup {
  Module module;
  CodeObject object;
  std::unique_ptr<RemoteExecutor> executor = make_unicorn_executor();
  TestHost host;
  Outcome out;

  explicit Setup(std::string_view text) : module(parse_and_verify(text).value()) {
    CompileOptions options;
    options.features = emulated_features(Target::X64);
    ASSAY_CHECK(Compiler(options).compile(module, object));
  }
  /// False, said so, when there is no worker.
  bool usable(benchmark::State& state) const {
    const auto able = executor->can(Target::X64, Os::Linux);
    if (!able) state.SkipWithError(able.error().message.c_str());
    return able.ok();
  }
};

std::string corpus_program(const char* name) {
  std::ifstream in(std::string(ASSAY_SOURCE_DIR) + "/corpus/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// One program: load it, run its function `runs` times with announced arguments.
void program(benchmark::State& state, const std::string& text, const char* name, u64 argument, u32 runs) {
  Setup setup(text);
  if (!setup.usable(state)) return;
  const FunctionId function = setup.module.find_function(name);
  const std::vector<u64> args(setup.module.params_of(setup.module.functions[function]).size(), argument);
  const std::vector<RunRequest> requests(runs, {function, args, 100000});
  for (auto _ : state) {
    ASSAY_CHECK(setup.executor->load(setup.module, setup.object));
    setup.executor->expect(requests);
    for (const RunRequest& r : requests) setup.executor->run(r.function, r.args, r.fuel, setup.host, setup.out);
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["code_bytes"] = static_cast<double>(setup.object.code.size());
}
const char* const kNothing = "export func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n";
const char* const kHostCall =
    "import @log(i64)\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  call @log(%x)\n  return %x\n}\n";
BENCHMARK_CAPTURE(program, nothing_1_run, kNothing, "f", 1, 1)->UseRealTime();
BENCHMARK_CAPTURE(program, nothing_8_runs, kNothing, "f", 1, 8)->UseRealTime();
BENCHMARK_CAPTURE(program, host_call_8_runs, kHostCall, "f", 1, 8)->UseRealTime();
BENCHMARK_CAPTURE(program, memory_64k_8_runs, std::string("memory 65536\n") + kNothing, "f", 1, 8)->UseRealTime();
BENCHMARK_CAPTURE(program, gcd_8_runs, corpus_program("run/gcd.air"), "gcd", 12, 8)->UseRealTime();
BENCHMARK_CAPTURE(program, sieve_1_run, corpus_program("real/sieve.air"), "main", 1000, 1)->UseRealTime();

} // namespace
} // namespace assay::qemu
