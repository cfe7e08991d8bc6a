// literal.h - AIR literals, text to bits and bits to text, for parser, printer and the public functions.
//
// Exact and without a locale. Integers: decimal (from -2^(w-1) to 2^w-1) or 0x...; floats: hex floats, decimal
// floats (to nearest even), inf, -inf, nan, nan:0x... (all bits). `ptr` is written as an i64. Linear in the
// text. Tested in tests/literal_test.cpp.
#pragma once

#include "assay/types.h"

#include <string_view>

namespace assay::ir {

/// The longest output of write_literal, and room to spare.
inline constexpr u32 kMaxLiteralChars = 40;

/// Where the literal that starts at `text` ends (its characters, not whether it is right).
const char* scan_literal(const char* text, const char* end, Type type);

/// The bits of the literal `text`; nullptr on success, else what was expected.
const char* read_literal(std::string_view text, Type type, u64& bits);

/// Writes the canonical form; gives the end. Needs kMaxLiteralChars of room.
char* write_literal(char* out, Type type, u64 bits);
char* write_unsigned(char* out, u64 value);

/// Rounds mantissa * 2^exponent to nearest even in f32 or f64; `sticky` says that nonzero bits
/// lie below the mantissa. False when it is too large. `mantissa` may be anything, 0 included.
bool round_to_float(Type type, u64 mantissa, bool sticky, i64 exponent, u64& bits);

} // namespace assay::ir
