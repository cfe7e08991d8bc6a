// cmd_mutants.cpp - `assay mutants`: plants each bug of the bank in turn, fuzzes, prints which were found and how soon.
//
// First a control without a bug, which must find nothing. Each campaign runs in worker processes; findings go to a
// temporary folder unless --keep names one. Tested in fuzz/mutants/tests/ and fuzz/cli/tests/cli_test.cmake.
#include "fuzz/campaign/feature_switches.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/mutant_merging.h"
#include "fuzz/cli/mutant_reduction.h"
#include "fuzz/cli/unwind_search.h"
#include "fuzz/mutants/bank.h"
#include "fuzz/os/process.h"
#ifdef ASSAY_FUZZERS
#include "fuzz/targets/libfuzzer_engine.h"
#endif

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace assay::cli {
namespace {

struct MutantsOptions {
  double seconds = 60, control = 5;
  u32 jobs = 1;
  std::optional<u32> min_found; // all when not given
  u64 seed = 1, programs = 0;
  std::vector<std::string> bugs, without;
  std::string keep, corpus;
  fuzz::SubjectFilter filter;
  bool json = false, list = false;
  bool guided = false; // by coverage
  bool reduce = false; // and bisect the first finding of each
  double budget = 60;  // seconds, to reduce one
  u32 merge = 0;       // findings of each bug that are merged; 0: none
};

/// What all campaigns together came to.
struct Tally {
  u32 planted = 0, found = 0;
  double seconds = 0;
  bool false_alarm = false;
  std::vector<std::string> missed;
  std::vector<double> cpu_seconds; // of each that was found
  Json control, control_of_tables, bugs = Json::array();
  std::vector<MutantReduction> reductions;
};

int list_bank() {
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs())
    std::printf("%-26s %-13s %3u  %-20s %s\n", std::string(bug.name).c_str(), std::string(bug.component).c_str(),
                bug.bug_class, std::string(bug.origin).c_str(), std::string(bug.meaning).c_str());
  return kClean;
}

/// Differences can be as long as a program's outcome.
std::string shortened(const std::string& text) {
  constexpr std::size_t kShown = 100;
  return text.size() <= kShown ? text : text.substr(0, kShown - 3) + "...";
}

void print(const fuzz::Measurement& m) {
  const std::string name(m.bug == nullptr ? "none" : m.bug->name),
      component(m.bug == nullptr ? "control" : m.bug->component);
  const std::string number = m.bug == nullptr ? "-" : std::to_string(m.bug->bug_class);
  std::printf("%-26s %-13s %3s  %-9s %7.2f s %8llu programs  %s%s%s\n", name.c_str(), component.c_str(), number.c_str(),
              m.found ? "found" : "not found", m.seconds, static_cast<unsigned long long>(m.programs), m.check.c_str(),
              m.check.empty() ? "" : ": ", shortened(m.difference).c_str());
  std::fflush(stdout);
}

Json to_json(const fuzz::Measurement& m) {
  Json json;
  json["name"] = m.bug == nullptr ? std::string_view("none") : m.bug->name;
  if (m.bug != nullptr) {
    json["component"] = m.bug->component;
    json["class"] = m.bug->bug_class;
    json["origin"] = m.bug->origin;
  }
  json["found"] = m.found;
  json["check"] = m.check;
  json["difference"] = m.difference;
  json["programs"] = m.programs;
  json["seconds"] = m.seconds;
  json["cpu_seconds"] = m.cpu_seconds;
  json["errors"] = m.errors;
  return json;
}

void note(const fuzz::Measurement& m, bool as_json, Tally& tally, bool of_tables = false) {
  tally.seconds += m.seconds;
  if (m.bug == nullptr) {
    tally.false_alarm |= m.found;
  } else {
    ++tally.planted;
    tally.found += m.found;
    if (m.found) tally.cpu_seconds.push_back(m.cpu_seconds);
    if (!m.found) tally.missed.emplace_back(m.bug->name);
  }
  if (!as_json) return print(m);
  if (m.bug == nullptr) (of_tables ? tally.control_of_tables : tally.control) = to_json(m);
  else tally.bugs.push_back(to_json(m));
}

/// How many of them were found within 5 and 60 s of processor time, and the median of those found.
std::string speed_of(const Tally& tally) {
  std::vector<double> seconds = tally.cpu_seconds;
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const auto within = [&](double limit) {
    return std::upper_bound(seconds.begin(), seconds.end(), limit) - seconds.begin();
  };
  return fmt::format(
      "within 5 s of processor time {} ({:.0f} %), within 60 s {} ({:.0f} %); median of those found {:.2f} s\n",
      within(5), 100.0 * static_cast<double>(within(5)) / tally.planted, within(60),
      100.0 * static_cast<double>(within(60)) / tally.planted, seconds[seconds.size() / 2]);
}

void print_summary(const Tally& tally, const MutantsOptions& options) {
  if (options.json) {
    Json json{{"seed", options.seed},   {"found", tally.found},       {"planted", tally.planted},
              {"missed", tally.missed}, {"seconds", tally.seconds},   {"control", tally.control},
              {"bugs", tally.bugs},     {"without", options.without}, {"guided", options.guided}};
    if (options.reduce) json["reduction"] = summary_of(tally.reductions);
    if (!tally.control_of_tables.is_null()) json["control_of_tables"] = tally.control_of_tables;
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::string missed;
  for (const std::string& name : tally.missed) missed += (missed.empty() ? "; not found: " : ", ") + name;
  std::string without;
  for (const std::string& feature : options.without) without += (without.empty() ? " without " : ", ") + feature;
  std::printf("%u of %u planted bugs found%s%s in %.1f s%s%s\n", tally.found, tally.planted, without.c_str(),
              options.guided ? " with coverage" : "", tally.seconds, missed.c_str(),
              tally.false_alarm ? "; the control, with none planted, found one too" : "");
  std::fputs(speed_of(tally).c_str(), stdout);
  if (options.reduce) print_summary(tally.reductions);
}

void note(MutantReduction reduction, bool as_json, Tally& tally) {
  if (as_json) tally.bugs.back()["reduction"] = to_json(reduction);
  else print(reduction);
  tally.reductions.push_back(std::move(reduction));
}

bool wanted(const MutantsOptions& options, std::string_view name) {
  return options.bugs.empty() || std::find(options.bugs.begin(), options.bugs.end(), name) != options.bugs.end();
}

/// Of the subjects chosen, those whose code can have the bug, in this process if that is possible: a bug in the code is
/// the same in an emulator, but takes longer. All of them for the control.
std::vector<const fuzz::SubjectRow*> subjects_of(const fuzz::PlantedBug* bug,
                                                 const std::vector<const fuzz::SubjectRow*>& rows) {
  if (bug == nullptr) return rows;
  const Target target = bug->name.starts_with("a64_") ? Target::A64 : Target::X64;
  std::vector<const fuzz::SubjectRow*> native, emulated;
  for (const fuzz::SubjectRow* row : rows) {
    if (row->exec == fuzz::Exec::Oracle || fuzz::is_peer(row->exec) || row->target != target) continue;
    (row->exec == fuzz::Exec::Native ? native : emulated).push_back(row);
  }
  return native.empty() ? emulated : native;
}

/// Platforms whose tables can have the bug; empty, and said why, where none can be stepped through here.
std::vector<const UnwindRow*> platforms_of(const fuzz::PlantedBug* bug, const MutantsOptions& options) {
  fuzz::SubjectFilter filter;
  filter.targets = options.filter.targets;
  filter.oses = options.filter.oses;
  auto rows = select_unwind_rows(filter);
  if (!rows) {
    std::fprintf(stderr, "assay mutants: skipped %s: %s\n",
                 bug == nullptr ? "the control of unwind tables" : std::string(bug->name).c_str(),
                 rows.error().message.c_str());
    return {};
  }
  if (bug != nullptr && bug->name.starts_with("a64_"))
    rows->erase(std::remove_if(rows->begin(), rows->end(), [](const auto* row) { return row->target != Target::A64; }),
                rows->end());
  return std::move(*rows);
}

Result<fuzz::Measurement> measure_tables(const fuzz::PlantedBug* bug, const MutantsOptions& options,
                                         std::vector<const UnwindRow*> rows, SearchedProgram& program) {
  constexpr u64 kMostPrograms = 100; // each is walked through on every platform
  UnwindSearch search;
  search.rows = std::move(rows);
  search.seed = options.seed;
  search.programs = options.programs == 0 ? 0 : std::min(options.programs, kMostPrograms);
  search.seconds = bug == nullptr ? options.control : options.seconds;
  return fuzz::measure_by(bug, [&](fuzz::Measurement& out) { return search_tables(search, out, program); });
}

bool is_of_tables(const fuzz::PlantedBug& bug) { return bug.component == fuzz::kTableComponent; }

/// 0 bugs: nothing. Else a control first.
Result<void> measure_all_tables(const MutantsOptions& options, std::vector<const fuzz::PlantedBug*> bugs,
                                Tally& tally) {
  if (!bugs.empty() && options.control > 0) bugs.insert(bugs.begin(), nullptr);
  for (const fuzz::PlantedBug* bug : bugs) {
    auto rows = platforms_of(bug, options);
    if (rows.empty()) continue;
    SearchedProgram program;
    const auto measured = measure_tables(bug, options, rows, program);
    if (!measured) return measured.error();
    note(*measured, options.json, tally, true);
    if (options.reduce && bug != nullptr && measured->found)
      note(reduce_tables(*bug, program.module, program.cases, rows, options.budget), options.json, tally);
    if (fuzz::interrupted()) break;
  }
  return {};
}

fuzz::CampaignOptions campaign_of(const MutantsOptions& options, const std::string& folder) {
  fuzz::CampaignOptions out;
  out.source.seed = options.seed;
  out.programs = options.programs;
  out.jobs = options.jobs;
  out.corpus = options.corpus;
  out.findings = folder;
  out.hang_seconds = std::max(3.0, options.seconds / 4);
  for (const std::string& feature : options.without) fuzz::leave_out(feature, out.source);
#ifdef ASSAY_FUZZERS
  if (options.guided) out.engine = fuzz::run_libfuzzer;
#endif
  return out;
}

/// --merge: many findings of each bug, and which of them triage takes to be the same.
int merge_all(const MutantsOptions& options, const std::vector<const fuzz::SubjectRow*>& rows,
              const std::string& folder) {
  fuzz::CampaignOptions campaign = campaign_of(options, folder);
  campaign.seconds = options.seconds;
  std::vector<MergedFinding> all;
  u32 bugs = 0;
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs()) {
    const auto subjects = subjects_of(&bug, rows);
    if (!wanted(options, bug.name) || is_of_tables(bug) || subjects.empty()) continue;
    const auto make_checker = [&subjects] { return fuzz::Checker::make(subjects); };
    auto found = find_and_sign(bug, campaign, make_checker, options.merge, options.budget);
    if (!found) return report(found.error());
    bugs += !found->empty();
    std::move(found->begin(), found->end(), std::back_inserter(all));
    if (fuzz::interrupted()) break;
  }
  const u32 groups = print_groups(all, options.json);
  const u32 apart = groups > bugs ? groups - bugs : bugs - groups;
  return bugs == 0 || apart * 10 > bugs ? kDifference : kClean;
}

int measure_all(const MutantsOptions& options, const std::vector<const fuzz::SubjectRow*>& rows,
                const std::string& folder) {
  fuzz::CampaignOptions campaign = campaign_of(options, folder);
  Tally tally;
  std::vector<const fuzz::PlantedBug*> bugs, of_tables;
  for (const fuzz::PlantedBug& bug : fuzz::planted_bugs())
    if (wanted(options, bug.name)) (is_of_tables(bug) ? of_tables : bugs).push_back(&bug);
  if (options.control > 0 && (!bugs.empty() || of_tables.empty())) bugs.insert(bugs.begin(), nullptr);
  for (const fuzz::PlantedBug* bug : bugs) {
    campaign.seconds = bug == nullptr ? options.control : options.seconds;
    const auto subjects = subjects_of(bug, rows);
    if (subjects.empty()) { // none of that target can run here, or was asked for
      std::fprintf(stderr, "assay mutants: skipped %s: no subject chosen compiles for its target\n",
                   std::string(bug->name).c_str());
      continue;
    }
    const auto make_checker = [&subjects] { return fuzz::Checker::make(subjects); };
    const auto measured = fuzz::measure(bug, campaign, make_checker);
    if (!measured) return report(measured.error());
    note(*measured, options.json, tally);
    if (options.reduce && bug != nullptr && measured->found)
      note(reduce_finding(*bug, measured->path, options.budget, options.jobs), options.json, tally);
    if (fuzz::interrupted()) break;
  }
  if (!fuzz::interrupted()) {
    if (auto done = measure_all_tables(options, of_tables, tally); !done) return report(done.error());
  }
  print_summary(tally, options);
  const auto wrong = [](const MutantReduction& r) { return !r.reduced || r.drifted; };
  if (std::any_of(tally.reductions.begin(), tally.reductions.end(), wrong)) return kDifference;
  return tally.false_alarm || tally.found < options.min_found.value_or(tally.planted) ? kDifference : kClean;
}

int not_in_this_build(std::string message) {
  return report(Error{ErrorKind::Unsupported, {}, 0, 0, "this build has no " + std::move(message)});
}

int mutants(const MutantsOptions& options) {
  if (!fuzz::has_bank()) return not_in_this_build("planted bugs: configure with -DASSAY_MUTANTS=ON (preset dev)");
#ifndef ASSAY_FUZZERS
  if (options.guided) return not_in_this_build("libFuzzer, which guides: preset fuzz, with -DASSAY_MUTANTS=ON");
#endif
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
  const auto work = options.merge != 0 ? merge_all : measure_all;
  if (!options.keep.empty()) return work(options, rows, options.keep);
  std::error_code failure;
  const std::filesystem::path temporary =
      std::filesystem::temp_directory_path(failure) / ("assay-mutants-" + std::to_string(fuzz::process_id()));
  status = work(options, rows, temporary.string());
  std::filesystem::remove_all(temporary, failure);
  return status;
}

} // namespace

