// state_test.cpp - campaigns that keep their state, on bad days: killed at any moment, the disk full, the state
// damaged or another program's, the corpus foreign, clocks that jump, workers stopped, short of memory, or unable to
// start.
#include "assay/text.h"
#include "fuzz/campaign/book.h"
#include "fuzz/campaign/stopwatch.h"
#include "fuzz/campaign/tests/spoiler.h"
#include "fuzz/check/finding.h"
#include "fuzz/os/limits.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#ifndef _WIN32
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#if defined(ASSAY_SQLITE) && !defined(_WIN32)

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

void wrong_at_clz(const Module& module, Outcome& out) {
  if (has_op(module, Opcode::Clz)) ++out.fuel_left;
}

class State : public CampaignFixture {
protected:
  State() : CampaignFixture("state") {
    fs::create_directories(folder_);
    options_.findings = (folder_ / "findings").string();
    options_.state = (folder_ / "state.db").string();
    options_.hang_seconds = 20;
    options_.round_programs = 200;
    options_.added_per_round = 5;
  }
  /// In a process of its own, ended after some milliseconds in the hardest way. True when it was through before.
  bool run_and_kill(const CheckerFactory& make_checker, u32 after_ms) {
    auto worker = start_worker([&] { return run_campaign(options_, make_checker).ok() ? 0 : 1; });
    EXPECT_TRUE(worker.ok());
    for (u32 i = 0; i < after_ms; ++i) {
      const WorkerStatus status = poll_worker(*worker);
      if (status.state == WorkerStatus::Exited) {
        EXPECT_EQ(status.code, 0);
        return true;
      }
      sleep_ms(1);
    }
    kill_worker(*worker);
    return false;
  }
  /// What the state says, by a look at it from outside.
  StreamState state() {
    auto ledger = Ledger::open(options_.state);
    EXPECT_TRUE(ledger.ok()) << (ledger.ok() ? "" : ledger.error().to_string());
    if (!ledger) return {};
    StreamKey key;
    key.subjects = "spoiler";
    key.seed = options_.source.seed;
    key.settings = settings_;
    auto state = ledger->begin(key, 1);
    EXPECT_TRUE(state.ok());
    return state ? std::move(*state) : StreamState();
  }
  /// Names of the files of findings, without ".air".
  std::vector<std::string> findings() const {
    std::vector<std::string> out;
    for (const fs::path& path : CampaignFixture::findings()) out.push_back(path.stem().string());
    return out;
  }
  /// The result of the same campaign where nothing goes wrong, in a state of its own.
  CampaignResult undisturbed(const CheckerFactory& make_checker) {
    CampaignOptions other = options_;
    other.findings += ".undisturbed";
    other.state += ".undisturbed";
    auto result = run_campaign(other, make_checker);
    EXPECT_TRUE(result.ok());
    return result ? std::move(*result) : CampaignResult();
  }
  std::string settings_;
};

TEST_F(State, same_call_goes_on_and_then_has_nothing_left_to_do) {
  options_.programs = 120;
  const CampaignResult first = run(factory());
  EXPECT_EQ(first.totals.programs + first.totals.discarded, 120u);
  EXPECT_EQ(first.done, 120u);
  options_.programs = 300;
  const CampaignResult second = run(factory());
  EXPECT_EQ(second.totals.programs + second.totals.discarded, 180u);
  EXPECT_EQ(second.done, 300u);
  EXPECT_EQ(second.runs, 1u);
  const CampaignResult third = run(factory());
  EXPECT_EQ(third.totals.programs, 0u);
  EXPECT_EQ(third.done, 300u);
}

TEST_F(State, seed_of_the_last_call_is_kept_where_none_is_given) {
  run(factory());
  options_.has_seed = false;
  options_.source.seed = 999;
  EXPECT_EQ(run(factory()).seed, 5u);
  options_.source.inputs = 3; // another stream: its programs are others
  EXPECT_EQ(run(factory()).seed, 999u);
}

TEST_F(State, corpus_grows_between_rounds_by_the_same_programs_whatever_the_jobs_and_interruptions) {
  options_.added_per_round = 100; // of 200: that one program joins and another does not shows
  const auto corpus_of = [&](u32 jobs, u64 step) {
    options_.jobs = jobs;
    options_.state = (folder_ / ("state" + std::to_string(jobs) + ".db")).string();
    const u64 all = 600;
    for (options_.programs = step; options_.programs < all; options_.programs += step) run(factory());
    options_.programs = all;
    const CampaignResult result = run(factory());
    EXPECT_EQ(result.corpus_added, 300u);
    return result.corpus_digest;
  };
  const u64 alone = corpus_of(1, 600);
  EXPECT_EQ(corpus_of(3, 170), alone);
}

