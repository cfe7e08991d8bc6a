// lowering.h - a module of AIR in the words of a peer (emitter.h), with exactly the meaning of docs/air.md.
//
// Every function becomes one of the peer, every value one of its values; blocks keep their parameters. In front of what
// could be undefined stand guards that trap. Functions that call keep a FrameRecord, so that call stacks are seen.
// A tail call leaves what is to be called in the RunState and returns to a loop around the function that C would call;
// after a call the word `flying` is looked at where anything in the module may throw. A function that no path reaches
// is lowered all the same; a block that no path reaches is not.
// Takes all of AIR. Linear. Tested in fuzz/subjects/tests/: each operation on edge values, the corpus, random programs.
#pragma once

#include "fuzz/subjects/emitter.h"
#include "fuzz/subjects/run_state.h"

#include <string>

namespace assay::fuzz::peers {

/// Of the function by which C++ enters another, and of the one that writes addresses into the table.
std::string entry_name(FunctionId function);
inline constexpr const char* kFillTable = "assay_peer_fill_table";

/// Says the whole module to the emitter, but for `finish`. `state` was prepared with this module, and its addresses
/// are in the code. `all_entries`: every function is entered from C++, not only the exported ones. Unsupported: an
/// operation that neither the peer has nor lowering can make of others.
Result<void> lower(const Module& module, bool all_entries, RunState& state, Emitter& emitter);

} // namespace assay::fuzz::peers
