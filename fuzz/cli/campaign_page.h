// campaign_page.h - what `assay report FOLDER` shows: all findings of a campaign, merged, as one page.
//
// Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/triage_run.h"
#include "fuzz/triage/page.h"

#include <string>

namespace assay::cli {

/// Groups with all that is known of the smallest of each, and by name what is in no group. `folder`: where the findings
/// lie, and what the campaign has noted of itself.
fuzz::CampaignInput campaign_page_input(const Triaged& all, const std::string& folder, const std::string& date);

} // namespace assay::cli