TEST_F(State, killed_again_and_again_it_checks_each_program_once_and_loses_no_finding) {
  options_.programs = 3000;
  options_.round_programs = 1000;
  options_.jobs = 2;
  options_.kept_per_kind = 100000;
  const CheckerFactory broken = factory(wrong_at_clz);
  u32 kills = 0;
  for (u32 i = 0; i < 10; ++i) kills += !run_and_kill(broken, 40 + 20 * i);
  EXPECT_GT(kills, 0u) << "the campaign is too short for this test";
  const CampaignResult last = run(broken);
  EXPECT_EQ(last.done, 3000u);
  const auto found = findings();
  options_.jobs = 1;
  const CampaignResult calm = undisturbed(broken);
  options_.findings += ".undisturbed";
  EXPECT_EQ(found, findings());
  EXPECT_EQ(last.corpus_digest, calm.corpus_digest);
  EXPECT_EQ(last.all_seen, calm.all_seen) << "a finding was counted twice, or not at all";
  EXPECT_EQ(last.all_programs, calm.all_programs);
}

TEST_F(State, finding_of_a_run_that_was_killed_is_taken_up_from_the_folder) {
  run(factory(wrong_at_clz));
  const auto before = findings();
  ASSERT_FALSE(before.empty());
  fs::remove(options_.state); // as if it had been killed before anything was written
  options_.programs = 1;
  run(factory());
  auto signatures = state().signatures;
  std::sort(signatures.begin(), signatures.end());
  EXPECT_EQ(signatures, before);
}

TEST_F(State, two_campaigns_do_not_share_a_state) {
  options_.programs = 0;
  options_.seconds = 30;
  auto other = start_worker([&] { return run_campaign(options_, factory()).ok() ? 0 : 1; });
  ASSERT_TRUE(other.ok());
  while (!fs::exists(options_.state + "-wal")) sleep_ms(1);
  const auto refused = run_campaign(options_, factory());
  kill_worker(*other);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("another campaign uses it"), std::string::npos) << refused.error().message;
}

TEST_F(State, file_that_is_no_database_is_refused_and_left_as_it_is) {
  const std::string text =
      "these are the notes of somebody, and long enough for a header of a hundred bytes: " + std::string(200, '.');
  std::ofstream(options_.state) << text;
  const auto result = run_campaign(options_, factory());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::BadInput);
  EXPECT_NE(result.error().message.find("expected the state of a campaign"), std::string::npos);
  EXPECT_EQ(read_text(options_.state), text);
}

TEST_F(State, damaged_state_is_refused) {
  run(factory());
  std::string bytes = read_text(options_.state);
  ASSERT_GT(bytes.size(), 8192u);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 37);
  std::ofstream(options_.state, std::ios::binary) << bytes;
  const auto result = run_campaign(options_, factory());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("damaged"), std::string::npos) << result.error().message;
  EXPECT_EQ(read_text(options_.state), bytes);
}

/// While `low`, no file of this process may be longer than a finding is: as on a disk that is full.
void limit_files(bool low) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = low ? 1000 : limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F(State, full_disk_makes_a_campaign_wait_and_nothing_is_lost) {
  options_.write_patience = 1e18;
  options_.programs = 1000;
  options_.jobs = 2;
  const double start = Stopwatch::steady();
  const u64 parent = process_id();
  options_.clock = [&] { // asked by the parent all the time, by a worker before it writes a finding and while it waits
    const double now = Stopwatch::steady();
    limit_files((process_id() != parent || now - start > 1) && now - start < 2.5);
    return now;
  };
  const CampaignResult result = run(factory(wrong_at_clz));
  limit_files(false);
  EXPECT_EQ(result.done, 1000u);
  options_.clock = {};
  const CampaignResult calm = undisturbed(factory(wrong_at_clz));
  EXPECT_EQ(result.all_seen, calm.all_seen);
  EXPECT_EQ(result.all_programs, calm.all_programs);
  EXPECT_GT(result.seconds, 2) << "the disk was not full";
}

TEST_F(State, disk_that_stays_full_is_told_and_what_lacks_is_checked_again) {
  options_.write_patience = 1e18;
  options_.seconds = 2;
  options_.programs = 2000;
  double begun = 0; // when there was a state
  options_.clock = [&] {
    if (begun == 0 && fs::exists(options_.state)) begun = Stopwatch::steady();
    limit_files(begun != 0 && Stopwatch::steady() - begun > 0.2);
    return Stopwatch::steady();
  };
  const auto result = run_campaign(options_, factory(wrong_at_clz));
  limit_files(false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::Io);
  EXPECT_NE(result.error().message.find("checked again"), std::string::npos) << result.error().message;
  options_.clock = {};
  options_.seconds = 0;
  const CampaignResult after = run(factory(wrong_at_clz));
  EXPECT_EQ(after.done, 2000u);
  const CampaignResult calm = undisturbed(factory(wrong_at_clz));
  EXPECT_EQ(after.all_seen, calm.all_seen);
  EXPECT_EQ(after.all_programs, calm.all_programs);
}

