// failing.h - the failing program that `assay reduce` and `assay bisect` are given: a finding, or any program.
//
// Of a finding: its call on its subject. Of another program: its check lines' calls, or calls with made-up inputs, on
// the subjects chosen; the first that fails. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/commands.h"
#include "fuzz/triage/triage.h"

#include <optional>

namespace assay::cli {

struct FailingOptions {
  std::string file;
  fuzz::SubjectFilter filter;
  fuzz::TriageOptions triage;
  u64 fuel = kDefaultFuel;
  std::vector<std::string> passes, without;
  std::string plant; // a bug of the bank that is in the compiler meanwhile, to try these commands
};

struct Failing {
  Source source;
  std::optional<fuzz::Finding> finding; // when the file is one
  fuzz::Failure failure;
};

/// FILE, --fuel, --jobs, --plant, the selection of subjects and of passes.
void add_failing(CLI::App& command, FailingOptions& options);
/// Plants what is asked for, for good. False: there is no such bug, or no bank; `status` is set, and it was said.
bool plant(const FailingOptions& options, const char* command, int& status);
/// False: `status` says why, and it was said on the error stream; kClean when the program does not fail.
bool find_failing(FailingOptions& options, const char* command, Failing& out, int& status);
/// "miscompile on x64-O2-native-linux: result 0: 1 != 2"
std::string describe(const fuzz::Failure& failure);

} // namespace assay::cli
