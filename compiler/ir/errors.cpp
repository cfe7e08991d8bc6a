// errors.cpp - the printed forms of errors, and the end of the process on a broken invariant.
//
// Cold code: nothing here runs unless something went wrong. `check_failed` writes with stdio only, so that
// it works however little of the process is left in order. Tested in tests/errors_test.cpp.
#include "assay/errors.h"

#include <cstdio>
#include <cstdlib>

namespace assay {

std::string Error::to_string() const {
  std::string text = file;
  if (line != 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(line);
    if (column != 0) text += ':' + std::to_string(column);
  }
  if (!text.empty()) text += ": ";
  return text + message;
}

const char* TrapException::what() const noexcept {
  static constexpr const char* texts[kTrapCount] = {
      "assay: trap unreachable",    "assay: trap div_by_zero",   "assay: trap int_overflow",
      "assay: trap bad_conversion", "assay: trap out_of_bounds", "assay: trap bad_indirect_call",
      "assay: trap stack_overflow", "assay: trap out_of_fuel",   "assay: trap user0",
      "assay: trap user1",          "assay: trap user2",         "assay: trap user3",
      "assay: trap user4",          "assay: trap user5",         "assay: trap user6",
      "assay: trap user7",          "assay: trap user8",         "assay: trap user9",
      "assay: trap user10",         "assay: trap user11",        "assay: trap user12",
      "assay: trap user13",         "assay: trap user14",        "assay: trap user15",
  };
  const auto index = static_cast<u32>(kind_);
  return index < kTrapCount ? texts[index] : "assay: trap";
}

void detail::check_failed(const char* file, int line, const char* what) {
  std::fflush(stdout);
  std::fprintf(stderr, "assay: broken invariant at %s:%d: %s\n", file, line, what);
  std::fflush(stderr);
  std::abort();
}

} // namespace assay
