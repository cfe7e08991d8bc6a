// bank.cpp - see bank.h.
//
// The bug is chosen by a variable that worker processes inherit, so a measurement changes nothing after itself.
// Tested in fuzz/mutants/tests/bank_test.cpp.
#include "fuzz/mutants/bank.h"

#include "assay/planted.h"
#include "fuzz/check/finding.h"
#include "fuzz/os/process.h"

#include <chrono>
#include <cstdio>
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

void plant(std::string_view name) {
  planted::active = name.empty() ? 0 : planted::name_hash(std::string(name).c_str());
}
#else
void plant(std::string_view) {}
#endif

/// Any finding in the folder.
void read_finding(const std::string& folder, Measurement& out) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".air") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const auto finding = parse_finding(std::string{std::istreambuf_iterator<char>(file), {}}, entry.path().string());
    if (!finding) continue;
    out.check = name_of(finding->kind);
    out.difference = finding->difference;
    out.path = entry.path().string();
    return;
  }
}

/// A worker that ended by a signal may have said why.
void add_last_words(Measurement& out) {
  const std::size_t at = out.errors.find("assay: broken invariant");
  if (out.difference.rfind("signal ", 0) != 0 || at == std::string::npos) return;
  out.difference += ": " + out.errors.substr(at, out.errors.find('\n', at) - at);
}

} // namespace

#ifdef ASSAY_MUTANTS
bool has_bank() { return true; }
std::span<const PlantedBug> planted_bugs() { return kBank; }
#else
bool has_bank() { return false; }
std::span<const PlantedBug> planted_bugs() { return {}; }
#endif

Planted::Planted(const PlantedBug* bug) { plant(bug == nullptr ? std::string_view() : bug->name); }
Planted::~Planted() { plant({}); }

Result<Measurement> measure_by(const PlantedBug* bug, const std::function<Result<void>(Measurement&)>& search) {
  auto capture = ErrorCapture::begin();
  if (!capture) return capture.error();
  const double cpu_before = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  Measurement out;
  plant(bug == nullptr ? std::string_view() : bug->name);
  const auto done = search(out);
  plant({});
  out.errors = capture->end();
  if (!done) {
    std::fputs(out.errors.c_str(), stderr);
    return done.error();
  }
  out.bug = bug;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.cpu_seconds = cpu_seconds() - cpu_before;
  return out;
}

Result<Measurement> measure(const PlantedBug* bug, CampaignOptions options, const CheckerFactory& make_checker) {
  namespace fs = std::filesystem;
  options.findings = (fs::path(options.findings) / (bug == nullptr ? "none" : std::string(bug->name))).string();
  options.max_findings = 1;
  options.print_findings = false;

  auto capture = ErrorCapture::begin();
  if (!capture) return capture.error();
  const double cpu_before = cpu_seconds();
  plant(bug == nullptr ? std::string_view() : bug->name);
  auto result = run_campaign(options, make_checker);
  plant({});
  Measurement out;
  out.errors = capture->end();
  if (!result) {
    std::fputs(out.errors.c_str(), stderr);
    return result.error();
  }
  out.bug = bug;
  out.found = result->finding_total != 0;
  out.programs = result->totals.programs;
  out.seconds = result->seconds;
  out.cpu_seconds = cpu_seconds() - cpu_before;
  if (out.found) read_finding(options.findings, out);
  add_last_words(out);
  return out;
}

} // namespace assay::fuzz
