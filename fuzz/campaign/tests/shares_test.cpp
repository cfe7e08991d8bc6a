// shares_test.cpp - what a campaign's programs are: how many run to an end, loop, trap, throw, jump into loops.
//
// `campaign_tests --gtest_filter='Shares.*'` prints the figures.
#include "fuzz/campaign/program_source.h"

#include "compiler/analysis/loops.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace assay::fuzz {
namespace {

constexpr u64 kPrograms = 4000;

/// Of programs of one origin, and of their runs.
struct Shares {
  double programs = 0, dropped = 0, loops = 0, irreducible = 0;
  double runs = 0, refused = 0, out_of_fuel = 0, trapped = 0, threw = 0;
};

void count_shape(const Module& module, Shares& out) {
  analysis::FlowGraph graph;
  analysis::Loops loops;
  bool any = false, irreducible = false;
  for (const Function& function : module.functions) {
    if (function.imported) continue;
    graph.build(function);
    loops.compute(graph);
    any = any || !loops.all().empty();
    for (const analysis::Loop& loop : loops.all()) irreducible = irreducible || loop.irreducible;
  }
  out.loops += any;
  out.irreducible += irreducible;
}

void count_runs(const Module& module, const Cases& cases, oracle::Interpreter& oracle, Shares& out) {
  qemu::TestHost host;
  Outcome outcome;
  oracle.prepare(module);
  for (u32 i = 0; i < cases.size(); ++i) {
    host.reset();
    oracle.run(cases.entry(i), cases.args(i), cases.fuel(i), host, outcome);
    ++out.runs;
    out.refused += outcome.kind == OutcomeKind::Refused;
    const bool trapped = outcome.kind == OutcomeKind::Trapped;
    out.trapped += trapped;
    out.out_of_fuel += trapped && outcome.trap == TrapKind::OutOfFuel;
    out.threw += outcome.kind == OutcomeKind::Threw || outcome.kind == OutcomeKind::ThrewHost;
  }
}

/// [0] generated, [1] mutants.
void count_shares(Shares (&out)[2]) {
  SourceOptions options;
  options.seed = 20261122;
  ProgramSource source(options, nullptr);
  oracle::Interpreter oracle;
  Module module;
  Cases cases;
  for (u64 i = 0; i < kPrograms; ++i) {
    const bool made = source.make(i, module, cases);
    Shares& of = out[source.origin().rfind("mutant", 0) == 0 ? 1 : 0];
    ++of.programs;
    if (!made) ++of.dropped;
    else count_shape(module, of), count_runs(module, cases, oracle, of);
  }
}

void print(const char* what, const Shares& s) {
  std::printf(
      "%-10s %5.0f programs: %.1f %% dropped, loops in %.1f %%, irreducible in %.1f %%; %.0f runs: %.2f %% refused, "
      "%.2f %% out of fuel, %.1f %% trapped, %.1f %% threw\n",
      what, s.programs, 100 * s.dropped / s.programs, 100 * s.loops / s.programs, 100 * s.irreducible / s.programs,
      s.runs, 100 * s.refused / s.runs, 100 * s.out_of_fuel / s.runs, 100 * s.trapped / s.runs, 100 * s.threw / s.runs);
}

TEST(Shares, ofGeneratedProgramsAndMutants) {
  Shares of[2];
  count_shares(of);
  print("generated", of[0]);
  print("mutants", of[1]);
  for (const Shares& s : of) {
    ASSERT_GT(s.programs, kPrograms / 8);
    EXPECT_GE(s.loops / s.programs, 0.50);
    EXPECT_GE(s.irreducible / s.programs, 0.05);
  }
  EXPECT_LT((of[0].out_of_fuel + of[1].out_of_fuel) / (of[0].runs + of[1].runs), 0.05) << "of all runs";
  EXPECT_GE(1 - (of[0].dropped + of[0].refused * of[0].programs / of[0].runs) / of[0].programs, 0.95);
  EXPECT_GE(1 - (of[1].dropped + of[1].refused * of[1].programs / of[1].runs) / of[1].programs, 0.90);
  EXPECT_GE(of[0].trapped / of[0].runs, 0.10);
  EXPECT_LE(of[0].trapped / of[0].runs, 0.30);
  EXPECT_GE(of[0].threw / of[0].runs, 0.05);
  EXPECT_LE(of[0].threw / of[0].runs, 0.15);
}

} // namespace
} // namespace assay::fuzz
