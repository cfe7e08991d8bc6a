// code_tools.h - which other programs are told about compiled code, and where the code comes from.
//
// debugger: GDB's JIT interface (GDB manual, "JIT Compilation Interface"), read by gdb and, after
//   `settings set plugin.jit-loader.gdb.enable on`, by lldb: names of functions, AIR lines, frames.
// perf_map: DIRECTORY/perf-PID.map (Linux tools/perf/Documentation/jit-interface.txt): addresses and names of
// functions, read
//   by `perf report`, which looks in /tmp.
// perf_dump: DIRECTORY/jit-PID.dump (jitdump-specification.txt): code, names, lines and unwind tables, for
//   `perf record -k mono` and `perf inject --jit`.
// All are off by default: each costs work and memory at each load, and a file grows until the process ends.
// Tested in compiler/debug/tools/tests/{debugger,profiler}_test.cpp.
#pragma once

#include "assay/module.h"
#include "assay/text.h"

#include <string>

namespace assay {

struct ToolOptions {
  bool debugger = false;
  bool perf_map = false;
  bool perf_dump = false;
  std::string directory = "/tmp"; // of both files
  bool any() const { return debugger || perf_map || perf_dump; }
};

/// Where a module was written, so that tools can name lines. Borrowed: must live while the code is being installed.
struct DebugSource {
  std::string file; // as a debugger is to show and find it
  const Module* module = nullptr;
  const SourceMap* map = nullptr; // of the parse that made `module`
};

} // namespace assay
