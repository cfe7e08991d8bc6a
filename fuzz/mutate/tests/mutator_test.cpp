// mutator_test.cpp - mutants are valid, differ, are the same for the same seed, and seldom had to be taken back.
#include "fuzz/mutate/mutator.h"

#include "fuzz/generate/generator.h"
#include "fuzz/generate/inputs.h"
#include "fuzz/generate/tests/test_host.h"
#include "fuzz/mutate/context.h"
#include "fuzz/mutate/nan.h"
#include "fuzz/mutate/tests/helpers.h"
#include "oracle/interpreter/interpreter.h"

#include <algorithm>
#include <sstream>

namespace assay::fuzz {
namespace {

GeneratorConfig config_with_exceptions() {
  GeneratorConfig config;
  preset("exceptions", config);
  return config;
}

class EveryMutation : public testing::TestWithParam<std::string_view> {};

std::vector<std::string_view> mutation_names() {
  std::vector<std::string_view> names;
  for (const NamedMutation& mutation : mutations()) names.push_back(mutation.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Mutator, EveryMutation, testing::ValuesIn(mutation_names()),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(EveryMutation, gives_valid_changed_programs) {
  Generator generator(config_with_exceptions());
  Mutator mutator;
  Module module;
  u32 changed = 0, applied = 0;
  for (u64 seed = 0; seed < 600; ++seed) {
    generator.generate(seed, module);
    const std::string before = to_text(module);
    const bool done = mutator.apply(GetParam(), module, seed);
    const std::string after = to_text(module);
    applied += done;
    changed += after != before;
    ASSERT_TRUE(done || after == before) << "refused, yet changed: seed " << seed;
    const Result<Module> parsed = parse_and_verify(after);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << ": " << parsed.error().to_string();
  }
  EXPECT_GT(applied, 40u);
  EXPECT_GT(changed * 10, applied * 9) << "too many of them do nothing";
  for (const MutationCount& count : mutator.counts()) EXPECT_LE(count.discarded * 100, count.applied) << count.name;
}

TEST(Mutator, long_chains_of_mutations_stay_valid) {
  Generator generator(config_with_exceptions());
  Mutator mutator;
  Module module;
  for (u64 seed = 0; seed < 60; ++seed) {
    generator.generate(seed, module);
    for (u64 step = 0; step < 40; ++step) {
      mutator.mutate(module, seed * 1000 + step);
      const Result<void> verdict = verify(module);
      ASSERT_TRUE(verdict.ok()) << seed << ' ' << step << ": " << verdict.error().to_string();
    }
  }
}

TEST(Mutator, same_seed_gives_the_same_mutant) {
  Generator generator;
  Mutator used, fresh;
  Module a, b;
  for (u64 seed = 0; seed < 100; ++seed) {
    generator.generate(seed, a);
    b = a;
    used.mutate(a, seed);
    fresh.mutate(b, seed);
    EXPECT_EQ(to_text(a), to_text(b)) << seed;
    used.mutate(a, seed + 7); // so that its storage differs next time
  }
}

TEST(Mutator, mutates_the_text_form_and_the_module_alike) {
  Generator generator;
  Mutator mutator;
  Module module;
  generator.generate(3, module);
  Module once = module_of(to_text(module)), again = module_of(to_text(module));
  EXPECT_TRUE(mutator.mutate(once, 5));
  EXPECT_TRUE(mutator.mutate(again, 5));
  EXPECT_EQ(to_text(once), to_text(again));
}

TEST(Mutator, refuses_a_name_it_does_not_know_and_a_module_without_bodies) {
  Mutator mutator;
  Module module = module_of("import @log(i64)\n");
  EXPECT_FALSE(mutator.apply("no_such", module, 1));
  EXPECT_FALSE(mutator.mutate(module, 1));
  EXPECT_EQ(to_text(module), "import @log(i64)\n");
}

TEST(Crossover, gives_valid_programs_that_hold_more_than_before) {
  Generator generator(config_with_exceptions());
  Mutator mutator;
  Module into, from;
  u32 applied = 0;
  for (u64 seed = 0; seed < 400; ++seed) {
    generator.generate(seed, into);
    generator.generate(seed + 10000, from);
    const std::string source = to_text(from);
    const u64 functions = into.functions.size();
    if (!mutator.crossover(into, from, seed)) continue;
    ++applied;
    EXPECT_GT(into.functions.size(), functions);
    const Result<Module> parsed = parse_and_verify(to_text(into));
    ASSERT_TRUE(parsed.ok()) << seed << ": " << parsed.error().to_string();
    ASSERT_EQ(to_text(from), source);
  }
  EXPECT_GT(applied, 200u);
  EXPECT_EQ(mutator.counts().back().discarded, 0u);
}

TEST(Crossover, of_a_module_with_itself_is_valid) {
  Generator generator;
  Mutator mutator;
  Module module;
  for (u64 seed = 0; seed < 50; ++seed) {
    generator.generate(seed, module);
    mutator.crossover(module, module, seed);
    EXPECT_TRUE(verify(module).ok()) << seed;
  }
}

/// The text before the first body, then of each body.
std::vector<std::string> parts_of(const Module& module) {
  std::vector<std::string> parts(1);
  std::istringstream text(to_text(module));
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("func ", 0) == 0 || line.rfind("export func ", 0) == 0) parts.emplace_back();
    parts.back() += line + '\n';
  }
  return parts;
}

TEST(Mutator, changes_one_function_only_where_it_says_so) {
  Generator generator(config_with_exceptions());
  Mutator mutator;
  Module module;
  for (const NamedMutation& mutation : mutations()) {
    if (mutation.beyond_function) continue;
    u32 applied = 0;
    for (u64 seed = 0; seed < 60; ++seed) {
      generator.generate(seed, module);
      const std::vector<std::string> before = parts_of(module);
      applied += mutator.apply(mutation.name, module, seed);
      const std::vector<std::string> after = parts_of(module);
      ASSERT_EQ(before.size(), after.size()) << mutation.name << ' ' << seed;
      EXPECT_EQ(before[0], after[0]) << mutation.name << ' ' << seed;
      u32 changed = 0;
      for (std::size_t i = 1; i < before.size(); ++i) changed += before[i] != after[i];
      EXPECT_LE(changed, 1u) << mutation.name << ' ' << seed;
    }
    EXPECT_GT(applied, 0u) << mutation.name;
  }
}

TEST(Mutator, refused_changes_leave_the_module_as_it_was) {
  Generator generator(config_with_exceptions());
  Mutator mutator;
  Module module;
  u32 refused = 0;
  for (const NamedMutation& mutation : mutations()) {
    for (u64 seed = 0; seed < 60; ++seed) {
      generator.generate(seed, module);
      const std::string before = to_text(module);
      if (mutator.apply(mutation.name, module, seed)) continue;
      ++refused;
      EXPECT_EQ(to_text(module), before) << mutation.name << ' ' << seed;
    }
  }
  EXPECT_GT(refused, 100u);
}

TEST(Series, gives_what_its_steps_give) {
  Generator generator(config_with_exceptions());
  Mutator together, single;
  Module a, b, donor;
  for (u64 seed = 0; seed < 200; ++seed) {
    generator.generate(seed, a);
    generator.generate(seed + 10000, donor);
    b = a;
    const u64 seeds[] = {seed + 1, seed + 2, seed + 3};
    const bool crosses = seed % 2 == 0;
    bool done = crosses && single.crossover(b, donor, seeds[0]);
    for (u32 i = crosses; i < 3; ++i) done |= single.mutate(b, seeds[i]);
    EXPECT_EQ(together.mutate_series(a, crosses ? &donor : nullptr, seeds), done);
    ASSERT_EQ(to_text(a), to_text(b)) << seed;
    ASSERT_TRUE(verify(a).ok()) << seed;
  }
  for (std::size_t i = 0; i < single.counts().size(); ++i) {
    EXPECT_EQ(together.counts()[i].applied, single.counts()[i].applied) << single.counts()[i].name;
    EXPECT_EQ(together.counts()[i].refused, single.counts()[i].refused) << single.counts()[i].name;
  }
}

TEST(Series, that_does_not_verify_is_made_again_step_by_step_and_taken_back) {
  Generator generator;
  Mutator mutator;
  Module module;
  generator.generate(5, module);
  module.globals.push_back({"not a name", Type::I32, 0}); // so that no step can verify
  const std::string before = to_text(module);
  const u64 seeds[] = {1, 2, 3, 4};
  EXPECT_FALSE(mutator.mutate_series(module, nullptr, seeds));
  EXPECT_EQ(to_text(module), before);
  u64 applied = 0, discarded = 0;
  for (const MutationCount& count : mutator.counts()) {
    applied += count.applied;
    discarded += count.discarded;
  }
  EXPECT_EQ(applied, 0u);
  EXPECT_GT(discarded, 3u);
}

TEST(Settle, leaves_mutants_that_end_and_expose_nothing) {
  Generator generator;
  Mutator mutator;
  oracle::Interpreter oracle;
  TestHost host;
  Outcome outcome;
  Module module;
  std::vector<FunctionId> entries;
  std::vector<u64> inputs;
  u32 dropped = 0, refused = 0, runs = 0;
  for (u64 seed = 0; seed < 800; ++seed) {
    generator.generate(seed, module);
    for (u64 step = 0; step < 4; ++step) mutator.mutate(module, seed * 10 + step);
    if (!settle(module)) {
      ++dropped;
      continue;
    }
    ASSERT_TRUE(verify(module).ok()) << seed;
    EXPECT_TRUE(fuel_bounded(module));
    EXPECT_EQ(canonicalise_exposed_nans(module), 0u);
    EXPECT_FALSE(exposes_pointers(module));
    oracle.prepare(module);
    list_entries(module, entries);
    for (const FunctionId entry : entries) {
      make_inputs(module, entry, seed, 1, inputs);
      oracle.run(entry, inputs, 2000, host, outcome); // that it comes back is the test
      ++runs;
      refused += outcome.kind == OutcomeKind::Refused;
    }
  }
  EXPECT_LT(dropped, 40u);
  EXPECT_LT(refused * 100, runs);
}

} // namespace
} // namespace assay::fuzz
