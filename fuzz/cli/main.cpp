// main.cpp - the `assay` command: reads the command line, hands over to one subcommand (docs/cli.md).
//
// Exit statuses are a promise, see commands.h. An exception that nobody expected is an internal fault, status 5.
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

namespace assay::cli {
namespace {

bool looks_like_literal(std::string_view word) {
  return word.starts_with("-inf") || word.starts_with("-nan") || word.starts_with("-.");
}

/// CLI11 takes a number that is too large for the greatest there is, one below 0 for a great one, and infinity for
/// seconds.
void check_numbers(CLI::App& app) {
  const auto fits = [](const std::string& word) -> std::string {
    errno = 0;
    static_cast<void>(std::strtoull(word.c_str(), nullptr, 0));
    const bool is_outside = errno == ERANGE || word.starts_with('-');
    return is_outside ? "expected a number from 0 to 18446744073709551615, found " + word : std::string();
  };
  const auto is_amount = [](const std::string& word) -> std::string {
    const double value = std::strtod(word.c_str(), nullptr);
    return std::isfinite(value) && value >= 0 ? std::string() : "expected a number from 0 on, found " + word;
  };
  for (CLI::App* const command : app.get_subcommands([](CLI::App*) { return true; })) {
    for (CLI::Option* const option : command->get_options()) {
      const std::string type = option->get_type_name();
      if (type.starts_with("UINT")) option->check(fits);
      if (type.starts_with("FLOAT")) option->check(is_amount);
    }
    check_numbers(*command); // its own commands
  }
}

int run_command(int argc, char** argv) {
  CLI::App app("Assay tests JIT compilers: random programs, a reference interpreter, every subject compared.", "assay");
  app.allow_windows_style_options(false); // a path may begin with a slash, on every system
  app.set_version_flag("--version", fuzz::tool_version());
  app.require_subcommand(1, 1);
  app.set_help_all_flag("--help-all", "Help of all subcommands");
  app.footer(
      "Exit status: 0 clean, 1 a difference was found, 2 usage, 3 bad input, 4 cannot be done here, 5 internal fault.");
  int status = kClean;
  add_run(app, status);
  add_check(app, status);
  add_compile(app, status);
  add_gen(app, status);
  add_fuzz(app, status);
  add_replay(app, status);
  add_reduce(app, status);
  add_bisect(app, status);
  add_triage(app, status);
  add_report(app, status);
  add_corpus(app, status);
  add_subjects(app, status);
  add_mutants(app, status);
  add_bench(app, status);
  add_opinion(app, status);
  add_unwind(app, status);
  add_self_test(app, status);
  check_numbers(app);

  std::vector<std::string> words; // CLI11 wants them last first
  for (int i = argc - 1; i > 0; --i) {
    std::string word = argv[i];
    if (looks_like_literal(word)) word.insert(word.begin(), kLiteralMark);
    words.push_back(std::move(word));
  }
  try {
    app.parse(std::move(words));
  } catch (const CLI::Success& success) { // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return kUsage;
  }
  return status;
}

} // namespace
} // namespace assay::cli

int main(int argc, char** argv) {
  try {
    const int status = assay::cli::run_command(argc, argv);
    // What was printed is a result too: on a full disk it must not look as if it were there.
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    std::fputs("assay: cannot write to standard output\n", stderr);
    return status == assay::cli::kClean ? assay::cli::kCannot : status;
  } catch (const std::bad_alloc&) {
    std::fputs("assay: out of memory\n", stderr);
    return assay::cli::kCannot;
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "assay: internal fault: %s\n", exception.what());
    return assay::cli::kInternal;
  }
}
