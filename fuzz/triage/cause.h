// cause.h - the signature of a finding: one stable line of five words, under which duplicates are merged.
//
//   miscompile x64 O2 result simplify/shl_shl_wraps
//   kind, target, level, observable, culprit
//
// The culprit is what bisection names. What has one bug as its cause need not fail in the same observable, so findings
// are of one group when they have the same culprit, if that is a precise one: a pass with its rule, a choice of the
// back end, or code of a target with the operation that it gets wrong. Where nothing precise is known the whole line
// must be the same. Nothing in it depends on names, numbers or the machine. Tested in fuzz/triage/tests/cause_test.cpp.
#pragma once

#include "fuzz/triage/triage.h"

#include <optional>
#include <string>
#include <string_view>

namespace assay::fuzz {

struct Cause {
  FindingKind kind = FindingKind::Miscompile;
  std::string target;     // "x64", "a64"; "llvm", "gccjit"; "any": no subject was reached
  std::string level;      // the lowest that fails, "O0" or "O2"; "any"
  std::string observable; // "result", "end:returned,crashed"
  /// "gvn/load_after_store", "licm/runs_trap", "constant-folding:sext", "x64/emission/flags_reused",
  /// "x64/register-allocation:O0:lost-over", "x64/code:f2i_sat_s"; "unknown".
  std::string culprit;
};

/// The line.
std::string to_string(const Cause& cause);
/// Reads such a line. Else nothing, with what was expected, and in which word (from 0), said.
std::optional<Cause> parse_cause(std::string_view line, std::string& expected, u32& word);

/// Findings with the same key are one group: those of one culprit, or of culprits that rest on one analysis
/// ("sccp/operation" and "sccp/parameter": "sccp/constants").
std::string group_key(const Cause& cause);

/// As far as the header of a finding says; its `; cause:` line, if it has one.
Cause cause_of(const Finding& finding);
/// After a bisection. `suspect` is the operation that is got wrong (suspect.h), or empty.
Cause cause_of(const Failure& failure, const Bisection& bisection, std::string_view suspect);
/// The bisection alone says what is to be known: no suspect is needed.
bool names_pass(const Bisection& bisection);
/// It names a pass that does one thing in several kinds of rewrite, by what else is there: which kind, is an accident
/// of a program that is not small.
bool names_one_of_several(const Bisection& bisection);
/// It says which choice of the back end is wrong. That may be another one before reduction.
bool names_decision(const Bisection& bisection);

/// Text as one word: letters, digits and "_./:,+-"; all else is a '-'.
std::string as_word(std::string_view text);

} // namespace assay::fuzz
