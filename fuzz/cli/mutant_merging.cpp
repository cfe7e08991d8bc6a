// mutant_merging.cpp - see mutant_merging.h.
#include "fuzz/cli/mutant_merging.h"

#include "fuzz/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

namespace assay::cli {
namespace {

Result<void> sign_file(const std::string& path, const fuzz::SignOptions& options, MergedFinding& out) {
  out.file = path;
  const auto source = read_source(path);
  if (!source) return source.error();
  const auto finding = fuzz::parse_finding(source->text, path);
  if (!finding) return finding.error();
  if (finding->kind == fuzz::FindingKind::Invalid) return out.result.cause = fuzz::cause_of(*finding), Result<void>();
  const auto module = load_module(*source);
  if (!module) return module.error();
  out.result = fuzz::sign(*finding, *module, options);
  return {};
}

const char* name_of(fuzz::Signed::State state) {
  switch (state) {
  case fuzz::Signed::Fails: return "fails";
  case fuzz::Signed::Flaky: return "comes and goes";
  case fuzz::Signed::Gone: return "gone";
  case fuzz::Signed::Unasked: break;
  }
  return "not asked";
}

} // namespace

Result<std::vector<MergedFinding>> find_and_sign(const fuzz::PlantedBug& bug, fuzz::CampaignOptions campaign,
                                                 const fuzz::CheckerFactory& make_checker, u32 findings,
                                                 double reduce_seconds) {
  campaign.findings = (std::filesystem::path(campaign.findings) / std::string(bug.name)).string();
  campaign.max_findings = findings;
  campaign.kept_per_kind = findings;
  campaign.print_findings = false;
  fuzz::SignOptions options;
  options.seconds = reduce_seconds;
  std::vector<MergedFinding> out;
  const auto search = [&](fuzz::Measurement&) -> Result<void> {
    auto result = fuzz::run_campaign(campaign, make_checker);
    if (!result) return result.error();
    for (const std::string& path : findings_in(campaign.findings)) {
      if (out.size() == findings) break;
      MergedFinding& one = out.emplace_back();
      one.bug = &bug;
      if (auto done = sign_file(path, options, one); !done) return done;
    }
    return {};
  };
  const auto measured = fuzz::measure_by(&bug, search);
  if (!measured) return measured.error();
  return out;
}

u32 print_groups(const std::vector<MergedFinding>& findings, bool json) {
  std::vector<fuzz::Cause> causes;
  std::vector<const MergedFinding*> merged;
  std::map<const fuzz::PlantedBug*, u32> groups_of;
  u32 left = 0;
  for (const MergedFinding& one : findings) {
    groups_of[one.bug];
    if (one.result.state == fuzz::Signed::Fails) {
      causes.push_back(one.result.cause);
      merged.push_back(&one);
      continue;
    }
    ++left;
    if (!json) std::printf("%-14s %s: %s\n", name_of(one.result.state), one.file.c_str(), one.result.why.c_str());
  }
  const std::vector<fuzz::Group> groups = fuzz::merge(causes);
  Json rows = Json::array();
  u32 mixed = 0;
  for (const fuzz::Group& group : groups) {
    std::map<std::string, u32> bugs;
    for (const u32 member : group.members) ++bugs[std::string(merged[member]->bug->name)];
    std::set<const fuzz::PlantedBug*> distinct;
    for (const u32 member : group.members) distinct.insert(merged[member]->bug);
    for (const fuzz::PlantedBug* bug : distinct) ++groups_of[bug];
    mixed += distinct.size() > 1;
    std::string names;
    for (const auto& [name, count] : bugs)
      names += (names.empty() ? "" : ", ") + name + (bugs.size() == 1 ? "" : " " + std::to_string(count));
    if (!json) std::printf("%4zu  %-44s %s\n", group.members.size(), group.key.c_str(), names.c_str());
    rows.push_back({{"key", group.key}, {"findings", group.members.size()}, {"bugs", bugs}});
  }
  const auto split = std::count_if(groups_of.begin(), groups_of.end(), [](const auto& one) { return one.second > 1; });
  if (json) {
    const Json out{{"findings", merged.size()},
                   {"left_out", left},
                   {"bugs", groups_of.size()},
                   {"groups", groups.size()},
                   {"split", split},
                   {"mixed", mixed},
                   {"rows", rows}};
    std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::printf("%zu findings of %zu planted bugs are %zu groups; %ld bugs are in more than one group, %u groups have "
                "more than one bug; %u findings did not fail three times out of three\n",
                merged.size(), groups_of.size(), groups.size(), static_cast<long>(split), mixed, left);
  }
  return static_cast<u32>(groups.size());
}

} // namespace assay::cli
