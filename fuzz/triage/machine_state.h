// machine_state.h - the machine at the first difference of a failing call: the last instructions before it, what each
// changed, and all registers; beside the same of a way to compile that does not fail.
//
// The code runs in the emulator, wherever the finding was made, compiled for what that has of the processor's
// extensions. A few milliseconds. The process may die of the program, so it is asked where evidence is (evidence.h).
// Tested in fuzz/triage/tests/machine_state_test.cpp.
#pragma once

#include "fuzz/probe/program.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// Where two runs part, in time: the first host call, throw or rethrow that is another, else the last change of the
/// first byte of memory that is another, else the end.
struct PartingPoint {
  u32 event = kNone;  // index in Outcome::trace
  u64 byte = ~u64{0}; // in the linear memory
};
PartingPoint parting_point(const Module& module, const Outcome& expected, const Outcome& actual);

/// One way to compile, shown there. Empty text: `why_not` says why.
struct MachineState {
  std::string text;
  std::string why_not;
};

/// Of the failing way, then of the witness (may be null). That the first does not fail in the emulator is a reason why
/// there is nothing to show.
std::vector<MachineState> machine_states(const Program& program, const Variant& failing, const Variant* witness);

} // namespace assay::fuzz
