// triage_run.cpp - see triage_run.h. Nothing is dropped: what has gone, comes and goes, cannot run here or is no
// finding is told by name. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/triage_run.h"

#include "fuzz/cli/commands.h"
#include "fuzz/cli/finding_page.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace assay::cli {
namespace {

bool is_finding(const std::string& text) { return text.compare(0, kFindingStart.size(), kFindingStart) == 0; }

/// Reads one file. Else why it is left out; errors have been reported, and `status` set.
std::string read_finding(const std::string& path, TriagedFile& out, Module& module, int& status) {
  auto source = read_source(path);
  if (!source) {
    status = report(source.error());
    return "it cannot be read";
  }
  out.file = path;
  if (!is_finding(source->text)) return "it is no finding";
  auto finding = fuzz::parse_finding(source->text, path);
  if (!finding) {
    status = report(finding.error(), source->text);
    return "its header is malformed";
  }
  out.finding = std::move(*finding);
  if (out.finding.kind == fuzz::FindingKind::Invalid) return {}; // of which the verifier says no
  auto read = load_module(*source);
  if (!read) {
    status = report(read.error(), source->text);
    return "its program is not valid";
  }
  module = std::move(*read);
  return {};
}

/// What triage itself has written below the folders given (`assay fuzz --triage`) is no further finding.
void leave_out_own(const std::vector<std::string>& roots, std::vector<std::string>& files, Triaged& all) {
  namespace fs = std::filesystem;
  const auto is_own = [&roots](const std::string& file) {
    return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
      std::error_code failure;
      if (!fs::is_directory(root, failure)) return false;
      const fs::path below = fs::path(file).lexically_relative(root);
      return !below.empty() && *below.begin() != ".." && std::find(below.begin(), below.end(), "triage") != below.end();
    });
  };
  for (const std::string& file : files)
    if (is_own(file)) all.left_out.push_back({file, "triage has written it"});
  files.erase(std::remove_if(files.begin(), files.end(), is_own), files.end());
}

/// Of a group the program, as small as it gets, with its page.
void write_group(const TriageSettings& options, Triaged& all, const NewGroup& group, int& status) {
  shrink(options, all, group);
  const TriagedFile& file = all.files[group.smallest];
  const fuzz::Finding small = fuzz::finding_of(file.result, file.finding);
  const auto written = hand_over(file.result, small, options.out, group.name, others_of(all, group), options.date);
  if (written) return;
  report(written.error());
  status = kCannot;
}

void triage_file(const TriageSettings& options, const std::string& path, Triaged& out, int& worst) {
  TriagedFile one;
  Module module;
  int status = kBadInput;
  const std::string why_not = read_finding(path, one, module, status);
  if (!why_not.empty()) {
    std::fprintf(stderr, "%s: left out: %s\n", path.c_str(), why_not.c_str());
    out.left_out.push_back({path, why_not});
    worst = std::max(worst, status);
    return;
  }
  if (options.seed && one.finding.seed != *options.seed) {
    ++out.other_seeds;
    return;
  }
  one.result = fuzz::sign(one.finding, module, options.sign);
  one.known = one.result.state == fuzz::Signed::Gone ? kNone : fuzz::find_known(out.known, one.result.cause);
  if (one.known != kNone) ++out.known[one.known].matched;
  out.files.push_back(std::move(one));
}

} // namespace

Result<std::vector<std::string>> list_findings(const std::vector<std::string>& paths, Triaged& all) {
  auto files = list_programs(paths);
  if (files) leave_out_own(paths, *files, all);
  return files;
}

void shrink(const TriageSettings& options, Triaged& all, const NewGroup& group) {
  TriagedFile& file = all.files[group.smallest];
  if (file.result.state != fuzz::Signed::Fails || file.result.reduced) return;
  auto module = load_module({file.file, file.finding.program});
  if (!module) return;
  fuzz::SignOptions how = options.sign;
  how.reduce = true;
  fuzz::Signed again = fuzz::sign(file.finding, *module, how);
  // A smaller program of another cause would be another finding.
  if (again.state == fuzz::Signed::Fails && fuzz::group_key(again.cause) == fuzz::group_key(file.result.cause))
    file.result = std::move(again);
}

bool read_known_list(const std::string& path, std::vector<fuzz::KnownRow>& out, int& status) {
  if (path.empty()) return true;
  const auto source = read_source(path);
  if (!source) {
    status = report(source.error());
    return false;
  }
  auto rows = fuzz::parse_known(source->text, source->name);
  if (!rows) {
    status = report(rows.error(), source->text);
    return false;
  }
  out = std::move(*rows);
  return true;
}

bool run_triage(const TriageSettings& options, Triaged& all, int& status) {
  all.known_file = options.known;
  if (!read_known_list(options.known, all.known, status)) return false;
  if (!options.out.empty()) {
    if (auto made = fuzz::prepare_findings_folder(options.out); !made) {
      report(made.error());
      status = kCannot;
      return false;
    }
  }
  int worst = kClean;
  u32 looked_at = 0;
  for (const std::string& file : options.files) {
    if (fuzz::interrupted()) break;
    triage_file(options, file, all, worst);
    ++looked_at;
  }
  all.not_reached = static_cast<u32>(options.files.size()) - looked_at;
  merge_new(all);
  for (u32 i = 0; i < all.groups.size() && !options.out.empty() && !fuzz::interrupted(); ++i)
    write_group(options, all, all.groups[i], worst);
  const bool flaky = std::any_of(all.files.begin(), all.files.end(), [](const TriagedFile& file) {
    return file.result.state == fuzz::Signed::Flaky && file.known == kNone;
  });
  const bool found = !all.groups.empty() || flaky;
  status = worst == kCannot || !found ? worst : static_cast<int>(kDifference); // kCannot: what should be kept was not
  return true;
}

} // namespace assay::cli
