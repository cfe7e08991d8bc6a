// subject_test.cpp - choosing subjects: what is admitted, what is refused and why.
#include "fuzz/check/subject.h"

#include "assay/verify.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::fuzz {
namespace {

TEST(Subjects, names_are_distinct_and_the_oracle_comes_first) {
  std::set<std::string_view> names;
  for (const SubjectRow& row : subject_rows()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
  EXPECT_EQ(subject_rows()[0].name, "oracle");
  EXPECT_EQ(unavailable_reason(subject_rows()[0]), "");
}

TEST(Subjects, oracle_runs_only_when_it_is_named) {
  const auto all = select_subjects({});
  if (all) {
    for (const SubjectRow* row : *all) EXPECT_NE(row->exec, Exec::Oracle);
  }
  SubjectFilter filter;
  filter.names = {"oracle"};
  const auto named = select_subjects(filter);
  ASSERT_TRUE(named.ok());
  EXPECT_EQ((*named)[0]->exec, Exec::Oracle);
}

TEST(Subjects, unknown_name_is_bad_input) {
  SubjectFilter filter;
  filter.names = {"x64-O9"};
  const auto chosen = select_subjects(filter);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().kind, ErrorKind::BadInput);
}

TEST(Subjects, unknown_word_is_bad_input_and_names_the_known_ones) {
  SubjectFilter filter;
  filter.targets = {"z80"};
  const auto chosen = select_subjects(filter);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().kind, ErrorKind::BadInput);
  EXPECT_NE(chosen.error().message.find("x64"), std::string::npos);
}

TEST(Subjects, word_without_a_subject_here_is_unsupported) {
  SubjectFilter filter;
  filter.targets = {"a64"};
  const auto chosen = select_subjects(filter);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().kind, ErrorKind::Unsupported);
}

TEST(Subjects, os_filter_keeps_only_that_convention) {
  SubjectFilter filter;
  filter.oses = {"windows"};
  const auto chosen = select_subjects(filter);
  if (!chosen) GTEST_SKIP() << chosen.error().message;
  for (const SubjectRow* row : *chosen) EXPECT_EQ(row->os, Os::Windows);
}

TEST(Subjects, each_available_subject_adds) {
  auto module = parse_and_verify(
      "export func @add(i32, i32) -> i32 {\n^entry(%a: i32, %b: i32):\n  %r = add.i32 %a, %b\n  return %r\n}\n");
  ASSERT_TRUE(module.ok());
  qemu::TestHost host;
  for (const SubjectRow& row : subject_rows()) {
    if (!unavailable_reason(row).empty()) continue;
    auto subject = make_subject(row);
    ASSERT_TRUE(subject.ok()) << row.name << ": " << subject.error().to_string();
    const auto ready = (*subject)->prepare(*module);
    ASSERT_TRUE(ready.ok()) << row.name << ": " << ready.error().to_string();
    const u64 args[] = {40, 2};
    Outcome outcome;
    (*subject)->run(0, args, 10, host, outcome);
    EXPECT_EQ(to_string(*module, outcome), "returned 42") << row.name;
  }
}

} // namespace
} // namespace assay::fuzz
