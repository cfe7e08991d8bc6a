// cmd_bench.cpp - `assay bench`: the project's own figures, stage by stage, on one core.
//
// Each figure is the time of many programs divided by their number (or by their instructions), the best of several
// rounds, because noise only adds. Programs are generated from fixed seeds, so figures of two builds compare.
// Clocks differ and drift, so the time of a chain of additions and xors, one a cycle on any processor, is measured
// before and after: figures divided by it compare between machines, and where the two are not equal, nothing does.
// How fast compiled programs run, --kernels, is in bench_kernels.cpp.
// Tested end to end in fuzz/cli/tests/cli_test.cmake (that it runs, never how fast).
#include "assay/engine.h"
#include "assay/verify.h"
#include "fuzz/campaign/program_source.h"
#include "fuzz/check/check.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/bench_growth.h"
#include "fuzz/cli/bench_instructions.h"
#include "fuzz/cli/bench_kernels.h"
#include "fuzz/cli/bench_module.h"
#include "fuzz/cli/bench_peers.h"
#include "fuzz/cli/bench_scaling.h"
#include "fuzz/cli/bench_size.h"
#include "fuzz/cli/commands.h"
#include "fuzz/os/process.h"
#include "fuzz/targets/targets.h"
#include "qemu/native/native_executor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  u32 programs = 400, rounds = 5;
  u32 largest = 0; // size of --growth; 0: all
  std::string preset = "small", corpus = "corpus/real";
  bool json = false, kernels = false, peers = false, growth = false, instructions = false, size = false;
  std::string json_file;                  // empty: the output
  std::vector<std::string> only, engines; // kernels; beside ours
  std::vector<u32> scaling;               // jobs
};

/// What is measured on: programs with their cases, and how many instructions they have.
struct Sample {
  std::vector<Module> modules;
  std::vector<fuzz::Cases> cases;
  u64 instructions = 0, runs = 0;
};

/// Nanoseconds of the fastest of `rounds` calls.
double best(u32 rounds, const std::function<void()>& body) {
  double least = 0;
  for (u32 i = 0; i < rounds; ++i) {
    const Clock::time_point start = Clock::now();
    body();
    const double spent = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    least = i == 0 ? spent : std::min(least, spent);
  }
  return least;
}

/// Nanoseconds of an addition or xor that needs the result of the one before: they alternate, because a chain of one
/// kind may be regrouped. The volatile reads keep the compiler from knowing the sum, and wait for nothing.
Figure measure_reference(const BenchOptions& options, const char* when) {
  constexpr u32 kTimes = 1u << 20, kUnroll = 8;
  volatile u64 step = 3;
  volatile u64 total = 0;
  const double spent = best(options.rounds, [&] {
    u64 sum = total;
    for (u32 i = 0; i < kTimes; i += kUnroll) {
      sum += step, sum ^= step, sum += step, sum ^= step;
      sum += step, sum ^= step, sum += step, sum ^= step;
    }
    total = sum;
  });
  return {std::string("reference: dependent 64-bit add or xor, ") + when, "ns", spent / kTimes};
}

Sample make_sample(const BenchOptions& options, const fuzz::GeneratorConfig& config) {
  Sample out;
  fuzz::Generator generator(config);
  out.modules.resize(options.programs);
  out.cases.resize(options.programs);
  for (u32 i = 0; i < options.programs; ++i) {
    generator.generate(i + 1, out.modules[i]);
    fuzz::make_cases(out.modules[i], i, 2, 2000, out.cases[i]);
    out.runs += out.cases[i].size();
    for (const Function& function : out.modules[i].functions) out.instructions += function.insts.size();
  }
  return out;
}

void measure_sources(const BenchOptions& options, const fuzz::GeneratorConfig& config, const Sample& sample,
                     std::vector<Figure>& out) {
  const double count = options.programs;
  fuzz::Generator generator(config);
  Module module;
  out.push_back({"instructions of a program", "", static_cast<double>(sample.instructions) / count});
  out.push_back({"generate", "us/program",
                 best(options.rounds,
                      [&] {
                        for (u32 i = 0; i < options.programs; ++i) generator.generate(i + 1, module);
                      }) /
                     count / 1e3});
  fuzz::Mutator mutator;
  std::vector<Module> copies(options.programs);
  double spent = 0;
  for (u32 round = 0; round < options.rounds; ++round) {
    for (u32 i = 0; i < options.programs; ++i) copies[i] = sample.modules[i];
    const double now = best(1, [&] {
      for (u32 i = 0; i < options.programs; ++i) {
        const u64 seeds[] = {2 * u64{i}, 2 * u64{i} + 1};
        mutator.mutate_series(copies[i], nullptr, seeds);
        static_cast<void>(fuzz::settle(copies[i]));
      }
    });
    spent = round == 0 ? now : std::min(spent, now);
  }
  out.push_back({"mutate twice and settle", "us/program", spent / count / 1e3});
  out.push_back({"mutated programs", "programs/s", count * 1e9 / spent});
}

