// evidence.h - what a failing call looks like from near: machine code with its positions, both runs' call stacks, and
// the machine where they part.
//
// Gathered in a process of its own, which may die of it: then what there is not says why. A few milliseconds. Tested in
// fuzz/triage/tests/page_test.cpp.
#pragma once

#include "fuzz/bisect/bisect.h"
#include "fuzz/triage/machine_state.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// The program compiled one way.
struct Listing {
  std::string title;    // "x64 at O2, fails", "without gvn, agrees"
  std::string assembly; // an instruction a line, behind calls and traps the place in AIR that they are mapped to
  std::string why_not;  // when there is none
};

struct Evidence {
  std::vector<Listing> listings; // the failing way first, then the witness's
  std::string oracle, subject;   // outcome, host calls and throws with their call stacks, a line each
  std::string why_not;           // when the runs could not be made
  std::vector<std::pair<std::string, MachineState>> states; // titles as those of the listings
};

Evidence gather(const Program& program, const Variant& variant, const Bisection& bisection);

} // namespace assay::fuzz
