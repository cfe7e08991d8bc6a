// check_variants.cpp - see check_variants.h.
#include "fuzz/cli/check_variants.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/metamorph/metamorph.h"

#include <filesystem>

namespace assay::cli {
namespace {

constexpr u32 kRepeats = 3;

/// What is wrong with the variant; empty: nothing.
std::string judge(const Module& variant, const fuzz::Cases& cases, const std::vector<Outcome>& originals,
                  fuzz::Checker& checker) {
  if (const auto valid = verify(variant); !valid) return "it is not valid: " + valid.error().to_string();
  const bool same = checker.check(variant, cases);
  for (u32 i = 0; i < cases.size(); ++i) {
    const std::string what = fuzz::morph_difference(variant, originals[i], checker.expected(i));
    if (!what.empty())
      return "oracle: " + fuzz::call_to_string(variant, cases.entry(i), cases.args(i)) + ": " + what +
             " of the variant";
  }
  if (same) return {};
  const fuzz::Difference difference = checker.difference();
  u32 again = 0; // what does not come again depends on what was compiled or run before
  for (u32 i = 0; i < kRepeats; ++i)
    again += !checker.check_one(variant, cases, difference.case_index, difference.subject);
  return checker.subjects()[difference.subject].name + ": " + std::string(fuzz::name_of(difference.kind)) + ": " +
         difference.what + " (again " + std::to_string(again) + " of " + std::to_string(kRepeats) + " times)";
}

/// Where the variant lies, or why it could not be written; in brackets.
std::string keep(const VariantOptions& options, const std::string& name, u64 seed, const Module& variant) {
  if (options.keep.empty()) return {};
  std::error_code failure;
  std::filesystem::create_directories(options.keep, failure);
  const std::string file = std::filesystem::path(name).stem().string() + "-variant" + std::to_string(seed) + ".air";
  const std::string path = (std::filesystem::path(options.keep) / file).string();
  const auto written = fuzz::write_file_atomically(path, to_text(variant));
  return " (" + (written ? path : written.error().to_string()) + ")";
}

} // namespace

void check_variants(const std::string& name, const Module& module, const fuzz::Cases& cases,
                    const VariantOptions& options, fuzz::Checker& checker, VariantCounts& counts,
                    const std::function<void(const std::string&)>& fail) {
  if (options.count == 0) return;
  std::vector<Outcome> originals;
  for (u32 i = 0; i < cases.size(); ++i) originals.push_back(checker.expected(i));
  for (u64 seed = 0; seed < options.count; ++seed) {
    Module variant = module;
    const std::string changes = fuzz::morph(variant, seed);
    ++(changes.empty() ? counts.unchanged : counts.made);
    if (changes.empty()) continue;
    const std::string wrong = judge(variant, cases, originals, checker);
    if (!wrong.empty())
      fail(name + ": variant " + std::to_string(seed) + ", " + changes + keep(options, name, seed, variant) + ": " +
           wrong);
  }
}

} // namespace assay::cli
