// report.cpp - see report.h and `summary` in campaign.h.
//
// Everything that was left out is told with its reason: a campaign that silently skipped would look clean.
// Tested in fuzz/campaign/tests/campaign_test.cpp.
#include "fuzz/campaign/report.h"

#include "fuzz/check/finding.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::fuzz {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kOutcomeNames[] = {"returned", "threw", "threw_host", "trapped",
                                              "crashed",  "hung",  "breached",   "refused"};

double rate(u64 count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

std::string grouped(u64 number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

/// "returned 81%  trapped 18%": of the oracle's runs, leaving out what did not occur.
std::string outcome_shares(const Totals& totals) {
  std::string out;
  for (u32 i = 0; i < totals.outcomes.size(); ++i) {
    if (totals.outcomes[i] == 0) continue;
    const double share =
        100.0 * static_cast<double>(totals.outcomes[i]) / static_cast<double>(std::max<u64>(1, totals.runs));
    out += fmt::format("{}{} {:.{}f}%", out.empty() ? "" : "  ", kOutcomeNames[i], share, share < 1 ? 2 : 0);
  }
  return out;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// "; not met: a, b": where it is few.
std::string not_met(const Totals& totals) {
  constexpr std::size_t kMost = 24;
  const std::vector<std::string> missing = unmet_combinations(totals.met);
  if (missing.empty() || missing.size() > kMost) return {};
  return fmt::format("; not met: {}", fmt::join(missing, ", "));
}

Json totals_json(const Totals& totals) {
  Json json;
  json["programs"] = totals.programs;
  json["discarded"] = totals.discarded;
  json["variants"] = totals.variants;
  json["runs"] = totals.runs;
  for (u32 i = 0; i < totals.outcomes.size(); ++i) json["outcomes"][std::string(kOutcomeNames[i])] = totals.outcomes[i];
  json["compared"] = totals.compared;
  json["agree"] = totals.agree;
  json["unknown"] = totals.unknown;
  json["refused"] = totals.refused;
  json["skipped"] = totals.skipped;
  json["covered"] = totals.covered;
  json["combinations"] = admitted_combinations();
  json["not_met"] = unmet_combinations(totals.met);
  json["findings_written"] = totals.findings;
  json["findings_similar"] = totals.similar;
  json["unreproduced"] = totals.unreproduced;
  json["known_emulator_faults"] = Json::array();
  for (std::size_t i = 0; i < emulator_faults().size(); ++i) {
    if (totals.avoided[i] == 0) continue;
    const EmulatorFault& fault = emulator_faults()[i];
    json["known_emulator_faults"].push_back(
        {{"name", fault.name}, {"reason", fault.reason}, {"programs", totals.avoided[i]}});
  }
  return json;
}

Json result_json(const CampaignResult& result, const CampaignOptions& options) {
  Json json;
  json["tool"] = tool_version();
  json["seed"] = result.seed;
  json["jobs"] = options.jobs;
  json["seconds"] = result.seconds;
  json["cpu_seconds"] = result.cpu_seconds;
  json["programs_per_second"] = rate(result.totals.programs, result.seconds);
  json["findings"] = result.finding_total;
  if (const std::string_view why = why_undecided(result); !why.empty()) json["undecided"] = why;
  json["findings_folder"] = options.findings;
  json["worker_deaths"] = result.worker_deaths;
  json["interrupted"] = result.interrupted;
  json["corpus_programs"] = result.corpus_programs;
  json["corpus_ignored"] = result.corpus_ignored;
  json["processors"] = result.processors;
  json["processors_busy"] = result.seconds > 0 ? result.cpu_seconds / result.seconds : 0;
  json["workers_continued"] = result.stopped;
  json["seconds_left_out"] = result.left_out;
  if (!options.state.empty()) {
    json["state"] = {{"file", options.state},
                     {"programs", result.done},
                     {"runs_before", result.runs},
                     {"checked", result.all_programs},
                     {"findings_seen", result.all_seen},
                     {"rounds", result.rounds},
                     {"corpus_added", result.corpus_added},
                     {"corpus_digest", result.corpus_digest}};
  }
  json["subjects"] = result.subjects;
  json["totals"] = totals_json(result.totals);
  for (const ReachRow& row : result.reach)
    json["reach"].push_back({{"what", row.what}, {"reached", row.reached}, {"all", row.all}, {"missing", row.missing}});
  json["skips"] = Json::array();
  for (const Skip& skip : result.totals.skips)
    json["skips"].push_back(
        {{"subject", result.subjects[skip.subject]}, {"reason", skip.reason}, {"programs", skip.count}});
  return json;
}

} // namespace

void StatusLine::show(const Totals& totals, u64 findings, double seconds) {
  const double now = rate(totals.programs - last_programs_, seconds - last_seconds_);
  last_programs_ = totals.programs;
  last_seconds_ = seconds;
  std::string line = fmt::format("{:4.0f} s  {} programs  {}/s  {} findings  {}  coverage {}/{}", seconds,
                                 grouped(totals.programs), grouped(static_cast<u64>(now)), findings,
                                 outcome_shares(totals), totals.covered, admitted_combinations());
  if (totals.unknown != 0) line += fmt::format("  unknown {}", totals.unknown);
  if (totals.refused != 0) line += fmt::format("  refused {}", totals.refused);
  if (totals.discarded != 0) line += fmt::format("  discarded {}", totals.discarded);
  line.resize(std::min<std::size_t>(line.size(), terminal_columns() - 1)); // a wrapped line cannot be written over
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

std::string start_event(const CampaignOptions& options, const std::vector<std::string>& subjects) {
  Json json;
  json["event"] = "start";
  json["tool"] = tool_version();
  json["seed"] = options.source.seed;
  json["jobs"] = options.jobs;
  json["programs"] = options.programs;
  json["seconds"] = options.seconds;
  json["subjects"] = subjects;
  return dump(json);
}

std::string status_event(const Totals& totals, u64 findings, double seconds) {
  Json json;
  json["event"] = "status";
  json["seconds"] = seconds;
  json["findings"] = findings;
  json["totals"] = totals_json(totals);
  return dump(json);
}

std::string end_event(const CampaignResult& result, const CampaignOptions& options) {
  Json json;
  json["event"] = "end";
  json.update(result_json(result, options));
  return dump(json);
}

std::string summary_json(const CampaignResult& result, const CampaignOptions& options) {
  return result_json(result, options).dump(2, ' ', false, Json::error_handler_t::replace);
}

namespace {

std::string reached(const CampaignResult& result) {
  std::string out;
  for (const ReachRow& row : result.reach) {
    out += fmt::format("reached   {}: {} of {}", row.what, row.reached, row.all);
    if (!row.missing.empty()) out += fmt::format("; not: {}", fmt::join(row.missing, ", "));
    out += '\n';
  }
  return out;
}

/// How the campaign itself went.
std::string harness(const CampaignResult& result, const CampaignOptions& options) {
  const u32 could = std::min(std::max(1u, options.jobs), result.processors);
  const double busy = result.seconds > 0 ? result.cpu_seconds / result.seconds : 0;
  std::string out = fmt::format("jobs      {} on {} processors: {:.2f} of {} were busy ({:.0f}%)\n", options.jobs,
                                result.processors, busy, could, 100 * busy / could);
  if (!options.state.empty())
    out += fmt::format(
        "state     {}: {} programs of seed {} done, in {} runs; round {}, {} programs have joined the corpus\n",
        options.state, grouped(result.done), result.seed, result.runs + 1, result.rounds + 1, result.corpus_added);
  if (result.corpus_programs != 0) out += fmt::format("corpus    {} programs\n", result.corpus_programs);
  if (result.corpus_ignored != 0) out += fmt::format("ignored   {} files of the corpus\n", result.corpus_ignored);
  for (const std::string& reason : result.ignored_because) out += "          " + reason + "\n";
  if (result.stopped != 0)
    out += fmt::format("workers   {} times one was stopped from outside, and went on\n", result.stopped);
  if (result.left_out >= 1)
    out += fmt::format("time      {:.0f} s in which the campaign stood still are not counted\n", result.left_out);
  return out;
}

} // namespace

std::string_view why_undecided(const CampaignResult& result) {
  const Totals& totals = result.totals;
  if (result.finding_total != 0 || totals.programs == 0) return {};
  if (totals.compared == 0) return "no subject ran any of the programs";
  return is_undecided(totals.agree, totals.unknown) ? kUndecided : std::string_view();
}

std::string summary(const CampaignResult& result, const CampaignOptions& options) {
  const Totals& totals = result.totals;
  std::string out = fmt::format("{} programs in {:.1f} s ({}/s, {:.1f} s of processor time, {} jobs), seed {}{}\n",
                                grouped(totals.programs), result.seconds,
                                grouped(static_cast<u64>(rate(totals.programs, result.seconds))), result.cpu_seconds,
                                options.jobs, result.seed, result.interrupted ? ", interrupted" : "");
  out += fmt::format("oracle    {} runs: {}\n", grouped(totals.runs), outcome_shares(totals));
  out += fmt::format("subjects  {}; {} comparisons: {} agree, {} unknown (stack_overflow)\n", result.subjects.size(),
                     grouped(totals.compared), grouped(totals.agree), grouped(totals.unknown));
  out += fmt::format("coverage  {} of {} combinations of operation and types{}\n", totals.covered,
                     admitted_combinations(), not_met(totals));
  out += reached(result);
  out +=
      fmt::format("variants  {} programs said otherwise, and compared with what they were\n", grouped(totals.variants));
  out += harness(result, options);
  out += fmt::format("left out  {} programs discarded (could not be made comparable), {} runs refused by the oracle\n",
                     grouped(totals.discarded), grouped(totals.refused));
  for (const Skip& skip : totals.skips)
    out += fmt::format("skipped   {} programs on {}: {}\n", grouped(skip.count), result.subjects[skip.subject],
                       skip.reason);
  for (std::size_t i = 0; i < emulator_faults().size(); ++i) {
    if (totals.avoided[i] == 0) continue;
    const EmulatorFault& fault = emulator_faults()[i];
    out += fmt::format("known     {}, {}: {}; {} programs compiled without it\n", fault.version,
                       assay::name_of(fault.target), fault.reason, grouped(totals.avoided[i]));
  }
  if (result.worker_deaths != 0) out += fmt::format("workers   {} ended by a program\n", result.worker_deaths);
  if (totals.unreproduced != 0)
    out += fmt::format("unsure    {} differences were not seen again\n", totals.unreproduced);
  if (const std::string_view why = why_undecided(result); !why.empty())
    return out + fmt::format("findings  none, which says nothing: {}\n", why);
  if (result.finding_total == 0) return out + "findings  none\n";
  return out +
         fmt::format("findings  {}, {} of them kept in {}\n", result.finding_total, totals.findings, options.findings);
}

} // namespace assay::fuzz
