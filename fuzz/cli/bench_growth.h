// bench_growth.h - whether compile time and memory stay in proportion as functions grow: large ones of several shapes.
//
// Deterministic programs, one function each; a few seconds in all. Tested in fuzz/cli/tests/cli_test.cmake (that the
// table is complete, never how fast).
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::cli {

/// A family of functions that grows with a number.
struct GrowthShape {
  std::string_view name, meaning;
  Module (*make)(u32 size);
  std::vector<u32> sizes;
};
const std::vector<GrowthShape>& growth_shapes();

struct GrowthCost {
  double ns = 0;    // of the fastest round
  double bytes = 0; // most memory that a new compiler and its output had; negative: not known here
};
struct GrowthRow {
  std::string_view shape;
  u32 size = 0;
  u64 instructions = 0, blocks = 0;
  GrowthCost levels[2]; // O0, O2
};
struct GrowthFigures {
  std::vector<GrowthRow> rows;
};

/// Shapes no larger than `most` (0: all sizes). An error when one cannot be verified or compiled.
Result<GrowthFigures> measure_growth(u32 rounds, u32 most);

std::string to_text(const GrowthFigures& figures);
std::string to_json(const GrowthFigures& figures);

} // namespace assay::cli
