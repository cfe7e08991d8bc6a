// decision.h - what choices the back end takes in a module, and which one a limit names. Internal to fuzz/bisect.
//
// Compiles in a process of its own, which may die of it, without running anything. Tested in
// fuzz/bisect/tests/bisect_test.cpp.
#pragma once

#include "compiler/codegen/decisions.h"
#include "fuzz/bisect/bisect.h"

namespace assay::fuzz {

/// Fills area, rule, rule_file, rule_line, decision_function and decision_in_function of `out`: of the one that reaches
/// `out.decision` as the limit of its area. False when the compiler lives neither with it nor without it.
bool describe_decision(const Program& program, const Variant& variant, codegen::DecisionArea area, Bisection& out);

} // namespace assay::fuzz