/// Programs as a campaign makes them: most generated, some of them mutated, with their cases.
void measure_campaign_source(const BenchOptions& options, const fuzz::GeneratorConfig& config,
                             std::vector<Figure>& out) {
  fuzz::SourceOptions source_options;
  source_options.generator = config;
  fuzz::ProgramSource source(source_options, nullptr);
  Module module;
  fuzz::Cases cases;
  const double spent = best(options.rounds, [&] {
    for (u64 index = 0; index < options.programs; ++index) static_cast<void>(source.make(index, module, cases));
  });
  out.push_back({"programs of a campaign", "us/program", spent / options.programs / 1e3});
}

void measure_oracle(const BenchOptions& options, const Sample& sample, std::vector<Figure>& out) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome outcome, other;
  const double runs = static_cast<double>(sample.runs);
  out.push_back({"oracle", "us/run",
                 best(options.rounds,
                      [&] {
                        for (u32 p = 0; p < options.programs; ++p) {
                          oracle.prepare(sample.modules[p]);
                          const fuzz::Cases& cases = sample.cases[p];
                          for (u32 c = 0; c < cases.size(); ++c)
                            oracle.run(cases.entry(c), cases.args(c), cases.fuel(c), host, outcome);
                        }
                      }) /
                     runs / 1e3});
  // The outcome of one run of each program, compared with itself over and over.
  double spent = 0;
  constexpr u32 kTimes = 20;
  u32 compared = 0;
  for (u32 p = 0; p < options.programs; ++p) {
    const fuzz::Cases& cases = sample.cases[p];
    if (cases.size() == 0) continue;
    oracle.prepare(sample.modules[p]);
    oracle.run(cases.entry(0), cases.args(0), cases.fuel(0), host, outcome);
    oracle.run(cases.entry(0), cases.args(0), cases.fuel(0), host, other);
    compared += kTimes;
    spent += best(options.rounds, [&] {
      for (u32 i = 0; i < kTimes; ++i)
        if (compare(sample.modules[p], outcome, other) == Agreement::Differ)
          std::fputs("two runs of the oracle differ\n", stderr);
    });
  }
  out.push_back({"compare", "us/run", spent / std::max(1u, compared) / 1e3});
}

/// Nanoseconds an instruction, of these programs compiled in turn again and again.
Result<void> measure_compile(const BenchOptions& options, Level level, const std::string& what,
                             std::span<const Module> modules, std::vector<Figure>& out) {
  CompileOptions how = fuzz::compile_options(fuzz::subject_rows()[1]);
  how.level = level;
  Compiler compiler(how);
  CodeObject object;
  u64 instructions = 0, code_bytes = 0;
  for (const Module& module : modules) {
    if (auto done = compiler.compile(module, object); !done) return done.error();
    code_bytes += object.code.size();
    for (const Function& function : module.functions) instructions += function.insts.size();
  }
  // A round is to have so much to do that a clock can tell.
  const u32 times = static_cast<u32>(1 + 20000 / std::max<u64>(1, instructions));
  const double spent = best(options.rounds, [&] {
    for (u32 i = 0; i < times; ++i)
      for (const Module& module : modules) static_cast<void>(compiler.compile(module, object));
  });
  const double count = static_cast<double>(std::max<u64>(1, instructions));
  const std::string at = "-" + std::string(fuzz::name_of(level)) + ", " + what;
  out.push_back({"compile " + at, "ns/instruction", spent / times / count});
  out.push_back({"code size " + at, "bytes/instruction", static_cast<double>(code_bytes) / count});
  return {};
}

