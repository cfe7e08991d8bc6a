// subject_test.cpp - choosing subjects: what is admitted, what is refused and why.
#include "fuzz/check/subject.h"

#include "assay/verify.h"
#include "fuzz/generate/generator.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::fuzz {
namespace {

TEST(Subjects, functions_that_are_not_exported_may_be_called_too) {
  const auto module = parse_and_verify("import @log(i64)\n"
                                       "func @alone(i64) -> i64 {\n^e(%x: i64):\n  %y = add.i64 %x, %x\n"
                                       "  call @log(%y)\n  return %y\n}\n"
                                       "export func @f() -> i64 {\n^e:\n  %x = const.i64 4\n  return %x\n}\n");
  ASSERT_TRUE(module) << module.error().to_string();
  for (const SubjectRow& row : subject_rows()) {
    if (row.exec != Exec::Oracle && row.exec != Exec::Native && row.exec != Exec::Unicorn) continue;
    if (!unavailable_reason(row).empty()) continue;
    const auto subject = make_subject(row);
    ASSERT_TRUE(subject) << row.name;
    ASSERT_TRUE((*subject)->prepare(*module)) << row.name;
    qemu::TestHost host;
    Outcome out;
    const u64 args[] = {21};
    (*subject)->run(2, {}, 1000, host, out);
    EXPECT_EQ(out.values, std::vector<u64>{4}) << row.name;
    const RunRequest requests[] = {{1, args, 1000}, {2, {}, 1000}};
    (*subject)->expect(requests);
    (*subject)->run(1, args, 1000, host, out);
    EXPECT_EQ(out.values, std::vector<u64>{42}) << row.name;
    EXPECT_EQ(out.trace.size(), 1u) << row.name;
    (*subject)->run(2, {}, 1000, host, out);
    EXPECT_EQ(out.values, std::vector<u64>{4}) << row.name;
    ASSERT_TRUE((*subject)->prepare(*module)) << row.name;
    (*subject)->run(1, args, 1000, host, out); // without being told before
    EXPECT_EQ(out.values, std::vector<u64>{42}) << row.name;
  }
}

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

TEST(Subjects, other_compilers_run_only_when_they_are_asked_for) {
  SubjectFilter filter;
  filter.emulated = true;
  const auto all = select_subjects(filter);
  if (all) {
    for (const SubjectRow* row : *all) EXPECT_FALSE(is_peer(row->exec)) << row->name;
  }
  filter.execs = {"llvm"};
  filter.levels = {"O2"};
  std::vector<LeftOut> left_out;
  const auto chosen = select_subjects(filter, &left_out);
  if (!chosen) {
    EXPECT_EQ(chosen.error().kind, ErrorKind::Unsupported);
  } else {
    ASSERT_EQ(chosen->size(), 1u);
    EXPECT_EQ((*chosen)[0]->name, "llvm-O2");
  }
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

TEST(Subjects, words_without_a_subject_are_unsupported) {
  SubjectFilter filter;
  filter.targets = {"x64"};
  filter.oses = {"apple"};
  const auto chosen = select_subjects(filter);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().kind, ErrorKind::Unsupported);
}

TEST(Subjects, name_says_target_level_place_and_convention) {
  for (const SubjectRow& row : subject_rows()) {
    if (row.exec == Exec::Oracle || row.drawn == Drawn::Settings) continue;
    if (is_peer(row.exec)) {
      EXPECT_EQ(row.name, std::string(name_of(row.exec)) + "-" + std::string(name_of(row.level)));
      continue;
    }
    std::string name(assay::name_of(row.target));
    for (const std::string_view part : {name_of(row.level), name_of(row.exec), assay::name_of(row.os)})
      name += "-" + std::string(part);
    EXPECT_EQ(row.name.substr(0, name.size()), name);
  }
}

TEST(Subjects, emulated_ones_run_only_when_asked_for) {
  const auto usual = select_subjects({});
  if (!usual || (*usual)[0]->exec != Exec::Native) GTEST_SKIP() << "nothing runs natively here";
  for (const SubjectRow* row : *usual) EXPECT_EQ(row->exec, Exec::Native) << row->name;
}

TEST(Subjects, those_that_were_asked_for_run_or_are_left_out_for_a_reason) {
  SubjectFilter filter;
  filter.emulated = true;
  std::vector<LeftOut> left_out;
  const auto chosen = select_subjects(filter, &left_out);
  ASSERT_TRUE(chosen.ok());
  const auto rows = subject_rows();
  const auto others = // the oracle and other compilers
      std::count_if(rows.begin(), rows.end(), [](auto& row) { return row.exec == Exec::Oracle || is_peer(row.exec); });
  EXPECT_EQ(chosen->size() + left_out.size() + static_cast<std::size_t>(others), rows.size());
  for (const LeftOut& left : left_out) {
    EXPECT_FALSE(left.reason.empty()) << left.row->name;
    EXPECT_EQ(std::count(chosen->begin(), chosen->end(), left.row), 0) << left.row->name;
  }
}

TEST(Subjects, code_for_an_emulator_owes_nothing_to_this_machine) {
  for (const SubjectRow& row : subject_rows()) {
    const CompileOptions options = compile_options(row);
    EXPECT_EQ(options.target, row.target);
    EXPECT_EQ(options.os, row.os);
    if (row.exec == Exec::Unicorn) {
      EXPECT_EQ(options.host_os, row.os) << row.name;
      EXPECT_FALSE(options.features.popcnt || options.features.fma) << row.name;
    }
  }
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
