// bench_module.h - the module that `assay bench` measures compile speed on where there is much to compile.
//
// Tested in fuzz/cli/tests/cli_test.cmake: `assay bench` verifies it before it compiles it.
#pragma once

#include "assay/module.h"

namespace assay::cli {

/// `functions` of 130 instructions each: stretches of i64 arithmetic, shifts, comparisons and loads, four loops one
/// after another. Always the same for the same number.
Module make_bench_module(u32 functions);

} // namespace assay::cli
