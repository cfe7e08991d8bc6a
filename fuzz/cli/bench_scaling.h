// bench_scaling.h - how a campaign's speed grows with its worker processes.
//
// The same programs with each number of jobs, several times in turn; the fastest counts. Tested in
// fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "assay/errors.h"
#include "fuzz/check/subject.h"

#include <string>
#include <vector>

namespace assay::cli {

struct ScalingOptions {
  std::vector<u32> jobs;
  u64 programs = 20000;
  u32 rounds = 3;
};

struct ScalingRow {
  u32 jobs = 0;
  double seconds = 0;     // of the fastest round
  double cpu_seconds = 0; // of the same
  u64 programs = 0;
};

struct ScalingFigures {
  std::vector<ScalingRow> rows;
  u32 processors = 1;
};

/// Campaigns on the subjects that run natively. An error of theirs, or a finding (Internal), ends it.
Result<ScalingFigures> measure_scaling(const ScalingOptions& options);

/// A table: programs a second, how much faster than the first row, that divided by the jobs or processors in the same
/// ratio, and the processor time of a program.
std::string to_text(const ScalingFigures& figures);
/// The same as JSON.
std::string to_json(const ScalingFigures& figures);

} // namespace assay::cli
