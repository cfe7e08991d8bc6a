// inputs.h - argument vectors for a generated or mutated function.
//
// A function of (module, entry, seed) alone: edge values and random bits by parameter type, pointers
// never (an entry has none; they would be 0). Linear in the parameters.
// Tested in fuzz/generate/tests/inputs_test.cpp.
#pragma once

#include "assay/module.h"
#include "fuzz/generate/random.h"

#include <vector>

namespace assay::fuzz {

/// `count` vectors laid one after the other: bits, zero above each type's width. Overwrites `out`.
/// Vector i does not depend on `count`.
void make_inputs(const Module& module, FunctionId entry, u64 seed, u32 count, std::vector<u64>& out);

/// Bits of one value of the type: an edge value or random. Zero above the width.
u64 random_value(Random& random, Type type);

/// The exported functions with a body, in order: what a campaign calls. Overwrites `out`.
void list_entries(const Module& module, std::vector<FunctionId>& out);

} // namespace assay::fuzz
