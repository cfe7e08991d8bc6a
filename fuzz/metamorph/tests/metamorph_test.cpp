// metamorph_test.cpp - each change alone, on programs of many shapes: valid, another text, and the same run.
#include "fuzz/metamorph/metamorph.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/check/check.h"
#include "fuzz/generate/generator.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::fuzz {
namespace {

Outcome run(const Module& module, FunctionId entry, std::span<const u64> args) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome out;
  oracle.prepare(module);
  oracle.run(entry, args, 5000, host, out);
  return out;
}

/// Both runs of each entry, which must be the same.
void expect_same(const Module& module, const Module& changed, u64 seed, const std::string& what) {
  Cases cases;
  make_cases(module, seed, 2, 5000, cases);
  for (u32 i = 0; i < cases.size(); ++i) {
    const Outcome before = run(module, cases.entry(i), cases.args(i));
    const Outcome after = run(changed, cases.entry(i), cases.args(i));
    EXPECT_EQ(morph_difference(module, before, after), "") << what << ", seed " << seed << "\n"
                                                           << to_text(module) << "\n"
                                                           << to_text(changed);
  }
}

class Change : public testing::TestWithParam<std::string> {};

TEST_P(Change, keeps_programs_valid_and_what_they_do) {
  Generator generator{GeneratorConfig{}};
  u32 applied = 0;
  for (u64 seed = 1; seed <= 600 && applied < 60; ++seed) {
    Module module;
    generator.generate(seed, module);
    Module changed = module;
    if (!apply_morph(GetParam(), changed, seed)) {
      EXPECT_EQ(to_text(changed), to_text(module)) << "it says that nothing fitted";
      continue;
    }
    ++applied;
    const auto valid = verify(changed);
    ASSERT_TRUE(valid.ok()) << valid.error().to_string() << "\n" << to_text(module) << "\n" << to_text(changed);
    expect_same(module, changed, seed, GetParam());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GE(applied, 20u) << "it fits too seldom to be tested";
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const Morph& one : morphs()) out.emplace_back(one.name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Each, Change, testing::ValuesIn(names()), [](const auto& name) {
  std::string out = name.param;
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
});

Module parsed(std::string_view text) {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << (module.ok() ? "" : module.error().to_string());
  return module ? std::move(*module) : Module();
}

constexpr std::string_view kTwo = "export func @main(i32) -> i32 {\n^0(%x: i32):\n  jump ^1\n^1:\n"
                                  "  %one = const.i32 1\n  %y = add.i32 %x, %one\n  return %y\n}\n";

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t out = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++out;
  return out;
}

TEST(Morph, split_makes_a_block_more_and_merge_one_less) {
  Module module = parsed(kTwo);
  ASSERT_TRUE(apply_morph("split", module, 1));
  EXPECT_EQ(module.functions[0].blocks.size(), 3u);
  ASSERT_TRUE(apply_morph("merge", module, 1));
  ASSERT_TRUE(apply_morph("merge", module, 2));
  EXPECT_EQ(module.functions[0].blocks.size(), 1u);
  EXPECT_FALSE(apply_morph("merge", module, 3));
}

TEST(Morph, outline_makes_a_function_that_is_called) {
  Module module = parsed(kTwo);
  ASSERT_TRUE(apply_morph("outline", module, 3));
  ASSERT_TRUE(verify(module).ok());
  EXPECT_EQ(module.functions.size(), 2u);
  EXPECT_EQ(count(to_text(module), "call @outlined0"), 1u);
}

TEST(Morph, opaque_branch_has_a_way_that_is_never_gone) {
  Module module = parsed(kTwo);
  ASSERT_TRUE(apply_morph("opaque", module, 1));
  EXPECT_EQ(count(to_text(module), "trap unreachable"), 1u);
  EXPECT_EQ(count(to_text(module), "branch"), 1u);
  for (const u64 x : {u64{0}, u64{7}, u64{0xffffffff}}) {
    const u64 args[] = {x};
    EXPECT_EQ(run(module, 0, args).values, (std::vector<u64>{(x + 1) & 0xffffffff}));
  }
}

TEST(Morph, what_depends_on_another_stays_behind_it) {
  Module module = parsed("export func @main(i32) -> i32 {\n^0(%x: i32):\n  %a = add.i32 %x, %x\n"
                         "  %b = add.i32 %a, %a\n  %c = add.i32 %b, %b\n  return %c\n}\n");
  EXPECT_FALSE(apply_morph("reorder", module, 1));
}

TEST(Morph, same_seed_gives_the_same_and_several_changes_agree_too) {
  Generator generator{GeneratorConfig{}};
  u32 changed_programs = 0;
  for (u64 seed = 1; seed <= 200; ++seed) {
    Module module;
    generator.generate(seed, module);
    Module one = module, two = module;
    const std::string changes = morph(one, seed);
    EXPECT_EQ(morph(two, seed), changes);
    EXPECT_EQ(to_text(one), to_text(two));
    changed_programs += !changes.empty();
    ASSERT_TRUE(verify(one).ok()) << changes << "\n" << to_text(one);
    expect_same(module, one, seed, changes);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(changed_programs, 190u);
}

TEST(Morph, difference_is_of_what_happens_and_not_of_where) {
  const Module module = parsed("export func @main(i32) -> i32 {\n^0(%x: i32):\n  %y = div_s.i32 %x, %x\n"
                               "  return %y\n}\n");
  const Module other = parsed("export func @main(i32) -> i32 {\n^0(%x: i32):\n  jump ^1\n^1:\n"
                              "  %y = div_s.i32 %x, %x\n  return %y\n}\n");
  const u64 zero[] = {0}, one[] = {1};
  EXPECT_EQ(morph_difference(module, run(module, 0, zero), run(other, 0, zero)), "");
  EXPECT_NE(morph_difference(module, run(module, 0, zero), run(module, 0, one)), "");
}

} // namespace
} // namespace assay::fuzz
