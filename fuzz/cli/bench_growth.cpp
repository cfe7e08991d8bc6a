// bench_growth.cpp - see bench_growth.h: measures each shape at each size and level, and prints the table.
//
// Memory is that of a compiler that is made for this one function, with its output; time that of its later compiles,
// which reuse its storage. Fewer rounds where one takes long.
#include "fuzz/cli/bench_growth.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "fuzz/os/peak_memory.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Instructions that all rounds of a row together are to have at most.
constexpr u64 kMostWork = 3000000;

Result<GrowthCost> measure(const Module& module, Level level, u32 rounds) {
  CompileOptions options;
  options.level = level;
  GrowthCost out;
  const bool known = fuzz::begin_peak_memory();
  const u64 before = fuzz::peak_memory();
  Compiler compiler(options);
  CodeObject object;
  if (auto done = compiler.compile(module, object); !done) return done.error();
  const u64 after = fuzz::peak_memory();
  out.bytes = known ? static_cast<double>(after - std::min(before, after)) : -1;
  for (u32 i = 0; i < rounds; ++i) {
    const Clock::time_point start = Clock::now();
    if (auto done = compiler.compile(module, object); !done) return done.error();
    const double spent = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    out.ns = i == 0 ? spent : std::min(out.ns, spent);
  }
  return out;
}

std::string bytes_text(const GrowthRow& row, u32 level) {
  const double bytes = row.levels[level].bytes;
  return bytes < 0 ? "-" : fmt::format("{:.0f}", bytes / static_cast<double>(row.instructions));
}

} // namespace

Result<GrowthFigures> measure_growth(u32 rounds, u32 most) {
  GrowthFigures out;
  for (const GrowthShape& shape : growth_shapes()) {
    for (const u32 size : shape.sizes) {
      if (most != 0 && size > most) continue;
      const Module module = shape.make(size);
      if (auto valid = verify(module); !valid) return valid.error();
      GrowthRow row{shape.name, size, module.functions[0].insts.size(), module.functions[0].blocks.size(), {}};
      const u64 can = std::max<u64>(1, kMostWork / row.instructions);
      for (const Level level : {Level::O0, Level::O2}) {
        const auto cost = measure(module, level, static_cast<u32>(std::min<u64>(rounds, can)));
        if (!cost) return cost.error();
        row.levels[level == Level::O2 ? 1 : 0] = *cost;
      }
      out.rows.push_back(row);
    }
  }
  return out;
}

std::string to_text(const GrowthFigures& figures) {
  std::string out = fmt::format("{:<10} {:>8} {:>13} {:>8} {:>12} {:>12} {:>12} {:>12}\n", "shape", "size",
                                "instructions", "blocks", "O0, ns each", "bytes each", "O2, ns each", "bytes each");
  for (const GrowthRow& row : figures.rows) {
    const double count = static_cast<double>(row.instructions);
    out += fmt::format("{:<10} {:>8} {:>13} {:>8} {:>12.1f} {:>12} {:>12.1f} {:>12}\n", row.shape, row.size,
                       row.instructions, row.blocks, row.levels[0].ns / count, bytes_text(row, 0),
                       row.levels[1].ns / count, bytes_text(row, 1));
  }
  for (const GrowthShape& shape : growth_shapes()) out += fmt::format("{}: {}\n", shape.name, shape.meaning);
  return out;
}

std::string to_json(const GrowthFigures& figures) {
  nlohmann::ordered_json json{{"rows", nlohmann::ordered_json::array()}};
  for (const GrowthRow& row : figures.rows) {
    nlohmann::ordered_json each{
        {"shape", row.shape}, {"size", row.size}, {"instructions", row.instructions}, {"blocks", row.blocks}};
    for (u32 level = 0; level < 2; ++level) {
      const std::string name = level == 0 ? "O0" : "O2";
      each[name + "_ns"] = row.levels[level].ns;
      if (row.levels[level].bytes >= 0) each[name + "_bytes"] = row.levels[level].bytes;
    }
    json["rows"].push_back(each);
  }
  return json.dump(2);
}

} // namespace assay::cli