/// The programs of a folder, and a module with much in it. Where there is no such folder that is said, and left out.
Result<void> measure_given(const BenchOptions& options, std::vector<Figure>& out) {
  std::vector<Module> modules;
  std::vector<std::string> files;
  std::error_code ignored; // what is no folder has no programs
  if (std::filesystem::is_directory(options.corpus, ignored)) {
    auto listed = list_programs({options.corpus});
    if (!listed) return listed.error();
    files = std::move(*listed);
  }
  for (const std::string& file : files) {
    auto source = read_source(file);
    if (!source) return source.error();
    auto module = load_module(*source);
    if (!module) return module.error();
    modules.push_back(std::move(*module));
  }
  if (modules.empty()) {
    std::fprintf(stderr, "assay bench: no programs in '%s' (--corpus), so none of 'real programs'\n",
                 options.corpus.c_str());
  } else {
    for (const Level level : {Level::O0, Level::O2})
      if (auto done = measure_compile(options, level, "real programs", modules, out); !done) return done;
  }
  const Module large = make_bench_module(1000);
  if (auto valid = verify(large); !valid) return valid.error();
  for (const Level level : {Level::O0, Level::O2})
    if (auto done = measure_compile(options, level, "generated module of 1,000 functions", {&large, 1}, out); !done)
      return done;
  return {};
}

/// From a verified module to the function @f: the least mean of a round.
Result<double> cold_ns(const EngineOptions& how, const Module& module, u32 rounds) {
  constexpr u32 kTimes = 500;
  Engine engine(how);
  double least = 0;
  for (u32 round = 0; round < rounds; ++round) {
    double spent = 0;
    for (u32 i = 0; i < kTimes; ++i) {
      const Clock::time_point start = Clock::now();
      const auto loaded = engine.load(module);
      if (!loaded) return loaded.error();
      const auto function = loaded->function<i64(i64, i64)>("f");
      spent += std::chrono::duration<double, std::nano>(Clock::now() - start).count();
      if (!function) return function.error();
    }
    least = round == 0 ? spent : std::min(least, spent);
  }
  return least / kTimes;
}

/// A function of 22 instructions, from a verified module to a C++ function that can be called: compiled, installed,
/// known to the unwinder. Where code memory is protected that is two calls of the system, with two views none.
Result<void> measure_cold(const BenchOptions& options, std::vector<Figure>& out) {
  std::string text = "export func @f(i64, i64) -> i64 {\n^entry(%v0: i64, %v1: i64):\n";
  for (u32 i = 2; i < 23; ++i)
    text += "  %v" + std::to_string(i) + " = " +
            (i % 3 == 0   ? "mul"
             : i % 3 == 1 ? "xor"
                          : "add") +
            ".i64 %v" + std::to_string(i - 1) + ", %v" + std::to_string(i - 2) + "\n";
  const auto module = parse_and_verify(text + "  return %v22\n}\n");
  if (!module) return module.error();
  for (const CodeMemory memory : {CodeMemory::Protect, CodeMemory::DualMap}) {
    for (const Level level : {Level::O0, Level::O2}) {
      EngineOptions how;
      how.level = level;
      how.code_memory = memory;
      const auto spent = cold_ns(how, *module, options.rounds);
      if (!spent) return spent.error();
      const char* const words = memory == CodeMemory::DualMap ? ", two views of code" : "";
      out.push_back({"22 instructions to callable, -" + std::string(fuzz::name_of(level)) + words, "us", *spent / 1e3});
    }
  }
  return {};
}

