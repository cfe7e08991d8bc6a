// campaign_test.cpp - campaigns with subjects that err on purpose: what is found, counted, kept, and survived.
#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/campaign/tests/spoiler.h"
#include "fuzz/check/finding.h"
#include "fuzz/os/process.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Campaign : public CampaignFixture {
protected:
  Campaign() : CampaignFixture("campaign") {
    options_.findings = folder_.string();
    options_.hang_seconds = 2;
  }
};

TEST_F(Campaign, faultless_subject_gives_no_finding_and_every_program_is_counted) {
  const CampaignResult result = run(factory({}));
  EXPECT_EQ(result.finding_total, 0u);
  EXPECT_EQ(result.totals.programs + result.totals.discarded, 300u);
  EXPECT_EQ(result.totals.compared, result.totals.agree + result.totals.unknown);
  EXPECT_GT(result.totals.agree, 300u);
  EXPECT_GT(result.totals.covered, 100u);
  EXPECT_LE(result.totals.covered, admitted_combinations());
  EXPECT_EQ(result.totals.covered + unmet_combinations(result.totals.met).size(), admitted_combinations());
}

TEST_F(Campaign, wrong_answers_become_files_that_replay) {
  const auto broken = factory([](const Module& module, Outcome& out) {
    if (has_op(module, Opcode::Clz)) ++out.fuel_left;
  });
  const CampaignResult result = run(broken);
  EXPECT_GT(result.finding_total, 0u);
  ASSERT_FALSE(findings().empty());
  for (const fs::path& path : findings()) {
    const auto finding = parse_finding(read(path), path.string());
    ASSERT_TRUE(finding.ok());
    EXPECT_EQ(finding->kind, FindingKind::Miscompile);
    EXPECT_NE(finding->program.find("clz"), std::string::npos);
    EXPECT_EQ(finding->seed, 5u);
  }
}

TEST_F(Campaign, program_that_the_oracle_runs_otherwise_than_what_it_was_is_a_finding) {
  options_.programs = 2;
  options_.engine = [](WorkerContext& context) {
    const char* const texts[] = {"export func @main(i32) -> i32 {\n^0(%x: i32):\n  return %x\n}\n",
                                 "export func @main(i32) -> i32 {\n^0(%x: i32):\n  %y = add.i32 %x, %x\n"
                                 "  return %y\n}\n"};
    const auto original = parse_and_verify(texts[0]), otherwise = parse_and_verify(texts[1]);
    Cases cases;
    const u64 three = 3;
    cases.add(0, {&three, 1}, 100);
    for (u64 index = 0; context.take(index);)
      context.check(index == 0 ? *otherwise : *original, cases, "said otherwise", &*original);
    return 0;
  };
  const CampaignResult result = run(factory({}));
  EXPECT_EQ(result.totals.variants, 2u);
  ASSERT_EQ(result.finding_total, 1u);
  const auto finding = parse_finding(read(findings().at(0)), "finding");
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->subject, "oracle");
  EXPECT_NE(read(findings().at(0)).find("; run: @main(3) == 3\n"), std::string::npos) << "as the original does";
  EXPECT_NE(finding->program.find("add.i32"), std::string::npos);
}

TEST_F(Campaign, one_kind_of_finding_does_not_fill_the_disk) {
  options_.kept_per_kind = 2;
  const CampaignResult result = run(factory([](const Module&, Outcome& out) { ++out.fuel_left; }));
  EXPECT_EQ(findings().size(), 2u);
  EXPECT_EQ(result.totals.findings, 2u);
  EXPECT_GT(result.totals.similar, 100u);
  EXPECT_EQ(result.finding_total, result.totals.findings + result.totals.similar);
}

TEST_F(Campaign, difference_that_does_not_come_again_is_counted_but_is_no_finding) {
  int calls = 0;
  options_.fork_workers = false;
  const CampaignResult result = run(factory([&calls](const Module&, Outcome& out) {
    if (++calls == 10) ++out.fuel_left;
  }));
  EXPECT_EQ(result.finding_total, 0u);
  EXPECT_EQ(result.totals.unreproduced, 1u);
}

TEST_F(Campaign, same_seed_checks_the_same_programs_whatever_the_jobs) {
  const auto names_of_findings = [&](u32 jobs) {
    options_.jobs = jobs;
    options_.kept_per_kind = 1000;
    run(factory([](const Module& module, Outcome& out) {
      if (has_op(module, Opcode::Popcnt)) ++out.fuel_left;
    }));
    std::vector<std::string> names;
    for (const fs::path& path : findings()) names.push_back(path.filename().string());
    fs::remove_all(folder_);
    return names;
  };
  const auto alone = names_of_findings(1);
  EXPECT_FALSE(alone.empty());
  EXPECT_EQ(names_of_findings(1), alone);
  if (can_fork()) {
    EXPECT_EQ(names_of_findings(3), alone);
  }
}

TEST_F(Campaign, processor_time_is_that_of_the_campaign_alone) {
  if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
  options_.programs = 20;
  for (u32 i = 0; i < 2; ++i) { // the second time this process has used some, and so have its children
    const double before = cpu_seconds();
    const CampaignResult result = run(factory([](const Module&, Outcome&) {}));
    EXPECT_GT(result.cpu_seconds, 0);
    EXPECT_LE(result.cpu_seconds, cpu_seconds() - before);
  }
}

