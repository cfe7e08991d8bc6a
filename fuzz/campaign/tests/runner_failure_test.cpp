// runner_failure_test.cpp - a campaign whose code runs in a process that fails again and again: each failure is told,
// every
// program is checked in the end, and none of it is taken for a bug of the compiler.
//
// The runner is the emulator's worker behind a shell script that cuts its input short. Skipped where there is no
// worker.
#include "assay/compiler.h"
#include "fuzz/campaign/campaign.h"
#include "fuzz/os/process.h"
#include "qemu/remote/remote_executor.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <gtest/gtest.h>

#include <filesystem>

#ifdef ASSAY_UNICORN_WORKER

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

/// x64 code in a runner with that command.
class RemoteSubject final : public Subject {
public:
  RemoteSubject(std::vector<std::string> command, u32 limit_ms)
      : compiler_(compile_options(*find_subject_row("x64-O0-unicorn-linux"))),
        executor_({"runner", std::move(command), {}, limit_ms, {}}) {}
  Result<void> prepare(const Module& module) override {
    if (auto compiled = compiler_.compile(module, object_); !compiled) return compiled;
    return executor_.load(module, object_);
  }
  void expect(std::span<const RunRequest> requests) override { executor_.expect(requests); }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    executor_.run(entry, args, fuel, host, out);
  }

private:
  Compiler compiler_;
  CodeObject object_;
  qemu::RemoteExecutor executor_;
};

class RunnerFailure : public testing::Test {
protected:
  static constexpr u64 kPrograms = 40;

  void SetUp() override {
    if (auto able = qemu::make_unicorn_executor()->can(Target::X64, Os::Linux); !able)
      GTEST_SKIP() << able.error().message;
    if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
    folder_ = fs::temp_directory_path() / ("assay-runner-" + std::to_string(process_id()));
    options_.source.seed = 11;
    options_.source.max_fuel = 1000;
    options_.programs = kPrograms;
    options_.findings = folder_.string();
    options_.print_findings = false;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  /// The worker gets the first ten messages or so (each is a read of dd's), then its input ends and `then` happens.
  CampaignResult run(const std::string& then, u32 limit_ms = 20000) {
    const std::string script =
        "dd bs=1048576 count=10 2>/dev/null | " + std::string(ASSAY_UNICORN_WORKER) + "; " + then;
    auto result = run_campaign(options_, [&]() -> Result<Checker> {
      std::vector<Checker::Entry> entries;
      entries.push_back(
          {"runner", std::make_unique<RemoteSubject>(std::vector<std::string>{"/bin/sh", "-c", script}, limit_ms)});
      return Checker(std::move(entries));
    });
    EXPECT_TRUE(result) << result.error().to_string();
    return result ? *result : CampaignResult();
  }
  void expect_all_checked(const CampaignResult& result) {
    EXPECT_EQ(result.totals.programs + result.totals.discarded, kPrograms);
    EXPECT_EQ(result.finding_total, 0u);
    EXPECT_EQ(result.worker_deaths, 0u) << "the campaign's own process";
    EXPECT_GT(result.totals.unreproduced, 0u) << "the runner did not fail, or it was not told";
    EXPECT_NE(summary(result, options_).find("were not seen again"), std::string::npos);
    // A program's runs are those of the last time that it was checked; all of them were compared.
    EXPECT_EQ(result.totals.compared - result.totals.unreproduced, result.totals.agree + result.totals.unknown);
    EXPECT_GE(result.totals.agree + result.totals.unknown + result.totals.refused, calls_of_programs());
  }

  /// How many calls the campaign's programs are checked with.
  u64 calls_of_programs() const {
    ProgramSource source(options_.source, nullptr);
    Module module;
    Cases cases;
    u64 calls = 0;
    for (u64 index = 0; index < kPrograms; ++index)
      if (source.make(index, module, cases)) calls += cases.size();
    return calls;
  }

  fs::path folder_;
  CampaignOptions options_;
};

TEST_F(RunnerFailure, runner_that_dies) { expect_all_checked(run("kill -KILL $$")); }
TEST_F(RunnerFailure, runner_that_falls_silent) { expect_all_checked(run("exec sleep 60", 2000)); }
TEST_F(RunnerFailure, runner_that_talks_nonsense) {
  expect_all_checked(run("echo something else entirely, and long enough; exec sleep 60"));
}

} // namespace
} // namespace assay::fuzz
#endif
