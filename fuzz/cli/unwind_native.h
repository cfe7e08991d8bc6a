// unwind_native.h - the judgement of unwind_check.h by this processor instead of an emulator: x64 code runs in this
// process, one instruction at a time (fuzz/os/single_step.h).
//
// Truth and comparison are as in the emulator (qemu/unicorn/worker/step.h), the decoders are the same; nothing else is
// shared. Slower by a factor of ten, no sweep. What it adds is a processor that is none of our making, and the system's
// unwinder, which brings exceptions to their landing pads. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/unwind_check.h"

namespace assay::cli {

class NativeUnwindChecker {
public:
  /// Unsupported where this process cannot step.
  static Result<std::unique_ptr<NativeUnwindChecker>> create(std::vector<std::string> formats);
  ~NativeUnwindChecker();

  /// Runs all cases on each convention that this host can run. Appends what is wrong to `out`.
  Result<void> check(const Module& module, const fuzz::Cases& cases, std::vector<UnwindFinding>& out);
  const UnwindTotals& totals() const;

private:
  struct Impl;
  explicit NativeUnwindChecker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace assay::cli
