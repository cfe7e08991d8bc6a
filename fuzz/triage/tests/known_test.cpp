// known_test.cpp - the list of known findings: what matches, and what is wrong with a row.
#include "fuzz/triage/known.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

Cause cause(std::string_view line) {
  std::string ignored;
  u32 word = 0;
  return parse_cause(line, ignored, word).value_or(Cause{});
}

constexpr std::string_view kList = "# known since the last release\n"
                                   "\n"
                                   "miscompile x64 O2 * gvn  2026-11-22  loads of one byte\n"
                                   "crash * * end:*,crashed *\t2026-01-31   see #12  \r\n";

TEST(Known, row_is_pattern_day_and_reason) {
  const auto rows = parse_known(kList, "known.txt");
  ASSERT_TRUE(rows.ok()) << rows.error().to_string();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].pattern, "miscompile x64 O2 * gvn");
  EXPECT_EQ((*rows)[0].line, 3u);
  EXPECT_EQ((*rows)[0].reason, "loads of one byte");
  EXPECT_EQ((*rows)[1].date, "2026-01-31");
  EXPECT_EQ((*rows)[1].reason, "see #12");
}

TEST(Known, first_row_that_matches_in_every_word_counts) {
  const auto rows = parse_known(kList, "known.txt");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(find_known(*rows, cause("miscompile x64 O2 result gvn")), 0u);
  EXPECT_EQ(find_known(*rows, cause("crash a64 O0 end:returned,crashed a64/code:load")), 1u);
  EXPECT_EQ(find_known(*rows, cause("miscompile x64 O0 result gvn")), kNone);
  EXPECT_EQ(find_known(*rows, cause("miscompile x64 O2 result gvn/other")), kNone);
}

TEST(Known, star_stands_for_any_characters_of_one_word) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*c*e", "abcde"));
  EXPECT_TRUE(matches("*ab", "aab"));
  EXPECT_FALSE(matches("a*c", "abcd"));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("a**", "a"));
}

TEST(Known, bad_rows_name_line_column_and_what_was_expected) {
  struct Bad {
    const char* text;
    u32 line, column;
    const char* message;
  };
  const Bad kBad[] = {
      {"\nsadness x64 O2 result gvn 2026-11-22 why", 2, 1, "expected a kind of finding"},
      {"miscompile", 1, 11, "expected a target"},
      {"miscompile x64 O9 result gvn 2026-11-22 why", 1, 16, "expected a level"},
      {"miscompile x64 O2 re(sult gvn 2026-11-22 why", 1, 19, "expected an observable"},
      {"miscompile x64 O2 result", 1, 25, "expected a culprit"},
      {"miscompile x64 O2 result gvn 22.11.2026 why", 1, 30, "expected a day, YYYY-MM-DD, found '22.11.2026'"},
      {"miscompile x64 O2 result gvn 2026-13-01 why", 1, 30, "expected a day"},
      {"miscompile x64 O2 result gvn 2026-11-22  ", 1, 42, "expected a reason"},
      {"crash * * * * 2026-11-22 a\ncrash * * * * 2026-11-23 b", 2, 1, "line 1 has this one"},
      {"\xff\xfe x64 O2 result gvn 2026-11-22 why", 1, 1, "expected a kind"},
  };
  for (const Bad& bad : kBad) {
    const auto rows = parse_known(bad.text, "known.txt");
    ASSERT_FALSE(rows.ok()) << bad.text;
    EXPECT_EQ(rows.error().line, bad.line) << bad.text;
    EXPECT_EQ(rows.error().column, bad.column) << bad.text;
    EXPECT_NE(rows.error().message.find(bad.message), std::string::npos) << rows.error().message;
  }
}

TEST(Known, empty_list_knows_nothing) {
  const auto rows = parse_known("", "known.txt");
  ASSERT_TRUE(rows.ok());
  EXPECT_TRUE(rows->empty());
  EXPECT_EQ(find_known(*rows, cause("miscompile x64 O2 result gvn")), kNone);
}

} // namespace
} // namespace assay::fuzz
