// unwind_mutate.h - flips each bit of unwind tables and asks who notices: the strict reader, or else a run in the
// emulator.
//
// What neither notices must be explained: `meaning` names the field, so that the summary shows which bits a format
// leaves without meaning. Cost: a strict reading a bit, some 20 us, and a run of all cases for the few that pass it.
// Tested end to end in fuzz/cli/tests/.
#pragma once

#include "fuzz/cli/unwind_check.h"

namespace assay::cli {

struct MutationTotals {
  u64 tables = 0, flipped = 0, by_reader = 0, by_step = 0;
  std::map<std::string, u64> unnoticed; // by format, field and bit
  u64 unnoticed_total() const;
};

/// All bits of all tables. The checker's stepper has the program loaded.
Result<void> mutate_tables(UnwindChecker& checker, const UnwindRow& row, const CodeObject& object, const CodeMap& map,
                           const fuzz::Cases& cases, std::span<const StepTable> tables, MutationTotals& totals);

} // namespace assay::cli
