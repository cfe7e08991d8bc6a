// bench_peers.h - `assay bench --peers`: how long the bundled compiler, LLVM and GCC take from a module to code that
// can be called, on the same programs.
//
// Tested in fuzz/cli/tests/cli_test.cmake, as far as there are peers.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <span>
#include <string>
#include <vector>

namespace assay::cli {

/// One line of `assay bench`.
struct Figure {
  std::string name, unit;
  double value;
};

/// Of random programs, one after another, and of the module of 1,000 functions (bench_module.h), where what a compiler
/// needs for any module at all does not count. Engines alternate; the least of `rounds` counts. Peers that cannot run
/// here are left out, and that is said.
Result<void> measure_peers(std::span<const Module> programs, u32 rounds, std::vector<Figure>& out);

} // namespace assay::cli
