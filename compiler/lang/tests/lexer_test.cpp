// Tests of lexer.h: marks, numbers, literals, comments, places.
#include "compiler/lang/lexer.h"

#include <gtest/gtest.h>

namespace assay::lang {
namespace {

struct Lexed {
  std::vector<Error> errors;
  std::vector<Token> tokens;
  std::vector<std::string> texts;
};

Lexed lexed(std::string_view text) {
  Lexed out;
  Diagnostics diagnostics(text, "test", out.errors);
  out.tokens = lex(diagnostics);
  for (const Token& token : out.tokens) out.texts.emplace_back(diagnostics.text_of(token));
  return out;
}

TEST(Lexer, takes_the_longest_mark) {
  const Lexed out = lexed("a>>>=b>>>c>>=d>>e>=f>g");
  const std::vector<Tok> wanted{Tok::Name,   Tok::ShrUSet, Tok::Name, Tok::ShrU, Tok::Name,
                                Tok::ShrSet, Tok::Name,    Tok::Shr,  Tok::Name, Tok::GreaterEq,
                                Tok::Name,   Tok::Greater, Tok::Name, Tok::End};
  ASSERT_EQ(out.tokens.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(out.tokens[i].kind, wanted[i]) << i;
}

TEST(Lexer, tells_a_range_from_a_fraction) {
  const Lexed out = lexed("0..10 1.5 2e3 2e-3 0x1e");
  const std::vector<Tok> wanted{Tok::Int, Tok::Dots, Tok::Int, Tok::Float, Tok::Float, Tok::Float, Tok::Int, Tok::End};
  ASSERT_EQ(out.tokens.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(out.tokens[i].kind, wanted[i]) << i;
  EXPECT_EQ(out.texts[5], "2e-3");
}

TEST(Lexer, knows_keywords_from_names) {
  const Lexed out = lexed("fn fnord if iff");
  EXPECT_EQ(out.tokens[0].kind, Tok::Fn);
  EXPECT_EQ(out.tokens[1].kind, Tok::Name);
  EXPECT_EQ(out.tokens[2].kind, Tok::If);
  EXPECT_EQ(out.tokens[3].kind, Tok::Name);
}

TEST(Lexer, skips_comments_and_check_lines) {
  const Lexed out = lexed("; run: @f(1) == 2\n  ; error: 1:1 x\na ; // b\nc");
  ASSERT_EQ(out.tokens.size(), 4u);
  EXPECT_EQ(out.texts[0], "a");
  EXPECT_EQ(out.tokens[1].kind, Tok::Semicolon);
  EXPECT_EQ(out.texts[2], "c");
}

TEST(Lexer, reports_what_is_no_token_once_a_character) {
  const Lexed out = lexed("a # \xc3\xa4 b");
  ASSERT_EQ(out.errors.size(), 2u);
  EXPECT_EQ(out.errors[0].column, 3u);
  EXPECT_EQ(out.errors[1].column, 5u);
  EXPECT_EQ(out.tokens.size(), 3u);
}

TEST(Lexer, reports_an_open_quote_on_its_line) {
  const Lexed out = lexed("\n \"abc\nd");
  ASSERT_EQ(out.errors.size(), 1u);
  EXPECT_EQ(out.errors[0].line, 2u);
  EXPECT_EQ(out.errors[0].column, 2u);
}

TEST(Unescape, knows_each_escape) {
  std::vector<Error> errors;
  Diagnostics diagnostics("", "test", errors);
  EXPECT_EQ(unescape("\"a\\n\\r\\t\\0\\\\\\\"\\'\\x7fz\"", 0, diagnostics), std::string("a\n\r\t\0\\\"'\x7fz", 10));
  EXPECT_TRUE(errors.empty());
  unescape("\"\\q\"", 0, diagnostics);
  unescape("\"\\x1\"", 0, diagnostics);
  EXPECT_EQ(errors.size(), 2u);
}

} // namespace
} // namespace assay::lang
