// outcome_output.h - an Outcome as `assay run` and `assay check` print it. Internal to fuzz/cli.
#pragma once

#include "assay/module.h"
#include "assay/outcome.h"

#include <nlohmann/json.hpp>

#include <string>

namespace assay::cli {

/// Size, digest, and the ranges that differ from the memory that the program started with.
std::string memory_to_string(const Module& module, const Outcome& outcome);

nlohmann::ordered_json outcome_to_json(const Module& module, const Outcome& outcome);

} // namespace assay::cli
