// traps.h - which instructions can be seen to never trap.
//
// Constant cost. Tested in compiler/opt/tests/passes_test.cpp, by dce and licm.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

/// Whether the instruction may trap, as far as its operands tell.
bool may_trap(PassContext& context, const GraphInst& inst);

} // namespace assay::opt
