// lexer.h - Ore's text as tokens, and the list of what is wrong with it.
//
// A token is a kind and a place; its text is where it was. The list always ends with End. Linear.
// Tested in compiler/lang/tests/lexer_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::lang {

enum class Tok : u8 {
  End,
  Name,
  Int,
  Float,
  Char,
  Text,
#define MARK(name, text) name,
#define WORD(name, text) name,
#include "compiler/lang/tokens.def"
};

/// "'+='", "a name", as messages say it.
std::string describe(Tok kind);

struct Token {
  Tok kind = Tok::End;
  u32 at = 0; // byte offset in the text
  u32 length = 0;
};

/// Errors of one compile, with their places. After kMaxOreErrors it takes no more.
class Diagnostics {
public:
  Diagnostics(std::string_view text, std::string_view file, std::vector<Error>& errors);

  void error(u32 at, std::string message);
  bool any() const { return !errors_.empty(); }
  bool full() const;
  /// Line and column, both from 1, of a byte offset.
  std::pair<u32, u32> place(u32 at) const;
  std::string_view text() const { return text_; }
  std::string_view text_of(const Token& token) const { return text_.substr(token.at, token.length); }
  /// By place; they are found in another order.
  void sort();

private:
  std::string_view text_, file_;
  std::vector<Error>& errors_;
  std::vector<u32> line_starts_;
};

std::vector<Token> lex(Diagnostics& diagnostics);

/// The bytes that a character or text literal stands for.
std::string unescape(std::string_view quoted, u32 at, Diagnostics& diagnostics);

} // namespace assay::lang
