// chars.h - what a character may be part of, as a table of 256 bytes. No locale. Tested through the parser.
#pragma once

#include "assay/types.h"

#include <array>

namespace assay::ir {

inline constexpr u8 kNameChar = 1, kSpaceChar = 2;

constexpr std::array<u8, 256> build_char_classes() {
  std::array<u8, 256> table{};
  for (u32 c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$') table[c] = kNameChar;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') table[c] = kSpaceChar;
  }
  return table;
}
inline constexpr std::array<u8, 256> kCharClass = build_char_classes();

constexpr bool is_name(char c) { return kCharClass[static_cast<u8>(c)] == kNameChar; }
constexpr bool is_space(char c) { return kCharClass[static_cast<u8>(c)] == kSpaceChar; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The value of a hexadecimal digit, 255 for another character.
constexpr u32 digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<u32>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<u32>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<u32>(c - 'A' + 10);
  return 255;
}

} // namespace assay::ir
