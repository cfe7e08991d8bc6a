// cmd_replay.cpp - `assay replay FINDING`: shows a saved finding again, same or gone.
//
// Exit status 1 when it is still there, 0 when it is gone. The call runs in a process of its own, because a finding may
// be about a process that dies. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/os/process.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

struct ReplayOptions {
  std::string file;
  bool json = false;
  u32 seconds = 60;
};

/// What happened: "same", "gone", or "different" (it fails, but otherwise).
struct Seen {
  std::string state = "gone";
  std::string what;
};

Seen seen_of(const fuzz::Finding& finding, const Module& module, const fuzz::Checker& checker, bool failed) {
  Seen seen;
  if (!failed) return seen;
  const fuzz::Difference& difference = checker.difference();
  seen.state = difference.kind == finding.kind ? "same" : "different";
  seen.what = difference.what;
  if (difference.case_index != kNone)
    seen.what += "\n  oracle    " + to_string(module, checker.expected(difference.case_index)) + "\n  subject   " +
                 to_string(module, checker.actual());
  return seen;
}

int print(const ReplayOptions& options, const fuzz::Finding& finding, const Seen& seen) {
  if (options.json) {
    const nlohmann::ordered_json json{{"state", seen.state},
                                      {"kind", fuzz::name_of(finding.kind)},
                                      {"subject", finding.subject},
                                      {"difference", finding.difference},
                                      {"now", seen.what}};
    std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s: %s on %s\n", seen.state.c_str(), std::string(fuzz::name_of(finding.kind)).c_str(),
                finding.subject.c_str());
    if (!seen.what.empty()) std::printf("  %s\n", seen.what.c_str());
  }
  return seen.state == "gone" ? kClean : kDifference;
}

int show_again(const ReplayOptions& options, const fuzz::Finding& finding, const Module& module) {
  fuzz::SubjectFilter filter;
  filter.names = {finding.subject};
  auto rows = fuzz::select_subjects(filter);
  if (!rows) return report(rows.error());
  fuzz::SubjectOptions how;
  auto passes = opt::parse_passes(fuzz::words_of(finding.passes), {});
  if (!passes) return report(passes.error());
  how.passes = *passes;
  auto checker = fuzz::Checker::make(*rows, how);
  if (!checker) return report(checker.error());
  fuzz::Cases cases;
  if (auto made = fuzz::cases_of(finding, module, cases); !made) return report(made.error());
  if (cases.size() == 0 && finding.kind == fuzz::FindingKind::Hang) fuzz::make_cases(module, 0, 4, kDefaultFuel, cases);
  const bool same = checker->check_one(module, cases, cases.size() == 0 ? kNone : 0, 0);
  return print(options, finding, seen_of(finding, module, *checker, !same));
}

/// An invalid program: the verifier refused what a generator made, so it is the verifier that is asked again.
int show_invalid(const ReplayOptions& options, const fuzz::Finding& finding) {
  const auto module = parse_and_verify(finding.program, options.file);
  Seen seen;
  if (!module) seen = {"same", module.error().to_string()};
  return print(options, finding, seen);
}

int wait_for(fuzz::Worker worker, const ReplayOptions& options, const fuzz::Finding& finding) {
  for (u32 waited = 0; waited < options.seconds * 1000; waited += 5) {
    fuzz::sleep_ms(5);
    const fuzz::WorkerStatus status = fuzz::poll_worker(worker);
    if (status.state == fuzz::WorkerStatus::Running) continue;
    if (status.state == fuzz::WorkerStatus::Exited) return status.code;
    const bool same = finding.kind == fuzz::FindingKind::Crash;
    return print(options, finding, {same ? "same" : "different", "the process ended: " + status.what});
  }
  fuzz::kill_worker(worker);
  const bool same = finding.kind == fuzz::FindingKind::Hang;
  return print(options, finding,
               {same ? "same" : "different", "no end in " + std::to_string(options.seconds) + " seconds"});
}

int replay(const ReplayOptions& options) {
  const auto source = read_source(options.file);
  if (!source) return report(source.error());
  const auto finding = fuzz::parse_finding(source->text, source->name);
  if (!finding) return report(finding.error(), source->text);
  if (finding->kind == fuzz::FindingKind::Invalid) return show_invalid(options, *finding);
  const auto module = load_module(*source);
  if (!module) return report(module.error(), source->text);
  if (finding->subject.empty()) {
    Error error;
    error.file = source->name;
    error.message = "the finding names no subject to run it on";
    return report(error);
  }
  if (!fuzz::can_fork()) return show_again(options, *finding, *module);
  auto worker = fuzz::start_worker([&] { return show_again(options, *finding, *module); });
  if (!worker) return report(worker.error());
  return wait_for(*worker, options, *finding);
}

} // namespace

void add_replay(CLI::App& app, int& status) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand("replay", "show a saved finding again: same or gone");
  command->add_option("FINDING", options->file, "the finding's file")->required();
  command->add_option("--seconds", options->seconds, "how long to wait for its end")->capture_default_str();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = replay(*options); });
}

} // namespace assay::cli
