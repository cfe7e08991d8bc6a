// unwind_check.h - writes the unwind tables of a compiled program in each format, reads them strictly, and steps through the
// program in the emulator with them. What `assay unwind` does with each program.
//
// Writers are compiler/unwind, readers oracle/unwind: they share nothing. The strict reader sees what no run can (order,
// padding, shortest forms, codes at the ends of instructions), a run what no reader can (whether it is true).
// Tested end to end in fuzz/cli/tests/.
#pragma once

#include "fuzz/check/check.h"
#include "qemu/unicorn/unicorn_stepper.h"

namespace assay::cli {

using qemu::protocol::StepTable;
using qemu::protocol::TableFormat;

/// The tables of one format for the code. Unsupported: the writer cannot.
Result<StepTable> write_table(TableFormat format, const CodeObject& object);

/// Empty, or what the strict reader objects to.
std::string lint_table(const StepTable& table, const CodeObject& object);

/// A place where a format is wrong.
struct UnwindFinding {
  TableFormat format = TableFormat::Dwarf;
  std::string where; // function, offset, instruction
  std::string what;
};

struct UnwindTotals {
  u64 programs = 0, functions = 0, runs = 0, instructions = 0, pcs = 0, code_instructions = 0;
  u32 max_depth = 0;
  qemu::protocol::StepCounts counts[qemu::protocol::kTableFormats];
  u64 linted[qemu::protocol::kTableFormats] = {};
  void add(const qemu::protocol::StepReport& report);
};

/// Loads, sets tables, runs all cases. Findings are appended, `totals` grows. An Error: the emulator could not.
Result<void> step_cases(qemu::UnicornStepper& stepper, const CodeObject& object, const fuzz::Cases& cases,
                        UnwindTotals& totals, std::vector<UnwindFinding>& findings);

/// "@name+0x1c  mov rbp, rsp"
std::string place_in_code(const CodeObject& object, u32 offset);

} // namespace assay::cli
