// cmd_unwind.cpp - `assay unwind FILE...`: every instruction of compiled programs, in every unwind format.
//
// Each program is compiled for each platform; its tables are written, read strictly, and judged at every instruction
// that its cases execute or that can be reached at all. --random makes programs from a seed instead. --mutate changes
// each bit and byte of the tables, counts who notices, and explains what nobody does. What is printed is
// unwind_report.cpp. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/check/run_lines.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/unwind_native.h"
#include "fuzz/cli/unwind_report.h"
#include "fuzz/cli/unwind_shapes.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace assay::cli {
namespace {

struct UnwindOptions {
  std::vector<std::string> files, formats;
  fuzz::SubjectFilter filter;
  u64 fuel = kDefaultFuel, seed = 1, random = 0;
  u32 inputs = 2;
  UnwindLimits limits;
  std::string preset;
  bool json = false, mutate = false, list_unseen = false, shapes = false, native = false, no_sweep = false;
};

struct Work {
  Work(const UnwindOptions& o, std::vector<const UnwindRow*> rows)
      : options(o), checker(std::move(rows), o.formats, o.limits), report(o.json, o.mutate) {}

  const UnwindOptions& options;
  UnwindChecker checker;
  std::unique_ptr<NativeUnwindChecker> native; // null: in the emulator
  UnwindReport report;
  std::string program;
  std::vector<UnwindFinding> findings;
  const UnwindTotals& totals() const { return native != nullptr ? native->totals() : checker.totals(); }
};

/// An emulator that has died, or does not answer, is told. One that was long at work may have died of that: the program
/// gets a new one, and what the first had counted is not counted. If it dies again, it is the program.
Result<void> check_program(Work& work, const std::string& program, const Module& module, const fuzz::Cases& cases) {
  work.program = program;
  for (const bool again : {false, true}) {
    const MutationTotals mutations = work.report.mutations();
    work.findings.clear();
    auto done = work.native != nullptr ? work.native->check(module, cases, work.findings)
                                       : work.checker.check(module, cases, work.findings);
    const bool failed = !done && done.error().kind == ErrorKind::Internal;
    if (!failed || again) {
      for (const UnwindFinding& finding : work.findings) work.report.add(program, finding);
    }
    if (!failed) return done;
    work.report.mutations() = mutations;
    if (again) work.report.add_error(program, done.error().message);
    else work.report.add_repeated(program, done.error().message);
  }
  return {};
}

Result<void> check_file(Work& work, const std::string& path, bool walked) {
  auto source = read_source(path);
  if (!source) return source.error();
  auto module = load_module(*source);
  if (!module) {
    if (!walked) return module.error();
    work.checker.skip(
        "no program: it does not parse, or is of another language"); // a folder has tests of errors as well
    return {};
  }
  fuzz::Cases cases;
  fuzz::make_cases(*module, work.options.seed, work.options.inputs, work.options.fuel, cases);
  if (auto lines = fuzz::parse_run_lines(source->text, source->name, *module)) {
    for (const fuzz::RunLine& line : *lines) cases.add(line.entry, line.args, work.options.fuel);
  }
  return check_program(work, source->name, *module, cases);
}

/// Until so many functions were checked.
Result<void> check_random(Work& work) {
  const UnwindOptions& options = work.options;
  UnwindPrograms programs(options.preset, options.inputs, options.fuel);
  Module module;
  fuzz::Cases cases;
  const u64 before = work.totals().functions;
  for (u64 seed = options.seed; work.totals().functions - before < options.random; ++seed) {
    programs.make(seed, module, cases);
    if (auto done = check_program(work, "random " + std::to_string(seed), module, cases); !done) return done;
    if (work.report.hopeless()) return {};
  }
  return {};
}

Result<void> check_all(Work& work) {
  if (work.options.shapes) {
    Module module;
    fuzz::Cases cases;
    make_shapes(module, cases);
    if (auto done = check_program(work, "shapes", module, cases); !done) return done;
  }
  if (work.options.random != 0) {
    if (auto done = check_random(work); !done) return done;
  }
  auto files = list_programs(work.options.files);
  if (!files) return files.error();
  const bool walked = *files != work.options.files;
  for (const std::string& file : *files) {
    if (auto done = check_file(work, file, walked); !done) return done;
  }
  return {};
}

int usage_of(const UnwindOptions& options) {
  if (options.files.empty() && options.random == 0 && !options.shapes) {
    std::fprintf(stderr, "assay unwind: expected files, --shapes, or --random N\n");
    return kUsage;
  }
  const auto presets = UnwindPrograms::presets();
  if (options.preset.empty() || std::find(presets.begin(), presets.end(), options.preset) != presets.end())
    return kClean;
  std::string names;
  for (const std::string_view name : presets) names += " " + std::string(name);
  std::fprintf(stderr, "assay unwind: --preset has no '%s'; expected one of%s\n", options.preset.c_str(),
               names.c_str());
  return kUsage;
}

int unwind_command(const UnwindOptions& options) {
  if (const int wrong = usage_of(options); wrong != kClean) return wrong;
  std::vector<const UnwindRow*> rows;
  if (!options.native) {
    auto selected = select_unwind_rows(options.filter);
    if (!selected) return report(selected.error());
    rows = std::move(*selected);
  }
  Work work(options, std::move(rows));
  if (options.native) {
    auto native = NativeUnwindChecker::create(options.formats);
    if (!native) return report(native.error());
    work.native = std::move(*native);
  }
  if (options.list_unseen) {
    work.checker.on_unseen = [&](std::string_view row, const std::string& place) {
      work.report.add_unseen(work.program, row, place);
    };
  }
  if (options.mutate) {
    work.checker.on_clean = [&](const UnwindRow& row, const CodeObject& object, const CodeMap& map,
                                const fuzz::Cases& cases, std::span<const StepTable> tables) {
      return mutate_tables(work.checker, row, object, map, cases, tables, work.report.mutations());
    };
  }
  const auto start = std::chrono::steady_clock::now();
  if (auto done = check_all(work); !done) return report(done.error());
  work.report.print(work.totals(), work.checker.skips(),
                    std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return work.report.findings() + work.report.unexplained() != 0 ? kDifference
         : work.report.errors() != 0                             ? kInternal
                                                                 : kClean;
}

} // namespace

void add_unwind(CLI::App& app, int& status) {
  auto options = std::make_shared<UnwindOptions>();
  CLI::App* command = app.add_subcommand("unwind", "unwind at every instruction, in every format, in the emulator");
  command->add_option("files", options->files, "programs; folders are walked");
  command->add_option("--format", options->formats, "dwarf,windows,compact; all that the convention's platform uses")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"dwarf", "windows", "compact"}));
  command->add_flag("--shapes", options->shapes, "the built-in program with every shape of frame");
  command->add_option("--random", options->random, "random programs until so many functions, from --seed on");
  command->add_option("--seed", options->seed, "of the first random program, and of arguments")->capture_default_str();
  command->add_option("--preset", options->preset,
                      "kind of random programs: small pressure calls exceptions memory; all in turn");
  command->add_option("--inputs", options->inputs, "argument vectors for each exported function")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  command->add_option("--steps", options->limits.instructions, "instructions of a run, which is cut then")
      ->capture_default_str()
      ->check(CLI::Range(1u, 2'000'000u));
  command->add_flag("--no-sweep", options->no_sweep, "do not go where the runs did not");
  command->add_flag("--unseen", options->list_unseen, "list the instructions that nothing executed");
  command->add_flag("--native", options->native, "step this x86-64 processor instead of an emulator");
  command->add_flag("--mutate", options->mutate,
                    "change each bit and byte of the tables: who notices, and what has no meaning");
  command->add_flag("--json", options->json, "as JSON");
  add_selection(*command, options->filter);
  add_fuel(*command, options->fuel);
  command->callback([options, &status] {
    if (options->no_sweep) options->limits.sweep = 0;
    status = unwind_command(*options);
  });
}

} // namespace assay::cli
