// native_bench.cpp - what the native executor adds to a program: load and unload, run, a host call, a trap.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "qemu/native/native_executor.h"
#include "qemu/test_host.h"

#include <benchmark/benchmark.h>

namespace assay::qemu {
namespace {

struct Setup {
  Module module;
  CodeObject object;
  std::unique_ptr<NativeExecutor> executor = NativeExecutor::create().value();
  TestHost host;
  Outcome out;

  explicit Setup(std::string_view text) : module(parse_and_verify(text).value()) {
    Compiler compiler{CompileOptions{}};
    ASSAY_CHECK(compiler.compile(module, object));
    ASSAY_CHECK(executor->load(module, object));
  }
  void run(std::span<const u64> args) {
    executor->run(static_cast<FunctionId>(module.functions.size() - 1), args, 1000, host, out);
  }
};

void load_and_unload(benchmark::State& state) {
  Setup setup("memory 256\nglobal @g : i64 = 1\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n");
  for (auto _ : state) {
    static_cast<void>(setup.executor->load(setup.module, setup.object));
    setup.executor->unload();
  }
}
BENCHMARK(load_and_unload);

void run_with(benchmark::State& state, const char* text) {
  Setup setup(text);
  const u64 args[] = {1};
  for (auto _ : state) setup.run(args);
}
BENCHMARK_CAPTURE(run_with, nothing, "export func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n");
BENCHMARK_CAPTURE(run_with, memory_256_and_globals,
                  "memory 256\nglobal @g : i64 = 1\nglobal @h : f64 = 0x0p+0\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n");
BENCHMARK_CAPTURE(run_with, memory_64k, "memory 65536\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n");
BENCHMARK_CAPTURE(run_with, host_call, "import @log(i64)\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  call @log(%x)\n  return %x\n}\n");
BENCHMARK_CAPTURE(run_with, trap, "export func @f(i64) -> i64 {\n^entry(%x: i64):\n  trap user0\n}\n");

} // namespace
} // namespace assay::qemu
