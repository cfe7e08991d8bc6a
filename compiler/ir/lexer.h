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
#include "compiler/ir/swar.h"

#include <string>
#include <string_view>

namespace assay::ir {

/// A name in the text, without its sigil.
struct Name {
  std::string_view text;
  u32 number = kNone; // of a canonical name of at most seven digits ("12", "b12"), else kNone
};

class Lexer {
public:
  /// Zero bytes that must follow the text, so that eight characters can be read anywhere.
  static constexpr std::size_t kPadding = 32;

  /// `text` must be followed by kPadding zero bytes.
  explicit Lexer(std::string_view text)
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), line_start_(text.data()) {}

  /// Skips white space and comments.
  void skip() {
    if (*p_ == ' ') ++p_;
    if (static_cast<u8>(*p_) <= ' ' || *p_ == ';') skip_more();
  }

  bool at_end() const { return p_ == end_; }
  /// The next character, 0 at the end. No skipping.
  char peek() const { return *p_; }
  const char* here() const { return p_; }
  const char* limit() const { return end_; }
  void move_to(const char* p) { p_ = p; }
  u32 line() const { return line_; }
  u32 column() const { return static_cast<u32>(p_ - line_start_) + 1; }

  /// Skips space, and takes `c` if it is next.
  bool accept(char c) {
    skip();
    if (*p_ != c) return false;
    ++p_;
    return true;
  }
  bool expect(char c) { return accept(c) || fail_char(c); }
  /// Takes "->" if it is next.
  bool accept_arrow() {
    skip();
    if (p_[0] != '-' || p_[1] != '>') return false;
    p_ += 2;
    return true;
  }
  /// The name characters from here, perhaps none. No skipping.
  std::string_view word() {
    const char* start = p_;
    while (is_name(*p_)) ++p_;
    return {start, static_cast<std::size_t>(p_ - start)};
  }
  /// A sigil and a name. `prefix` is the letter of canonical names, 0 for none. `what` is what the error says
  /// was expected.
  bool name(char sigil, char prefix, const char* what, Name& out) {
    skip();
    const char* start = p_;
    if (*p_ != sigil) return fail(start, what);
    const char* digits = ++p_;
    if (prefix == 0 || *digits++ == prefix) {
      const u64 word = load8(digits);
      const u32 count = leading_digits(word);
      if (count - 1 < 7 && !is_name(digits[count]) && (*digits != '0' || count == 1)) {
        out.text = {p_, static_cast<std::size_t>(digits - p_) + count};
        out.number = digits_value(word, count);
        p_ = digits + count;
        return true;
      }
    }
    out.number = kNone;
    out.text = word();
    return !out.text.empty() || fail(start, what);
  }
  /// A name that is never canonical: of a symbol of the module.
  bool symbol(const char* what, std::string_view& out) {
    skip();
    const char* start = p_;
    if (*p_ != '@') return fail(start, what);
    ++p_;
    out = word();
    return !out.empty() || fail(start, what);
  }
  /// A decimal or 0x number up to `max`.
  bool number(u64 max, const char* what, u64& out) {
    skip();
    return (short_number(p_, out) && out <= max) || long_number(max, what, out);
  }
  /// A decimal number of at most seven digits at `from`; takes it.
  bool short_number(const char* from, u64& out) {
    const u64 word = load8(from);
    const u32 count = leading_digits(word);
    if (count - 1 >= 7 || is_name(from[count])) return false;
    out = digits_value(word, count);
    p_ = from + count;
    return true;
  }

  /// Records "expected <what>, found <the text at `at`>". Always false.
  bool fail(const char* at, std::string_view what);
  /// Records a message of another form.
  bool fail_with(const char* at, std::string message);
  /// Adds to the message of the error just recorded.
  void extend_error(std::string_view more) { message_ += more; }
  Error error(std::string_view file) const;

private:
  void skip_more();
  bool long_number(u64 max, const char* what, u64& out);
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
