// triage_output.h - what `assay triage` has found, and how it says so.
//
// Deterministic: files in the order given, groups by size and key. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/bisect_output.h"
#include "fuzz/triage/known.h"
#include "fuzz/triage/sign.h"

#include <string>
#include <utility>
#include <vector>

namespace assay::cli {

inline constexpr std::string_view kFindingStart = "; assay finding";

struct TriagedFile {
  std::string file;
  fuzz::Finding finding;
  fuzz::Signed result;
  u32 known = kNone; // row of the list of known findings
};

struct NewGroup {
  std::string key;
  std::string name;         // of its file, without ".air": unlike any other group's
  std::vector<u32> members; // in Triaged::files
  u32 smallest = 0;         // in Triaged::files
};

struct Triaged {
  std::vector<TriagedFile> files;
  std::vector<std::pair<std::string, std::string>> left_out; // file, why
  std::vector<fuzz::KnownRow> known;
  std::string known_file;
  std::vector<NewGroup> groups; // what is not known, and fails or cannot be asked
  u32 not_reached = 0;          // files, of an interrupted call
  u32 other_seeds = 0;          // findings of other campaigns, where only one was asked for
};

/// The files of a group but the smallest.
std::vector<std::string> others_of(const Triaged& all, const NewGroup& group);
/// How many findings a row of the list matched.
u64 known_count(const Triaged& all);
/// Fills `groups`.
void merge_new(Triaged& all);
std::string to_text(const Triaged& all);
Json to_json(const Triaged& all);

} // namespace assay::cli
