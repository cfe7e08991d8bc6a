// What a run costs: a function of about 50 mixed instructions, a loop, calls, throws, a page of memory.
#include "assay/verify.h"
#include "oracle/interpreter/interpreter.h"

#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>

namespace {

using namespace assay;

struct SilentHost final : Host {
  void call(const Module&, FunctionId, std::span<const u64>, std::span<u64>, Reentry&) override {}
};

Module parse(const std::string& text) {
  Result<Module> module = parse_and_verify(text);
  if (!module) throw std::runtime_error(module.error().to_string());
  return std::move(module).value();
}

/// About 50 instructions in straight blocks: integers, floats, memory, a branch, a call of an import.
Module mixed_module(const std::string& memory) {
  std::string text = memory + "import @log(i64)\nfunc @f(i64) -> i64 {\n^b(%x0: i64):\n  fuel 1\n";
  for (int i = 0; i < 14; ++i) {
    const std::string x = "%x" + std::to_string(i), y = "%x" + std::to_string(i + 1), n = std::to_string(i);
    text += "  %c" + n + " = const.i64 " + std::to_string(i * 77 + 3) + "\n";
    text += "  %m" + n + " = mul.i64 " + x + ", %c" + n + "\n";
    text += "  " + y + " = xor.i64 %m" + n + ", " + x + "\n";
  }
  text += "  %d = i2f_s.f64.i64 %x14\n  %e = fmul.f64 %d, %d\n  %z = const.i64 8\n";
  if (!memory.empty()) text += "  store.f64 %z, 16, %e\n";
  text += "  call @log(%x14)\n  branch %x14, ^r(%x14), ^r(%x13)\n^r(%v: i64):\n  return %v\n}\n";
  return parse(text);
}

void run_module(benchmark::State& state, const Module& module, std::string_view entry, u64 argument) {
  oracle::Interpreter interpreter;
  SilentHost host;
  Outcome out;
  const FunctionId f = module.find_function(entry);
  const u64 args[] = {argument};
  interpreter.prepare(module);
  for (auto _ : state) {
    interpreter.run(f, args, ~u64{0}, host, out);
    benchmark::DoNotOptimize(out.kind);
  }
}

void mixed_50_instructions(benchmark::State& state) { run_module(state, mixed_module(""), "f", 12345); }
BENCHMARK(mixed_50_instructions);

void mixed_50_instructions_with_4k_memory(benchmark::State& state) {
  run_module(state, mixed_module("memory 4096\n"), "f", 12345);
}
BENCHMARK(mixed_50_instructions_with_4k_memory);

void mixed_50_instructions_with_64k_memory(benchmark::State& state) {
  run_module(state, mixed_module("memory 65536\n"), "f", 12345);
}
BENCHMARK(mixed_50_instructions_with_64k_memory);

void prepare_and_run(benchmark::State& state) {
  const Module module = mixed_module("");
  oracle::Interpreter interpreter;
  SilentHost host;
  Outcome out;
  const u64 args[] = {1};
  for (auto _ : state) {
    interpreter.prepare(module);
    interpreter.run(module.find_function("f"), args, ~u64{0}, host, out);
    benchmark::DoNotOptimize(out.kind);
  }
}
BENCHMARK(prepare_and_run);

void loop_of_1000_rounds(benchmark::State& state) {
  run_module(state, parse(R"(func @f(i64) -> i64 {
^b(%n: i64):
  %z = const.i64 0
  jump ^head(%n, %z)
^head(%i: i64, %s: i64):
  %one = const.i64 1
  %t = add.i64 %s, %i
  %j = sub.i64 %i, %one
  branch %j, ^head(%j, %t), ^exit
^exit:
  return %t
}
)"),
             "f", 1000);
  state.SetItemsProcessed(state.iterations() * 4000);
}
BENCHMARK(loop_of_1000_rounds);

void recursive_calls(benchmark::State& state) {
  run_module(state, parse(R"(func @f(i64) -> i64 {
^b(%n: i64):
  branch %n, ^more, ^end
^more:
  %one = const.i64 1
  %m = sub.i64 %n, %one
  %r = call @f(%m)
  return %r
^end:
  return %n
}
)"),
             "f", 1000);
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(recursive_calls);

void throws_caught(benchmark::State& state) {
  run_module(state, parse(R"(tag @t(i64)
func @g(i64) {
^b(%n: i64):
  throw @t(%n)
}
func @f(i64) -> i64 {
^b(%n: i64):
  try_call @g(%n) -> ^ok, catch @t ^h
^ok:
  return %n
^h(%v: i64):
  return %v
}
)"),
             "f", 5);
}
BENCHMARK(throws_caught);

} // namespace
