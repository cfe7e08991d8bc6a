// check_variants.h - what `assay check --variants N` does: each program is said otherwise, and must do the same.
//
// The oracle's run of a variant is compared with its run of the program, places left aside; each subject's run of the
// variant with the oracle's of it, as ever. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/check/check.h"

#include <functional>
#include <string>

namespace assay::cli {

struct VariantOptions {
  u32 count = 0;    // of each program
  std::string keep; // folder for variants that differ; empty: they are only named
};

struct VariantCounts {
  u64 made = 0, unchanged = 0; // unchanged: no change fitted
};

/// `checker` has just checked the program with these cases. `fail` is told of each variant that differs.
void check_variants(const std::string& name, const Module& module, const fuzz::Cases& cases,
                    const VariantOptions& options, fuzz::Checker& checker, VariantCounts& counts,
                    const std::function<void(const std::string&)>& fail);

} // namespace assay::cli
