// unwind_mutate.h - changes each bit and byte of unwind tables and asks who notices: the strict reader, or else a run
// in the emulator.
//
// What neither notices must be explained: its field is named, and the changed table must decode to the same rule at
// every instruction and for every return address (oracle/unwind/meaning.h), which is asked before a run, or to one that
// finds the same caller there (unwind_frames.h). Cost: a strict reading a change, some 20 us; two decodings an
// instruction for what passes it; and a run of all cases for what then differs. Tested end to end in fuzz/cli/tests/.
#pragma once

#include "fuzz/cli/unwind_check.h"

namespace assay::cli {

struct MutationCounts {
  u64 tables = 0, changed = 0, by_reader = 0, by_step = 0, explained = 0, unexplained = 0;
};

struct MutationTotals {
  MutationCounts formats[qemu::protocol::kTableFormats];
  std::map<std::string, u64> explained;   // by format, field and reason
  std::map<std::string, u64> unexplained; // by platform, field, byte and the first instruction that differs
  MutationCounts sum() const;
};

/// Each bit flipped, and each byte given other values, in all tables. The checker's stepper has the program loaded.
Result<void> mutate_tables(UnwindChecker& checker, const UnwindRow& row, const CodeObject& object, const CodeMap& map,
                           const fuzz::Cases& cases, std::span<const StepTable> tables, MutationTotals& totals);

} // namespace assay::cli
