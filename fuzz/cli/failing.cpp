// failing.cpp - see failing.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/failing.h"

#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/mutants/bank.h"

#include <cstdio>

namespace assay::cli {
namespace {

constexpr u32 kCheckedInputs = 4; // as `assay check` makes them
constexpr std::string_view kFinding = "; assay finding";

/// Calls of a program that is no finding.
Result<void> make_calls(const Source& source, const Module& module, u64 fuel, fuzz::Cases& cases) {
  const auto lines = fuzz::parse_run_lines(source.text, source.name, module);
  if (!lines) return lines.error();
  if (lines->empty()) fuzz::make_cases(module, 0, kCheckedInputs, fuel, cases);
  for (const fuzz::RunLine& line : *lines) cases.add(line.entry, line.args, fuel);
  return {};
}

Result<std::optional<fuzz::Failure>> seek(const FailingOptions& options, const Failing& failing, const Module& module,
                                          std::span<const fuzz::SubjectRow* const> rows) {
  const bool own_subject = failing.finding && !failing.finding->subject.empty();
  if (own_subject && !options.filter.names_given()) return fuzz::failure_of(*failing.finding, module, options.triage);
  fuzz::Cases cases;
  Result<void> made = failing.finding && !failing.finding->entry.empty()
                          ? fuzz::cases_of(*failing.finding, module, cases)
                          : make_calls(failing.source, module, options.fuel, cases);
  if (!made) return made.error();
  std::string not_asked;
  auto failure = fuzz::find_failure(module, cases, rows, options.triage, &not_asked);
  if (!not_asked.empty())
    return Error{ErrorKind::Unsupported, failing.source.name, 0, 0, "no subject could be asked: " + not_asked};
  return failure;
}

} // namespace

void add_failing(CLI::App& command, FailingOptions& options) {
  command.add_option("FILE", options.file, "a finding, or any program; '-' for standard input")->required();
  command.add_option("--jobs", options.triage.jobs, "programs tried at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 512u));
  command.add_option("--plant", options.plant, "put this bug of the bank into the compiler, to try the command");
  add_fuel(command, options.fuel);
  add_selection(command, options.filter);
  add_passes(command, options.passes, options.without);
}

bool plant(const FailingOptions& options, const char* command, int& status) {
  if (options.plant.empty()) return true;
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs()) {
    if (bug.name != options.plant) continue;
    static const fuzz::Planted planted(&bug); // a command is the whole process
    return true;
  }
  std::fprintf(stderr, "assay %s: there is no planted bug '%s'; 'assay mutants --list' shows them\n", command,
               options.plant.c_str());
  status = kUsage;
  return false;
}

bool find_failing(FailingOptions& options, const char* command, Failing& out, int& status) {
  const auto refuse = [&](const Error& error, int with) {
    status = report(error, out.source.text);
    if (with != kClean) status = with;
    return false;
  };
  if (!plant(options, command, status)) return false;
  auto passes = opt::parse_passes(options.passes, options.without);
  if (!passes) return refuse(passes.error(), kUsage);
  options.triage.passes = *passes;
  options.triage.default_fuel = options.fuel;
  std::vector<const fuzz::SubjectRow*> rows;
  if (!choose(options.filter, rows, status)) return false;
  auto source = read_source(options.file);
  if (!source) return refuse(source.error(), kClean);
  out.source = std::move(*source);
  if (out.source.text.compare(0, kFinding.size(), kFinding) == 0) {
    auto finding = fuzz::parse_finding(out.source.text, out.source.name);
    if (!finding) return refuse(finding.error(), kClean);
    out.finding.emplace(std::move(*finding));
  }
  const auto module = load_module(out.source);
  if (!module) return refuse(module.error(), kClean);
  auto failure = seek(options, out, *module, rows);
  if (!failure) return refuse(failure.error(), kClean);
  if (!*failure) {
    const std::size_t asked =
        out.finding && !out.finding->subject.empty() && !options.filter.names_given() ? 1 : rows.size();
    std::fprintf(stderr, "assay %s: %s does not fail on %s%s\n", command, out.source.name.c_str(),
                 asked == 1 ? "its subject" : "any of the subjects tried (",
                 asked == 1 ? "" : (std::to_string(asked) + ")").c_str());
    status = kClean;
    return false;
  }
  out.failure = std::move(**failure);
  if (out.failure.reproduced == fuzz::kTriageReplays) return true;
  std::fprintf(stderr, "assay %s: %s: %s, but only %u times out of %u: what comes and goes cannot be told apart\n",
               command, out.source.name.c_str(), describe(out.failure).c_str(), out.failure.reproduced + 1,
               fuzz::kTriageReplays + 1);
  status = kDifference;
  return false;
}

std::string describe(const fuzz::Failure& failure) {
  std::string out = std::string(fuzz::name_of(failure.seen.kind)) + " on " + failure.variant.subject;
  const std::string passes = fuzz::names_of(failure.variant.passes);
  if (!passes.empty()) out += " with " + passes;
  return out + ": " + failure.seen.what;
}

} // namespace assay::cli
