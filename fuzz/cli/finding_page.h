// finding_page.h - the files that a finding is handed over with: a page, a regression file, a note for the commit.
//
// Each is written under a temporary name and renamed. Used by `assay triage --out` and `assay report`. Tested in
// fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "assay/errors.h"
#include "fuzz/triage/page.h"
#include "fuzz/triage/sign.h"

#include <string>
#include <vector>

namespace assay::cli {

/// The page of what is in `file`: `small` with the evidence of `result`.
fuzz::PageInput page_input(const fuzz::Signed& result, const fuzz::Finding& small, const std::string& file);

/// FOLDER/NAME.air, FOLDER/NAME.html, and in FOLDER/regress the regression file and its note. Io names the file.
Result<void> hand_over(const fuzz::Signed& result, const fuzz::Finding& small, const std::string& folder,
                       const std::string& name, std::vector<std::string> same, const std::string& date);

} // namespace assay::cli
