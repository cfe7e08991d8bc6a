// counted.h - loops that end after few turns whatever happens, as can be seen from their blocks alone: they need no
// fuel.
//
// Needs a valid function. Tested in fuzz/mutate/tests/counted_test.cpp, against the oracle.
#pragma once

#include "assay/module.h"

namespace assay::fuzz {

/// Most turns of such a loop.
inline constexpr u32 kMostCountedTurns = 64;

/// The way back of the loop of one block, or of a header and one block that only it leads to, which this block begins,
/// if a counter ends it within kMostCountedTurns wherever it begins: an edge of `f.edges`. Else kNone.
///
/// Why no fuel is needed: the blocks of such a loop are entered and left at the header alone, so they are one node of
/// the graph of blocks with a way back to itself; if no other cycle lacks fuel, a run that does not end stays in one of
/// these nodes, where the counter does not let it.
///
/// Linear in the number of edges; at most 16 beginnings by 16 limits are tried out.
u32 counted_way_back(const Function& f, BlockId header);

} // namespace assay::fuzz
