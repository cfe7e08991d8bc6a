// feature_switches.h - what makes a campaign's programs find bugs, feature by feature, each to be left out.
//
// So that its worth can be measured: how many planted bugs are found without it. One table.
// Tested in fuzz/campaign/tests/program_source_test.cpp.
#pragma once

#include "fuzz/campaign/program_source.h"

#include <span>
#include <string_view>

namespace assay::fuzz {

struct FeatureSwitch {
  std::string_view name; // "mutators"
  void (*leave_out)(SourceOptions&);
  std::string_view meaning;
};

std::span<const FeatureSwitch> feature_switches();

/// False: there is none of that name.
bool leave_out(std::string_view feature, SourceOptions& options);

} // namespace assay::fuzz
