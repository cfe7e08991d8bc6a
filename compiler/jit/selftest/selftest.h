// selftest.h - what this very machine does with compiled frames: exceptions, traps, faults, call stacks, debuggers,
// profilers.
//
// Each row runs real code and says passed, failed, or skipped with the reason. No test framework, so that it can be
// shipped and run anywhere, against any C++ runtime. Debugger and profiler are other programs that look at a copy of
// this one: `own_command` starts it so that it calls `selftest_debuggee`. Cost: milliseconds, and seconds for the two
// tools. Tested in compiler/jit/selftest/tests/; `assay self-test unwinding` and assay_selftest print the rows.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

#include <string>
#include <vector>

namespace assay::jit {

enum class SelfTestEnd : u8 { Passed, Failed, Skipped };

struct SelfTestRow {
  std::string capability; // "trap to exception"
  SelfTestEnd end = SelfTestEnd::Passed;
  std::string detail; // what failed, or why it was skipped
};

/// "linux-x64"
std::string selftest_platform();

/// `own_command`: words to start this program as the debuggee, up to the folder that it is given; empty: the rows of
/// tools are skipped.
std::vector<SelfTestRow> selftest_unwinding(const std::vector<std::string>& own_command);

/// The rows as text, "linux-x64  trap to exception  passed"; 0, or 1 when one failed.
int print_selftest(const std::vector<SelfTestRow>& rows, bool json);

/// Runs what the tools look at, with files for perf in `folder`; the exit status.
int selftest_debuggee(const std::string& folder);

/// The path of the running program; empty where the system does not say.
std::string own_path(const std::string& argv0);

struct StressOptions {
  u32 threads = 4;
  u64 cycles = 1000;  // install, throw through, remove; in each thread
  u64 throws = 10000; // in a row, through one frame
};

struct StressFigures {
  u64 cycles = 0, throws = 0;                   // that were done and arrived as they should
  u64 wrong = 0;                                // that did not
  u64 still_found = 0;                          // removed code that the unwinder finds
  u64 memory_before = 0, memory_after = 0;      // resident KiB, behind a warm-up of the same kind; 0: not known
  double first_tenth_ns = 0, last_tenth_ns = 0; // of the throws in a row, each, processor time
  double cycle_ns = 0;                          // by the wall clock, of one thread
};

/// One line of `assay_selftest costs`; times of one throw, or of one function.
struct CostRow {
  std::string way; // how the unwinder knows the functions
  u64 functions = 0;
  double one_frame_ns = 0, hundred_frames_ns = 0;  // compiled frames
  double native_one_ns = 0, native_hundred_ns = 0; // of the C++ compiler
  double first_ns = 0;                             // the first throw when all are installed
  double add_ns = 0, remove_ns = 0;                // 0: not measured, they go all at once
};

/// Each way of this system, with so many functions installed. Some seconds.
Result<std::vector<CostRow>> measure_costs(const std::vector<u64>& functions);
void print_costs(const std::vector<CostRow>& rows);

/// Many threads install, throw through and remove code of their own; then one throws many times.
Result<StressFigures> stress_unwinding(const StressOptions& options);

} // namespace assay::jit
