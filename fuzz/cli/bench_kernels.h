// bench_kernels.h - `assay bench --kernels`: how fast compiled programs run, beside the same programs as C.
//
// Sixteen programs of corpus/real, compiled here at -O0 and -O2, and by each C compiler that is there from what
// `assay compile --emit=c` prints (fuzz/export_c/export_c.h): as a C programmer writes (AIR_PLAIN), and with the checks
// that AIR has (AIR_QUIET); and by LuaJIT from programs written for it (corpus/real/lua). Engines alternate within a
// round, so that a slow moment hits all; a figure is the median of the rounds. All results are hashed and must be the
// same everywhere. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <string>
#include <vector>

namespace assay::cli {

struct KernelOptions {
  std::string corpus = "corpus/real"; // where the programs are
  u32 rounds = 5;
  std::vector<std::string> only;    // names; none: all
  std::vector<std::string> engines; // beside O0 and O2; none: all that are there
};

enum class EngineKind : u8 { Ours, C, Lua };

struct KernelEngine {
  std::string name; // "O2", "gcc -O2", "luajit"
  EngineKind kind = EngineKind::Ours;
  std::string command; // of a C compiler, or what runs a Lua program
  bool optimise = false;
  double compile_ms = 0; // of all kernels, by the clock
};

struct KernelTimes {
  std::string name;
  u64 ssa_instructions = 0;
  std::vector<double> us;     // of one call, by engine: the median
  std::vector<u64> checksums; // by engine
  double compile_ns[2] = {};  // at -O0 and -O2, the fastest
  bool agree = true;
};

struct KernelFigures {
  std::vector<KernelEngine> engines; // the first two are O0 and O2
  std::vector<KernelTimes> kernels;
};

/// A kernel: a program of corpus/real, and what is called of it.
struct KernelCall {
  const char *file, *function;
  std::vector<u64> args;
};
std::vector<KernelCall> kernel_calls();
/// BadInput: what was asked for is none of them.
Error unknown_kernel();
/// The kernel as C with a `main` that calls a function so often (bench_driver.inc).
Result<std::string> kernel_as_c(const Module& module);

/// Runs all. BadInput or Io where a program is not there, Unsupported where an engine is not, Internal where a C
/// compiler refuses one.
Result<KernelFigures> measure_kernels(const KernelOptions& options);

/// A table: microseconds of a call; then how fast O0 and O2 are beside each C engine (1: as fast), geometric mean and
/// the least; then what compiling takes.
std::string to_text(const KernelFigures& figures);
/// The same as JSON.
std::string to_json(const KernelFigures& figures);

} // namespace assay::cli
