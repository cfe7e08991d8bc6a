// known_emulator_faults_test.cpp - each known fault of an emulator still shows, and code for the emulator avoids it.
//
// A fault that shows no more is a failure here: its row is stale. Skipped, with the reason, where the emulator is
// missing or of another version than the row names.
#include "fuzz/check/known_emulator_faults.h"

#include "assay/verify.h"
#include "fuzz/check/check.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr u64 kArgument = 0x0123456789abcdef;

class KnownEmulatorFault : public testing::TestWithParam<u32> {
protected:
  const EmulatorFault& fault() const { return emulator_faults()[GetParam()]; }
  /// The program in the emulator, against the oracle.
  Agreement run(bool with_feature, Outcome& out) {
    const auto module = parse_and_verify(fault().program);
    EXPECT_TRUE(module) << module.error().to_string();
    CompileOptions options;
    options.target = fault().target;
    options.os = options.host_os = Os::Linux;
    options.features = qemu::emulated_features(fault().target);
    options.features.*fault().feature = with_feature;
    CodeObject object;
    EXPECT_TRUE(Compiler(options).compile(*module, object));
    EXPECT_TRUE(executor_->load(*module, object));
    qemu::TestHost host;
    executor_->run(0, {&kArgument, 1}, 1000, host, out);
    Outcome expected;
    oracle::Interpreter oracle;
    oracle.prepare(*module);
    oracle.run(0, {&kArgument, 1}, 1000, host, expected);
    return compare(*module, expected, out);
  }
  std::unique_ptr<qemu::RemoteExecutor> executor_ = qemu::make_unicorn_executor();
};

TEST_P(KnownEmulatorFault, is_avoided_by_code_for_the_emulator) {
  ASSERT_EQ(fault().place, Exec::Unicorn) << "this test knows no other emulator";
  EXPECT_FALSE(qemu::emulated_features(fault().target).*fault().feature);
  if (auto able = executor_->can(fault().target, Os::Linux); !able) GTEST_SKIP() << able.error().message;
  Outcome out;
  EXPECT_EQ(run(false, out), Agreement::Agree) << out.text;
}

TEST_P(KnownEmulatorFault, still_shows) {
  if (auto able = executor_->can(fault().target, Os::Linux); !able) GTEST_SKIP() << able.error().message;
  if (executor_->runner() != fault().version)
    GTEST_SKIP() << "this is " << executor_->runner() << ", the row is about " << fault().version;
  Outcome out;
  EXPECT_EQ(run(true, out), Agreement::Differ) << fault().reason << ": no longer so; delete the row, allow the feature";
}

TEST_P(KnownEmulatorFault, is_about_its_subjects_and_programs_alone) {
  const u32 bit = 1u << GetParam();
  for (const SubjectRow& row : subject_rows())
    EXPECT_EQ((emulator_faults_of(row) & bit) != 0, row.exec == fault().place && row.target == fault().target)
        << row.name;
  EXPECT_EQ(emulator_faults_in(*parse_and_verify(fault().program)), bit);
  EXPECT_EQ(emulator_faults_in(*parse_and_verify("export func @f() {\n^e:\n  return\n}\n")), 0u);
}

INSTANTIATE_TEST_SUITE_P(Rows, KnownEmulatorFault, testing::Range(0u, static_cast<u32>(emulator_faults().size())),
                         [](const auto& row) { return std::string(emulator_faults()[row.param].name); });

} // namespace
} // namespace assay::fuzz
