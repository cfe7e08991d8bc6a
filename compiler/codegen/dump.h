// dump.h - LIR as text, for `--emit=lir` and for test failures.
//
// One line an instruction: definitions = operation details, uses; with an allocation each operand's location and
// the moves before the instruction. For people, not a format to parse. Tested in tests/lower_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "compiler/codegen/lir.h"

#include <string>

namespace assay::codegen {

/// Appends the function's LIR. `allocation` may be null.
void dump_lir(Target target, const LirFunction& function, const Allocation* allocation, std::string& out);

} // namespace assay::codegen
