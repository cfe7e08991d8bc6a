// libfuzzer_engine.h - libFuzzer as the engine of a campaign's worker (CampaignOptions::engine).
//
// Coverage of the compiler decides which programs are kept and changed further. The check, the counters and the
// findings are the campaign's own. Only in builds with ASSAY_FUZZERS. ctest does not
// build it: `ci/fuzz 60` is its test.
#pragma once

#include "fuzz/campaign/campaign.h"

namespace assay::fuzz {

/// Runs until the campaign stops; libFuzzer never returns from some of its ends, so the process may end inside.
int run_libfuzzer(WorkerContext& context);

} // namespace assay::fuzz
