// cmd_opinion.cpp - `assay opinion FILE...`: a second opinion on the oracle, from C compilers.
//
// Programs are exported to C, compiled with checks for undefined behaviour, run, and compared with the oracle in all
// that can be observed. Files by their check lines, as `assay check` calls them; every operation on edge values; random
// programs as a campaign makes them. Tested by ctest opinion.* and in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/campaign/program_source.h"
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/work_folder.h"
#include "fuzz/opinion/operations.h"
#include "fuzz/opinion/opinion.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

struct OpinionOptions {
  std::vector<std::string> files, compilers;
  bool operations = false, json = false;
  u64 random = 0, seed = 1, fuel = kDefaultFuel;
  u32 batch = 100;
  std::string preset = "small", flags = fuzz::kCheckedFlags, keep;
};

/// Asks in batches, and prints what was found.
class Asker {
public:
  Asker(const OpinionOptions& options, std::vector<fuzz::CCompiler> compilers)
      : options_(options), folder_("opinion", options.keep), opinion_(std::move(compilers), folder_.path()) {}

  bool add(fuzz::OpinionProgram program) {
    if (program.cases.size() == 0) return true;
    programs_.push_back(std::move(program));
    return programs_.size() < options_.batch || flush();
  }
  /// False when it failed, with the status set.
  bool flush() {
    if (programs_.empty()) return true;
    auto done = opinion_.ask(programs_);
    for (; told_ < opinion_.disagreements().size(); ++told_) tell(opinion_.disagreements()[told_]);
    programs_.clear();
    if (!done) status_ = report(done.error());
    return done.ok();
  }
  int finish();

private:
  void tell(const fuzz::Disagreement& each) {
    std::fprintf(stderr, "%s: %s: %s\n", each.program.c_str(), each.compiler.c_str(), each.what.c_str());
    if (options_.keep.empty()) return;
    for (const fuzz::OpinionProgram& program : programs_) {
      if (program.name != each.program) continue;
      std::string name = program.name;
      for (char& c : name)
        if (c == '/' || c == ' ' || c == ':') c = '_';
      const auto written = fuzz::write_file_atomically(folder_.file(name + ".air"), to_text(program.module));
      if (!written) report(written.error());
    }
  }

  const OpinionOptions& options_;
  WorkFolder folder_;
  fuzz::Opinion opinion_;
  std::vector<fuzz::OpinionProgram> programs_;
  std::size_t told_ = 0;
  int status_ = kClean;
};

int Asker::finish() {
  const fuzz::OpinionCounts& counts = opinion_.counts();
  for (const std::string& each : counts.cannot) std::fprintf(stderr, "%s\n", each.c_str());
  if (options_.json) {
    const nlohmann::ordered_json json{{"programs", counts.programs}, {"runs", counts.runs},
                                      {"compared", counts.compared}, {"agree", counts.agree},
                                      {"unknown", counts.unknown},   {"refused", counts.refused},
                                      {"differ", counts.failed},     {"cannot", counts.cannot.size()}};
    std::printf("%s\n", json.dump(2).c_str());
  } else {
    const auto n = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu programs, %llu runs, %llu refused by the oracle; %llu compared, %llu agree, %llu unknown, %llu "
                "differ; %llu programs cannot be exported\n",
                n(counts.programs), n(counts.runs), n(counts.refused), n(counts.compared), n(counts.agree),
                n(counts.unknown), n(counts.failed), n(counts.cannot.size()));
  }
  if (status_ != kClean) return status_;
  return counts.failed != 0 ? kDifference : counts.cannot.empty() ? kClean : kCannot;
}

