// bisect_output.h - what bisection found, as text and as JSON, for `assay bisect`, `reduce` and `mutants`.
#pragma once

#include "fuzz/bisect/bisect.h"

#include <nlohmann/json.hpp>

namespace assay::cli {

using Json = nlohmann::ordered_json;

Json json_of(const fuzz::Bisection& bisection);
/// To the output, several lines.
void print_bisection(const fuzz::Bisection& bisection);

} // namespace assay::cli
