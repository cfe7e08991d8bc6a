// perf_records.h - what Linux's perf reads about compiled code, as bytes: lines of a map file, records of a jitdump.
//
// Formats: tools/perf/Documentation/jit-interface.txt ("START SIZE symbolname", hexadecimal) and
// jitdump-specification.txt, version 1: a header, then records, each function's lines (JIT_CODE_DEBUG_INFO) and unwind
// tables (JIT_CODE_UNWINDING_INFO) before its code (JIT_CODE_LOAD). The tables are .eh_frame, where they would stand
// behind the function's code, and .eh_frame_hdr behind them (LSB 5.0, "Exception Frames").
// Pure; linear in the object. Tested in compiler/debug/info/tests/perf_records_test.cpp and, with perf, in
// compiler/debug/tools/tests/profiler_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/code_tools.h"

#include <string>
#include <vector>

namespace assay::debug {

/// One line a function.
void append_perf_map(const CodeObject& object, u64 base, std::string& out);

struct DumpProcess {
  u32 pid = 0, tid = 0;
  u64 time = 0; // nanoseconds of the clock that perf is told to use (monotonic)
};

void append_dump_header(Target target, const DumpProcess& process, std::vector<u8>& out);

/// All functions. `code` is what is in memory: relocated. `next_index` numbers functions throughout a file; it is
/// advanced. `source` may be null: then there are no lines.
void append_dump_code(const CodeObject& object, const u8* code, u64 base, const DebugSource* source,
                      const DumpProcess& process, u64& next_index, std::vector<u8>& out);

} // namespace assay::debug