TEST_F(Campaign, program_that_a_worker_ended_at_for_another_reason_is_checked_again) {
  if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
  options_.programs = 60;
  const fs::path mark = folder_.string() + ".died";
  fs::remove(mark);
  const CampaignResult result = run(factory([&mark](const Module& module, Outcome&) {
    if (!has_op(module, Opcode::Ctz) || fs::exists(mark)) return;
    std::ofstream(mark) << "once";
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }));
  EXPECT_TRUE(fs::remove(mark));
  EXPECT_EQ(result.worker_deaths, 1u);
  EXPECT_EQ(result.finding_total, 0u);
  EXPECT_EQ(result.totals.unreproduced, 1u);
  EXPECT_EQ(result.totals.programs + result.totals.discarded, 60u);
}

TEST_F(Campaign, worker_that_dies_is_a_finding_with_its_program_and_the_campaign_goes_on) {
  if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
  options_.programs = 60;
  const CampaignResult result = run(factory([](const Module& module, Outcome&) {
    if (!has_op(module, Opcode::Ctz)) return;
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
  }));
  EXPECT_GT(result.worker_deaths, 0u);
  EXPECT_EQ(result.finding_total, result.worker_deaths);
  ASSERT_FALSE(findings().empty());
  const auto finding = parse_finding(read(findings()[0]), "f");
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->kind, FindingKind::Crash);
  EXPECT_EQ(finding->subject, "spoiler");
  EXPECT_NE(finding->program.find("ctz"), std::string::npos);
  EXPECT_NE(finding->entry, "");
}

TEST_F(Campaign, worker_that_stands_still_is_a_finding) {
  if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
  options_.hang_seconds = 0.3;
  options_.max_findings = 1;
  const CampaignResult result = run(factory([](const Module& module, Outcome&) {
    while (has_op(module, Opcode::Bitrev)) sleep_ms(100);
  }));
  EXPECT_EQ(result.finding_total, 1u);
  ASSERT_EQ(findings().size(), 1u);
  const auto finding = parse_finding(read(findings()[0]), "f");
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->kind, FindingKind::Hang);
}

TEST_F(Campaign, limit_of_seconds_ends_it) {
  options_.programs = 0;
  options_.seconds = 0.3;
  const CampaignResult result = run(factory({}));
  EXPECT_GT(result.totals.programs, 0u);
  EXPECT_LT(result.seconds, 8);
}

TEST_F(Campaign, resume_goes_on_after_the_last_program) {
  options_.programs = 50;
  run(factory({}));
  options_.source.seed = 12345;
  options_.resume = true;
  const CampaignResult second = run(factory({}));
  EXPECT_EQ(second.seed, 5u);
  std::ifstream state(folder_ / "campaign.state");
  u64 seed = 0, next = 0;
  state >> seed >> next;
  EXPECT_EQ(seed, 5u);
  EXPECT_EQ(next, 100u);
}

TEST_F(Campaign, events_are_lines_of_json_from_start_to_end) {
  fs::create_directories(folder_);
  options_.events = (folder_ / "events.jsonl").string();
  run(factory([](const Module& module, Outcome& out) {
    if (has_op(module, Opcode::Clz)) ++out.fuel_left;
  }));
  std::ifstream file(options_.events);
  std::vector<std::string> kinds;
  for (std::string line; std::getline(file, line);) kinds.push_back(nlohmann::json::parse(line).at("event"));
  ASSERT_GE(kinds.size(), 3u);
  EXPECT_EQ(kinds.front(), "start");
  EXPECT_EQ(kinds.back(), "end");
  EXPECT_NE(std::find(kinds.begin(), kinds.end(), "finding"), kinds.end());
}

TEST_F(Campaign, folder_that_cannot_be_written_is_told_before_anything_runs) {
  std::ofstream(folder_) << "a file";
  const auto result = run_campaign(options_, []() -> Result<Checker> {
    ADD_FAILURE() << "the folder is looked at first";
    return Checker({});
  });
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::Io);
}

TEST_F(Campaign, summary_tells_what_was_left_out_and_why) {
  const CheckerFactory unable = []() -> Result<Checker> {
    class Unable final : public Subject {
      Result<void> prepare(const Module&) override { return Error{ErrorKind::Unsupported, "", 0, 0, "it cannot"}; }
      void run(FunctionId, std::span<const u64>, u64, Host&, Outcome&) override {}
    };
    std::vector<Checker::Entry> entries;
    entries.push_back({"unable", std::make_unique<Unable>()});
    return Checker(std::move(entries));
  };
  const CampaignResult result = run(unable);
  EXPECT_EQ(result.totals.skipped, result.totals.programs);
  EXPECT_NE(summary(result, options_).find("programs on unable: it cannot"), std::string::npos)
      << summary(result, options_);
  EXPECT_NE(summary(result, options_).find("none, which says nothing: no subject ran"), std::string::npos);
  const auto json = nlohmann::json::parse(summary_json(result, options_));
  EXPECT_EQ(json.at("skips").at(0).at("programs"), result.totals.skipped);
  EXPECT_EQ(json.at("undecided"), "no subject ran any of the programs");
}

TEST_F(Campaign, finding_nothing_where_every_run_lacks_stack_says_nothing) {
  const CampaignResult result = run(factory([](const Module&, Outcome& out) {
    out.kind = OutcomeKind::Trapped;
    out.trap = TrapKind::StackOverflow;
  }));
  EXPECT_EQ(result.finding_total, 0u);
  EXPECT_EQ(why_undecided(result), kUndecided);
  EXPECT_NE(summary(result, options_).find("none, which says nothing: "), std::string::npos);
  EXPECT_TRUE(why_undecided(run(factory({}))).empty());
}

} // namespace
} // namespace assay::fuzz
