// program_source_test.cpp - programs by number: valid, the same for everyone, from the corpus too.
#include "fuzz/campaign/program_source.h"

#include "assay/text.h"
#include "assay/verify.h"

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
    origins.insert(source.origin());
    const auto valid = verify(module);
    EXPECT_TRUE(valid.ok()) << "program " << i << ": " << valid.error().to_string();
    EXPECT_GT(cases.size(), 0u);
  }
  EXPECT_EQ(origins, (std::set<std::string>{"generated", "mutant of a generated program"}));
}

TEST(ProgramSource, corpus_is_read_and_mutated) {
  const auto corpus = load_corpus(std::string(ASSAY_SOURCE_DIR) + "/corpus");
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

TEST(ProgramSource, missing_corpus_is_an_error) {
  const auto corpus = load_corpus("/nonexistent/corpus");
  ASSERT_FALSE(corpus.ok());
  EXPECT_EQ(corpus.error().kind, ErrorKind::Io);
}

} // namespace
} // namespace assay::fuzz
