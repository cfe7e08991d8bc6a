// rewrite.h - what the passes do to a module until a given number of rewrites, and whether they did it rightly.
// Internal to fuzz/bisect.
//
// Runs the passes alone, as the compiler does, in a process of its own. Tested in fuzz/bisect/tests/bisect_test.cpp.
#pragma once

#include "fuzz/bisect/bisect.h"

namespace assay::fuzz {

/// Fills what the Bisection says of `out.rewrite`: pass to rule_line, runs_trap, wrongly_folded, before and after.
/// False when the passes did not live through it; then these fields stay empty.
bool describe_rewrite(const Program& program, const PassOptions& passes, Bisection& out);

/// Whether what the passes make of the program does the same on the oracle as the program itself, positions and call
/// stacks left aside, which passes may change. False also when they did not live through it, or made what is not valid.
bool optimised_is_right(const Program& program, const PassOptions& passes);

} // namespace assay::fuzz