void add_mutants(CLI::App& app, int& status) {
  auto options = std::make_shared<MutantsOptions>();
  CLI::App* command = app.add_subcommand("mutants", "plant each bug of the bank in turn, fuzz, print which were found");
  command->add_option("BUG", options->bugs, "only these");
  command->add_option("--seconds", options->seconds, "limit for each")->capture_default_str();
  command->add_option("--programs", options->programs, "limit for each: the same result on a slower machine");
  command->add_option("--control", options->control, "seconds without a bug, first; 0: none")->capture_default_str();
  command->add_option("--jobs", options->jobs, "worker processes")->capture_default_str()->check(CLI::Range(1u, 512u));
  command->add_option("--seed", options->seed, "of each campaign")->capture_default_str();
  command->add_option("--corpus", options->corpus, "folder with programs to mutate");
  command->add_flag("--guided", options->guided,
                    "let libFuzzer drive, where this build has it: what coverage is worth");
  command->add_option("--keep", options->keep, "keep the findings in this folder, one folder a bug");
  command->add_option("--min-found", options->min_found, "exit status 1 when fewer are found; all when not given");
  command->add_flag("--reduce", options->reduce,
                    "reduce and bisect the first finding of each, and say what came of it");
  command->add_option("--budget", options->budget, "seconds for each reduction")->capture_default_str();
  command->add_option("--merge", options->merge,
                      "so many findings of each are signed and merged; status 1 when the groups are not as many as the "
                      "bugs, one in ten more or less");
  std::vector<std::string> features;
  for (const fuzz::FeatureSwitch& feature : fuzz::feature_switches()) features.emplace_back(feature.name);
  command->add_option("--without", options->without, "features that programs do without, to see what they are worth")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(features));
  command->add_flag("--list", options->list, "print the bank");
  command->add_flag("--json", options->json, "as JSON");
  add_selection(*command, options->filter);
  command->callback([options, &status] { status = mutants(*options); });
}

} // namespace assay::cli
