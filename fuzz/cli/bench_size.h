// bench_size.h - `assay bench --size`: how many bytes of code programs become, beside what C compilers make of them.
//
// The kernels of bench_kernels.h and the module of 1,000 functions of bench_module.h, compiled here at -O0 and -O2 for
// x64; and as C by each compiler that is there, as a C programmer writes and (clang alone) with the checks that AIR
// has. Of C, what lies in executable sections of the object file, less what a program of one empty function has. C
// compilers drop functions that nobody calls any more; ours does not. The same each time. Tested in
// fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/bench_kernels.h"

namespace assay::cli {

struct SizeFigures {
  std::vector<std::string> engines; // the first two are O0 and O2
  struct Row {
    std::string program;
    std::vector<u64> bytes; // by engine
  };
  std::vector<Row> rows;
};

/// Of kernels `only`, of all programs when that is empty. Unsupported where C compilers make no ELF files.
Result<SizeFigures> measure_sizes(const std::string& corpus, const std::vector<std::string>& only);

/// A table, the kernels' sum, and how many bytes O2 makes for each of another's.
std::string to_text(const SizeFigures& figures);
std::string to_json(const SizeFigures& figures);

} // namespace assay::cli
