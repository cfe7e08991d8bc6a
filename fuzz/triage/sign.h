// sign.h - gives a finding its signature (cause.h), and merges findings that have the same.
//
// A finding is shown again first: what has gone, what comes and goes, and what cannot run here have states of their own
// and are never dropped. Then it is bisected; where that names no pass, or one that does the same in several kinds of
// rewrite, it is reduced, and the operation sought that is got wrong (suspect.h). 0.1 s a finding of a pass, 1 s of the
// back end. Tested in fuzz/triage/tests/sign_test.cpp.
#pragma once

#include "fuzz/triage/cause.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::fuzz {

struct SignOptions {
  TriageOptions triage;
  double seconds = 10; // to reduce one
  bool reduce = false; // also what bisection alone names
};

struct Signed {
  enum State {
    Fails,   // three times out of three
    Flaky,   // it comes and goes
    Gone,    // it does not fail any more
    Unasked, // it cannot run here, or is no matter of running
  } state = Unasked;
  Cause cause;
  std::string why; // of Unasked
  // Of Fails.
  std::optional<Failure> failure; // the smaller program, where it was reduced
  Bisection bisection;
  bool reduced = false;
  u32 instructions_before = 0, instructions = 0;
};

/// Of `failure`, which comes again each time: the rest, and the cause.
void explain(Signed& out, const SignOptions& options);

Signed sign(const Finding& finding, const Module& module, const SignOptions& options);

/// As a file, with the line of its cause: what is shown of it, in place of the one that was found. Its check line is
/// the oracle's, also where the process died.
Finding finding_of(const Signed& result, const Finding& from);

/// Findings of one cause.
struct Group {
  std::string key;          // group_key
  std::vector<u32> members; // in ascending order
};

/// The groups with most members first; ties by their keys. Where several operations are all that is known of a culprit,
/// one of some of them joins in ("code:add+shift", where there is "code:shift").
std::vector<Group> merge(std::span<const Cause> causes);

} // namespace assay::fuzz
