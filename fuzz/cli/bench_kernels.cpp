// bench_kernels.cpp - the table of kernels, the engines, the rounds. See bench_kernels.h.
//
// A kernel is called once unmeasured, then as often as its row says; the memory is fresh in each round. C programs
// and Lua programs run as processes of their own and time themselves. Needs a shell for them; without C compilers and
// LuaJIT only O0 and O2 are measured. Tested in fuzz/cli/tests/cli_test.cmake (that it runs and all agree, never how
// fast).
#include "fuzz/cli/bench_kernels.h"

#include "assay/engine.h"
#include "compiler/codegen/observer.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/work_folder.h"
#include "fuzz/export_c/export_c.h"
#include "fuzz/opinion/opinion.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace assay::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kDriver =
#include "fuzz/cli/bench_driver.inc"
    ;

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

u64 mixed(u64 hash, u64 bits) { return (hash ^ bits) * 0x9e3779b97f4a7c15u; }

/// Calls a function of the instance with the bits of its arguments, once and then `calls` times, which are measured.
struct Measured {
  double ns = 0;
  u64 hash = 0;
};
using Measure = Result<Measured> (*)(const Instance&, const char* function, const u64* args, u32 calls);

template <typename F, size_t... I> u64 call_with(const F& function, const u64* args, std::index_sequence<I...>) {
  static_cast<void>(args);
  return detail::to_bits(function(static_cast<int32_t>(args[I])...));
}

/// All kernels take i32s.
template <typename R, typename... A>
Result<Measured> measure_as(const Instance& instance, const char* name, const u64* args, u32 calls) {
  const auto function = instance.function<R(A...)>(name);
  if (!function) return function.error();
  const std::index_sequence_for<A...> all;
  instance.reset();
  Measured out;
  out.hash = mixed(0, call_with(*function, args, all));
  const Clock::time_point start = Clock::now();
  for (u32 i = 0; i < calls; ++i) out.hash = mixed(out.hash, call_with(*function, args, all));
  out.ns = nanoseconds_since(start);
  return out;
}

struct Kernel : KernelCall {
  u32 calls; // some ten milliseconds at -O2
  Measure measure;
};

const std::vector<Kernel>& kernels() {
  using i = int32_t;
  static const std::vector<Kernel> rows = {
      {{"base64", "round_trip", {5000, 0xffffffff}}, 200, &measure_as<i, i, i>},
      {{"collatz", "longest_below", {20000}}, 5, &measure_as<i, i>},
      {{"crc32", "tabled", {60000}}, 20, &measure_as<i, i>},
      {{"fannkuch", "checksum", {8}}, 4, &measure_as<i, i>},
      {{"fib", "recursive", {27}}, 8, &measure_as<i, i>},
      {{"heapsort", "median", {20000}}, 4, &measure_as<double, i>},
      {{"levenshtein", "unrelated", {400, 400}}, 10, &measure_as<i, i, i>},
      {{"mandelbrot", "steps", {100, 200}}, 4, &measure_as<i64, i, i>},
      {{"matmul", "trace_f64", {96}}, 8, &measure_as<double, i>},
      {{"nbody", "energy_after", {10000}}, 4, &measure_as<double, i>},
      {{"nqueens", "main", {9}}, 4, &measure_as<i, i>},
      {{"quicksort", "checksum", {20000}}, 8, &measure_as<i64, i>},
      {{"sha256", "word", {20000, 1}}, 40, &measure_as<i, i, i>},
      {{"sieve", "main", {300000}}, 8, &measure_as<i, i>},
      {{"spectral_norm", "main", {100}}, 5, &measure_as<double, i>},
      {{"string_search", "everywhere", {60000, 16, 59000}}, 50, &measure_as<i, i, i, i>},
  };
  return rows;
}

/// Told of the function that has become SSA and nothing else.
class InstructionCounter final : public codegen::Observer {
public:
  void optimised(FunctionId, const Function& body) override { count += body.insts.size(); }
  u64 count = 0;
};

Result<u64> count_ssa(const Module& module) {
  CompileOptions options;
  options.level = Level::O2;
  options.passes.order[options.passes.order_count++] = static_cast<u8>(opt::PassId::Ssa);
  InstructionCounter counter;
  options.observer = &counter;
  CodeObject object;
  if (auto done = Compiler(options).compile(module, object); !done) return done.error();
  return counter.count;
}

