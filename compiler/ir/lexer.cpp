// lexer.cpp - the parts of the cursor that are not on the hot path: comments, big numbers, errors.
//
// Line and column of an error are counted from the start of the text, once, when the error is made.
// Tested in tests/parser_test.cpp.
#include "compiler/ir/lexer.h"

#include "compiler/ir/literal.h"

#include <cstring>

namespace assay::ir {

void Lexer::skip_more() {
  for (;;) {
    const char c = *p_;
    if (c == '\n') {
      line_start_ = ++p_;
      ++line_;
    } else if (c == ';') {
      const void* newline = std::memchr(p_, '\n', static_cast<std::size_t>(end_ - p_));
      p_ = newline != nullptr ? static_cast<const char*>(newline) : end_;
    } else if (is_space(c)) {
      ++p_;
    } else {
      return;
    }
  }
}

bool Lexer::long_number(u64 max, const char* what, u64& out) {
  const char* start = p_;
  const std::string_view text = word();
  if (read_literal(text, Type::I64, out) != nullptr || out > max) return fail(start, what);
  return true;
}

bool Lexer::fail_char(char c) {
  const char what[] = {'\'', c, '\'', 0};
  return fail(p_, what);
}

std::string Lexer::found(const char* at) const {
  if (at == end_) return "the end of the text";
  constexpr std::size_t kShown = 40;
  const char* p = at;
  const bool sigil = *p == '%' || *p == '^' || *p == '@' || *p == '$' || *p == '-';
  if (sigil) ++p;
  while (p != end_ && is_name(*p)) ++p;
  if (p == at) ++p;
  const auto size = static_cast<std::size_t>(p - at);
  const auto first = static_cast<u8>(*at);
  if (size == 1 && (first < 0x20 || first >= 0x7f)) {
    if (*at == '\n') return "the end of the line";
    return std::string("byte 0x") + "0123456789abcdef"[first >> 4] + "0123456789abcdef"[first & 15];
  }
  return "'" + std::string(at, size < kShown ? size : kShown) + (size > kShown ? "...'" : "'");
}

bool Lexer::fail(const char* at, std::string_view what) {
  return fail_with(at, "expected " + std::string(what) + ", found " + found(at));
}

bool Lexer::fail_with(const char* at, std::string message) {
  if (error_at_ == nullptr) {
    error_at_ = at;
    message_ = std::move(message);
  }
  return false;
}

Error Lexer::error(std::string_view file) const {
  Error error;
  error.file = file;
  error.message = message_;
  error.line = 1;
  const char* line_start = begin_;
  for (const char* p = begin_; p != error_at_; ++p) {
    if (*p != '\n') continue;
    ++error.line;
    line_start = p + 1;
  }
  error.column = static_cast<u32>(error_at_ - line_start) + 1;
  return error;
}

} // namespace assay::ir
