// cmd_triage.cpp - `assay triage FINDING...`: which findings are the same, which are known, and one small program each.
//
// The work is done in triage_run.cpp. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/failing.h"
#include "fuzz/cli/triage_run.h"
#include "fuzz/os/process.h"

#include <cstdio>
#include <memory>

namespace assay::cli {
namespace {

struct TriageCommand {
  std::vector<std::string> paths;
  TriageSettings settings;
  FailingOptions failing; // --plant only
  bool json = false;
};

int triage(TriageCommand& options) {
  int status = kClean;
  if (!plant(options.failing, "triage", status)) return status;
  Triaged all;
  auto files = list_findings(options.paths, all);
  if (!files) return report(files.error());
  options.settings.files = std::move(*files);
  fuzz::catch_interrupts();
  if (!run_triage(options.settings, all, status)) return status;
  const std::string text =
      options.json ? to_json(all).dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : to_text(all);
  std::fputs(text.c_str(), stdout);
  return status;
}

} // namespace

void add_triage(CLI::App& app, int& status) {
  auto options = std::make_shared<TriageCommand>();
  CLI::App* command =
      app.add_subcommand("triage", "which findings are the same, which are known; a small program each");
  command->add_option("FINDING", options->paths, "findings, or folders of them")->required();
  command->add_option("--out", options->settings.out,
                      "folder for the smallest program of each new group, its page and test");
  command->add_option("--date", options->settings.date, "a day or time to be said in the pages; else they have none");
  command->add_option("--known", options->settings.known, "list of known findings: signature, day, reason");
  command->add_option("--budget", options->settings.sign.seconds, "seconds to reduce one finding")
      ->capture_default_str();
  command->add_option("--jobs", options->settings.sign.triage.jobs, "programs tried at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 512u));
  command->add_option("--plant", options->failing.plant,
                      "put this bug of the bank into the compiler, to try the command");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = triage(*options); });
}

} // namespace assay::cli
