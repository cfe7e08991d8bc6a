// finding_test.cpp - a finding survives its file, can be replayed from it, and is never half written.
#include "fuzz/check/finding.h"

#include "assay/verify.h"
#include "fuzz/check/run_lines.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kProgram = "export func @f(i64, f32) -> i64 {\n^b0(%0: i64, %1: f32):\n  return %0\n}\n";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Wrong by one in every result, and says no to every program when told so.
class OffByOne final : public Subject {
public:
  explicit OffByOne(u64 by) : by_(by) {}
  Result<void> prepare(const Module& module) override {
    oracle_.prepare(module);
    return {};
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    oracle_.run(entry, args, fuel, host, out);
    for (u64& value : out.values) value += by_;
  }

private:
  u64 by_;
  oracle::Interpreter oracle_;
};

Checker checker_with(u64 by) {
  std::vector<Checker::Entry> entries;
  entries.push_back({"off-by-one", std::make_unique<OffByOne>(by)});
  return Checker(std::move(entries));
}

Finding found() {
  auto module = parse_and_verify(kProgram);
  EXPECT_TRUE(module.ok());
  Checker checker = checker_with(1);
  Cases cases;
  const u64 args[] = {41, 0x3fc00000};
  cases.add(0, args, 1234);
  EXPECT_FALSE(checker.check(*module, cases));
  Finding finding = make_finding(*module, cases, checker);
  finding.seed = 7;
  finding.program_index = 99;
  finding.origin = "generated";
  return finding;
}

class FindingFile : public testing::Test {
protected:
  FindingFile()
      : folder_(fs::temp_directory_path() /
                ("assay-finding-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::remove_all(folder_);
  }
  ~FindingFile() override {
    std::error_code ignored;
    fs::permissions(folder_, fs::perms::owner_all, ignored);
    fs::remove_all(folder_, ignored);
  }
  fs::path folder_;
};

TEST_F(FindingFile, round_trip_keeps_what_a_replay_needs) {
  const Finding finding = found();
  ASSERT_TRUE(prepare_findings_folder(folder_.string()).ok());
  const auto path = write_finding(finding, folder_.string());
  ASSERT_TRUE(path.ok()) << path.error().to_string();
  const auto read_back = parse_finding(read(*path), *path);
  ASSERT_TRUE(read_back.ok()) << read_back.error().to_string();
  EXPECT_EQ(read_back->kind, finding.kind);
  EXPECT_EQ(read_back->subject, "off-by-one");
  EXPECT_EQ(read_back->entry, "f");
  EXPECT_EQ(read_back->args, finding.args);
  EXPECT_EQ(read_back->fuel, 1234u);
  EXPECT_EQ(read_back->seed, 7u);
  EXPECT_EQ(read_back->program_index, 99u);
  EXPECT_EQ(read_back->expected, "returned 41");
  EXPECT_EQ(read_back->actual, "returned 42");
}

TEST_F(FindingFile, file_is_a_valid_program_with_a_run_line) {
  const std::string text = to_text(found(), "x.air");
  auto module = parse_and_verify(text, "x.air");
  ASSERT_TRUE(module.ok()) << module.error().to_string();
  EXPECT_EQ(to_text(*module), kProgram);
  const auto lines = parse_run_lines(text, "x.air", *module);
  ASSERT_TRUE(lines.ok()) << lines.error().to_string();
  ASSERT_EQ(lines->size(), 1u);
  EXPECT_EQ((*lines)[0].values[0].bits, 41u);
}

TEST_F(FindingFile, replay_shows_the_same_and_a_repaired_subject_shows_it_gone) {
  const auto finding = parse_finding(to_text(found(), "x.air"), "x.air");
  ASSERT_TRUE(finding.ok());
  auto module = parse_and_verify(finding->program);
  ASSERT_TRUE(module.ok());
  Checker broken = checker_with(1), repaired = checker_with(0);
  const auto again = replay(*finding, *module, broken);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(*again);
  const auto gone = replay(*finding, *module, repaired);
  ASSERT_TRUE(gone.ok());
  EXPECT_FALSE(*gone);
}

TEST_F(FindingFile, value_with_line_breaks_stays_one_line) {
  Finding finding = found();
  finding.actual = "threw host \"a\nb\\c\"";
  const auto read_back = parse_finding(to_text(finding, "x.air"), "x.air");
  ASSERT_TRUE(read_back.ok());
  EXPECT_EQ(read_back->actual, finding.actual);
}

TEST_F(FindingFile, name_says_kind_subject_and_observable) {
  const std::string name = signature(found());
  EXPECT_EQ(name.rfind("miscompile-off-by-one-", 0), 0u) << name;
  EXPECT_EQ(name.find_first_of(" :/@"), std::string::npos) << name;
}

TEST_F(FindingFile, nothing_but_the_finding_is_left_in_the_folder) {
  ASSERT_TRUE(prepare_findings_folder(folder_.string()).ok());
  ASSERT_TRUE(write_finding(found(), folder_.string()).ok());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(FindingFile, folder_that_is_a_file_is_refused_beforehand) {
  std::ofstream(folder_) << "a file";
  const auto ready = prepare_findings_folder(folder_.string());
  ASSERT_FALSE(ready.ok());
  EXPECT_EQ(ready.error().kind, ErrorKind::Io);
  EXPECT_FALSE(write_finding(found(), folder_.string()).ok());
}

TEST_F(FindingFile, folder_that_may_not_be_written_is_refused_beforehand) {
  fs::create_directories(folder_);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  if (std::ofstream(folder_ / "probe").good()) {
    fs::remove(folder_ / "probe");
    GTEST_SKIP() << "permissions do not bind this user";
  }
  EXPECT_FALSE(prepare_findings_folder(folder_.string()).ok());
}

TEST_F(FindingFile, failed_write_keeps_the_file_that_was_there) {
  fs::create_directories(folder_ / "target" / "inside"); // a folder cannot be replaced by a file
  const auto written = write_file_atomically((folder_ / "target").string(), "text");
  EXPECT_FALSE(written.ok());
  EXPECT_TRUE(fs::is_directory(folder_ / "target" / "inside"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1)
      << "a temporary file was left behind";
}

TEST_F(FindingFile, device_is_written_to_and_not_replaced) {
  const fs::path device("/dev/null");
  if (!fs::is_character_file(device)) GTEST_SKIP() << "this system has no /dev/null";
  EXPECT_TRUE(write_file_atomically(device.string(), "text").ok());
  EXPECT_TRUE(fs::is_character_file(device));
}

TEST_F(FindingFile, full_device_is_an_error) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  EXPECT_FALSE(write_file_atomically("/dev/full", "text").ok());
}

TEST_F(FindingFile, text_that_is_no_finding_is_refused) {
  const auto parsed = parse_finding(kProgram, "x.air");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().kind, ErrorKind::BadInput);
}

TEST_F(FindingFile, wrong_header_line_is_named) {
  const auto parsed = parse_finding("; assay finding\n; kind: crash\n; fuel: lots\n", "x.air");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().line, 3u);
}

TEST_F(FindingFile, call_that_does_not_fit_the_program_is_refused) {
  Finding finding = found();
  auto module = parse_and_verify(finding.program);
  ASSERT_TRUE(module.ok());
  Cases cases;
  finding.args.pop_back();
  EXPECT_FALSE(cases_of(finding, *module, cases).ok());
  finding.entry = "nobody";
  EXPECT_FALSE(cases_of(finding, *module, cases).ok());
}

} // namespace
} // namespace assay::fuzz
