// cmd_bisect.cpp - `assay bisect FILE`: the culprit: level, pass, and the rewrite number within it.
//
// Exit status 1 when the program fails, 0 when it does not. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/bisect_output.h"
#include "fuzz/cli/failing.h"

#include <cstdio>
#include <memory>

namespace assay::cli {
namespace {

struct BisectOptions {
  FailingOptions failing;
  bool json = false;
};

int bisect(BisectOptions& options) {
  int status = kClean;
  Failing failing;
  if (!find_failing(options.failing, "bisect", failing, status)) return status;
  fuzz::Prober prober(options.failing.triage.timeout_ms);
  const fuzz::Bisection found = fuzz::bisect(failing.failure.program, failing.failure.variant, prober);
  if (options.json) {
    Json json{{"file", failing.source.name},
              {"kind", fuzz::name_of(failing.failure.seen.kind)},
              {"subject", failing.failure.variant.subject},
              {"difference", failing.failure.seen.what},
              {"bisection", json_of(found)},
              {"calls", prober.asked()}};
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s: %s\n", failing.source.name.c_str(), describe(failing.failure).c_str());
    print_bisection(found);
  }
  return kDifference;
}

} // namespace

void add_bisect(CLI::App& app, int& status) {
  auto options = std::make_shared<BisectOptions>();
  CLI::App* command =
      app.add_subcommand("bisect", "the culprit of a failure: level, pass, and the rewrite number within it");
  add_failing(*command, options->failing);
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = bisect(*options); });
}

} // namespace assay::cli
