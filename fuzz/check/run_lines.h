// run_lines.h - the check lines of a program: `; run:` and `; error:` comments (docs/cli.md, "Check lines").
//
// A check line is a comment that begins a line. Parsing needs the module, whose signatures give the literals
// their types; errors name the line and column in the file. Linear in the text.
// Tested in fuzz/check/tests/run_lines_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/outcome.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

/// A value that is expected: its bits, or any NaN.
struct ExpectedValue {
  u64 bits = 0;
  bool any_nan = false;
};

struct ExpectedCall {
  FunctionId function = kNone;
  std::vector<ExpectedValue> args;
};

/// One `; run:` line.
struct RunLine {
  u32 line = 0; // in the file, from 1
  FunctionId entry = kNone;
  std::vector<u64> args;
  bool has_expectation = false; // a line may only say what to run
  OutcomeKind kind = OutcomeKind::Returned;
  TrapKind trap = TrapKind::Unreachable;
  TagId tag = kNone;
  std::string text;                  // of ThrewHost
  std::vector<ExpectedValue> values; // results or payload
  bool has_calls = false;
  std::vector<ExpectedCall> calls;
};

/// The `; error:` line.
struct ErrorLine {
  u32 line = 0; // of the comment itself
  u32 at_line = 0, at_column = 0;
  std::string message; // a part of the error's message
};

/// All `; run:` lines, or the first thing wrong in one.
Result<std::vector<RunLine>> parse_run_lines(std::string_view text, std::string_view file, const Module& module);

/// The `; error:` line, if there is one (then `found`); needs no module.
Result<ErrorLine> parse_error_line(std::string_view text, std::string_view file, bool& found);

/// Empty when the outcome is the expected one, else what differs.
std::string mismatch(const Module& module, const RunLine& expected, const Outcome& outcome);

/// A run line that says what `outcome` was ("; run: @f(1) == 2"); without expectation when the kind has no form.
std::string write_run_line(const Module& module, FunctionId entry, std::span<const u64> args, const Outcome& outcome);

/// "@f(1, 0x1.8p+1)"
std::string call_to_string(const Module& module, FunctionId function, std::span<const u64> args);

} // namespace assay::fuzz
