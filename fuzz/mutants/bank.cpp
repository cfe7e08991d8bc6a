// bank.cpp - see bank.h.
//
// The bug is chosen by a variable that worker processes inherit, so a measurement changes nothing after itself.
// Tested in fuzz/mutants/tests/bank_test.cpp.
#include "fuzz/mutants/bank.h"

#include "assay/planted.h"
#include "fuzz/check/finding.h"
#include "fuzz/os/process.h"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace assay::fuzz {
namespace {

#ifdef ASSAY_MUTANTS
constexpr PlantedBug kBank[] = {
#define BUG(name, component, bug_class, origin, meaning) {#name, component, bug_class, origin, meaning},
#include "fuzz/mutants/bank.def"
#undef BUG
};

void plant(std::string_view name) { planted::active = name.empty() ? 0 : planted::name_hash(std::string(name).c_str()); }
#else
void plant(std::string_view) {}
#endif

/// Kind and difference of any finding in the folder.
std::string observable_in(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".air") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const auto finding = parse_finding(std::string{std::istreambuf_iterator<char>(file), {}}, entry.path().string());
    if (finding) return std::string(name_of(finding->kind)) + ": " + finding->difference;
  }
  return {};
}

} // namespace

#ifdef ASSAY_MUTANTS
bool has_bank() { return true; }
std::span<const PlantedBug> planted_bugs() { return kBank; }
#else
bool has_bank() { return false; }
std::span<const PlantedBug> planted_bugs() { return {}; }
#endif

Result<Measurement> measure(std::string_view name, CampaignOptions options, const CheckerFactory& make_checker) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(options.findings) / (name.empty() ? "none" : std::string(name));
  options.findings = folder.string();
  options.max_findings = 1;
  options.print_findings = false;

  const double cpu_before = cpu_seconds();
  plant(name);
  auto result = run_campaign(options, make_checker);
  plant({});
  if (!result) return result.error();

  Measurement out;
  out.name = name.empty() ? "none" : std::string(name);
  out.found = result->finding_total != 0;
  out.programs = result->totals.programs;
  out.seconds = result->seconds;
  out.cpu_seconds = cpu_seconds() - cpu_before;
  if (out.found) out.observable = observable_in(options.findings);
  return out;
}

} // namespace assay::fuzz