TEST_F(State, clock_that_jumps_ends_no_worker_and_no_campaign) {
  double offset = 0;
  u32 looks = 0;
  options_.clock = [&] {
    if (++looks % 7 == 0) offset += looks % 2 == 0 ? 5000.0 : -3000.0;
    return Stopwatch::steady() + offset;
  };
  options_.hang_seconds = 30;
  options_.seconds = 100000;
  options_.programs = 1000;
  const CampaignResult result = run(factory());
  EXPECT_EQ(result.worker_deaths, 0u);
  EXPECT_EQ(result.done, 1000u);
}

TEST_F(State, stopped_worker_goes_on) {
  options_.programs = 400;
  const auto stops = [](const Module& module, Outcome&) {
    if (has_op(module, Opcode::Bitrev)) raise(SIGSTOP);
  };
  const CampaignResult result = run(factory(stops));
  EXPECT_EQ(result.worker_deaths, 0u);
  EXPECT_GT(result.stopped, 0u);
  EXPECT_EQ(result.done, 400u);
  EXPECT_EQ(result.finding_total, 0u);
}

TEST_F(State, program_that_takes_all_memory_is_a_finding) {
#if defined(__SANITIZE_ADDRESS__) || !defined(__linux__)
  GTEST_SKIP() << "no limit of memory here";
#else
  auto probe = start_worker([] { return limit_memory(u64{1} << 40) ? 0 : 1; });
  ASSERT_TRUE(probe.ok());
  WorkerStatus status = poll_worker(*probe);
  for (; status.state == WorkerStatus::Running; status = poll_worker(*probe)) sleep_ms(1);
  if (status.code != 0) GTEST_SKIP() << "the emulator underneath keeps no limit of memory";
  options_.programs = 60;
  options_.memory_bytes = u64{256} << 20;
  const CampaignResult result = run(factory([](const Module& module, Outcome&) {
    if (!has_op(module, Opcode::Ctz)) return;
    std::vector<std::unique_ptr<char[]>> all;
    for (u32 i = 0; i < 4096; ++i) all.emplace_back(new char[1 << 20]);
  }));
  EXPECT_GT(result.finding_total, 0u);
  EXPECT_EQ(result.done, 60u);
  ASSERT_FALSE(findings().empty());
  EXPECT_NE(findings()[0].find("out-of-memory"), std::string::npos) << findings()[0];
#endif
}

TEST_F(State, workers_that_cannot_work_are_given_time_and_then_it_is_told) {
  options_.programs = 50;
  const fs::path marks = folder_ / "starts";
  int own = 0; // of the parent: the first is its own trial
  const auto result = run_campaign(options_, [&]() -> Result<Checker> {
    if (own++ == 0) return factory()();
    const std::size_t before = fs::exists(marks) ? fs::file_size(marks) : 0;
    std::ofstream(marks, std::ios::app) << 'x';
    if (before < 3) return Error{ErrorKind::Unsupported, "", 0, 0, "not now"};
    return factory()();
  });
  ASSERT_TRUE(result.ok()) << result.error().to_string();
  EXPECT_EQ(result->done, 50u);
  EXPECT_EQ(fs::file_size(marks), 4u);
}

TEST_F(State, foreign_and_damaged_files_of_a_corpus_are_left_out_and_named) {
  const fs::path corpus = folder_ / "corpus";
  fs::create_directories(corpus / "folder.air");
  std::ofstream(corpus / "good.air") << "export func @f() -> i32 {\n^0:\n  %r = const.i32 7\n  return %r\n}\n";
  std::ofstream(corpus / "cut.air") << "export func @f() -> i32 {\n^0:\n  %r = co";
  std::ofstream(corpus / "noise.air", std::ios::binary) << std::string("\x00\xff\x80PNG\r\n\x1a\n", 10);
  std::ofstream(corpus / "empty.air") << "";
  std::ofstream(corpus / "long.air") << std::string(kMaxCorpusFile + 1, ';');
  std::ofstream(corpus / "other.txt") << "not looked at";
  fs::create_symlink("nowhere", corpus / "dangling.air");
  ASSERT_EQ(mkfifo((corpus / "pipe.air").c_str(), 0600), 0);
  options_.corpus = corpus.string();
  const CampaignResult result = run(factory());
  EXPECT_EQ(result.corpus_programs - result.corpus_added, 1u);
  EXPECT_EQ(result.corpus_ignored, 4u);
  const std::string text = summary(result, options_);
  EXPECT_NE(text.find("cut.air:3:"), std::string::npos) << text;
  EXPECT_NE(text.find("long.air: longer than"), std::string::npos) << text;
}

} // namespace
} // namespace assay::fuzz
#endif
