// unwind_tables.h - writes the unwind tables of a compiled program in each format, and reads them strictly.
//
// Writers are compiler/unwind, readers oracle/unwind: they share nothing. The strict reader sees what no run can:
// order, padding, shortest forms, codes at the ends of instructions, call sites that lead to landing pads of their
// function. Cost: a disassembly of the code for x64, then linear. Tested end to end in fuzz/cli/tests/.
#pragma once

#include "assay/code_object.h"
#include "oracle/unwind/unwind.h"
#include "qemu/protocol/step_messages.h"

#include <memory>

namespace assay::cli {

/// Where the strict reader and decoders are told that the code lies.
inline constexpr u64 kCodeAt = 0x10000000;

using qemu::protocol::StepTable;
using qemu::protocol::TableFormat;

/// Where instructions begin in the code of an object.
struct CodeMap {
  std::vector<u32> starts;     // of instructions of functions, rising; empty where this build cannot disassemble x64
  std::vector<bool> is_border; // [offset]: an instruction begins, or a function ends there
  /// Overwrites.
  void make(const CodeObject& object);
};

/// The tables of one format for the code. Unsupported: the writer cannot.
Result<StepTable> write_table(TableFormat format, const CodeObject& object);

/// The decoder of the table's format for code at that address, opened; the Error is its first complaint. Table and
/// object stay with the caller.
Result<std::unique_ptr<oracle::UnwindTables>> open_table(const StepTable& table, const CodeObject& object, u64 code_at);

/// Empty, or what the strict reader objects to.
std::string lint_table(const StepTable& table, const CodeObject& object, const CodeMap& map);

/// Empty, or what is wrong with call frame information that names a personality routine, as code with handlers is
/// installed with: read strictly, it must say what `plain`, without one, says at every instruction.
std::string lint_with_handlers(const StepTable& plain, const CodeObject& object, const CodeMap& map);

/// Empty, or what is wrong with the call-site table: each site is where a call returns to, in the body of a function,
/// and its landing pads are instructions there.
std::string lint_call_sites(const CodeObject& object, const CodeMap& map);

/// "@name+0x1c  mov rbp, rsp"
std::string place_in_code(const CodeObject& object, u32 offset);

} // namespace assay::cli
