// finding.h - a failing program as one text file that explains itself and is a valid AIR program.
//
// Above the program stand comment lines: what failed, on which call, both outcomes, how to see it again. Such a file
// can be given to every command that takes AIR. Written under a temporary name and renamed, so that a file in
// the folder is always whole. Tested in fuzz/check/tests/finding_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/check/attribution.h"
#include "fuzz/check/check.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

struct Finding {
  FindingKind kind = FindingKind::Miscompile;
  u64 seed = 0;                  // of the campaign
  u64 program_index = 0;         // in the campaign
  std::string origin;            // "generated", "mutant of corpus/run/slots.air"
  std::string subject;           // name in the table of subjects; empty: none was reached
  std::string passes;            // in place of the standard ones, "gvn,licm"; empty: those of the subject
  std::string entry;             // function name without '@'; empty when nothing was called
  std::vector<std::string> args; // literals
  u64 fuel = 0;
  std::string expected;   // the oracle's outcome, printed
  std::string actual;     // the subject's
  std::string difference; // the first one
  std::string culprit;    // who is at fault, and what was tried to learn it (attribution.h); empty: not asked
  std::string trials;
  std::string cause;    // its signature, under which duplicates are merged (fuzz/triage/cause.h); empty: not asked
  std::string run_line; // "; run: ..." for the regression corpus
  std::string reduced;  // "from 54 to 6 instructions"; empty: it was not
  std::string sizes;    // "2 functions, 9 blocks, 54 instructions"
  std::string tool;     // "assay 0.1.0"
  u32 replays = 0, reproduced = 0;
  std::string program; // AIR text
};

/// What names the finding: kind, subject, first differing observable, and eight hex digits of program and call.
std::string signature(const Finding& finding);

/// The observable that differs, as a word: "result", "memory-byte", "host-call". Of Difference::what.
std::string observable(std::string_view difference);

/// Of a check that has just failed. With an attributor (may be null), the culprit too.
Finding make_finding(const Module& module, const Cases& cases, const Checker& checker,
                     Attributor* attributor = nullptr);

/// The words between commas, as Finding::passes has them; none of an empty text.
std::vector<std::string> words_of(std::string_view list);

/// "2 functions, 9 blocks, 54 instructions"
std::string sizes_of(const Module& module);

/// "assay 0.1.0"
std::string tool_version();
/// The same, of a finding on a subject that is another compiler with that one's: "assay 0.1.0, LLVM 19.1.7".
std::string tools_of(std::string_view subject);

/// The file's text. `path` is what the replay command names.
std::string to_text(const Finding& finding, std::string_view path);
/// Reads such a file. BadInput names the line when a header line is missing or wrong.
Result<Finding> parse_finding(std::string_view text, std::string_view file);

/// Makes the folder if need be and tries a write in it; Io says why findings cannot be kept there.
Result<void> prepare_findings_folder(const std::string& folder);
/// Writes the finding; its path. On Io nothing is left behind.
Result<std::string> write_finding(const Finding& finding, const std::string& folder);
/// Writes a whole file or leaves the one that was there: temporary name in the same folder, then rename.
Result<void> write_file_atomically(const std::string& path, std::string_view text);

/// The finding's call in its parsed program: cases with one entry, or none when nothing was called.
Result<void> cases_of(const Finding& finding, const Module& module, Cases& out);

/// Runs the finding's call again on its subject. True when it fails with the same kind.
Result<bool> replay(const Finding& finding, const Module& module, Checker& checker);

} // namespace assay::fuzz
