// cmd_triage.cpp - `assay triage FINDING...`: which findings are the same, which are known, and one small program each.
//
// Each finding is shown again, signed (fuzz/triage/sign.h) and compared with the list of known ones; what is new is
// merged. Nothing is dropped: what has gone, comes and goes, cannot run here or is no finding is told by name. Tested
// end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/failing.h"
#include "fuzz/cli/triage_output.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace assay::cli {
namespace {

struct TriageCommand {
  std::vector<std::string> files;
  std::string out, known;
  FailingOptions failing; // --plant only
  fuzz::SignOptions sign;
  bool json = false;
};

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

/// The program of a group, as small as it gets. False when it could not be written; that was said.
bool write_smallest(const TriageCommand& options, TriagedFile& file, const std::string& name, int& status) {
  if (file.result.state == fuzz::Signed::Fails && !file.result.reduced) {
    auto module = load_module({file.file, file.finding.program});
    fuzz::SignOptions how = options.sign;
    how.reduce = true;
    if (module) {
      fuzz::Signed again = fuzz::sign(file.finding, *module, how);
      // A smaller program of another cause would be another finding.
      if (again.state == fuzz::Signed::Fails && fuzz::group_key(again.cause) == fuzz::group_key(file.result.cause))
        file.result = std::move(again);
    }
  }
  const std::string path = options.out + "/" + name;
  const fuzz::Finding small = fuzz::finding_of(file.result, file.finding);
  const auto written = fuzz::write_file_atomically(path + ".air", to_text(small, path + ".air"));
  if (written) return true;
  report(written.error());
  status = kCannot;
  return false;
}

bool read_known(const TriageCommand& options, Triaged& out, int& status) {
  if (options.known.empty()) return true;
  const auto source = read_source(options.known);
  if (!source) {
    status = report(source.error());
    return false;
  }
  auto rows = fuzz::parse_known(source->text, source->name);
  if (!rows) {
    status = report(rows.error(), source->text);
    return false;
  }
  out.known = std::move(*rows);
  out.known_file = options.known;
  return true;
}

void triage_file(const TriageCommand& options, const std::string& path, Triaged& out, int& worst) {
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
  one.result = fuzz::sign(one.finding, module, options.sign);
  one.known = one.result.state == fuzz::Signed::Gone ? kNone : fuzz::find_known(out.known, one.result.cause);
  if (one.known != kNone) ++out.known[one.known].matched;
  out.files.push_back(std::move(one));
}

int triage(TriageCommand& options) {
  int status = kClean;
  Triaged all;
  if (!plant(options.failing, "triage", status) || !read_known(options, all, status)) return status;
  auto files = list_programs(options.files);
  if (!files) return report(files.error());
  if (!options.out.empty()) {
    if (auto made = fuzz::prepare_findings_folder(options.out); !made)
      return static_cast<void>(report(made.error())), kCannot;
  }
  fuzz::catch_interrupts();
  int worst = kClean;
  for (const std::string& file : *files) {
    if (fuzz::interrupted()) break;
    triage_file(options, file, all, worst);
  }
  all.not_reached = static_cast<u32>(files->size() - all.files.size() - all.left_out.size());
  merge_new(all);
  for (u32 i = 0; i < all.groups.size() && !options.out.empty() && !fuzz::interrupted(); ++i)
    write_smallest(options, all.files[all.groups[i].smallest], all.groups[i].name, worst);
  std::fputs(
      (options.json ? to_json(all).dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : to_text(all)).c_str(),
      stdout);
  const bool flaky = std::any_of(all.files.begin(), all.files.end(), [](const TriagedFile& file) {
    return file.result.state == fuzz::Signed::Flaky && file.known == kNone;
  });
  if (worst == kCannot) return kCannot; // what should be kept was not
  return !all.groups.empty() || flaky ? static_cast<int>(kDifference) : worst;
}

} // namespace

void add_triage(CLI::App& app, int& status) {
  auto options = std::make_shared<TriageCommand>();
  CLI::App* command =
      app.add_subcommand("triage", "which findings are the same, which are known; a small program each");
  command->add_option("FINDING", options->files, "findings, or folders of them")->required();
  command->add_option("--out", options->out, "folder for the smallest program of each new group");
  command->add_option("--known", options->known, "list of known findings: signature, day, reason");
  command->add_option("--budget", options->sign.seconds, "seconds to reduce one finding")->capture_default_str();
  command->add_option("--jobs", options->sign.triage.jobs, "programs tried at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 512u));
  command->add_option("--plant", options->failing.plant,
                      "put this bug of the bank into the compiler, to try the command");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = triage(*options); });
}

} // namespace assay::cli