Result<void> measure_compiler(const BenchOptions& options, const Sample& sample, std::vector<Figure>& out) {
  const fuzz::SubjectRow* row = &fuzz::subject_rows()[1];
  Compiler compiler(fuzz::compile_options(*row));
  std::vector<CodeObject> objects(options.programs);
  std::vector<u8> compiled(options.programs);
  u64 instructions = 0, code_bytes = 0;
  u32 usable = 0;
  for (u32 p = 0; p < options.programs; ++p) {
    compiled[p] = compiler.compile(sample.modules[p], objects[p]).ok();
    if (!compiled[p]) continue;
    ++usable;
    code_bytes += objects[p].code.size();
    for (const Function& function : sample.modules[p].functions) instructions += function.insts.size();
  }
  if (usable == 0) return Error{ErrorKind::Unsupported, "", 0, 0, "the compiler can compile none of the programs"};
  CodeObject object;
  const double spent = best(options.rounds, [&] {
    for (u32 p = 0; p < options.programs; ++p)
      if (compiled[p]) static_cast<void>(compiler.compile(sample.modules[p], object));
  });
  out.push_back({"compile -O0, random programs", "us/program", spent / usable / 1e3});
  out.push_back({"compile -O0, random programs", "ns/instruction", spent / static_cast<double>(instructions)});
  out.push_back({"code size, random programs", "bytes/instruction",
                 static_cast<double>(code_bytes) / static_cast<double>(instructions)});

  auto executor = qemu::NativeExecutor::create();
  if (!executor) return executor.error();
  if (auto can = (*executor)->can(row->target, row->os); !can) return can;
  out.push_back({"install and remove", "us/program",
                 best(options.rounds,
                      [&] {
                        for (u32 p = 0; p < options.programs; ++p) {
                          if (!compiled[p]) continue;
                          static_cast<void>((*executor)->load(sample.modules[p], objects[p]));
                          (*executor)->unload();
                        }
                      }) /
                     usable / 1e3});
  qemu::TestHost host;
  Outcome outcome;
  double running = 0;
  u64 runs = 0;
  for (u32 p = 0; p < options.programs; ++p) {
    if (!compiled[p] || !(*executor)->load(sample.modules[p], objects[p])) continue;
    const fuzz::Cases& cases = sample.cases[p];
    runs += cases.size();
    running += best(options.rounds, [&] {
      for (u32 c = 0; c < cases.size(); ++c)
        (*executor)->run(cases.entry(c), cases.args(c), cases.fuel(c), host, outcome);
    });
    (*executor)->unload();
  }
  out.push_back({"run", "us/run", running / static_cast<double>(std::max<u64>(1, runs)) / 1e3});
  return {};
}

/// Programs of a campaign through the whole check on these subjects: by the clock, and as processor time of all
/// processes.
Result<void> measure_check(const BenchOptions& options, const fuzz::GeneratorConfig& config, const std::string& what,
                           std::span<const fuzz::SubjectRow* const> rows, u32 inputs, std::vector<Figure>& out) {
  fuzz::SourceOptions source_options;
  source_options.generator = config;
  source_options.inputs = inputs;
  fuzz::ProgramSource source(source_options, nullptr);
  Module module;
  fuzz::Cases cases;
  u64 programs = 0;
  double spent = 0;
  const double before = fuzz::cpu_seconds();
  u64 calls = 0, instructions = 0; // of all rounds
  {
    auto checker = fuzz::Checker::make(rows);
    if (!checker) return checker.error();
    spent = best(options.rounds, [&] {
      programs = 0;
      for (u64 index = 0; index < options.programs; ++index) {
        if (!source.make(index, module, cases)) continue;
        ++programs;
        calls += cases.size();
        for (const Function& function : module.functions) instructions += function.insts.size();
        static_cast<void>(checker->check(module, cases));
      }
    });
  } // the processes of emulators end here, and are counted
  const double rounds = static_cast<double>(programs) * options.rounds;
  out.push_back({what, "programs/s", static_cast<double>(programs) * 1e9 / spent});
  out.push_back({what, "calls/program", static_cast<double>(calls) / rounds});
  out.push_back({what, "instructions/program", static_cast<double>(instructions) / rounds});
  out.push_back({what, "us of processor/program", (fuzz::cpu_seconds() - before) * 1e6 / rounds});
  return {};
}

/// Programs as libFuzzer handles them: text is read, changed, written, read again and checked on one subject.
Result<void> measure_text(const BenchOptions& options, const Sample& sample, const fuzz::SubjectRow* row,
                          std::vector<Figure>& out) {
  auto checker = fuzz::Checker::make({&row, 1});
  if (!checker) return checker.error();
  std::vector<std::string> texts;
  for (const Module& module : sample.modules) texts.push_back(to_text(module));
  std::vector<u8> buffer(fuzz::kMaxInput);
  Module module;
  fuzz::Cases cases;
  u64 seed = 0;
  const double spent = best(options.rounds, [&] {
    for (const std::string& text : texts) {
      if (text.size() > buffer.size()) continue;
      std::copy(text.begin(), text.end(), buffer.begin());
      const std::size_t size = fuzz::mutate_text(buffer.data(), text.size(), buffer.size(), ++seed);
      const std::string_view changed(reinterpret_cast<const char*>(buffer.data()), size);
      if (!fuzz::program_of(changed, module)) continue;
      fuzz::make_seeded_cases(module, fuzz::text_seed(changed), {}, cases);
      static_cast<void>(checker->check(module, cases));
    }
  });
  out.push_back(
      {"mutated as text and checked, 1 subject", "programs/s", static_cast<double>(texts.size()) * 1e9 / spent});
  return {};
}