/// The fastest of ten.
Result<double> time_compile(const Module& module, Level level) {
  CompileOptions options;
  options.level = level;
  options.entries = Entries::Exported;
  options.features = host_features();
  Compiler compiler(options);
  CodeObject object;
  double least = 0;
  for (int i = 0; i < 10; ++i) {
    const Clock::time_point start = Clock::now();
    if (auto done = compiler.compile(module, object); !done) return done.error();
    const double now = nanoseconds_since(start);
    least = i == 0 ? now : std::min(least, now);
  }
  return least;
}

Error failure(std::string message) {
  Error error;
  error.kind = ErrorKind::Internal;
  error.message = std::move(message);
  return error;
}

/// O0 and O2, then what C compilers this host has, then LuaJIT.
std::vector<KernelEngine> find_engines() {
  std::vector<KernelEngine> out{{"O0", EngineKind::Ours, "", false}, {"O2", EngineKind::Ours, "", true}};
  std::vector<std::string> missing;
  const std::vector<std::string> usual = fuzz::usual_c_compilers();
  for (const fuzz::CCompiler& each : fuzz::find_c_compilers(usual, "-std=c11 -O2 -w -DAIR_PLAIN", missing))
    out.push_back({each.name + " -O2", EngineKind::C, each.command, true});
  for (const fuzz::CCompiler& each : fuzz::find_c_compilers({"gcc"}, "-std=c11 -O2 -w -DAIR_QUIET", missing))
    out.push_back({"gcc checked", EngineKind::C, each.command, true});
  for (const fuzz::CCompiler& each : fuzz::find_c_compilers({"tcc"}, "-w -DAIR_PLAIN", missing))
    out.push_back({"tcc", EngineKind::C, each.command, false});
  if (fuzz::is_command("luajit")) out.push_back({"luajit", EngineKind::Lua, "luajit", true});
  return out;
}

/// O0 and O2, and of the others those that are named.
Result<std::vector<KernelEngine>> choose_engines(const std::vector<std::string>& names) {
  std::vector<KernelEngine> out, all = find_engines();
  Error error;
  error.kind = ErrorKind::Unsupported;
  for (const std::string& name : names) {
    if (std::any_of(all.begin(), all.end(), [&](const KernelEngine& each) { return each.name == name; })) continue;
    error.message = "there is no engine '" + name + "' here; expected some of";
    for (const KernelEngine& each : all) error.message += " '" + each.name + "'";
    return error;
  }
  for (KernelEngine& each : all) {
    const bool named = std::find(names.begin(), names.end(), each.name) != names.end();
    if (names.empty() || named || each.kind == EngineKind::Ours) out.push_back(std::move(each));
  }
  return out;
}

/// One kernel in all engines.
class KernelRun {
public:
  KernelRun(const Kernel& kernel, const KernelOptions& options, std::vector<KernelEngine>& engines,
            const WorkFolder& folder)
      : kernel_(kernel), options_(options), engines_(engines), folder_(folder) {}

  Result<KernelTimes> all() {
    const auto source = read_source(options_.corpus + "/" + kernel_.file + ".ore");
    if (!source) return source.error();
    auto module = load_module(*source);
    if (!module) return module.error();
    module_ = std::move(*module);
    if (auto done = prepare(); !done) return done.error();
    std::vector<std::vector<double>> times(engines_.size());
    for (u32 round = 0; round < options_.rounds; ++round)
      for (std::size_t e = 0; e < engines_.size(); ++e) {
        const auto one = engines_[e].kind == EngineKind::Ours ? run_here(e) : run_outside(e);
        if (!one) return one.error();
        times[e].push_back(one->ns / kernel_.calls / 1e3);
        if (round == 0) out_.checksums.push_back(one->hash);
        out_.agree = out_.agree && one->hash == out_.checksums[0];
      }
    for (std::vector<double>& each : times) {
      std::sort(each.begin(), each.end());
      out_.us.push_back(each[each.size() / 2]);
    }
    return std::move(out_);
  }

private:
  Result<void> prepare();
  Result<void> prepare_c(std::size_t engine);
  Result<Measured> run_here(std::size_t engine) {
    return kernel_.measure(*instances_[engine], kernel_.function, kernel_.args.data(), kernel_.calls);
  }
  Result<Measured> run_outside(std::size_t engine);
  std::string program(std::size_t engine) const {
    return folder_.file(std::string(kernel_.file) + std::to_string(engine));
  }

