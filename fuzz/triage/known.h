// known.h - the list of findings that are known: what matches a row is counted, and not told as new.
//
// A text file, one row a line; lines that are empty or begin with '#' say nothing:
//
//   miscompile x64 O2 * gvn  2026-11-22  loads of one byte after a store, being mended
//
// Five words as a signature has them (cause.h), in each of which '*' stands for any characters; the day on which the
// row was written; the reason, to the end of the line. The first row that matches counts. A row that matches nothing is
// told, because what it was about may be mended. Tested in fuzz/triage/tests/known_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/triage/cause.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

struct KnownRow {
  u32 line = 0;
  std::string pattern; // five words, one blank between them
  std::string date;    // "2026-11-22"
  std::string reason;
  u64 matched = 0;
};

/// BadInput with line, column and what was expected.
Result<std::vector<KnownRow>> parse_known(std::string_view text, std::string_view file);

/// The index of the first row that the cause matches, kNone: it is not known. Nothing is counted.
u32 find_known(const std::vector<KnownRow>& rows, const Cause& cause);

/// Whether the text is what the pattern says; '*' stands for any characters. Linear but for patterns of many stars.
bool matches(std::string_view pattern, std::string_view text);

} // namespace assay::fuzz
