// lexer.cpp - see lexer.h.
//
// Comments: `//` to the end of the line, and any line whose first mark is `;` (check lines: `; run: @f(1) == 2`).
// What is no token is reported and skipped, so that the parser sees only sound ones.
#include "compiler/lang/lexer.h"

#include "assay/ore.h"

#include <algorithm>
#include <iterator>

namespace assay::lang {

namespace {

struct Spelling {
  std::string_view text;
  Tok kind;
};

constexpr Spelling kMarks[] = {
#define MARK(name, text) {text, Tok::name},
#define WORD(name, text)
#include "compiler/lang/tokens.def"
};

constexpr Spelling kWords[] = {
#define MARK(name, text)
#define WORD(name, text) {text, Tok::name},
#include "compiler/lang/tokens.def"
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_digit(c) || is_letter(c); }

class Lexer {
public:
  explicit Lexer(Diagnostics& diagnostics) : diagnostics_(diagnostics), text_(diagnostics.text()) {}

  std::vector<Token> run() {
    while (skip_blanks(), at_ < text_.size()) token();
    out_.push_back({Tok::End, static_cast<u32>(text_.size()), 0});
    return std::move(out_);
  }

private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') line_is_new_ = true;
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') ++at_;
      else if (c == '/' && peek(1) == '/') skip_line();
      else if (c == ';' && line_is_new_) skip_line();
      else return;
    }
  }

  void push(Tok kind, std::size_t first) {
    out_.push_back({kind, static_cast<u32>(first), static_cast<u32>(at_ - first)});
    line_is_new_ = false;
  }

  void token() {
    const std::size_t first = at_;
    const char c = text_[at_];
    if (is_letter(c)) return word();
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return quoted(c);
    for (const Spelling& mark : kMarks) {
      if (text_.substr(at_, mark.text.size()) != mark.text) continue;
      at_ += mark.text.size();
      return push(mark.kind, first);
    }
    diagnostics_.error(static_cast<u32>(at_), "a character that begins nothing in Ore");
    do ++at_;
    while (at_ < text_.size() && (static_cast<u8>(text_[at_]) & 0xc0) == 0x80); // the rest of a UTF-8 character
  }

  void word() {
    const std::size_t first = at_;
    while (is_word(peek())) ++at_;
    const std::string_view text = text_.substr(first, at_ - first);
    const auto* known =
        std::find_if(std::begin(kWords), std::end(kWords), [&](const Spelling& w) { return w.text == text; });
    push(known == std::end(kWords) ? Tok::Name : known->kind, first);
  }

  // A point begins a fraction only before a digit: `0..n` is a range.
  void number() {
    const std::size_t first = at_;
    bool is_float = false;
    const bool prefixed = peek() == '0' && (peek(1) == 'x' || peek(1) == 'b');
    while (is_word(peek())) ++at_;
    if (!prefixed) {
      const auto exponent = [&] {
        const char last = text_[at_ - 1];
        if ((last != 'e' && last != 'E') || (peek() != '+' && peek() != '-') || !is_digit(peek(1))) return;
        ++at_;
        while (is_word(peek())) ++at_;
      };
      exponent();
      if (peek() == '.' && is_digit(peek(1))) {
        ++at_;
        while (is_word(peek())) ++at_;
        exponent();
        is_float = true;
      }
      for (const char c : text_.substr(first, at_ - first)) is_float |= c == 'e' || c == 'E';
    }
    push(is_float ? Tok::Float : Tok::Int, first);
  }

  void quoted(char quote) {
    const std::size_t first = at_++;
    while (peek() != quote && peek() != '\n' && at_ < text_.size())
      at_ += peek() == '\\' && at_ + 1 < text_.size() ? 2 : 1;
    if (peek() != quote) {
      diagnostics_.error(static_cast<u32>(first), std::string("expected a closing ") + quote + " on this line");
      return push(quote == '"' ? Tok::Text : Tok::Char, first);
    }
    ++at_;
    push(quote == '"' ? Tok::Text : Tok::Char, first);
  }

  Diagnostics& diagnostics_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool line_is_new_ = true;
  std::vector<Token> out_;
};

} // namespace

std::string describe(Tok kind) {
  switch (kind) {
  case Tok::End: return "the end of the text";
  case Tok::Name: return "a name";
  case Tok::Int: return "an integer";
  case Tok::Float: return "a number with a fraction";
  case Tok::Char: return "a character";
  case Tok::Text: return "a text";
  default: break;
  }
  for (const Spelling& mark : kMarks) {
    if (mark.kind == kind) return "'" + std::string(mark.text) + "'";
  }
  for (const Spelling& word : kWords) {
    if (word.kind == kind) return "'" + std::string(word.text) + "'";
  }
  return "nothing";
}

Diagnostics::Diagnostics(std::string_view text, std::string_view file, std::vector<Error>& errors)
    : text_(text), file_(file), errors_(errors), line_starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(static_cast<u32>(i + 1));
  }
}

bool Diagnostics::full() const { return errors_.size() >= kMaxOreErrors; }

std::pair<u32, u32> Diagnostics::place(u32 at) const {
  const auto behind = std::upper_bound(line_starts_.begin(), line_starts_.end(), at);
  return {static_cast<u32>(behind - line_starts_.begin()), at - *(behind - 1) + 1};
}

void Diagnostics::error(u32 at, std::string message) {
  if (full()) return;
  const auto [line, column] = place(at);
  errors_.push_back({ErrorKind::BadInput, std::string(file_), line, column, std::move(message)});
}

void Diagnostics::sort() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
}

std::vector<Token> lex(Diagnostics& diagnostics) { return Lexer(diagnostics).run(); }

std::string unescape(std::string_view quoted, u32 at, Diagnostics& diagnostics) {
  std::string out;
  const std::size_t end = quoted.size() > 1 && quoted.back() == quoted.front() ? quoted.size() - 1 : quoted.size();
  for (std::size_t i = 1; i < end; ++i) {
    if (quoted[i] != '\\' || i + 1 >= end) {
      out += quoted[i];
      continue;
    }
    const char c = quoted[++i];
    constexpr std::string_view names = "nrt0\\\"'", bytes("\n\r\t\0\\\"'", 7), digits = "0123456789abcdef";
    if (const std::size_t known = names.find(c); known != std::string_view::npos) {
      out += bytes[known];
      continue;
    }
    const auto digit = [&](std::size_t index) {
      return index < end ? digits.find(static_cast<char>(quoted[index] | 0x20)) : std::string_view::npos;
    };
    const std::size_t high = digit(i + 1), low = digit(i + 2);
    if (c == 'x' && high != std::string_view::npos && low != std::string_view::npos) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      diagnostics.error(at + static_cast<u32>(i) - 1, "expected one of \\n \\r \\t \\0 \\\\ \\\" \\' \\xHH");
    }
  }
  return out;
}

} // namespace assay::lang
