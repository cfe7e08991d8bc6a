// compiled_test.cpp - every operation with every type on edge values, compiled at each level for each target that can
// run here, does what the oracle says. Nothing of the table is left to chance.
#include "fuzz/check/check.h"
#include "fuzz/opinion/operations.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

class CompiledOperations : public testing::TestWithParam<const char*> {};

TEST_P(CompiledOperations, agree_with_every_type_on_edge_values) {
  const SubjectRow* const row = find_subject_row(GetParam());
  ASSERT_NE(row, nullptr);
  if (const std::string reason = unavailable_reason(*row); !reason.empty()) GTEST_SKIP() << "skipped: " << reason;
  auto checker = Checker::make({&row, 1});
  ASSERT_TRUE(checker.ok());
  for (const OpinionProgram& each : operation_programs()) {
    EXPECT_TRUE(checker->check(each.module, each.cases)) << each.name << ": " << checker->difference().what;
  }
  EXPECT_EQ(checker->counts().skipped, 0u);
  EXPECT_EQ(checker->counts().refused, 0u);
  EXPECT_GT(checker->counts().agree, 100000u);
}

INSTANTIATE_TEST_SUITE_P(Rows, CompiledOperations,
                         testing::Values("x64-O0-native-linux", "x64-O2-native-linux", "a64-O0-native-linux",
                                         "a64-O2-native-linux", "a64-O0-unicorn-linux", "a64-O2-unicorn-linux"),
                         [](const auto& row) {
                           std::string name = row.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

} // namespace
} // namespace assay::fuzz
