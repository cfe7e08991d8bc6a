// mutant_naming.h - whether the culprit in a finding's signature (fuzz/triage/cause.h) is the planted bug's component.
//
// Of passes the pass must be named, of constant folding and of rules also that; of the allocators theirs; of the rest
// of a back end the target, and a choice or an operation that is the component's business. Constant time. Tested in
// fuzz/cli/tests/cli_test.cmake by what `assay mutants --reduce` says.
#pragma once

#include "fuzz/mutants/bank.h"

#include <string_view>

namespace assay::cli {

bool names_component(std::string_view culprit, const fuzz::PlantedBug& bug);

} // namespace assay::cli
