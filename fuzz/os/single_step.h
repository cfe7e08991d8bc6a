// single_step.h - tells an observer of each instruction that this processor is about to run in a stretch of code.
//
// The stretch is made not executable, so that entering it faults; then the processor's trap flag is set, and cleared
// where the code is left, so that only the code itself is slow: about 10 us an instruction. Other faults go to the
// handlers that were there before. Process-wide, one stretch at a time, one thread. Only x86-64 Linux; elsewhere
// Unsupported. Tested in fuzz/os/tests/single_step_test.cpp and by `assay unwind --native`.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

namespace assay::fuzz {

struct StepRegisters {
  u64 pc = 0;
  u64 general[16] = {}; // as instructions number them
  u64 vector[16][2] = {};
};

class StepObserver {
public:
  virtual ~StepObserver() = default;
  /// `entered`: the instruction before was not of the code. Called by a signal handler, but never while anything but
  /// the code was interrupted, on its alternate stack where there is one.
  virtual void on_step(const StepRegisters& registers, bool entered) = 0;
};

/// From now on the observer is told. `begin` is the start of a page; what else lies on the last page of the code cannot
/// be executed without being stepped, too. Ends an earlier one.
Result<void> begin_steps(u64 begin, u64 end, StepObserver& observer);
/// The code is executable again, the handlers are those that were there before.
void end_steps();

} // namespace assay::fuzz
