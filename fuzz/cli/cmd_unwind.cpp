// cmd_unwind.cpp - `assay unwind FILE...`: every instruction of compiled programs, in every unwind format.
//
// Each program is compiled for each emulated subject; its tables are written, read strictly, and judged at every
// instruction that its cases execute. --random makes programs from a seed instead. --mutate flips each bit of the tables
// and counts what nobody notices. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/unwind_check.h"
#include "fuzz/generate/generator.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

using qemu::protocol::kTableFormats;
using qemu::protocol::StepCounts;

struct UnwindOptions {
  std::vector<std::string> files, formats;
  fuzz::SubjectFilter filter;
  u64 fuel = kDefaultFuel, seed = 1, random = 0;
  u32 inputs = 3;
  std::string preset;
  bool json = false, mutate = false;
};

/// Flipped bits of tables, by what noticed them.
struct MutationTotals {
  u64 flipped = 0, by_reader = 0, by_step = 0;
  std::map<std::string, u64> unnoticed; // by what the byte is
};

struct Work {
  explicit Work(const UnwindOptions& o) : options(o) {}

  const UnwindOptions& options;
  std::vector<const fuzz::SubjectRow*> rows;
  std::vector<std::unique_ptr<Compiler>> compilers; // of rows
  qemu::UnicornStepper stepper;
  UnwindTotals totals;
  MutationTotals mutations;
  std::map<std::string, u64> skips;
  u64 findings = 0;
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
};

constexpr u64 kMostPrinted = 50;
constexpr std::string_view kPresets[] = {"small", "pressure", "calls", "exceptions"};

/// What a platform uses, and DWARF, which debuggers want everywhere.
std::vector<TableFormat> formats_of(Os os, const std::vector<std::string>& wanted) {
  std::vector<TableFormat> all{TableFormat::Dwarf};
  if (os == Os::Windows) all.push_back(TableFormat::Windows);
  if (os == Os::Apple) all.push_back(TableFormat::Compact);
  if (wanted.empty()) return all;
  std::vector<TableFormat> out;
  for (const TableFormat format : all) {
    if (std::find(wanted.begin(), wanted.end(), name_of(format)) != wanted.end()) out.push_back(format);
  }
  return out;
}

void print_finding(Work& work, const std::string& program, const fuzz::SubjectRow& row, const UnwindFinding& finding) {
  ++work.findings;
  if (work.options.json) {
    work.found.push_back({{"program", program},
                          {"subject", row.name},
                          {"format", name_of(finding.format)},
                          {"where", finding.where},
                          {"what", finding.what}});
  } else if (work.findings <= kMostPrinted) {
    std::printf("%s  %.*s  %.*s  %s\n    %s\n", program.c_str(), static_cast<int>(row.name.size()), row.name.data(),
                static_cast<int>(name_of(finding.format).size()), name_of(finding.format).data(), finding.where.c_str(),
                finding.what.c_str());
  }
}

/// Whether a run of the cases, or the emulator's decoder, notices what is wrong with these tables.
Result<bool> noticed(Work& work, const fuzz::Cases& cases, const StepTable& table) {
  work.stepper.set_tables({&table, 1});
  qemu::protocol::StepReport report;
  for (u32 i = 0; i < cases.size(); ++i) {
    auto done = work.stepper.step(cases.entry(i), cases.args(i), cases.fuel(i), report);
    if (!done && done.error().kind == ErrorKind::BadInput) return true;
    if (!done) return done.error();
    if (!report.failures.empty()) return true;
  }
  return false;
}

std::string part_name(const StepTable& table, u32 byte) {
  const auto in = [&](qemu::protocol::TablePart p) { return byte >= p.at && byte - p.at < p.size; };
  if (in(table.entries)) return "entries";
  if (in(table.info)) return "info";
  return in(table.eh_frame) ? "eh_frame" : "between parts";
}

Result<void> mutate(Work& work, const CodeObject& object, const fuzz::Cases& cases, StepTable table) {
  for (u32 bit = 0; bit < 8 * table.bytes.size(); ++bit) {
    const u32 byte = bit / 8;
    const u8 flip = static_cast<u8>(1u << bit % 8);
    table.bytes[byte] ^= flip;
    ++work.mutations.flipped;
    if (!lint_table(table, object).empty()) ++work.mutations.by_reader;
    auto step = noticed(work, cases, table);
    table.bytes[byte] ^= flip;
    if (!step) return step.error();
    if (*step) ++work.mutations.by_step;
    else if (table.bytes[byte] ^= flip; lint_table(table, object).empty()) {
      ++work.mutations.unnoticed[std::string(name_of(table.format)) + " " + part_name(table, byte) + "+" +
                                 std::to_string(byte) + " bit " + std::to_string(bit % 8)];
      table.bytes[byte] ^= flip;
    } else {
      table.bytes[byte] ^= flip;
    }
  }
  return {};
}

