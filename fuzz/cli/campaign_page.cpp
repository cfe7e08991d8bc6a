// campaign_page.cpp - see campaign_page.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/campaign_page.h"

#include "fuzz/cli/finding_page.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>

namespace assay::cli {
namespace {

/// "12 miscompile, 1 crash": how often each word comes.
template <typename Word> std::string counts_of(const Triaged& all, Word word) {
  std::map<std::string, u32> counts;
  for (const TriagedFile& file : all.files) ++counts[std::string(word(file.finding))];
  std::string out;
  for (const auto& [name, count] : counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, name);
  return out;
}

/// What the last campaign with these findings has noted; empty: there is no such note.
std::string campaign_of(const std::string& folder) {
  std::ifstream file(std::filesystem::path(folder) / "campaign.state");
  u64 seed = 0, programs = 0;
  if (!(file >> seed >> programs)) return {};
  return fmt::format("seed {}, {} programs", seed, programs);
}

} // namespace

fuzz::CampaignInput campaign_page_input(const Triaged& all, const std::string& folder, const std::string& date) {
  fuzz::CampaignInput out;
  out.title = "Findings in " + folder;
  out.date = date;
  out.facts = {{"findings", std::to_string(all.files.size())},
               {"new groups", std::to_string(all.groups.size())},
               {"known", std::to_string(known_count(all))},
               {"the last campaign", campaign_of(folder)},
               {"kinds", counts_of(all, [](const fuzz::Finding& f) { return fuzz::name_of(f.kind); })},
               {"subjects", counts_of(all, [](const fuzz::Finding& f) { return f.subject; })},
               {"tools", counts_of(all, [](const fuzz::Finding& f) { return f.tool; })}};
  for (const NewGroup& group : all.groups) {
    const TriagedFile& file = all.files[group.smallest];
    fuzz::PageInput page = page_input(file.result, fuzz::finding_of(file.result, file.finding), file.file);
    page.regression = group.name + ".air"; // no two groups have the same
    page.same = others_of(all, group);
    out.groups.push_back(std::move(page));
  }
  for (const TriagedFile& file : all.files) {
    if (file.known != kNone) out.others.push_back({file.file, "known: " + all.known[file.known].reason});
    else if (file.result.state == fuzz::Signed::Flaky || file.result.state == fuzz::Signed::Gone)
      out.others.push_back(
          {file.file, file.result.state == fuzz::Signed::Gone ? "does not fail any more" : "comes and goes"});
  }
  for (const auto& [file, why] : all.left_out) out.others.push_back({file, "left out: " + why});
  if (all.not_reached != 0)
    out.others.push_back({fmt::format("{} files", all.not_reached), "interrupted: not looked at"});
  return out;
}

} // namespace assay::cli
