// text_writer.h - appends to a std::string through a raw cursor, so that a character costs a store.
//
// `room(n)` makes space for n characters; the `put` functions that do not check need it before them. The string
// has its right size again when the writer is destroyed. Tested through tests/printer_test.cpp.
#pragma once

#include "compiler/ir/literal.h"

#include <cstring>
#include <string>
#include <string_view>

namespace assay::ir {

class TextWriter {
public:
  explicit TextWriter(std::string& out) : out_(out), size_(out.size()) { grow(256); }
  ~TextWriter() { out_.resize(used()); }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  void room(std::size_t n) {
    if (static_cast<std::size_t>(end_ - cursor_) < n) grow(n);
  }
  // Unchecked: after room().
  void put(char c) { *cursor_++ = c; }
  template <std::size_t N> void put(const char (&text)[N]) {
    std::memcpy(cursor_, text, N - 1);
    cursor_ += N - 1;
  }
  void put_short(std::string_view text) { // at most 32 characters, which room() must have allowed for
    std::memcpy(cursor_, text.data(), text.size());
    cursor_ += text.size();
  }
  void put_number(u64 value) { cursor_ = write_unsigned(cursor_, value); }
  void put_literal(Type type, u64 bits) { cursor_ = write_literal(cursor_, type, bits); }
  // Checked.
  void text(std::string_view text) {
    room(text.size());
    put_short(text);
  }

private:
  std::size_t used() const { return cursor_ == nullptr ? size_ : static_cast<std::size_t>(cursor_ - out_.data()); }
  void grow(std::size_t n) {
    const std::size_t at = used();
    out_.resize((at + n) + (at + n) / 2 + 512);
    cursor_ = out_.data() + at;
    end_ = out_.data() + out_.size();
  }

  std::string& out_;
  std::size_t size_;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
};

} // namespace assay::ir
