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

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace assay::opt {

/// A program with what its instructions come from: [FunctionId][InstId], and [FunctionId] the calls they refer to.
struct Derived {
  Module module;
  std::vector<std::vector<SourcePosition>> positions, calls;
};

/// Appends the positions in the source that a position in the program derived from it stands for, innermost first.
inline void map_back(const Derived& derived, const Position& position, std::vector<Position>& out) {
  const Function& to = derived.module.functions[position.function];
  const auto& calls = derived.calls[position.function];
  SourcePosition at = derived.positions[position.function][to.blocks[position.block].first_inst + position.inst];
  for (;; at = calls[at.inlined_at]) {
    out.push_back(at.position);
    if (at.inlined_at == kNone) return;
  }
}

/// How the outcomes of one run of both differ; empty when they do not. Where calls have become bodies, stacks end
/// elsewhere: that alone is no difference then.
inline std::string difference(const Module& source, const Derived& derived, const Outcome& a, Outcome& b) {
  std::vector<Position> frames;
  if (b.kind == OutcomeKind::Trapped) {
    map_back(derived, b.position, frames);
    b.position = frames.front();
    frames.clear();
  }
  for (TraceEvent& event : b.trace) {
    const u32 first = static_cast<u32>(frames.size());
    for (u32 i = 0; i < event.frame_count; ++i) map_back(derived, b.frames[event.frames + i], frames);
    event.frames = first;
    event.frame_count = static_cast<u32>(frames.size()) - first;
  }
  b.frames = std::move(frames);
  const bool calls_less =
      std::any_of(derived.calls.begin(), derived.calls.end(), [](const auto& calls) { return !calls.empty(); });
  if (calls_less && compare(source, a, b) == Agreement::Unknown) return "";
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

/// The text of a program after these passes alone; at most so many rewrites.
inline std::string text_after(const std::string& text, std::initializer_list<PassId> passes, u64 rewrites = ~u64{0}) {
  auto module = parse_and_verify(text.c_str());
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  if (!module.ok()) return {};
  PassOptions options;
  options.rewrite_limit = rewrites;
  for (const PassId pass : passes) options.order[options.order_count++] = static_cast<u8>(pass);
  Pipeline pipeline;
  pipeline.begin(*module, options);
  std::vector<Function> done = module->functions;
  Optimised better;
  for (FunctionId id = 0; id < done.size(); ++id) {
    if (done[id].imported) continue;
    EXPECT_TRUE(pipeline.run(id, better).ok());
    better.body.name = done[id].name;
    better.body.exported = done[id].exported;
    done[id] = better.body;
  }
  module->functions = std::move(done);
  expect_valid(*module, 0);
  return to_text(*module);
}

/// Applies `change` to the graph of each function.
template <typename Change> Derived derive(const Module& source, Change change) {
  Derived out{source, {}, {}};
  Graph graph;
  SourceMap map;
  std::vector<InstId> origins;
  for (FunctionId id = 0; id < source.functions.size(); ++id) {
    out.positions.emplace_back();
    out.calls.emplace_back();
    if (source.functions[id].imported) continue;
    map.begin(id, source.functions[id]);
    graph.read(source.functions[id]);
    change(graph);
    graph.write(out.module.functions[id], origins);
    for (const InstId origin : origins)
      out.positions.back().push_back(origin == kNone ? SourcePosition{} : map.positions[origin]);
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
template <typename Use> void for_programs(Use use, u64 count = 400) {
  fuzz::GeneratorConfig small, calls;
  ASSERT_TRUE(fuzz::preset("calls", calls));
  fuzz::Generator generators[] = {fuzz::Generator(small), fuzz::Generator(calls)};
  Module module;
  for (u64 seed = 1; seed <= count && !::testing::Test::HasFailure(); ++seed) {
    generators[seed % 4 == 0 ? 1 : 0].generate(seed, module);
    use(module, seed);
  }
}

/// The programs of corpus/run, in the order of their names, which have what is rare in random ones: `use(module,
/// number)`.
template <typename Use> void for_corpus(Use use) {
  std::set<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(ASSAY_SOURCE_DIR "/corpus/run"))
    if (file.path().extension() == ".air") files.insert(file.path());
  ASSERT_GT(files.size(), 50u);
  u64 number = 0;
  for (const std::filesystem::path& file : files) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    auto module = parse_and_verify(text.str(), file.string());
    ASSERT_TRUE(module.ok()) << file;
    use(*module, ++number);
  }
}

} // namespace assay::opt