bool add_file(const OpinionOptions& options, const std::string& path, Asker& asker, int& status) {
  const auto source = read_source(path);
  if (!source) return status = report(source.error()), true;
  bool has_error_line = false;
  const auto error_line = fuzz::parse_error_line(source->text, source->name, has_error_line);
  if (!error_line || has_error_line) return true; // not a program
  auto module = load_module(*source);
  if (!module) return status = report(module.error(), source->text), true;
  const auto lines = fuzz::parse_run_lines(source->text, source->name, *module);
  if (!lines) return status = report(lines.error(), source->text), true;
  const auto finding = fuzz::parse_finding(source->text, source->name); // says with how much fuel its call fails
  const bool its_own = finding && finding->fuel != 0 && options.fuel == kDefaultFuel;
  const u64 fuel = its_own ? finding->fuel : options.fuel;
  fuzz::OpinionProgram program;
  program.name = path;
  if (lines->empty()) fuzz::make_cases(*module, 0, 4, fuel, program.cases);
  for (const fuzz::RunLine& line : *lines) program.cases.add(line.entry, line.args, fuel);
  program.module = std::move(*module);
  return asker.add(std::move(program));
}

int add_operations(Asker& asker) {
  std::vector<fuzz::OpinionProgram> programs = fuzz::operation_programs();
  const std::vector<std::string> missing = fuzz::missing_operations(programs);
  for (const std::string& each : missing) std::fprintf(stderr, "no program has %s\n", each.c_str());
  for (fuzz::OpinionProgram& program : programs)
    if (!asker.add(std::move(program))) return kInternal;
  return missing.empty() ? kClean : kDifference;
}

/// As a campaign makes them.
int add_random(const OpinionOptions& options, Asker& asker) {
  fuzz::SourceOptions how;
  how.seed = options.seed;
  how.max_fuel = options.fuel;
  if (!fuzz::preset(options.preset, how.generator))
    return usage_error("opinion", "--preset has no '" + options.preset + "'");
  fuzz::ProgramSource source(how, nullptr);
  for (u64 made = 0, index = 0; made < options.random; ++index) {
    fuzz::OpinionProgram program;
    if (!source.make(index, program.module, program.cases)) continue;
    ++made;
    program.name = "program " + std::to_string(index) + " of seed " + std::to_string(options.seed);
    if (!asker.add(std::move(program))) return kInternal;
  }
  return kClean;
}

int opinion(const OpinionOptions& options) {
  if (options.files.empty() && !options.operations && options.random == 0)
    return usage_error("opinion", "expected a FILE, --operations or --random N");
  std::vector<std::string> missing;
  auto compilers = fuzz::find_c_compilers(options.compilers.empty() ? fuzz::usual_c_compilers() : options.compilers,
                                          options.flags, missing);
  for (const std::string& why : missing) std::fprintf(stderr, "%s\n", why.c_str());
  if (compilers.empty()) return kCannot;
  const auto files = list_programs(options.files);
  if (!files) return report(files.error());
  Asker asker(options, std::move(compilers));
  int status = kClean;
  for (const std::string& file : *files)
    if (!add_file(options, file, asker, status)) return asker.finish();
  if (options.operations) status = std::max(status, add_operations(asker));
  if (options.random != 0) status = std::max(status, add_random(options, asker));
  asker.flush();
  return std::max(status, asker.finish());
}

} // namespace

void add_opinion(CLI::App& app, int& status) {
  auto options = std::make_shared<OpinionOptions>();
  CLI::App* command = app.add_subcommand("opinion", "compare the oracle with the programs as C, by C compilers");
  command->add_option("FILE", options->files, "programs or folders");
  command->add_flag("--operations", options->operations, "every operation with every type on edge values");
  command->add_option("--random", options->random, "so many random programs");
  command->add_option("--seed", options->seed, "of the random programs")->capture_default_str();
  command->add_option("--preset", options->preset, "kind of random programs")->capture_default_str();
  command->add_option("--cc", options->compilers, "C compilers; without it gcc and the newest clang")->delimiter(',');
  command->add_option("--cflags", options->flags, "their flags")->capture_default_str();
  command->add_option("--batch", options->batch, "programs in one C file")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10000u));
  command->add_option("--keep", options->keep, "folder for the C file and for programs that differ");
  command->add_flag("--json", options->json, "as JSON");
  add_fuel(*command, options->fuel);
  command->callback([options, &status] { status = opinion(*options); });
}

} // namespace assay::cli
