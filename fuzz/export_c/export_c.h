// export_c.h - a module of AIR as one self-contained C11 file, with exactly the meaning of docs/air.md.
//
// The file is a prelude (state of a run, numbers, memory, traps, exceptions, the standard test host), then for each
// module its functions and a table `air_module`. Values become variables, blocks labels. A trap is a longjmp to where
// the run began; an exception is a flag that each call is followed by a look at; a tail call returns to a loop. Nothing
// in it is undefined in C, but for what is outside AIR's guarantees. How much of it is compiled is said to the C
// compiler:
//   (nothing)      everything that can be observed of a run: its end, memory, globals, fuel, trace with call stacks
//   -DAIR_QUIET    no call stacks and no trace
//   -DAIR_PLAIN    as a C programmer writes: besides, no fuel, no bounds of memory, tables and the stack, no checks
//                  before divisions and conversions. What would trap there is undefined
//   -DAIR_MAIN     with a main: FUNCTION ARGUMENT...
// Linear in the module, but for block arguments that overlap. Shares no evaluation code with compiler and oracle: the
// file is a second opinion on both. Tested in fuzz/export_c/tests/ and, by running, in fuzz/opinion/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/text.h"

#include <string>

namespace assay::fuzz {

/// Appends what every file begins with. `memory_max`: bytes of the largest memory of its modules.
void append_c_prelude(u64 memory_max, std::string& out);

struct CModuleOptions {
  std::string prefix = "air"; // of its names in C; its table is PREFIX_module
  bool all_entries = false;   // the host may call every function, not only the exported ones
  std::string_view file;      // for errors
  const SourceMap* map = nullptr;
};
/// Appends a module, which must be valid, behind the prelude. Unsupported, with the place: an operation that has no
/// form in C.
Result<void> append_c_module(const Module& module, const CModuleOptions& options, std::string& out);

/// A whole file, with a `main` under AIR_MAIN.
Result<std::string> export_c(const Module& module, std::string_view file = {}, const SourceMap* map = nullptr);

} // namespace assay::fuzz
