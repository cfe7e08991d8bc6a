// selftest_main.cpp - asks this machine what it does with compiled frames, without the harness.
//
//   assay_selftest [unwinding] [--json]                   a row for each capability; status 1 when one failed
//   assay_selftest stress [THREADS CYCLES THROWS]         figures; status 1 when a throw went astray or code stayed
//                                                         known
//   assay_selftest costs [FUNCTIONS...]                   a table of what throwing, installing and removing cost
//   assay_selftest debuggee FOLDER                        what the debugger's and profiler's rows look at
#include "compiler/jit/selftest/selftest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

int stress(int argc, char** argv) {
  assay::jit::StressOptions options;
  if (argc > 2) options.threads = static_cast<assay::u32>(std::strtoul(argv[2], nullptr, 10));
  if (argc > 3) options.cycles = std::strtoull(argv[3], nullptr, 10);
  if (argc > 4) options.throws = std::strtoull(argv[4], nullptr, 10);
  const auto figures = assay::jit::stress_unwinding(options);
  if (!figures) {
    std::fprintf(stderr, "%s\n", figures.error().to_string().c_str());
    return 4;
  }
  std::printf("%s\n%u threads, %llu cycles of install, throw, remove: %.0f ns a cycle\n"
              "%llu throws in a row: %.0f ns each in the first tenth, %.0f ns in the last\n"
              "resident memory: %llu KiB before, %llu KiB after\nwrong: %llu, removed code still known: %llu\n",
              assay::jit::selftest_platform().c_str(), options.threads,
              static_cast<unsigned long long>(figures->cycles), figures->cycle_ns,
              static_cast<unsigned long long>(figures->throws), figures->first_tenth_ns, figures->last_tenth_ns,
              static_cast<unsigned long long>(figures->memory_before),
              static_cast<unsigned long long>(figures->memory_after), static_cast<unsigned long long>(figures->wrong),
              static_cast<unsigned long long>(figures->still_found));
  return figures->wrong == 0 && figures->still_found == 0 ? 0 : 1;
}

int costs(int argc, char** argv) {
  std::vector<assay::u64> functions;
  for (int i = 2; i < argc; ++i) functions.push_back(std::strtoull(argv[i], nullptr, 10));
  if (functions.empty()) functions = {10, 1000, 10000, 100000};
  if (std::find(functions.begin(), functions.end(), 0u) != functions.end()) {
    std::fprintf(stderr, "assay_selftest costs: expected numbers of functions, from 1 on\n");
    return 2;
  }
  const auto rows = assay::jit::measure_costs(functions);
  if (!rows) {
    std::fprintf(stderr, "%s\n", rows.error().to_string().c_str());
    return 4;
  }
  assay::jit::print_costs(*rows);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 && argv[1][0] != '-' ? argv[1] : "unwinding";
  if (what == "stress") return stress(argc, argv);
  if (what == "costs") return costs(argc, argv);
  if (what == "debuggee" && argc == 3) return assay::jit::selftest_debuggee(argv[2]);
  if (what != "unwinding") {
    std::fprintf(
        stderr, "usage: assay_selftest [unwinding [--json] | stress [THREADS CYCLES THROWS] | costs [FUNCTIONS...]]\n");
    return 2;
  }
  const std::string own = assay::jit::own_path(argv[0]);
  std::vector<std::string> command;
  if (!own.empty()) command = {own, "debuggee"};
  return assay::jit::print_selftest(assay::jit::selftest_unwinding(command), std::string(argv[argc - 1]) == "--json");
}
