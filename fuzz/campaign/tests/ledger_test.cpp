// ledger_test.cpp - a ledger's transactions: all of an entry or nothing, sums that add up over runs, strangers refused.
#include "fuzz/campaign/ledger.h"

#include <gtest/gtest.h>

#include <filesystem>
#ifdef ASSAY_SQLITE
#include <sqlite3.h>
#endif

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

class LedgerFile : public testing::Test {
protected:
  LedgerFile()
      : folder_(fs::temp_directory_path() /
                ("assay-ledger-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = (folder_ / "state.db").string();
    key_ = {7, "small", "a,b", "inputs=2", "assay test"};
  }
  ~LedgerFile() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  fs::path folder_;
  std::string path_;
  StreamKey key_;
};

#ifdef ASSAY_SQLITE

TEST_F(LedgerFile, what_is_saved_is_there_in_the_next_run_and_adds_up) {
  RangeSet done;
  for (int run = 0; run < 2; ++run) {
    auto ledger = Ledger::open(path_);
    ASSERT_TRUE(ledger.ok()) << ledger.error().to_string();
    const auto state = ledger->begin(key_, 2);
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->fresh, run == 0);
    EXPECT_EQ(state->runs, static_cast<u64>(run));
    done.add({static_cast<u64>(run) * 100, static_cast<u64>(run) * 100 + 50});
    LedgerEntry entry;
    entry.counters["programs"] = 50;
    entry.groups["miscompile-a-result"] = 3;
    entry.skips[{"b", "no such thing"}] = 4;
    entry.features = {{9, run == 0 ? 40u : 17u}};
    entry.findings.push_back({"miscompile-a-result-01234567", "miscompile-a-result", "miscompile", "a", "result",
                              "x64", 12, "the 'text' of it"});
    entry.workers.push_back({0, 4711, 0.5, 1.5, "signal SIGSEGV", 12});
    ASSERT_TRUE(ledger->save(entry, done).ok());
  }
  auto ledger = Ledger::open(path_);
  ASSERT_TRUE(ledger.ok());
  auto state = ledger->begin(key_, 1);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->done.count(), 100u);
  EXPECT_EQ(state->done.ranges().size(), 2u);
  EXPECT_EQ(state->counters["programs"], 100u);
  EXPECT_EQ(state->groups["miscompile-a-result"], 6u);
  EXPECT_EQ(state->group_files["miscompile-a-result"], 1u) << "the same finding";
  EXPECT_EQ(state->features, (std::vector<FirstSeen>{{9, 17}}));
}

TEST_F(LedgerFile, streams_are_apart_and_the_last_seed_is_known) {
  auto ledger = Ledger::open(path_);
  ASSERT_TRUE(ledger.ok());
  u64 seed = 1;
  EXPECT_FALSE(ledger->last_seed(key_, seed));
  RangeSet done;
  done.add({0, 10});
  ASSERT_TRUE(ledger->begin(key_, 1).ok());
  ASSERT_TRUE(ledger->save({}, done).ok());
  key_.seed = ~u64{0}; // all bits
  const auto other = ledger->begin(key_, 1);
  ASSERT_TRUE(other.ok());
  EXPECT_TRUE(other->fresh);
  EXPECT_TRUE(ledger->last_seed(key_, seed));
  EXPECT_EQ(seed, ~u64{0});
  key_.preset = "exceptions";
  EXPECT_FALSE(ledger->last_seed(key_, seed));
}

TEST_F(LedgerFile, round_begins_with_its_corpus_and_without_the_features_of_the_last) {
  auto ledger = Ledger::open(path_);
  ASSERT_TRUE(ledger.ok() && ledger->begin(key_, 1).ok());
  LedgerEntry entry;
  entry.features = {{1, 2}};
  ASSERT_TRUE(ledger->save(entry, {}).ok());
  const std::vector<CorpusRow> added{{40, 1, "export func @f() {\n"}, {2, 1, "text"}};
  ASSERT_TRUE(ledger->begin_round(1, added).ok());
  const auto state = ledger->begin(key_, 1);
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->round, 1u);
  EXPECT_TRUE(state->features.empty());
  ASSERT_EQ(state->corpus.size(), 2u);
  EXPECT_EQ(state->corpus[0].program, 2u) << "in the order of their numbers";
  EXPECT_EQ(state->corpus[1].text, added[0].text);
}

TEST_F(LedgerFile, what_cannot_be_read_to_its_end_is_told_and_no_half_state_is_begun_with) {
  ASSERT_TRUE(Ledger::open(path_).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "DROP TABLE feature", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  auto ledger = Ledger::open(path_);
  ASSERT_TRUE(ledger.ok()) << ledger.error().to_string();
  const auto state = ledger->begin(key_, 1);
  ASSERT_FALSE(state.ok());
  EXPECT_NE(state.error().to_string().find("cannot read the state of the campaign"), std::string::npos)
      << state.error().to_string();
}

TEST_F(LedgerFile, folder_that_is_not_there_is_told) {
  const auto ledger = Ledger::open((folder_ / "none" / "state.db").string());
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.error().kind, ErrorKind::Io);
}

#else

TEST_F(LedgerFile, build_without_sqlite_says_so) {
  const auto ledger = Ledger::open(path_);
  ASSERT_FALSE(ledger.ok());
  EXPECT_EQ(ledger.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(ledger.error().message.find("needs SQLite"), std::string::npos);
}

#endif

} // namespace
} // namespace assay::fuzz