/// The sets of subjects that a campaign is run with.
Result<void> measure_whole(const BenchOptions& options, const fuzz::GeneratorConfig& config, const Sample& sample,
                           std::vector<Figure>& out) {
  std::vector<const fuzz::SubjectRow*> native;
  for (const fuzz::SubjectRow& row : fuzz::subject_rows())
    if (row.exec == fuzz::Exec::Native && fuzz::unavailable_reason(row).empty()) native.push_back(&row);
  if (native.empty()) return {};
  const std::span<const fuzz::SubjectRow* const> all = native;
  if (auto done = measure_check(options, config, "whole check, 1 subject", all.first(1), 2, out); !done) return done;
  if (auto done = measure_check(options, config, "whole check, 8 inputs, -O0", all.first(1), 8, out); !done)
    return done;
  const auto o2 = std::find_if(native.begin(), native.end(), [](const auto* row) { return row->level == Level::O2; });
  if (o2 != native.end()) {
    const fuzz::SubjectRow* const levels[] = {native[0], *o2};
    if (auto done = measure_check(options, config, "whole check, 8 inputs, -O0 and -O2", levels, 8, out); !done)
      return done;
  }
  if (auto done = measure_text(options, sample, all[0], out); !done) return done;
  const std::string count = std::to_string(all.size());
  if (auto done = measure_check(options, config, "whole check, " + count + " subjects", all, 2, out); !done)
    return done;
  for (const fuzz::SubjectRow& row : fuzz::subject_rows()) {
    const bool plain = row.os == Os::Linux && row.max_registers == 0 && !row.spill_all;
    if (row.exec == fuzz::Exec::Oracle || row.exec == fuzz::Exec::Native || fuzz::is_peer(row.exec) || !plain) continue;
    if (!fuzz::unavailable_reason(row).empty()) continue;
    const fuzz::SubjectRow* const both[] = {native[0], &row};
    const std::string what = "check, 4 inputs, native + " + std::string(row.name);
    if (auto done = measure_check(options, config, what, both, 4, out); !done) return done;
  }
  return {};
}

int write_json(const BenchOptions& options, const std::string& json) {
  if (options.json_file.empty()) {
    std::printf("%s\n", json.c_str());
    return kClean;
  }
  const auto written = fuzz::write_file_atomically(options.json_file, json + "\n");
  return written ? static_cast<int>(kClean) : (report(written.error()), static_cast<int>(kCannot));
}

/// --kernels: run time beside C.
int bench_kernels(const BenchOptions& options) {
  const auto figures = measure_kernels({options.corpus, options.rounds, options.only, options.engines});
  if (!figures && figures.error().kind == ErrorKind::BadInput && figures.error().file.empty())
    return usage_error("bench", figures.error().message); // a kernel's name
  if (!figures) return report(figures.error());
  if (!options.json || !options.json_file.empty()) std::fputs(to_text(*figures).c_str(), stdout);
  if (options.json)
    if (const int status = write_json(options, to_json(*figures)); status != kClean) return status;
  const bool agree =
      std::all_of(figures->kernels.begin(), figures->kernels.end(), [](const KernelTimes& each) { return each.agree; });
  return agree ? kClean : kDifference;
}

/// --instructions: how many are executed on ARM64, beside C.
int bench_instructions(const BenchOptions& options) {
  const auto figures = count_instructions(options.corpus, options.only);
  if (!figures && figures.error().kind == ErrorKind::BadInput && figures.error().file.empty())
    return usage_error("bench", figures.error().message); // a kernel's name
  if (!figures) return report(figures.error());
  if (!options.json || !options.json_file.empty()) std::fputs(to_text(*figures).c_str(), stdout);
  return options.json ? write_json(options, to_json(*figures)) : static_cast<int>(kClean);
}

/// --size: bytes of code, beside C.
int bench_size(const BenchOptions& options) {
  const auto figures = measure_sizes(options.corpus, options.only);
  if (!figures && figures.error().kind == ErrorKind::BadInput && figures.error().file.empty())
    return usage_error("bench", figures.error().message); // a kernel's name
  if (!figures) return report(figures.error());
  if (!options.json || !options.json_file.empty()) std::fputs(to_text(*figures).c_str(), stdout);
  return options.json ? write_json(options, to_json(*figures)) : static_cast<int>(kClean);
}

