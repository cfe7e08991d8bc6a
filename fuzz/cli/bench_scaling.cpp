// bench_scaling.cpp - see bench_scaling.h.
#include "fuzz/cli/bench_scaling.h"

#include "fuzz/campaign/campaign.h"
#include "fuzz/cli/work_folder.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

struct Derived {
  double rate, speed_up, efficiency, cpu_us;
};

/// Beside the first row. What no processor is there for is not asked for.
Derived derive(const ScalingFigures& figures, const ScalingRow& row) {
  const ScalingRow& first = figures.rows.front();
  const auto rate = [](const ScalingRow& r) { return static_cast<double>(r.programs) / std::max(r.seconds, 1e-9); };
  const auto could = [&](const ScalingRow& r) { return std::min(r.jobs, figures.processors); };
  const double speed_up = rate(row) / rate(first);
  return {rate(row), speed_up, speed_up * could(first) / could(row),
          1e6 * row.cpu_seconds / static_cast<double>(std::max<u64>(row.programs, 1))};
}

} // namespace

Result<ScalingFigures> measure_scaling(const ScalingOptions& options) {
  const auto rows = fuzz::select_subjects({});
  if (!rows) return rows.error();
  ScalingFigures out;
  for (const u32 jobs : options.jobs) out.rows.push_back({jobs, 0, 0, 0});
  const WorkFolder folder("scaling");
  for (u32 round = 0; round < options.rounds; ++round) {
    for (ScalingRow& row : out.rows) {
      fuzz::CampaignOptions campaign;
      campaign.source.seed = 1;
      campaign.programs = options.programs;
      campaign.jobs = row.jobs;
      campaign.findings = folder.path();
      const auto result = fuzz::run_campaign(campaign, [&rows] { return fuzz::Checker::make(*rows); });
      if (!result) return result.error();
      if (result->finding_total != 0)
        return Error{ErrorKind::Internal, "", 0, 0, "a campaign with findings says nothing about speed"};
      out.processors = result->processors;
      if (row.seconds != 0 && row.seconds <= result->seconds) continue;
      row.seconds = result->seconds;
      row.cpu_seconds = result->cpu_seconds;
      row.programs = result->totals.programs;
    }
  }
  return out;
}

std::string to_text(const ScalingFigures& figures) {
  std::string out = fmt::format("{} processors\n{:>5} {:>12} {:>9} {:>11} {:>22}\n", figures.processors, "jobs",
                                "programs/s", "speed-up", "efficiency", "processor time, us");
  for (const ScalingRow& row : figures.rows) {
    const Derived d = derive(figures, row);
    out += fmt::format("{:>5} {:>12.0f} {:>9.2f} {:>10.0f}% {:>22.1f}\n", row.jobs, d.rate, d.speed_up,
                       100 * d.efficiency, d.cpu_us);
  }
  return out;
}

std::string to_json(const ScalingFigures& figures) {
  nlohmann::ordered_json json{{"processors", figures.processors}, {"rows", nlohmann::ordered_json::array()}};
  for (const ScalingRow& row : figures.rows) {
    const Derived d = derive(figures, row);
    json["rows"].push_back({{"jobs", row.jobs},
                            {"programs", row.programs},
                            {"seconds", row.seconds},
                            {"programs_per_second", d.rate},
                            {"speed_up", d.speed_up},
                            {"efficiency", d.efficiency},
                            {"processor_us_per_program", d.cpu_us}});
  }
  return json.dump(2);
}

} // namespace assay::cli
