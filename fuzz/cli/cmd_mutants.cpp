// cmd_mutants.cpp - `assay mutants`: plants each bug of the bank in turn, fuzzes, prints which were found and how soon.
//
// First a control without a bug, which must find nothing. Workers of one process each; findings go to a
// temporary folder unless --keep names one. Tested in fuzz/mutants/tests/ and fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/commands.h"
#include "fuzz/mutants/bank.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

struct MutantsOptions {
  double seconds = 20;
  u32 jobs = 1, min_found = 0;
  u64 seed = 1;
  std::vector<std::string> bugs;
  std::string keep, corpus;
  fuzz::SubjectFilter filter;
  bool json = false, list = false;
};

int list_bank() {
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs())
    std::printf("%-32s %-10s %3u  %-24s %s\n", std::string(bug.name).c_str(), std::string(bug.component).c_str(), bug.bug_class,
                std::string(bug.origin).c_str(), std::string(bug.meaning).c_str());
  return kClean;
}

void print(const fuzz::Measurement& m) {
  std::printf("%-32s %-9s %10llu programs %8.2f s %8.2f cpu s %9.0f/s  %s\n", m.name.c_str(), m.found ? "found" : "not found",
              static_cast<unsigned long long>(m.programs), m.seconds, m.cpu_seconds,
              m.seconds > 0 ? static_cast<double>(m.programs) / m.seconds : 0, m.observable.c_str());
  std::fflush(stdout);
}

nlohmann::ordered_json to_json(const fuzz::Measurement& m) {
  return {{"name", m.name}, {"found", m.found}, {"observable", m.observable}, {"programs", m.programs}, {"seconds", m.seconds}, {"cpu_seconds", m.cpu_seconds}};
}

bool wanted(const MutantsOptions& options, std::string_view name) {
  return options.bugs.empty() || std::find(options.bugs.begin(), options.bugs.end(), name) != options.bugs.end();
}

int measure_all(const MutantsOptions& options, const std::vector<const fuzz::SubjectRow*>& rows, const std::string& folder) {
  fuzz::CampaignOptions campaign;
  campaign.source.seed = options.seed;
  campaign.seconds = options.seconds;
  campaign.jobs = options.jobs;
  campaign.corpus = options.corpus;
  campaign.findings = folder;
  campaign.hang_seconds = std::max(3.0, options.seconds / 4);
  const auto make_checker = [&rows] { return fuzz::Checker::make(rows); };

  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  u32 found = 0, planted = 0;
  bool false_alarm = false;
  std::vector<std::string_view> names{""};
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs())
    if (wanted(options, bug.name)) names.push_back(bug.name);
  for (const std::string_view name : names) {
    const auto measured = fuzz::measure(name, campaign, make_checker);
    if (!measured) return report(measured.error());
    if (name.empty()) false_alarm = measured->found;
    else ++planted, found += measured->found;
    if (options.json) json.push_back(to_json(*measured));
    else print(*measured);
    if (fuzz::interrupted()) break;
  }
  if (options.json) std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  else std::printf("%u of %u planted bugs found%s\n", found, planted, false_alarm ? "; the control, with none planted, found one too" : "");
  return false_alarm || found < options.min_found ? kDifference : kClean;
}

int mutants(const MutantsOptions& options) {
  if (!fuzz::has_bank()) {
    Error error;
    error.kind = ErrorKind::Unsupported;
    error.message = "this build has no planted bugs: configure with -DASSAY_MUTANTS=ON (preset dev)";
    return report(error);
  }
  if (options.list) return list_bank();
  for (const std::string& name : options.bugs) {
    const auto bank = fuzz::planted_bugs();
    if (std::any_of(bank.begin(), bank.end(), [&](const fuzz::PlantedBug& bug) { return bug.name == name; })) continue;
    std::fprintf(stderr, "assay mutants: there is no planted bug '%s'; --list shows them\n", name.c_str());
    return kUsage;
  }
  int status = kClean;
  std::vector<const fuzz::SubjectRow*> rows;
  if (!choose(options.filter, rows, status)) return status;
  fuzz::catch_interrupts();
  if (!options.keep.empty()) return measure_all(options, rows, options.keep);
  std::error_code failure;
  const std::filesystem::path temporary = std::filesystem::temp_directory_path(failure) / ("assay-mutants-" + std::to_string(fuzz::process_id()));
  status = measure_all(options, rows, temporary.string());
  std::filesystem::remove_all(temporary, failure);
  return status;
}

} // namespace

void add_mutants(CLI::App& app, int& status) {
  auto options = std::make_shared<MutantsOptions>();
  CLI::App* command = app.add_subcommand("mutants", "plant each bug of the bank in turn, fuzz, print which were found");
  command->add_option("BUG", options->bugs, "only these");
  command->add_option("--seconds", options->seconds, "limit for each")->capture_default_str();
  command->add_option("--jobs", options->jobs, "worker processes")->capture_default_str()->check(CLI::Range(1u, 512u));
  command->add_option("--seed", options->seed, "of each campaign")->capture_default_str();
  command->add_option("--corpus", options->corpus, "folder with programs to mutate");
  command->add_option("--keep", options->keep, "keep the findings in this folder, one folder a bug");
  command->add_option("--min-found", options->min_found, "exit status 1 when fewer are found");
  command->add_flag("--list", options->list, "print the bank");
  command->add_flag("--json", options->json, "as JSON");
  add_selection(*command, options->filter);
  command->callback([options, &status] { status = mutants(*options); });
}

} // namespace assay::cli
