// bench_instructions.h - `assay bench --instructions`: how many instructions the kernels execute on ARM64, beside what
// C compilers make of the same programs.
//
// The kernels of bench_kernels.h, compiled here for ARM64 at -O0 and -O2, run by the agent in QEMU; as C by each
// compiler for ARM64 that is there, and run in QEMU. A plugin of QEMU counts (qemu/user/counter). A figure is what one
// more call takes, so neither start nor end of a process is in it; of ours, only what lies in compiled code, so calls
// of the C library (filling and copying memory) are in C's figures alone. Counts are the same each time. Tested in
// fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/bench_kernels.h"

namespace assay::cli {

struct InstructionFigures {
  std::vector<std::string> engines; // the first two are O0 and O2
  struct Row {
    std::string kernel;
    std::vector<u64> counts; // of a call, by engine
  };
  std::vector<Row> rows;
};

/// Of kernels `only`, of all when that is empty. Unsupported, with the reason, without QEMU, its plugin or the agent.
Result<InstructionFigures> count_instructions(const std::string& corpus, const std::vector<std::string>& only);

/// A table, and how many instructions O2 executes for each of another's: geometric mean and the most.
std::string to_text(const InstructionFigures& figures);
std::string to_json(const InstructionFigures& figures);

} // namespace assay::cli