  const Kernel& kernel_;
  const KernelOptions& options_;
  std::vector<KernelEngine>& engines_;
  const WorkFolder& folder_;
  Module module_;
  std::vector<std::optional<Instance>> instances_;
  KernelTimes out_;
};

Result<void> KernelRun::prepare() {
  out_.name = kernel_.file;
  const auto ssa = count_ssa(module_);
  if (!ssa) return ssa.error();
  out_.ssa_instructions = *ssa;
  const auto text = kernel_as_c(module_);
  if (!text) return text.error();
  if (auto done = fuzz::write_file_atomically(folder_.file("kernel.c"), *text); !done) return done;
  instances_.resize(engines_.size());
  for (std::size_t e = 0; e < engines_.size(); ++e) {
    if (engines_[e].kind == EngineKind::C) {
      if (auto done = prepare_c(e); !done) return done;
    }
    if (engines_[e].kind != EngineKind::Ours) continue;
    const Level level = engines_[e].optimise ? Level::O2 : Level::O0;
    const auto spent = time_compile(module_, level);
    if (!spent) return spent.error();
    out_.compile_ns[e] = *spent;
    engines_[e].compile_ms += *spent / 1e6;
    EngineOptions engine_options;
    engine_options.level = level;
    auto loaded = Engine(engine_options).load(module_);
    if (!loaded) return loaded.error();
    instances_[e] = std::move(*loaded);
  }
  return {};
}

Result<void> KernelRun::prepare_c(std::size_t engine) {
  const Clock::time_point start = Clock::now();
  const std::string command = engines_[engine].command + " -o " + fuzz::shell_word(program(engine)) + " " +
                              fuzz::shell_word(folder_.file("kernel.c")) + " -lm >&2";
  if (std::system(command.c_str()) != 0) return failure(engines_[engine].name + " does not compile " + kernel_.file);
  engines_[engine].compile_ms += nanoseconds_since(start) / 1e6;
  return {};
}

Result<Measured> KernelRun::run_outside(std::size_t engine) {
  const std::string result = folder_.file("result"), lua = options_.corpus + "/lua/";
  std::string command =
      engines_[engine].kind == EngineKind::C
          ? fuzz::shell_word(program(engine)) + " " + std::to_string(module_.find_function(kernel_.function))
          : engines_[engine].command + " " + fuzz::shell_word(lua + "run.lua") + " " +
                fuzz::shell_word(lua + kernel_.file + ".lua");
  command += " " + std::to_string(kernel_.calls);
  for (const u64 arg : kernel_.args) command += " " + std::to_string(arg);
  if (std::system((command + " >" + fuzz::shell_word(result)).c_str()) != 0)
    return failure(std::string(kernel_.file) + " by " + engines_[engine].name + " does not end well");
  const auto text = read_source(result);
  if (!text) return text.error();
  Measured out;
  unsigned long long hash = 0;
  if (std::sscanf(text->text.c_str(), "%lf %llu", &out.ns, &hash) != 2)
    return failure(std::string(kernel_.file) + " by " + engines_[engine].name + " says nothing");
  out.hash = hash;
  return out;
}

} // namespace

std::vector<KernelCall> kernel_calls() { return {kernels().begin(), kernels().end()}; }

Error unknown_kernel() {
  Error error;
  error.message = "there is no kernel of that name; expected some of";
  for (const Kernel& kernel : kernels()) error.message += std::string(" ") + kernel.file;
  return error;
}

Result<std::string> kernel_as_c(const Module& module) {
  std::string text = "#define _POSIX_C_SOURCE 199309L\n";
  fuzz::append_c_prelude(module.memory_max, text);
  fuzz::CModuleOptions how;
  how.prefix = "kernel";
  if (auto done = fuzz::append_c_module(module, how, text); !done) return done.error();
  return text + kDriver;
}

Result<KernelFigures> measure_kernels(const KernelOptions& options) {
  KernelFigures out;
  auto engines = choose_engines(options.engines);
  if (!engines) return engines.error();
  out.engines = std::move(*engines);
  const WorkFolder folder("kernels");
  for (const Kernel& kernel : kernels()) {
    if (!options.only.empty() && std::find(options.only.begin(), options.only.end(), kernel.file) == options.only.end())
      continue;
    auto times = KernelRun(kernel, options, out.engines, folder).all();
    if (!times) return times.error();
    out.kernels.push_back(std::move(*times));
  }
  if (!out.kernels.empty()) return out;
  return unknown_kernel();
}

} // namespace assay::cli
