// triage.h - from a program that fails somewhere to a small one that fails alike and names the culprit.
//
// A failure is sought (find_failure), told apart from what comes and goes (three times out of three), bisected, reduced
// with the bisection's witness, and bisected again. All runs happen in processes that may die. Tested in
// fuzz/triage/tests/triage_test.cpp.
#pragma once

#include "fuzz/bisect/bisect.h"
#include "fuzz/check/finding.h"
#include "fuzz/reduce/reducer.h"

namespace assay::fuzz {

inline constexpr u32 kTriageReplays = 3;

/// A program that fails.
struct Failure {
  Program program;
  Variant variant;
  Seen seen;
  u32 reproduced = 0; // of kTriageReplays
};

struct TriageOptions {
  u32 jobs = 1;
  u32 timeout_ms = 10'000; // a process that does not answer by then hangs
  u64 default_fuel = 1'000'000;
  PassOptions passes; // of subjects at O2, unless they draw their own
};

/// Ways of this row to look for a failure, the simplest to say first, each once. What was drawn is fixed, and named.
std::vector<Variant> variants_of(const SubjectRow& row, const Module& module, const PassOptions& passes);

/// The first of the cases that fails on one of the subjects, in this order: subjects, for each compiling, then the
/// cases. Nothing when none does. A subject that draws passes from the program is replaced by one that does not: the
/// standard passes where they fail too, else those drawn. Where nothing could be asked at all, nothing is known:
/// `not_asked`, if given, says why then, and else stays empty.
std::optional<Failure> find_failure(const Module& module, const Cases& cases, std::span<const SubjectRow* const> rows,
                                    const TriageOptions& options, std::string* not_asked = nullptr);

/// The subject, call and passes of a finding, and its program. BadInput when the header does not suit the program;
/// Unsupported when the subject cannot run here, or could not be asked.
Result<std::optional<Failure>> failure_of(const Finding& finding, const Module& module, const TriageOptions& options);

struct Reduced {
  Failure failure; // the small program
  ReduceResult reduction;
  Bisection before, after; // of the program given, and of the small one
  u64 asked = 0, deaths = 0;
};

/// `failure` must have been reproduced each time.
Reduced reduce_failure(const Failure& failure, const TriageOptions& options, const ReduceOptions& reduce_options);

/// As a file: what `from`, if it was one, said of its origin, and what is so now.
Finding finding_of(const Failure& failure, const Finding* from, const Bisection* bisection);

/// The names of passes that are not the standard ones, "gvn,licm"; empty: they are.
std::string names_of(const PassOptions& passes);

} // namespace assay::fuzz
