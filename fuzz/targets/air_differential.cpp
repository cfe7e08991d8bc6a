// air_differential.cpp - the main target: AIR text, every subject that this host can run, compared with the oracle.
//
// A difference is printed as a finding and ends the process, as fuzzing engines expect.
// Tested by ctest `targets.air_differential`, which replays the corpus.
#include "fuzz/check/finding.h"
#include "fuzz/targets/targets.h"

#include <cstdio>
#include <cstdlib>

namespace {

assay::fuzz::Checker make_checker() {
  auto rows = assay::fuzz::select_subjects({});
  if (rows) {
    auto checker = assay::fuzz::Checker::make(*rows);
    if (checker) return std::move(*checker);
  }
  std::fputs("no subject can run here\n", stderr);
  std::exit(4);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static assay::fuzz::Checker checker = make_checker();
  static assay::Module module;
  static assay::fuzz::Cases cases;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!assay::fuzz::program_of(text, module)) return -1;
  assay::fuzz::make_seeded_cases(module, assay::fuzz::text_seed(text), {}, cases);
  if (checker.check(module, cases)) return 0;
  const auto finding = assay::fuzz::make_finding(module, cases, checker);
  std::fputs(assay::fuzz::to_text(finding, "FILE").c_str(), stderr);
  std::abort();
}
