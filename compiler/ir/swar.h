// swar.h - eight characters at a time in a 64-bit word: counts and values without a branch for each character.
//
// A word holds the first character in its lowest byte on every host. Loads read eight bytes, so that text must be
// padded (Lexer does). Tested through tests/parser_test.cpp, tests/swar_test.cpp.
#pragma once

#include "assay/types.h"

#include <bit>
#include <cstring>

namespace assay::ir {

inline constexpr u64 kOnes = 0x0101010101010101u, kHighBits = 0x8080808080808080u;

inline u64 load8(const char* p) {
  u64 word = 0;
  std::memcpy(&word, p, 8);
  if constexpr (std::endian::native == std::endian::big) {
    u64 swapped = 0;
    for (int i = 0; i < 8; ++i) swapped = swapped << 8 | (word >> (8 * i) & 0xff);
    word = swapped;
  }
  return word;
}

/// How many of the eight characters, from the first, are decimal digits.
inline u32 leading_digits(u64 word) {
  const u64 digits = word ^ 0x3030303030303030u; // 0 to 9 for digits, 10 and more for others
  // A carry out of a byte only disturbs characters after the first that is no digit.
  const u64 others = ((digits + 0x7676767676767676u) | digits) & kHighBits;
  return static_cast<u32>(std::countr_zero(others)) / 8;
}

/// The value of the first `count` (1 to 8) characters, all digits.
inline u32 digits_value(u64 word, u32 count) {
  u64 v = (word ^ 0x3030303030303030u) << (64 - 8 * count); // leading zeros
  v = v * 10 + (v >> 8);
  const u64 mask = 0x000000ff000000ffu;
  return static_cast<u32>(((v & mask) * 0x000f424000000064u + ((v >> 16) & mask) * 0x0000271000000001u) >> 32);
}

/// The index of the first character below `limit`, 8 when there is none. Bytes from 0x80 on count as not below.
inline u32 first_below(u64 word, char limit) {
  const u64 below = (word - kOnes * static_cast<u8>(limit)) & ~word & kHighBits;
  return static_cast<u32>(std::countr_zero(below)) / 8;
}

/// The first `count` (0 to 8) characters, zero above.
constexpr u64 first_chars(u64 word, u32 count) { return count >= 8 ? word : word & ((u64{1} << (8 * count)) - 1); }

} // namespace assay::ir
