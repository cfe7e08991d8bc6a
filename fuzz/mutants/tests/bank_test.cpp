// bank_test.cpp - the bank, the compiler's sources and the list of kinds of bugs agree; a planted bug is found.
#include "fuzz/mutants/bank.h"

#include "assay/planted.h"
#include "fuzz/check/subject.h"
#include "fuzz/os/process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

const std::string kSource = ASSAY_SOURCE_DIR;
constexpr std::size_t kLongestSite = 130; // characters of a line with a planted bug

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Site {
  std::string file, line;
  std::size_t sites_in_line = 0;
};

/// The places of each name in the compiler's sources.
std::multimap<std::string, Site> sites() {
  std::multimap<std::string, Site> out;
  const std::regex site("ASSAY_PLANTED\\(([a-z0-9_]+)\\)");
  for (const auto& entry : fs::recursive_directory_iterator(kSource + "/compiler")) {
    const std::string extension = entry.path().extension().string(), path = entry.path().generic_string();
    if (extension != ".cpp" && extension != ".h" && extension != ".def") continue;
    if (entry.path().filename() == "planted.h" || path.find("/tests/") != std::string::npos) continue;
    std::istringstream text(read(entry.path()));
    for (std::string line; std::getline(text, line);) {
      const std::sregex_iterator first(line.begin(), line.end(), site), end;
      const auto count = static_cast<std::size_t>(std::distance(first, end));
      for (auto it = first; it != end; ++it) out.insert({(*it)[1], {path, line, count}});
    }
  }
  return out;
}

struct Row {
  std::string component, origin;
  u32 bug_class = 0;
};

/// bank.def read as text, so that builds without the bank check it too.
std::multimap<std::string, Row> rows() {
  std::multimap<std::string, Row> out;
  const std::string text = read(kSource + "/fuzz/mutants/bank.def");
  const std::regex row("\nBUG\\(([a-z0-9_]+), *\"([^\"]+)\", *([0-9]+), *\"([^\"]+)\", *\"[^\"]+\"\\)");
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it)
    out.insert({(*it)[1], {(*it)[2], (*it)[4], static_cast<u32>(std::stoul((*it)[3]))}});
  return out;
}

/// The lines of bug-classes.md by number.
std::map<u32, std::string> classes() {
  std::map<u32, std::string> out;
  std::istringstream text(read(kSource + "/fuzz/mutants/bug-classes.md"));
  const std::regex numbered("([0-9]+)\\. \\[.*");
  for (std::string line; std::getline(text, line);) {
    std::smatch match;
    if (std::regex_match(line, match, numbered)) out[static_cast<u32>(std::stoul(match[1]))] = line;
  }
  return out;
}

TEST(Bank, every_line_of_the_table_is_a_row) {
  const std::string text = read(kSource + "/fuzz/mutants/bank.def");
  std::size_t lines = 0;
  for (std::size_t at = text.find("\nBUG("); at != std::string::npos; at = text.find("\nBUG(", at + 1)) ++lines;
  EXPECT_EQ(rows().size(), lines);
  EXPECT_GE(lines, 18u);
}

TEST(Bank, every_row_has_exactly_one_site) {
  const auto all = sites();
  for (const auto& [name, row] : rows()) EXPECT_EQ(all.count(name), 1u) << name;
}

TEST(Bank, every_site_has_exactly_one_row) {
  const auto all = rows();
  for (const auto& [name, site] : sites()) EXPECT_EQ(all.count(name), 1u) << name << " in " << site.file;
}

TEST(Bank, site_is_one_short_line_with_one_bug) {
  for (const auto& [name, site] : sites()) {
    EXPECT_EQ(site.sites_in_line, 1u) << site.line;
    EXPECT_LE(site.line.size(), kLongestSite) << site.line;
  }
}

TEST(Bank, class_of_a_row_is_on_the_list_with_its_public_id) {
  const auto list = classes();
  for (const auto& [name, row] : rows()) {
    const auto found = list.find(row.bug_class);
    ASSERT_NE(found, list.end()) << name << ": class " << row.bug_class;
    const std::string id = row.origin.substr(row.origin.rfind(' ') + 1); // "cranelift #5023": "#5023"
    if (id == "gen") continue;
    EXPECT_NE(found->second.find(id), std::string::npos) << name << ": " << id << " is not in: " << found->second;
  }
}

TEST(Bank, components_are_many) {
  std::set<std::string> components;
  for (const auto& [name, row] : rows()) components.insert(row.component);
  EXPECT_GE(components.size(), 12u);
}

TEST(Bank, table_is_there_exactly_in_builds_that_plant) {
  EXPECT_EQ(has_bank(), !planted_bugs().empty());
  if (has_bank()) {
    EXPECT_EQ(planted_bugs().size(), rows().size());
  }
}

TEST(Bank, hashes_of_the_names_differ) {
  std::set<u64> hashes;
  for (const auto& [name, row] : rows()) hashes.insert(planted::name_hash(name.c_str()));
  EXPECT_EQ(hashes.size(), rows().size());
}

/// Measurements need a bank and a processor that runs the code.
class Measure : public testing::Test {
protected:
  void SetUp() override {
    if (!has_bank()) GTEST_SKIP() << "this build plants nothing";
    const auto selected = select_subjects({});
    if (!selected) GTEST_SKIP() << selected.error().message;
    rows_ = *selected;
    options_.findings = (fs::path(testing::TempDir()) / ("assay-bank-" + std::to_string(process_id()))).string();
    options_.programs = 200;
  }
  void TearDown() override { fs::remove_all(options_.findings); }
  Measurement measured(const PlantedBug* bug) {
    auto result = measure(bug, options_, [this] { return Checker::make(rows_); });
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return std::move(*result);
  }
  static const PlantedBug* named(std::string_view name) {
    const auto bank = planted_bugs();
    const auto found = std::find_if(bank.begin(), bank.end(), [&](const PlantedBug& bug) { return bug.name == name; });
    return found == bank.end() ? nullptr : &*found;
  }

  std::vector<const SubjectRow*> rows_;
  CampaignOptions options_;
};

TEST_F(Measure, control_without_a_bug_finds_nothing) {
  const Measurement m = measured(nullptr);
  EXPECT_FALSE(m.found) << m.check << ": " << m.difference;
  EXPECT_GT(m.programs, 150u); // a few are discarded
}

TEST_F(Measure, bug_is_found_told_and_taken_out_again) {
  const PlantedBug* bug = named(host_target() == Target::A64 ? "a64_host_arg_junk" : "abi_host_arg_junk");
  ASSERT_NE(bug, nullptr);
  const Measurement m = measured(bug);
  EXPECT_TRUE(m.found);
  EXPECT_EQ(m.bug, bug);
  EXPECT_EQ(m.check, "miscompile");
  EXPECT_NE(m.difference.find("host call"), std::string::npos) << m.difference;
  EXPECT_LT(m.programs, 200u) << "the campaign went on after the first finding";
  EXPECT_EQ(m.errors, "");
  fs::remove_all(options_.findings);
  EXPECT_FALSE(measured(nullptr).found);
}

TEST_F(Measure, same_seed_gives_the_same_finding) {
  const PlantedBug* bug = named(host_target() == Target::A64 ? "a64_narrow_compare_wide" : "isel_narrow_compare_wide");
  ASSERT_NE(bug, nullptr);
  const Measurement first = measured(bug), second = measured(bug);
  EXPECT_TRUE(first.found);
  EXPECT_EQ(first.programs, second.programs);
  EXPECT_EQ(first.difference, second.difference);
}

} // namespace
} // namespace assay::fuzz
