// otherwise.h - a failing program said otherwise: what fails for the same reason and compiles to other code.
// Internal to fuzz/bisect.
//
// Constants become arguments of the call, so that no choice about them can be made; and the changes of fuzz/metamorph,
// after which a run does the same. Where such a program fails although a choice is left out everywhere, the choice is
// not what goes wrong. Same program, same list. Tested in fuzz/bisect/tests/bisect_test.cpp.
#pragma once

#include "fuzz/probe/program.h"

#include <vector>

namespace assay::fuzz {

/// At most kSaidOtherwise, all valid. None of a program that is not called.
std::vector<Program> said_otherwise(const Program& program);

inline constexpr u32 kSaidOtherwise = 16;

} // namespace assay::fuzz