Result<void> check_row(Work& work, std::size_t index, const std::string& program, const Module& module,
                       const fuzz::Cases& cases) {
  const fuzz::SubjectRow& row = *work.rows[index];
  CodeObject object;
  if (auto compiled = work.compilers[index]->compile(module, object); !compiled) {
    if (compiled.error().kind != ErrorKind::Unsupported) return compiled;
    ++work.skips[std::string(row.name) + ": " + compiled.error().message];
    return {};
  }
  std::vector<StepTable> tables;
  for (const TableFormat format : formats_of(row.os, work.options.formats)) {
    auto table = write_table(format, object);
    if (!table && table.error().kind == ErrorKind::Unsupported) {
      ++work.skips[std::string(row.name) + ", " + std::string(name_of(format)) + ": " + table.error().message];
      continue;
    }
    if (!table) return table.error();
    ++work.totals.linted[static_cast<u32>(format)];
    if (const std::string bad = lint_table(*table, object); !bad.empty()) {
      print_finding(work, program, row, {format, "tables", bad});
      continue;
    }
    tables.push_back(std::move(*table));
  }
  if (tables.empty()) return {};
  ++work.totals.programs;
  work.totals.functions += object.functions.size();
  if (auto loaded = work.stepper.load(module, object); !loaded) return loaded;
  work.stepper.set_tables(tables);
  std::vector<UnwindFinding> findings;
  if (auto done = step_cases(work.stepper, object, cases, work.totals, findings); !done) return done;
  for (const UnwindFinding& finding : findings) print_finding(work, program, row, finding);
  if (!work.options.mutate || !findings.empty()) return {};
  for (const StepTable& table : tables) {
    if (auto done = mutate(work, object, cases, table); !done) return done;
  }
  return {};
}

Result<void> check_program(Work& work, const std::string& program, const Module& module, const fuzz::Cases& cases) {
  for (std::size_t i = 0; i < work.rows.size(); ++i) {
    if (auto done = check_row(work, i, program, module, cases); !done) return done;
  }
  return {};
}

Result<void> check_file(Work& work, const std::string& path, bool walked) {
  auto source = read_source(path);
  if (!source) return source.error();
  auto module = load_module(*source);
  if (!module) {
    if (!walked) return module.error();
    ++work.skips["no program: it does not parse, or is of another language"]; // a folder has tests of errors as well
    return {};
  }
  fuzz::Cases cases;
  fuzz::make_cases(*module, work.options.seed, work.options.inputs, work.options.fuel, cases);
  if (auto lines = fuzz::parse_run_lines(source->text, source->name, *module)) {
    for (const fuzz::RunLine& line : *lines) cases.add(line.entry, line.args, work.options.fuel);
  }
  return check_program(work, source->name, *module, cases);
}

Result<void> check_random(Work& work) {
  Module module;
  fuzz::Cases cases;
  std::vector<fuzz::Generator> generators;
  for (const std::string_view name : kPresets) {
    if (!work.options.preset.empty() && work.options.preset != name) continue;
    fuzz::GeneratorConfig config;
    if (fuzz::preset(name, config)) generators.emplace_back(config);
  }
  for (u64 i = 0; i < work.options.random; ++i) {
    const u64 seed = work.options.seed + i;
    generators[i % generators.size()].generate(seed, module);
    fuzz::make_cases(module, seed, work.options.inputs, work.options.fuel, cases);
    if (auto done = check_program(work, "random " + std::to_string(seed), module, cases); !done) return done;
  }
  return {};
}

