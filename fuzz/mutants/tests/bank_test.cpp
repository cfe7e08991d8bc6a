// bank_test.cpp - the bank and the compiler's sources name the same planted bugs, each once.
#include "fuzz/mutants/bank.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// How often each name stands in an ASSAY_PLANTED of the compiler.
std::map<std::string, int> sites() {
  std::map<std::string, int> out;
  const std::regex site("ASSAY_PLANTED\\(([a-z0-9_]+)\\)");
  for (const auto& entry : fs::recursive_directory_iterator(std::string(ASSAY_SOURCE_DIR) + "/compiler")) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".cpp" && extension != ".h" && extension != ".def") continue;
    if (entry.path().filename() == "planted.h" || entry.path().string().find("/tests/") != std::string::npos) continue;
    const std::string text = read(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), site), end; it != end; ++it) ++out[(*it)[1]];
  }
  return out;
}

/// The names of bank.def, read as text, so that builds without the bank check it too.
std::map<std::string, int> rows() {
  std::map<std::string, int> out;
  const std::string text = read(std::string(ASSAY_SOURCE_DIR) + "/fuzz/mutants/bank.def");
  const std::regex row("\nBUG\\(([a-z0-9_]+),");
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it) ++out[(*it)[1]];
  return out;
}

TEST(Bank, every_row_has_exactly_one_site) {
  const auto all = sites();
  ASSERT_FALSE(rows().empty());
  for (const auto& [name, count] : rows()) {
    EXPECT_EQ(count, 1) << name << " has several rows";
    EXPECT_TRUE(all.count(name) == 1 && all.at(name) == 1) << name << " has " << (all.count(name) ? all.at(name) : 0) << " sites";
  }
}

TEST(Bank, every_site_has_a_row) {
  const auto all = rows();
  for (const auto& [name, count] : sites()) EXPECT_EQ(all.count(name), 1u) << name << " (" << count << " sites) has no row";
}

TEST(Bank, table_is_there_exactly_in_builds_that_plant) {
  EXPECT_EQ(has_bank(), !planted_bugs().empty());
  if (has_bank()) {
    EXPECT_EQ(planted_bugs().size(), rows().size());
  }
}

} // namespace
} // namespace assay::fuzz
