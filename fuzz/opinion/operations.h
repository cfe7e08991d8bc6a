// operations.h - every operation of opcodes.def, with every type that its row admits, on edge values, as programs.
//
// The rows of arithmetic and memory are read from the table; control, calls and exceptions are written out for each
// type. What the programs have in them is counted afterwards, so that a new row which nothing here covers is told.
// Tested in fuzz/opinion/tests/operations_test.cpp; run by `assay opinion --operations`.
#pragma once

#include "fuzz/opinion/opinion.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// Programs with their cases. Aborts when one is not valid: a defect of ours.
std::vector<OpinionProgram> operation_programs();

/// What the table admits: operation and types.
u32 combination_count();
/// Those that no program has: "fmin.f32".
std::vector<std::string> missing_operations(const std::vector<OpinionProgram>& programs);

/// Values of a type at which operations change what they do.
std::vector<u64> edge_values(Type type);

} // namespace assay::fuzz
