// derived.h - for tests of passes: a program made of another, and whether it means the same on the oracle, positions
// included.
#pragma once

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/check.h"
#include "fuzz/generate/generator.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

namespace assay::opt {

/// A program with what its instructions come from: [FunctionId][InstId].
struct Derived {
  Module module;
  std::vector<std::vector<InstId>> origins;
};

/// The position in `source` that a position in the program derived from it stands for.
inline void map_back(const Module& source, const Derived& derived, Position& position) {
  const Function& to = derived.module.functions[position.function];
  const InstId inst = to.blocks[position.block].first_inst + position.inst;
  const InstId origin = derived.origins[position.function][inst];
  ASSERT_NE(origin, kNone);
  const Function& from = source.functions[position.function];
  for (u32 block = 0; block < from.blocks.size(); ++block) {
    const Block& candidate = from.blocks[block];
    if (origin < candidate.first_inst || origin - candidate.first_inst >= candidate.inst_count) continue;
    position.block = block;
    position.inst = origin - candidate.first_inst;
    return;
  }
  FAIL() << "no block of the source has the instruction";
}

/// How the outcomes of one run of both differ; empty when they do not.
inline std::string difference(const Module& source, const Derived& derived, const Outcome& a, Outcome& b) {
  if (b.kind == OutcomeKind::Trapped) map_back(source, derived, b.position);
  for (Position& frame : b.frames) map_back(source, derived, frame);
  return first_difference(source, a, b);
}

/// Every run of both gives the same outcome.
inline void same_meaning(const Module& source, const Derived& derived, u64 seed) {
  fuzz::Cases cases;
  fuzz::make_cases(source, seed, 3, 3000, cases);
  qemu::TestHost host;
  oracle::Interpreter first, second;
  first.prepare(source);
  second.prepare(derived.module);
  for (u32 i = 0; i < cases.size(); ++i) {
    Outcome a, b;
    first.run(cases.entry(i), cases.args(i), cases.fuel(i), host, a);
    second.run(cases.entry(i), cases.args(i), cases.fuel(i), host, b);
    if (a.kind == OutcomeKind::Refused) continue;
    EXPECT_EQ(difference(source, derived, a, b), "") << "seed " << seed << " case " << i;
  }
}

inline void expect_valid(const Module& module, u64 seed) {
  const auto verified = verify(module);
  ASSERT_TRUE(verified.ok()) << "seed " << seed << ": " << verified.error().to_string() << "\n" << to_text(module);
}

/// Applies `change` to the graph of each function.
template <typename Change> Derived derive(const Module& source, Change change) {
  Derived out{source, {}};
  Graph graph;
  for (Function& function : out.module.functions) {
    out.origins.emplace_back();
    if (function.imported) continue;
    graph.read(function);
    change(graph);
    graph.write(function, out.origins.back());
  }
  return out;
}

inline u32 count_of(const Module& module, Opcode op) {
  u32 out = 0;
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts) out += inst.op == op;
  return out;
}

/// Calls use(module, seed) for random programs, until a test failed.
template <typename Use> void for_programs(Use use) {
  fuzz::GeneratorConfig config;
  fuzz::Generator generator(config);
  Module module;
  for (u64 seed = 1; seed <= 400 && !::testing::Test::HasFailure(); ++seed) {
    generator.generate(seed, module);
    use(module, seed);
  }
}

} // namespace assay::opt