/// --growth: functions of many sizes and shapes.
int bench_growth(const BenchOptions& options) {
  const auto figures = measure_growth(options.rounds, options.largest);
  if (!figures) return report(figures.error());
  if (!options.json || !options.json_file.empty()) std::fputs(to_text(*figures).c_str(), stdout);
  return options.json ? write_json(options, to_json(*figures)) : static_cast<int>(kClean);
}

/// --scaling: campaigns with several numbers of jobs.
int bench_scaling(const BenchOptions& options) {
  const auto figures = measure_scaling({options.scaling, options.programs, options.rounds});
  if (!figures) return report(figures.error());
  if (!options.json || !options.json_file.empty()) std::fputs(to_text(*figures).c_str(), stdout);
  return options.json ? write_json(options, to_json(*figures)) : static_cast<int>(kClean);
}

int bench(const BenchOptions& options) {
  if (!options.scaling.empty()) return bench_scaling(options);
  if (options.growth) return bench_growth(options);
  if (options.instructions) return bench_instructions(options);
  if (options.size) return bench_size(options);
  if (options.kernels || !options.only.empty() || !options.engines.empty()) return bench_kernels(options);
  fuzz::GeneratorConfig config;
  if (!fuzz::preset(options.preset, config)) {
    std::fprintf(stderr, "assay bench: --preset has no '%s'\n", options.preset.c_str());
    return kUsage;
  }
  std::vector<Figure> figures;
  const Sample sample = make_sample(options, config);
  figures.push_back(measure_reference(options, "before"));
  if (options.peers) {
    if (auto done = measure_peers(sample.modules, options.rounds, figures); !done) return report(done.error());
  } else {
    measure_sources(options, config, sample, figures);
    measure_campaign_source(options, config, figures);
    measure_oracle(options, sample, figures);
    if (auto done = measure_given(options, figures); !done) report(done.error());
    if (auto done = measure_cold(options, figures); !done) report(done.error());
    if (auto done = measure_compiler(options, sample, figures); !done) report(done.error());
    else if (auto whole = measure_whole(options, config, sample, figures); !whole) report(whole.error());
  }
  figures.push_back(measure_reference(options, "after"));
  if (!options.json || !options.json_file.empty())
    for (const Figure& f : figures)
      std::printf("%-46s %12.*f %s\n", f.name.c_str(), f.value < 10 ? 3 : 2, f.value, f.unit.c_str());
  if (!options.json) return kClean;
  nlohmann::ordered_json json{{"tool", fuzz::tool_version()}, {"figures", nlohmann::ordered_json::array()}};
  for (const Figure& f : figures) json["figures"].push_back({{"name", f.name}, {"value", f.value}, {"unit", f.unit}});
  return write_json(options, json.dump(2));
}

} // namespace

void add_bench(CLI::App& app, int& status) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "the project's own figures, on one core");
  command->add_option("--programs", options->programs, "random programs to measure on")
      ->capture_default_str()
      ->check(CLI::Range(1u, 100000u));
  command->add_option("--rounds", options->rounds, "the best of so many")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  command->add_option("--preset", options->preset, "kind of programs")->capture_default_str();
  command->add_option("--corpus", options->corpus, "folder of the real programs to compile")->capture_default_str();
  command->add_flag("--kernels", options->kernels, "how fast compiled programs run, beside the same programs as C");
  command->add_flag("--instructions", options->instructions,
                    "how many instructions the kernels execute on ARM64, in QEMU, beside the same programs as C");
  command->add_flag("--size", options->size, "how many bytes of code programs become, beside the same programs as C");
  command->add_flag("--peers", options->peers, "how long LLVM and GCC take to compile, beside the bundled compiler");
  CLI::Option* growth = command->add_flag("--growth", options->growth,
                                          "compile time and memory an instruction, of functions small and large");
  command->add_option("--largest", options->largest, "sizes of --growth up to this only")->needs(growth);
  command->add_option("--scaling", options->scaling, "programs a second of a campaign with so many jobs: 1,2")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1u, 512u));
  command->add_option("--kernel", options->only, "of these only")->delimiter(',')->allow_extra_args(false);
  command->add_option("--engine", options->engines, "beside these only: 'gcc -O2', luajit, ...")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* json =
      command->add_option("--json", options->json_file, "as JSON, to a file or the output")->expected(0, 1);
  command->callback([options, json, &status] {
    options->json = json->count() != 0;
    status = bench(*options);
  });
}

} // namespace assay::cli
