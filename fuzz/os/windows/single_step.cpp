// single_step.cpp - see single_step.h: not on Windows.
#include "fuzz/os/single_step.h"

namespace assay::fuzz {

Result<void> begin_steps(u64, u64, StepObserver&) {
  return Error{ErrorKind::Unsupported, {}, 0, 0, "single steps are taken on x86-64 Linux only"};
}
void end_steps() {}

} // namespace assay::fuzz
