// program_source_test.cpp - programs by number: valid, the same for everyone, from the corpus too.
#include "fuzz/campaign/feature_switches.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/analysis/flow_graph.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::fuzz {
namespace {

TEST(ProgramSource, program_depends_on_its_number_only) {
  SourceOptions options;
  options.seed = 3;
  ProgramSource forward(options, nullptr), backward(options, nullptr);
  std::vector<std::string> texts(40);
  Module module;
  Cases cases;
  for (u64 i = 0; i < 40; ++i)
    if (forward.make(i, module, cases)) texts[i] = to_text(module);
  for (u64 i = 40; i-- > 0;) {
    if (backward.make(i, module, cases)) EXPECT_EQ(to_text(module), texts[i]) << "program " << i;
    else EXPECT_EQ(texts[i], "");
  }
}

TEST(ProgramSource, every_program_verifies_and_is_called) {
  ProgramSource source({}, nullptr);
  Module module;
  Cases cases;
  std::set<std::string> origins;
  for (u64 i = 0; i < 300; ++i) {
    if (!source.make(i, module, cases)) continue;
    origins.insert(source.origin().substr(0, source.origin().find(", said otherwise: ")));
    const auto valid = verify(module);
    EXPECT_TRUE(valid.ok()) << "program " << i << ": " << valid.error().to_string();
    EXPECT_GT(cases.size(), 0u);
  }
  EXPECT_EQ(origins, (std::set<std::string>{"generated", "mutant of a generated program"}));
}

/// How many of the first programs are mutants, throw, have a loop, are under pressure.
struct FeatureCounts {
  u32 mutants = 0, throwing = 0, looping = 0, many = 0;
};

FeatureCounts count_features(const SourceOptions& options) {
  ProgramSource source(options, nullptr);
  Module module;
  Cases cases;
  FeatureCounts out;
  analysis::FlowGraph graph;
  for (u64 i = 0; i < 400; ++i) {
    if (!source.make(i, module, cases)) continue;
    out.mutants += source.origin().rfind("mutant", 0) == 0;
    bool throws = false, loops = false, many = false;
    for (const Function& function : module.functions) {
      many |= module.params_of(function).size() > 8 || module.results_of(function).size() > 8;
      if (function.imported) continue;
      graph.build(function);
      for (analysis::Node node = 0; node < graph.size(); ++node)
        for (const analysis::Node succ : graph.succs(node)) loops |= succ <= node;
      for (const Inst& inst : function.insts)
        throws |= inst.op == Opcode::Throw || inst.op == Opcode::TryCall || inst.op == Opcode::Rethrow;
    }
    out.throwing += throws;
    out.looping += loops;
    out.many += many;
  }
  return out;
}

TEST(ProgramSource, one_program_in_sixteen_is_said_otherwise_and_the_others_are_as_without) {
  SourceOptions options;
  ProgramSource with(options, nullptr);
  ASSERT_TRUE(leave_out("variants", options));
  ProgramSource without(options, nullptr);
  Module module, plain;
  Cases cases, plain_cases;
  u32 varied = 0;
  for (u64 i = 0; i < 800; ++i) {
    const bool made = with.make(i, module, cases);
    ASSERT_EQ(made, without.make(i, plain, plain_cases));
    EXPECT_EQ(without.original(), nullptr);
    if (!made) continue;
    varied += with.original() != nullptr;
    EXPECT_EQ(to_text(with.original() != nullptr ? *with.original() : module), to_text(plain));
    EXPECT_EQ(cases.size(), plain_cases.size());
    EXPECT_EQ(with.original() != nullptr, with.origin().find(", said otherwise: ") != std::string::npos);
  }
  EXPECT_GT(varied, 25u);
  EXPECT_LT(varied, 90u);
}

TEST(ProgramSource, features_can_be_left_out_one_by_one) {
  const auto without = [](std::initializer_list<std::string_view> features) {
    SourceOptions options;
    for (const std::string_view feature : features) EXPECT_TRUE(leave_out(feature, options)) << feature;
    return count_features(options);
  };
  const FeatureCounts all = without({});
  EXPECT_GT(all.mutants, 50u);
  EXPECT_GT(all.throwing, 50u);
  EXPECT_GT(all.looping, 150u);
  EXPECT_GT(all.many, 30u);
  EXPECT_EQ(without({"mutators"}).mutants, 0u);
  EXPECT_EQ(without({"mutators", "exceptions"}).throwing, 0u);
  EXPECT_EQ(without({"mutators", "loops"}).looping, 0u);
  EXPECT_EQ(without({"mutators", "pressure"}).many, 0u);
  SourceOptions options;
  EXPECT_FALSE(leave_out("nothing", options));
}

TEST(ProgramSource, corpus_is_read_and_mutated) {
  const auto corpus = load_corpus(ASSAY_SOURCE_DIR "/corpus");
  ASSERT_TRUE(corpus.ok()) << corpus.error().to_string();
  ASSERT_GT(corpus->programs.size(), 10u);
  ProgramSource source({}, &*corpus);
  Module module;
  Cases cases;
  u32 mutants = 0;
  for (u64 i = 0; i < 200; ++i) {
    if (!source.make(i, module, cases)) continue;
    mutants += source.origin().rfind("mutant of corpus program ", 0) == 0;
    EXPECT_TRUE(verify(module).ok()) << "program " << i << ", " << source.origin();
  }
  EXPECT_GT(mutants, 30u);
}

TEST(ProgramSource, fuel_is_spread_from_almost_nothing_to_all_there_is) {
  SourceOptions options;
  options.max_fuel = 50'000;
  ProgramSource source(options, nullptr);
  Module module;
  Cases cases;
  u32 tiny = 0, little = 0, usual = 0, all = 0, runs = 0;
  for (u64 i = 0; i < 3000; ++i) {
    if (!source.make(i, module, cases)) continue;
    for (u32 c = 0; c < cases.size(); ++c, ++runs) {
      const u64 fuel = cases.fuel(c);
      EXPECT_TRUE(fuel <= 2000 || fuel == options.max_fuel) << fuel;
      tiny += fuel < 24;
      little += fuel >= 100 && fuel <= 300;
      usual += fuel > 300 && fuel <= 2000;
      all += fuel == options.max_fuel;
    }
  }
  EXPECT_GT(tiny, runs / 12);
  EXPECT_GT(little, runs / 3);
  EXPECT_GT(usual, runs / 3);
  EXPECT_GT(all, 0u);
  EXPECT_LT(all, runs / 300);
  options.max_fuel = 10; // also where there is less than a twentieth of the usual
  ProgramSource poor(options, nullptr);
  for (u64 i = 0; i < 50; ++i) {
    if (!poor.make(i, module, cases)) continue;
    for (u32 c = 0; c < cases.size(); ++c) EXPECT_LE(cases.fuel(c), 10u);
  }
}

TEST(ProgramSource, missing_corpus_is_an_error) {
  const auto corpus = load_corpus("/nonexistent/corpus");
  ASSERT_FALSE(corpus.ok());
  EXPECT_EQ(corpus.error().kind, ErrorKind::Io);
}

} // namespace
} // namespace assay::fuzz
