// cmd_fuzz.cpp - `assay fuzz [SECONDS]`: a campaign.
//
// In a build with libFuzzer (ASSAY_FUZZERS) each worker is driven by it, with coverage of the compiler as guide; else
// by program numbers, which makes a campaign a function of its seed. The check is the same.
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/campaign/campaign.h"
#include "fuzz/cli/failing.h"
#include "fuzz/cli/triage_run.h"
#include "fuzz/os/limits.h"
#ifdef ASSAY_FUZZERS
#include "fuzz/targets/libfuzzer_engine.h"
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>

namespace assay::cli {
namespace {

struct FuzzOptions {
  fuzz::CampaignOptions campaign;
  fuzz::SubjectFilter filter;
  std::string preset = "small";
  u64 memory_mib = 0;
  bool json = false, plain = false, has_seed = false, quiet = false;
  bool triage = false;
  std::string known;      // list of known findings; asks for triage
  FailingOptions failing; // --plant only
};

u64 fresh_seed() {
  std::random_device device;
  return (u64{device()} << 32 | device()) ^
         static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Signs and merges what the campaign has kept. 0 when all that it has found is known.
int triage(const FuzzOptions& options, const fuzz::CampaignResult& result, Triaged& out) {
  TriageSettings settings;
  settings.files = findings_in(options.campaign.findings);
  settings.out = (std::filesystem::path(options.campaign.findings) / "triage").string();
  settings.known = options.known;
  settings.sign.triage.jobs = options.campaign.jobs;
  settings.seed = result.seed;
  int status = kClean;
  if (!run_triage(settings, out, status)) return status;
  // What was seen but not kept has no signature: it is not said to be known.
  if (status == kClean && known_count(out) < result.finding_total) return kDifference;
  return status;
}

int tell(const FuzzOptions& options, const fuzz::CampaignResult& result) {
  const bool merges = result.finding_total != 0 && (options.triage || !options.known.empty());
  int status = result.finding_total != 0 ? kDifference : why_undecided(result).empty() ? kClean : kCannot;
  Triaged triaged;
  if (!options.json) std::fputs(summary(result, options.campaign).c_str(), stdout);
  if (merges) status = triage(options, result, triaged);
  if (!options.json) {
    if (merges) std::fputs(to_text(triaged).c_str(), stdout);
    return status;
  }
  Json json = Json::parse(summary_json(result, options.campaign));
  if (merges) json["triage"] = to_json(triaged);
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return status;
}

int campaign(FuzzOptions& options) {
  int status = kClean;
  std::vector<fuzz::KnownRow> known; // a row that is wrong is told before anything runs
  if (!read_known_list(options.known, known, status) || !plant(options.failing, "fuzz", status)) return status;
  fuzz::ignore_write_signals();
  std::vector<const fuzz::SubjectRow*> rows;
  if (!choose(options.filter, rows, status)) return status;
  fuzz::CampaignOptions& campaign = options.campaign;
  if (!fuzz::preset(options.preset, campaign.source.generator)) {
    std::fprintf(stderr, "assay fuzz: --preset has no '%s'\n", options.preset.c_str());
    return kUsage;
  }
  if (!options.has_seed) campaign.source.seed = fresh_seed();
  campaign.has_seed = options.has_seed;
  campaign.preset = options.preset;
  campaign.memory_bytes = options.memory_mib << 20;
  if (campaign.jobs == 0) campaign.jobs = fuzz::processor_count();
  // Whoever keeps a state means to stay: a disk that is full may be cleared.
  if (!campaign.state.empty()) campaign.write_patience = 1e18;
  if (campaign.seconds == 0 && campaign.programs == 0) campaign.seconds = 60;
  campaign.status = !options.quiet && fuzz::error_stream_is_terminal();
#ifdef ASSAY_FUZZERS
  if (!options.plain) campaign.engine = fuzz::run_libfuzzer;
#endif
  fuzz::catch_interrupts();
  const auto result = fuzz::run_campaign(campaign, [&rows] { return fuzz::Checker::make(rows); });
  if (!result) {
    const int reported = report(result.error());
    return result.error().kind == ErrorKind::Io ? static_cast<int>(kCannot) : reported;
  }
  return tell(options, *result);
}

} // namespace

void add_fuzz(CLI::App& app, int& status) {
  auto options = std::make_shared<FuzzOptions>();
  options->campaign.findings = "findings";
  CLI::App* command =
      app.add_subcommand("fuzz", "a campaign: random programs on every subject, compared with the oracle");
  command->add_option("SECONDS", options->campaign.seconds,
                      "how long; one minute when neither this nor --programs is given");
  command->add_option("--programs", options->campaign.programs, "how many programs");
  command->add_option("--jobs", options->campaign.jobs, "worker processes; 0: one a processor")
      ->capture_default_str()
      ->check(CLI::Range(0u, 512u));
  CLI::Option* seed = command->add_option("--seed", options->campaign.source.seed,
                                          "which campaign; without it a fresh one, which is printed");
  command->add_option("--corpus", options->campaign.corpus, "folder with programs to mutate");
  command->add_option("--findings", options->campaign.findings, "folder for findings")->capture_default_str();
  command->add_flag("--resume", options->campaign.resume, "go on where the last campaign with these findings stopped");
  command->add_option("--events", options->campaign.events, "append what happens to this file, a line of JSON each");
  command->add_option("--state", options->campaign.state,
                      "keep in this file (SQLite) what is done and found; the same command goes on where it was");
  command
      ->add_option("--round", options->campaign.round_programs,
                   "with --state: after so many programs new ones may join the corpus")
      ->capture_default_str()
      ->check(CLI::Range(u64{1}, u64{1} << 40));
  command->add_option("--memory", options->memory_mib, "MiB that a worker may have; 0: no limit")
      ->check(CLI::Range(u64{0}, u64{1} << 32))
      ->capture_default_str();
  command
      ->add_option("--hang", options->campaign.hang_seconds, "seconds without progress after which a worker is ended")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  command->add_option("--inputs", options->campaign.source.inputs, "argument vectors for each function")
      ->capture_default_str();
  command->add_option("--preset", options->preset, "kind of generated programs")->capture_default_str();
  command->add_flag("--plain", options->plain, "do not let libFuzzer drive, also where this build has it");
  command->add_flag(
      "--reach", options->campaign.reach,
      "tell at the end what of the compiler was not reached: operations by target and level, the targets' "
      "own, rules");
  command->add_flag("--quiet", options->quiet, "no status line");
  command->add_flag("--triage", options->triage,
                    "afterwards merge what was found; pages and small programs go to the folder triage beside them");
  command->add_option("--known", options->known, "list of known findings; with --triage: 'assay triage' has the form");
  command->add_option("--plant", options->failing.plant, "put this bug of the bank into the compiler");
  command->add_flag("--json", options->json, "the summary as JSON");
  command
      ->add_option("--fuel", options->campaign.source.max_fuel,
                   "budget of the program's fuel operations; most runs get less")
      ->capture_default_str();
  add_selection(*command, options->filter);
  command->callback([options, seed, &status] {
    options->has_seed = seed->count() != 0;
    status = campaign(*options);
  });
}

} // namespace assay::cli
