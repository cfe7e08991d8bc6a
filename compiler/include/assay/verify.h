// verify.h - decides whether a Module is a valid AIR program.
//
// Checks: table rows (types, operand kinds and counts), references, signatures, edges and block
// arguments, one terminator a block and only at its end, SSA dominance (Lengauer, Tarjan: "A Fast
// Algorithm for Finding Dominators in a Flowgraph"; near-linear on every graph), the limits of module.h. Every
// later stage may assume what it checks. Unreachable blocks are allowed and their uses are not checked for dominance.
// Tested in compiler/ir/tests/verify_test.cpp; speed in compiler/ir/bench/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/text.h"

namespace assay {

/// The first thing wrong, with its place in the text when a map is given.
Result<void> verify(const Module& module, std::string_view file = "<module>", const SourceMap* map = nullptr);

/// parse_module, then verify.
Result<Module> parse_and_verify(std::string_view text, std::string_view file = "<text>");

} // namespace assay
