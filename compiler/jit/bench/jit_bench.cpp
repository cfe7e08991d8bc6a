// jit_bench.cpp - installing and removing code, and calling it from C++.
#include "assay/engine.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/stubs.h"

#include <benchmark/benchmark.h>

#include <stdexcept>

namespace assay {
namespace {

/// About 50 instructions in three functions.
std::string program_text() {
  std::string text = "import @log(i64)\nmemory 256\n";
  for (int f = 0; f < 3; ++f) {
    text += "export func @f" + std::to_string(f) + "(i64) -> i64 {\n^entry(%v0: i64):\n";
    for (int i = 1; i < 16; ++i) {
      text += "  %v" + std::to_string(i) + " = " + (i % 3 == 0 ? "mul" : "add") + ".i64 %v" + std::to_string(i - 1) +
              ", %v0\n";
    }
    text += "  return %v15\n}\n";
  }
  return text;
}

void install_and_remove(benchmark::State& state, jit::InstallOptions options) {
  const Module module = parse_and_verify(program_text()).value();
  CodeObject object;
  Compiler compiler{CompileOptions{}};
  if (!compiler.compile(module, object)) return state.SkipWithError("compile");
  auto installer = jit::Installer::create(options, (*jit::process_stubs())->trap_entry);
  jit::Installed code;
  for (auto _ : state) {
    static_cast<void>(installer->install(object, code));
    static_cast<void>(installer->uninstall(code));
  }
}
BENCHMARK_CAPTURE(install_and_remove, one_at_a_time,
                  jit::InstallOptions{true, os::MemoryStrategy::DualMap, true, false});
BENCHMARK_CAPTURE(install_and_remove, one_at_a_time_verified,
                  jit::InstallOptions{true, os::MemoryStrategy::DualMap, true, true});
BENCHMARK_CAPTURE(install_and_remove, dual_map, jit::InstallOptions{false, os::MemoryStrategy::DualMap, true, false});
BENCHMARK_CAPTURE(install_and_remove, protect, jit::InstallOptions{false, os::MemoryStrategy::Protect, true, false});

void call_typed_function(benchmark::State& state) {
  Engine engine;
  const Instance program = engine.load_text("export func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n").value();
  const auto f = program.function<i64(i64)>("f").value();
  i64 x = 0;
  for (auto _ : state) benchmark::DoNotOptimize(x = f(x));
}
BENCHMARK(call_typed_function);

void call_host_function(benchmark::State& state) {
  Engine engine;
  engine.bind("h", [](i64 x) { return x; });
  const Instance program =
      engine
          .load_text(
              "import @h(i64) -> i64\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  %r = call @h(%x)\n  return %r\n}\n")
          .value();
  const auto f = program.function<i64(i64)>("f").value();
  i64 x = 0;
  for (auto _ : state) benchmark::DoNotOptimize(x = f(x));
}
BENCHMARK(call_host_function);

void trap_to_value(benchmark::State& state) {
  Engine engine;
  const Instance program = engine.load_text("export func @f() {\n^entry():\n  trap user0\n}\n").value();
  const auto f = program.function<void()>("f").value();
  for (auto _ : state) benchmark::DoNotOptimize(f.try_call().has_trapped());
}
BENCHMARK(trap_to_value);

} // namespace
} // namespace assay
