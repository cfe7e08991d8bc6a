// cmd_self_test.cpp - `assay self-test unwinding`: what this machine does with compiled frames, a row for each
// capability.
//
// The rows are those of compiler/jit/selftest/selftest.h; the program assay_selftest prints the same without the
// harness. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "compiler/jit/selftest/selftest.h"
#include "fuzz/cli/commands.h"

#include <memory>

namespace assay::cli {
namespace {

struct SelfTestOptions {
  std::string what = "unwinding";
  std::string debuggee; // a folder: do what debugger and profiler look at
  bool json = false;
};

int run(const SelfTestOptions& options) {
  if (!options.debuggee.empty()) return jit::selftest_debuggee(options.debuggee);
  const std::string own = jit::own_path({});
  std::vector<std::string> command;
  if (!own.empty()) command = {own, "self-test", "unwinding", "--debuggee"};
  return jit::print_selftest(jit::selftest_unwinding(command), options.json) == 0 ? kClean : kDifference;
}

} // namespace

void add_self_test(CLI::App& app, int& status) {
  auto options = std::make_shared<SelfTestOptions>();
  CLI::App* command = app.add_subcommand("self-test", "what this machine does with compiled code");
  command->add_option("WHAT", options->what, "unwinding")->capture_default_str()->check(CLI::IsMember({"unwinding"}));
  command->add_option("--debuggee", options->debuggee, "")->group(""); // for the tools that it starts
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = run(*options); });
}

} // namespace assay::cli
