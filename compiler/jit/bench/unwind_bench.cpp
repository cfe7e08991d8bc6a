// unwind_bench.cpp - exceptions of the host through compiled frames, with many other functions registered; and removal.
#include "assay/engine.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/stubs.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>

namespace assay {
namespace {

CodeObject compiled(const char* text) {
  const Module module = parse_and_verify(text).value();
  CodeObject object;
  static_cast<void>(Compiler(CompileOptions{}).compile(module, object));
  return object;
}

/// So many installed functions, each a unit of its own.
class Crowd {
public:
  explicit Crowd(u32 functions)
      : object_(compiled("export func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n")),
        installer_(jit::Installer::create({false, os::MemoryStrategy::DualMap, true, false}).value()) {
    for (u32 i = 0; i < functions; ++i) install();
  }
  ~Crowd() {
    for (auto& one : all_) static_cast<void>(installer_.uninstall(*one));
  }
  void install() {
    all_.push_back(std::make_unique<jit::Installed>());
    static_cast<void>(installer_.install(object_, *all_.back()));
  }
  CodeObject object_;
  jit::Installer installer_;
  std::vector<std::unique_ptr<jit::Installed>> all_;
};

void throw_through(benchmark::State& state, ExceptionModel model) {
  const Crowd crowd(static_cast<u32>(state.range(1)));
  EngineOptions options;
  options.exceptions = model;
  Engine engine(options);
  engine.bind("thrower", [](i64 x) -> i64 {
    if (x != 0) throw x;
    return 0;
  });
  const Instance program = engine
                               .load_text("import @thrower(i64) -> i64\nexport func @f(i64, i64) -> i64 {\n"
                                          "^entry(%depth: i64, %x: i64):\n  %one = const.i64 1\n"
                                          "  %more = gt_u.i64 %depth, %one\n  branch %more, ^deeper, ^last\n"
                                          "^deeper:\n  %less = sub.i64 %depth, %one\n"
                                          "  %a = call @f(%less, %x)\n  return %a\n"
                                          "^last:\n  %b = call @thrower(%x)\n  return %b\n}\n")
                               .value();
  const auto f = program.function<i64(i64, i64)>("f").value();
  for (auto _ : state) {
    try {
      f(state.range(0), 1);
    } catch (i64) {}
  }
}
void throw_through_frames(benchmark::State& state) { throw_through(state, ExceptionModel::Unwind); }
BENCHMARK(throw_through_frames)->ArgNames({"frames", "functions"})->ArgsProduct({{1, 100}, {10, 1000, 10000, 100000}});

/// Without the unwinder: caught at the way out, thrown again at the way in.
void throw_past_frames_deferred(benchmark::State& state) { throw_through(state, ExceptionModel::Defer); }
BENCHMARK(throw_past_frames_deferred)->ArgNames({"frames", "functions"})->ArgsProduct({{1, 100}, {10, 10000}});

/// The frames of a C++ compiler, for comparison: a function that must not be inlined, nor its call be its last act.
[[gnu::noinline]] i64 native_frames(i64 depth, i64 x) {
  if (depth <= 1) {
    if (x != 0) throw x;
    return 0;
  }
  i64 result = native_frames(depth - 1, x);
  benchmark::DoNotOptimize(result);
  return result;
}
void throw_through_native_frames(benchmark::State& state) {
  const Crowd crowd(static_cast<u32>(state.range(1)));
  for (auto _ : state) {
    try {
      benchmark::DoNotOptimize(native_frames(state.range(0), 1));
    } catch (i64) {}
  }
}
BENCHMARK(throw_through_native_frames)
    ->ArgNames({"frames", "functions"})
    ->ArgsProduct({{1, 100}, {10, 1000, 10000, 100000}});

/// What a throw costs without any frame of ours.
void throw_and_catch(benchmark::State& state) {
  const Crowd crowd(static_cast<u32>(state.range(0)));
  for (auto _ : state) {
    try {
      throw state.range(0);
    } catch (i64) {}
  }
}
BENCHMARK(throw_and_catch)->ArgNames({"functions"})->Arg(10)->Arg(10000);

/// Removal and, not timed, installation of a tenth of the crowd, in random order.
void remove_any(benchmark::State& state) {
  Crowd crowd(static_cast<u32>(state.range(0)));
  std::mt19937 random(3);
  for (auto _ : state) {
    state.PauseTiming();
    std::shuffle(crowd.all_.begin(), crowd.all_.end(), random);
    state.ResumeTiming();
    for (u32 i = 0; i < crowd.all_.size() / 10; ++i) static_cast<void>(crowd.installer_.uninstall(*crowd.all_[i]));
    state.PauseTiming();
    for (u32 i = 0; i < crowd.all_.size() / 10; ++i)
      static_cast<void>(crowd.installer_.install(crowd.object_, *crowd.all_[i]));
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * (state.range(0) / 10));
}
BENCHMARK(remove_any)->ArgNames({"functions"})->Arg(10)->Arg(1000)->Arg(10000)->Arg(100000);

void install_all_and_remove_all(benchmark::State& state) {
  for (auto _ : state) const Crowd crowd(static_cast<u32>(state.range(0)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(install_all_and_remove_all)->ArgNames({"functions"})->Arg(10)->Arg(1000)->Arg(10000)->Arg(100000);

} // namespace
} // namespace assay
