// triage_run.h - findings from files: shown again, signed, compared with the list of known ones, merged, handed over.
//
// What `assay triage` does, and `assay fuzz --triage` with what it has found. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/triage_output.h"

#include <optional>
#include <string>
#include <vector>

namespace assay::cli {

struct TriageSettings {
  std::vector<std::string> files;
  std::string out;   // folder for what is handed over; empty: nothing is
  std::string known; // list of known findings, or empty
  std::string date;  // said in pages, or empty
  fuzz::SignOptions sign;
  std::optional<u64> seed; // only findings of the campaign with this seed
};

/// The rows of the list; none when `path` is empty. False: it is wrong, that was said, `status` is set.
bool read_known_list(const std::string& path, std::vector<fuzz::KnownRow>& out, int& status);

/// The findings below the paths, folders walked; what triage itself has written there is left out, which `all` notes.
Result<std::vector<std::string>> list_findings(const std::vector<std::string>& paths, Triaged& all);

/// Makes the smallest program of a group smaller still, where that is still its finding.
void shrink(const TriageSettings& options, Triaged& all, const NewGroup& group);

/// `status`: 1 when there is something new, else that of the worst file. False: nothing could be done, and that was
/// said.
bool run_triage(const TriageSettings& options, Triaged& all, int& status);

} // namespace assay::cli
