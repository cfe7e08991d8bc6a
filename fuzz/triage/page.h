// page.h - one finding, or a campaign's, as a page for a human: a self-contained HTML file, with all that is known.
//
// Pure text: the same input gives the same bytes. Any byte may be in any part: what is no printable UTF-8 is shown as
// \xNN, and nothing of a program can become markup. No script, nothing from elsewhere. Tested in
// fuzz/triage/tests/page_test.cpp.
#pragma once

#include "fuzz/check/finding.h"
#include "fuzz/triage/evidence.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::fuzz {

struct PageInput {
  Finding finding;               // the one that is shown, small if there is a small one
  std::string file;              // where it lies
  Bisection bisection;           // may be empty
  Evidence evidence;             // may be empty
  std::string regression;        // the name of the regression file, without folder
  std::vector<std::string> same; // files of the other findings of the group
  std::string date;              // when, if somebody wants that said; else empty
};

std::string page_of(const PageInput& input);

/// A campaign's findings in one page: what was found, then each group as a page of its own has it.
struct CampaignInput {
  std::string title;                                      // the folder
  std::vector<std::pair<std::string, std::string>> facts; // name, value
  std::vector<PageInput> groups;                          // the smallest of each, the others in `same`
  /// Findings that are in no group: file, why.
  std::vector<std::pair<std::string, std::string>> others;
  std::string date; // when, if somebody wants that said; else empty
};

std::string campaign_page_of(const CampaignInput& input);

/// The file for corpus/regress/: the note, the finding's header, the check line that the oracle made, the program.
std::string regression_file(const Finding& finding, std::string_view name);

/// Subject and body of the commit that adds it.
std::string commit_note(const Finding& finding, std::string_view name);

/// "simplify-shl_shl_wraps.air": of the culprit, as a file's name on every system.
std::string regression_name(const Finding& finding);

/// Text that stands in HTML for these bytes.
std::string escape_html(std::string_view bytes);

} // namespace assay::fuzz
