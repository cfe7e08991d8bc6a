// operations_control.h - programs of control, calls, variables and exceptions for each type, as text with their cases.
//
// A part of operations.h; a text must be valid AIR. Tested in fuzz/opinion/tests/operations_test.cpp.
#pragma once

#include "assay/types.h"

#include <string>
#include <vector>

namespace assay::fuzz {

struct ControlCase {
  std::string function; // without @
  std::vector<u64> args;
  u64 fuel = 1000;
};

struct ControlProgram {
  std::string name, text;
  std::vector<ControlCase> cases;
};

std::vector<ControlProgram> control_programs();

} // namespace assay::fuzz
