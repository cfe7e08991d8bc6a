// bench_kernels_text.cpp - the figures of `assay bench --kernels` as a table and as JSON.
//
// Pure. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/bench_kernels.h"

#include "fuzz/check/finding.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

/// How fast engine `ours` is beside `other` over all kernels: 1 as fast, 0.5 half as fast.
struct Speed {
  double mean = 0, least = 0;
  std::string slowest;
};

Speed speed_of(const KernelFigures& figures, std::size_t ours, std::size_t other) {
  Speed out;
  double logs = 0;
  for (const KernelTimes& kernel : figures.kernels) {
    const double ratio = kernel.us[other] / kernel.us[ours];
    logs += std::log(ratio);
    if (out.slowest.empty() || ratio < out.least) out.least = ratio, out.slowest = kernel.name;
  }
  out.mean = std::exp(logs / static_cast<double>(figures.kernels.size()));
  return out;
}

u64 all_instructions(const KernelFigures& figures) {
  u64 out = 0;
  for (const KernelTimes& kernel : figures.kernels) out += kernel.ssa_instructions;
  return out;
}

} // namespace

std::string to_text(const KernelFigures& figures) {
  std::string out = fmt::format("{:<15}", "us a call");
  for (const KernelEngine& engine : figures.engines) out += fmt::format("{:>14}", engine.name);
  out += "   ns of compiling an SSA instruction, O0 and O2\n";
  for (const KernelTimes& kernel : figures.kernels) {
    out += fmt::format("{:<15}", kernel.name);
    for (const double us : kernel.us) out += fmt::format("{:>14.1f}", us);
    const double count = static_cast<double>(std::max<u64>(1, kernel.ssa_instructions));
    out += fmt::format("{:>9.0f}{:>8.0f}", kernel.compile_ns[0] / count, kernel.compile_ns[1] / count);
    out += kernel.agree ? "\n" : "   RESULTS DIFFER\n";
  }
  out += "\nspeed beside (1: as fast)                geometric mean   least\n";
  for (std::size_t ours = 0; ours < 2; ++ours)
    for (std::size_t other = 2; other < figures.engines.size(); ++other) {
      const Speed speed = speed_of(figures, ours, other);
      out += fmt::format("{:<2} beside {:<29} {:>14.2f} {:>7.2f}  {}\n", figures.engines[ours].name,
                         figures.engines[other].name, speed.mean, speed.least, speed.slowest);
    }
  const double count = static_cast<double>(std::max<u64>(1, all_instructions(figures)));
  out += fmt::format("\ncompiling all {} kernels, {} SSA instructions (C: the whole command)\n", figures.kernels.size(),
                     all_instructions(figures));
  for (const KernelEngine& engine : figures.engines) {
    if (engine.kind == EngineKind::Lua) continue; // compiles as it runs
    out += fmt::format("{:<14} {:>10.2f} ms {:>10.0f} ns an SSA instruction\n", engine.name, engine.compile_ms,
                       engine.compile_ms * 1e6 / count);
  }
  return out;
}

std::string to_json(const KernelFigures& figures) {
  nlohmann::ordered_json json{{"tool", fuzz::tool_version()}, {"kernels", nlohmann::ordered_json::array()}};
  const double count = static_cast<double>(std::max<u64>(1, all_instructions(figures)));
  for (const KernelTimes& kernel : figures.kernels) {
    nlohmann::ordered_json us;
    for (std::size_t e = 0; e < figures.engines.size(); ++e) us[figures.engines[e].name] = kernel.us[e];
    json["kernels"].push_back({{"name", kernel.name},
                               {"us", us},
                               {"ssa_instructions", kernel.ssa_instructions},
                               {"compile_ns_O0", kernel.compile_ns[0]},
                               {"compile_ns_O2", kernel.compile_ns[1]},
                               {"agree", kernel.agree}});
  }
  for (std::size_t ours = 0; ours < 2; ++ours)
    for (std::size_t other = 2; other < figures.engines.size(); ++other) {
      const Speed speed = speed_of(figures, ours, other);
      json["speeds"].push_back({{"of", figures.engines[ours].name},
                                {"beside", figures.engines[other].name},
                                {"geometric_mean", speed.mean},
                                {"least", speed.least},
                                {"slowest", speed.slowest}});
    }
  for (const KernelEngine& engine : figures.engines)
    if (engine.kind != EngineKind::Lua)
      json["compiling"].push_back({{"engine", engine.name},
                                   {"ms", engine.compile_ms},
                                   {"ns_per_ssa_instruction", engine.compile_ms * 1e6 / count}});
  return json.dump(2);
}

} // namespace assay::cli