void print_json(const Work& work, double seconds) {
  nlohmann::ordered_json json{{"tool", fuzz::tool_version()},
                              {"programs", work.totals.programs},
                              {"functions", work.totals.functions},
                              {"runs", work.totals.runs},
                              {"instructions", work.totals.instructions},
                              {"different_instructions", work.totals.pcs},
                              {"max_depth", work.totals.max_depth},
                              {"seconds", seconds}};
  for (u32 f = 0; f < kTableFormats; ++f) {
    const StepCounts& c = work.totals.counts[f];
    json["formats"].push_back({{"format", name_of(static_cast<TableFormat>(f))},
                               {"tables", work.totals.linted[f]},
                               {"checked", c.checked},
                               {"left_out", c.left_out},
                               {"walked", c.walked},
                               {"failed", c.failed}});
  }
  for (const auto& [reason, count] : work.skips) json["skipped"].push_back({{"reason", reason}, {"count", count}});
  json["findings"] = work.found;
  if (work.options.mutate) {
    json["mutations"] = {{"flipped", work.mutations.flipped},
                         {"noticed_by_reader", work.mutations.by_reader},
                         {"noticed_by_step", work.mutations.by_step},
                         {"unnoticed", work.mutations.unnoticed}};
  }
  std::printf("%s\n", json.dump(2).c_str());
}

void print_text(const Work& work, double seconds) {
  const auto number = [](u64 value) { return static_cast<unsigned long long>(value); };
  const UnwindTotals& t = work.totals;
  if (work.findings > kMostPrinted) std::printf("... %llu findings in all\n", number(work.findings));
  std::printf("%llu programs, %llu functions, %llu runs, depth %u; %llu instructions (%llu different) in %.2f s\n",
              number(t.programs), number(t.functions), number(t.runs), t.max_depth, number(t.instructions),
              number(t.pcs), seconds);
  std::printf("%-8s %10s %14s %12s %12s %10s\n", "format", "tables", "checked", "left out", "walked", "failed");
  for (u32 f = 0; f < kTableFormats; ++f) {
    const StepCounts& c = t.counts[f];
    if (t.linted[f] == 0) continue;
    std::printf("%-8s %10llu %14llu %12llu %12llu %10llu\n", name_of(static_cast<TableFormat>(f)).data(),
                number(t.linted[f]), number(c.checked), number(c.left_out), number(c.walked), number(c.failed));
  }
  for (const auto& [reason, count] : work.skips) std::printf("skipped %llu: %s\n", number(count), reason.c_str());
  if (!work.options.mutate) return;
  const MutationTotals& m = work.mutations;
  u64 unnoticed = 0;
  for (const auto& [what, count] : m.unnoticed) unnoticed += count;
  std::printf("%llu bits flipped: the strict reader noticed %llu, stepping %llu, nobody %llu\n", number(m.flipped),
              number(m.by_reader), number(m.by_step), number(unnoticed));
  for (const auto& [what, count] : m.unnoticed) std::printf("  unnoticed %llu: %s\n", number(count), what.c_str());
}

Result<void> check_all(Work& work) {
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

int unwind_command(UnwindOptions& options) {
  if (options.files.empty() && options.random == 0) {
    std::fprintf(stderr, "assay unwind: expected files, or --random N\n");
    return kUsage;
  }
  if (!options.preset.empty() &&
      std::find(std::begin(kPresets), std::end(kPresets), options.preset) == std::end(kPresets)) {
    std::fprintf(stderr, "assay unwind: --preset has no '%s'; expected small, pressure, calls or exceptions\n",
                 options.preset.c_str());
    return kUsage;
  }
  options.filter.execs = {"unicorn"};
  int status = kClean;
  Work work(options);
  if (!choose(options.filter, work.rows, status)) return status;
  for (const fuzz::SubjectRow* row : work.rows)
    work.compilers.push_back(std::make_unique<Compiler>(fuzz::compile_options(*row)));
  const auto start = std::chrono::steady_clock::now();
  if (auto done = check_all(work); !done) return report(done.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.json) print_json(work, seconds);
  else print_text(work, seconds);
  return work.findings != 0 ? kDifference : kClean;
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
  command->add_option("--random", options->random, "so many random programs, from --seed on");
  command->add_option("--seed", options->seed, "of the first random program, and of arguments")->capture_default_str();
  command->add_option("--preset", options->preset,
                      "kind of random programs: small pressure calls exceptions; all in turn");
  command->add_option("--inputs", options->inputs, "argument vectors for each exported function")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000u));
  command->add_flag("--mutate", options->mutate, "flip each bit of the tables, and count who notices");
  command->add_flag("--json", options->json, "as JSON");
  add_selection(*command, options->filter);
  add_fuel(*command, options->fuel);
  command->callback([options, &status] { status = unwind_command(*options); });
}

} // namespace assay::cli
