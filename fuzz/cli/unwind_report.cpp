// unwind_report.cpp - see unwind_report.h.
#include "fuzz/cli/unwind_report.h"

#include "fuzz/check/finding.h"

#include <cstdio>

namespace assay::cli {

namespace {

using qemu::protocol::kTableFormats;
using qemu::protocol::StepCounts;

constexpr u64 kMostPrinted = 50, kMostErrors = 20;

unsigned long long number(u64 value) { return static_cast<unsigned long long>(value); }
double percent(u64 part, u64 whole) {
  return whole == 0 ? 100.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}
/// Of all formats, instructions judged.
u64 judged(const UnwindTotals& totals) {
  u64 sum = 0;
  for (const StepCounts& c : totals.counts) sum += c.checked;
  return sum;
}
double per_second(u64 count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0; }

} // namespace

void UnwindReport::add(const std::string& program, const UnwindFinding& finding) {
  ++findings_;
  if (as_json_) {
    found_.push_back({{"program", program},
                      {"platform", finding.row},
                      {"format", finding.format},
                      {"where", finding.where},
                      {"what", finding.what}});
  } else if (findings_ <= kMostPrinted) {
    std::printf("%s  %s  %s  %s\n    %s\n", program.c_str(), std::string(finding.row).c_str(), finding.format.c_str(),
                finding.where.c_str(), finding.what.c_str());
  }
}

void UnwindReport::add_error(const std::string& program, const std::string& message) {
  ++errors_;
  std::fprintf(stderr, "assay unwind: %s: %s\n", program.c_str(), message.c_str());
}

void UnwindReport::add_repeated(const std::string& program, const std::string& message) {
  ++repeated_;
  std::fprintf(stderr, "assay unwind: %s: %s; once more with a new emulator\n", program.c_str(), message.c_str());
}

void UnwindReport::add_unseen(const std::string& program, std::string_view row, const std::string& place) {
  if (!as_json_) std::printf("not executed: %s  %s  %s\n", program.c_str(), std::string(row).c_str(), place.c_str());
}

bool UnwindReport::hopeless() const { return errors_ >= kMostErrors; }

void UnwindReport::print(const UnwindTotals& totals, const std::map<std::string, u64>& skips, double seconds) const {
  if (as_json_) print_json(totals, skips, seconds);
  else print_text(totals, skips, seconds);
}

void UnwindReport::print_json(const UnwindTotals& t, const std::map<std::string, u64>& skips, double seconds) const {
  nlohmann::ordered_json json{
      {"tool", fuzz::tool_version()},
      {"programs", t.programs},
      {"functions", t.functions},
      {"compiled_functions", t.compiled},
      {"runs", t.runs},
      {"runs_cut", t.cut},
      {"traps", t.traps},
      {"instructions", t.instructions},
      {"code", {{"instructions", t.code}, {"run", t.executed}, {"swept", t.by_sweep}, {"never", t.never}}},
      {"calls", t.events.calls},
      {"tail_calls", t.events.tail_calls},
      {"calls_out", t.events.called_out},
      {"caught", t.events.caught},
      {"frames_left", t.events.frames_left},
      {"max_depth", t.max_depth},
      {"seconds", seconds},
      {"step_seconds", t.step_seconds},
      {"judged_per_second", per_second(judged(t), t.step_seconds)}};
  for (u32 f = 0; f < kTableFormats; ++f) {
    const StepCounts& c = t.counts[f];
    json["formats"].push_back({{"format", name_of(static_cast<TableFormat>(f))},
                               {"tables", t.linted[f]},
                               {"checked", c.checked},
                               {"left_out", c.left_out},
                               {"walked", c.walked},
                               {"failed", c.failed}});
  }
  for (const auto& [reason, count] : skips) json["skipped"].push_back({{"reason", reason}, {"count", count}});
  json["repeated"] = repeated_;
  json["errors"] = errors_;
  json["findings"] = found_;
  if (mutated_) json["mutations"] = mutations_json();
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

void UnwindReport::print_text(const UnwindTotals& t, const std::map<std::string, u64>& skips, double seconds) const {
  if (findings_ > kMostPrinted) std::printf("... %llu findings in all\n", number(findings_));
  std::printf("%llu programs, %llu functions, compiled %llu; %llu runs, %llu cut, %llu ended by a trap; %.2f s\n",
              number(t.programs), number(t.functions), number(t.compiled), number(t.runs), number(t.cut),
              number(t.traps), seconds);
  std::printf("%llu instructions stepped, %llu of them in sweeps, in %.2f s: %.2f M judged a second\n",
              number(t.instructions), number(t.swept), t.step_seconds, per_second(judged(t), t.step_seconds) / 1e6);
  std::printf(
      "%llu calls, %llu tail calls, %llu calls out, depth %u; %llu exceptions caught, %llu frames unwound by them\n",
      number(t.events.calls), number(t.events.tail_calls), number(t.events.called_out), t.max_depth,
      number(t.events.caught), number(t.events.frames_left));
  const u64 unseen = t.code - t.executed - t.by_sweep - t.never;
  if (t.code != 0)
    std::printf(
        "%llu instructions of code: %.2f %% executed in runs, %.2f %% only in sweeps, %.2f %% are traps behind calls that do "
        "not return; not executed: %llu (%.4f %%)\n",
        number(t.code), percent(t.executed, t.code), percent(t.by_sweep, t.code), percent(t.never, t.code),
        number(unseen), percent(unseen, t.code));
  std::printf("%-8s %10s %14s %12s %12s %10s\n", "format", "tables", "checked", "left out", "walked", "failed");
  for (u32 f = 0; f < kTableFormats; ++f) {
    const StepCounts& c = t.counts[f];
    if (t.linted[f] == 0) continue;
    std::printf("%-8s %10llu %14llu %12llu %12llu %10llu\n", name_of(static_cast<TableFormat>(f)).data(),
                number(t.linted[f]), number(c.checked), number(c.left_out), number(c.walked), number(c.failed));
  }
  for (const auto& [reason, count] : skips) std::printf("skipped %llu: %s\n", number(count), reason.c_str());
  if (repeated_ != 0) std::printf("%llu programs checked once more: the emulator had failed\n", number(repeated_));
  if (errors_ != 0) std::printf("%llu programs on which the emulator failed\n", number(errors_));
  if (mutated_) print_mutations();
}

nlohmann::ordered_json UnwindReport::mutations_json() const {
  nlohmann::ordered_json json;
  for (u32 f = 0; f < kTableFormats; ++f) {
    const MutationCounts& m = mutations_.formats[f];
    if (m.tables == 0) continue;
    json["formats"].push_back({{"format", name_of(static_cast<TableFormat>(f))},
                               {"tables", m.tables},
                               {"changed", m.changed},
                               {"noticed_by_reader", m.by_reader},
                               {"noticed_by_step", m.by_step},
                               {"explained", m.explained},
                               {"unexplained", m.unexplained}});
  }
  json["explained"] = mutations_.explained;
  json["unexplained"] = mutations_.unexplained;
  return json;
}

void UnwindReport::print_mutations() const {
  std::printf("%-8s %10s %14s %12s %12s %10s %12s\n", "changed", "tables", "bits, bytes", "reader", "step", "explained",
              "unexplained");
  for (u32 f = 0; f < kTableFormats; ++f) {
    const MutationCounts& m = mutations_.formats[f];
    if (m.tables == 0) continue;
    std::printf("%-8s %10llu %14llu %12llu %12llu %10llu %12llu\n", name_of(static_cast<TableFormat>(f)).data(),
                number(m.tables), number(m.changed), number(m.by_reader), number(m.by_step), number(m.explained),
                number(m.unexplained));
  }
  for (const auto& [what, count] : mutations_.explained)
    std::printf("  explained %llu: %s\n", number(count), what.c_str());
  for (const auto& [what, count] : mutations_.unexplained)
    std::printf("  unexplained %llu: %s\n", number(count), what.c_str());
}

} // namespace assay::cli
