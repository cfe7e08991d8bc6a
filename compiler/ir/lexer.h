// lexer.h - the parser's cursor over the text: white space, words, numbers, and the place of an error.
//
// There are no token objects: the grammar says at each point what may come, and asks for it. Newlines are white
// space, `;` starts a comment. The first error is kept; `fail` returns false, so that every reader is a bool and a
// caller is `if (!x()) return false`. Every character is looked at a constant number of times.
// Tested in tests/parser_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"
#include "compiler/ir/chars.h"

#include <string>
#include <string_view>

namespace assay::ir {

class Lexer {
public:
  explicit Lexer(std::string_view text) : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), line_start_(text.data()) {}

  /// Skips white space and comments.
  void skip() {
    while (p_ != end_) {
      const char c = *p_;
      if (c == ' ') {
        ++p_;
      } else if (c == '\n') {
        line_start_ = ++p_;
        ++line_;
      } else if (c == ';') {
        skip_comment();
      } else if (is_space(c)) {
        ++p_;
      } else {
        return;
      }
    }
  }

  bool at_end() const { return p_ == end_; }
  /// The next character, 0 at the end. No skipping.
  char peek() const { return p_ != end_ ? *p_ : '\0'; }
  const char* here() const { return p_; }
  const char* limit() const { return end_; }
  void move_to(const char* p) { p_ = p; }
  u32 line() const { return line_; }
  u32 column() const { return static_cast<u32>(p_ - line_start_) + 1; }

  /// Skips space, and takes `c` if it is next.
  bool accept(char c) {
    skip();
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }
  bool expect(char c) { return accept(c) || fail_char(c); }
  /// Takes "->" if it is next.
  bool accept_arrow() {
    skip();
    if (end_ - p_ < 2 || p_[0] != '-' || p_[1] != '>') return false;
    p_ += 2;
    return true;
  }
  /// The name characters from here, perhaps none. No skipping.
  std::string_view word() {
    const char* start = p_;
    while (p_ != end_ && is_name(*p_)) ++p_;
    return {start, static_cast<std::size_t>(p_ - start)};
  }
  /// A sigil and a name; the name without the sigil. `what` is what the error says was expected.
  bool name(char sigil, const char* what, std::string_view& out) {
    skip();
    const char* start = p_;
    if (p_ != end_ && *p_ == sigil) {
      ++p_;
      out = word();
      if (!out.empty()) return true;
    }
    return fail(start, what);
  }
  /// A decimal or 0x number up to `max`.
  bool number(u64 max, const char* what, u64& out);

  /// Records "expected <what>, found <the text at `at`>". Always false.
  bool fail(const char* at, std::string_view what);
  /// Records a message of another form.
  bool fail_with(const char* at, std::string message);
  /// Adds to the message of the error just recorded.
  void extend_error(std::string_view more) { message_ += more; }
  Error error(std::string_view file) const;

private:
  void skip_comment();
  bool fail_char(char c);
  std::string found(const char* at) const;

  const char* begin_;
  const char* p_;
  const char* end_;
  const char* line_start_;
  u32 line_ = 1;
  const char* error_at_ = nullptr;
  std::string message_;
};

} // namespace assay::ir
