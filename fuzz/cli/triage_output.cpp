// triage_output.cpp - see triage_output.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/triage_output.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>

namespace assay::cli {
namespace {

constexpr std::size_t kLongestName = 80;

std::string_view word_of(fuzz::Signed::State state) {
  switch (state) {
  case fuzz::Signed::Fails: return "fails";
  case fuzz::Signed::Flaky: return "flaky";
  case fuzz::Signed::Gone: return "gone";
  case fuzz::Signed::Unasked: break;
  }
  return "unasked";
}

/// The key as the name of a file on every system, unlike those that were given.
std::string file_name(std::string_view key, std::set<std::string>& given) {
  std::string name;
  for (const char c : key.substr(0, kLongestName)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (plain || (!name.empty() && name.back() != '-')) name += plain ? c : '-';
  }
  std::string out = name;
  for (u32 i = 2; !given.insert(out).second; ++i) out = name + "-" + std::to_string(i);
  return out;
}

/// Instructions where they are known: what is smallest is shown.
u32 size_of(const TriagedFile& file) {
  return file.result.state == fuzz::Signed::Fails ? file.result.instructions : kNone;
}

std::array<u32, 4> count_states(const Triaged& all) {
  std::array<u32, 4> out{};
  for (const TriagedFile& file : all.files) ++out[file.result.state];
  return out;
}

/// Lines of all files in one state that belong to no group and are not known.
std::string list(const Triaged& all, fuzz::Signed::State state, std::string_view word) {
  std::string out;
  for (const TriagedFile& file : all.files)
    if (file.result.state == state && file.known == kNone)
      out += fmt::format("{:<8} {}: {}\n", word, file.file, to_string(file.result.cause));
  return out;
}

std::string known_lines(const Triaged& all) {
  std::string out;
  for (const fuzz::KnownRow& row : all.known) {
    const std::string words =
        fmt::format("{}:{}: {}  {}  {}\n", all.known_file, row.line, row.pattern, row.date, row.reason);
    out += row.matched != 0 ? fmt::format("known    {:>4}  {}", row.matched, words)
                            : fmt::format("no match    0  {}", words);
  }
  return out;
}

} // namespace

std::vector<std::string> others_of(const Triaged& all, const NewGroup& group) {
  std::vector<std::string> out;
  for (const u32 member : group.members)
    if (member != group.smallest) out.push_back(all.files[member].file);
  return out;
}

u64 known_count(const Triaged& all) {
  u64 out = 0;
  for (const fuzz::KnownRow& row : all.known) out += row.matched;
  return out;
}

void merge_new(Triaged& all) {
  std::vector<fuzz::Cause> causes;
  std::vector<u32> files;
  for (u32 i = 0; i < all.files.size(); ++i) {
    const TriagedFile& file = all.files[i];
    const bool counts = file.result.state == fuzz::Signed::Fails || file.result.state == fuzz::Signed::Unasked;
    if (!counts || file.known != kNone) continue;
    causes.push_back(file.result.cause);
    files.push_back(i);
  }
  std::set<std::string> names;
  for (const fuzz::Group& group : fuzz::merge(causes)) {
    NewGroup& out = all.groups.emplace_back();
    out.key = group.key;
    out.name = file_name(group.key, names);
    for (const u32 member : group.members) out.members.push_back(files[member]);
    out.smallest = *std::min_element(out.members.begin(), out.members.end(), [&](u32 a, u32 b) {
      return size_of(all.files[a]) < size_of(all.files[b]); // of the same size the first
    });
  }
}

std::string to_text(const Triaged& all) {
  const auto states = count_states(all);
  std::string out =
      fmt::format("{} findings: {} fail, {} come and go, {} are gone, {} cannot be tried here; {} files left out{}\n",
                  all.files.size(), states[fuzz::Signed::Fails], states[fuzz::Signed::Flaky],
                  states[fuzz::Signed::Gone], states[fuzz::Signed::Unasked], all.left_out.size(),
                  all.not_reached == 0 ? "" : fmt::format("; interrupted, {} not looked at", all.not_reached));
  if (all.other_seeds != 0) out += fmt::format("{} findings of other campaigns are not looked at\n", all.other_seeds);
  out += fmt::format("{} new groups, {} findings are known\n", all.groups.size(), known_count(all));
  for (const NewGroup& group : all.groups) {
    const TriagedFile& smallest = all.files[group.smallest];
    out += fmt::format("new      {:>4}  {}\n               {}\n", group.members.size(),
                       to_string(smallest.result.cause), smallest.file);
    if (smallest.result.state == fuzz::Signed::Unasked)
      out += "               not tried: " + smallest.result.why + "\n";
  }
  out += known_lines(all) + list(all, fuzz::Signed::Flaky, "flaky") + list(all, fuzz::Signed::Gone, "gone");
  for (const auto& [file, why] : all.left_out) out += fmt::format("left out {}: {}\n", file, why);
  return out;
}

Json to_json(const Triaged& all) {
  const auto states = count_states(all);
  Json out{{"findings", all.files.size()},
           {"fail", states[fuzz::Signed::Fails]},
           {"flaky", states[fuzz::Signed::Flaky]},
           {"gone", states[fuzz::Signed::Gone]},
           {"unasked", states[fuzz::Signed::Unasked]},
           {"known", known_count(all)},
           {"not_reached", all.not_reached},
           {"other_seeds", all.other_seeds},
           {"groups", Json::array()},
           {"known_rows", Json::array()},
           {"files", Json::array()},
           {"left_out", Json::array()}};
  for (const NewGroup& group : all.groups) {
    Json members = Json::array();
    for (const u32 member : group.members) members.push_back(all.files[member].file);
    out["groups"].push_back({{"key", group.key},
                             {"cause", to_string(all.files[group.smallest].result.cause)},
                             {"count", group.members.size()},
                             {"smallest", all.files[group.smallest].file},
                             {"members", members}});
  }
  for (const fuzz::KnownRow& row : all.known)
    out["known_rows"].push_back({{"line", row.line},
                                 {"pattern", row.pattern},
                                 {"date", row.date},
                                 {"reason", row.reason},
                                 {"matched", row.matched}});
  for (const TriagedFile& file : all.files)
    out["files"].push_back({{"file", file.file},
                            {"state", word_of(file.result.state)},
                            {"cause", to_string(file.result.cause)},
                            {"known_line", file.known == kNone ? 0 : all.known[file.known].line}});
  for (const auto& [file, why] : all.left_out) out["left_out"].push_back({{"file", file}, {"why", why}});
  return out;
}

} // namespace assay::cli
