// literal.cpp - integers and hex floats, text to bits and bits to text.
//
// A hex float is a mantissa, a binary exponent and one rounding; both directions are integer arithmetic on
// the IEEE fields, so that no library function (and no locale) has a say. Excess digits only feed the sticky
// bit: a literal of any length is read in linear time. Decimal floats: decimal_float.cpp. Subnormals print
// with the leading digit 0 and the least exponent, as Cranelift and C's %a do. Tested in tests/literal_test.cpp.
#include "compiler/ir/literal.h"

#include "assay/text.h"
#include "compiler/ir/chars.h"
#include "compiler/ir/decimal_float.h"

#include <bit>
#include <cstring>

namespace assay {

namespace ir {

namespace {

constexpr const char* kExpected[kTypeCount] = {
    "a literal",
    "an i8 literal (-128 to 255)",
    "an i16 literal (-32768 to 65535)",
    "an i32 literal (-2147483648 to 4294967295)",
    "an i64 literal (-9223372036854775808 to 18446744073709551615)",
    "an f32 literal",
    "an f64 literal",
    "a ptr literal (-9223372036854775808 to 18446744073709551615)",
};

/// Digits of `base` (10 or 16) up to the end of `text`; false when there is none, another character or overflow.
bool read_digits(std::string_view text, u32 base, u64& value) {
  value = 0;
  for (char c : text) {
    const u32 digit = digit_of(c);
    if (digit >= base) return false;
    const u64 limit = ~u64{0};
    if (value > (limit - digit) / base) return false;
    value = value * base + digit;
  }
  return !text.empty();
}

bool read_int(std::string_view text, Type type, u64& bits) {
  if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X")
    return read_digits(text.substr(2), 16, bits) && bits <= bit_mask(type);
  const bool negative = text.substr(0, 1) == "-";
  u64 magnitude = 0;
  if (!read_digits(text.substr(negative ? 1 : 0), 10, magnitude)) return false;
  if (magnitude > (negative ? bit_mask(type) / 2 + 1 : bit_mask(type))) return false;
  bits = (negative ? u64{0} - magnitude : magnitude) & bit_mask(type);
  return true;
}

struct FloatFormat {
  u32 fraction_bits; // stored
  i32 min_exponent;  // of the least normal number
  u32 exponent_max;  // the biased exponent of infinities
};
constexpr FloatFormat format_of(Type type) {
  return type == Type::F32 ? FloatFormat{23, -126, 255} : FloatFormat{52, -1022, 2047};
}

constexpr u64 sign_bit(Type type) { return u64{1} << (bits_of(type) - 1); }
constexpr u64 infinity(Type type) { return u64{format_of(type).exponent_max} << format_of(type).fraction_bits; }
constexpr u64 quiet_nan(Type type) { return infinity(type) | u64{1} << (format_of(type).fraction_bits - 1); }

/// "0x" is behind us: hex digits, one point among them, and a binary exponent.
bool read_hex_float(std::string_view text, Type type, u64& bits) {
  u64 mantissa = 0;
  i64 exponent = 0;
  bool sticky = false, point = false, any = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == '.' && !point) {
      point = true;
      continue;
    }
    const u32 digit = digit_of(text[i]);
    if (digit >= 16) break;
    any = true;
    if (mantissa >> 60 == 0) {
      mantissa = mantissa << 4 | digit;
      exponent -= point ? 4 : 0;
    } else {
      sticky |= digit != 0;
      exponent += point ? 0 : 4;
    }
  }
  if (!any) return false;
  if (i < text.size()) {
    if (text[i] != 'p' && text[i] != 'P') return false;
    i64 written = 0;
    if (!read_exponent(text.substr(i + 1), written)) return false;
    exponent += written;
  }
  return round_to_float(type, mantissa, sticky, exponent, bits);
}

bool read_float(std::string_view text, Type type, u64& bits) {
  if (text == "nan") {
    bits = quiet_nan(type);
    return true;
  }
  if (text.substr(0, 6) == "nan:0x")
    return read_digits(text.substr(6), 16, bits) && bits <= bit_mask(type) && (bits & ~sign_bit(type)) > infinity(type);
  const bool negative = text.substr(0, 1) == "-";
  if (negative) text.remove_prefix(1);
  bool ok = true;
  if (text == "inf") bits = infinity(type);
  else if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X") ok = read_hex_float(text.substr(2), type, bits);
  else ok = read_decimal_float(text, type, bits);
  if (ok && negative) bits |= sign_bit(type);
  return ok;
}

char* write_text(char* out, const char* text) {
  const std::size_t size = std::strlen(text);
  std::memcpy(out, text, size);
  return out + size;
}

char* write_hex(char* out, u64 value, u32 digits) {
  for (u32 i = digits; i-- > 0;) *out++ = "0123456789abcdef"[value >> (4 * i) & 15];
  return out;
}

char* write_float(char* out, Type type, u64 bits) {
  const FloatFormat format = format_of(type);
  const u64 magnitude = bits & (sign_bit(type) - 1);
  if (magnitude > infinity(type)) {
    if (bits == quiet_nan(type)) return write_text(out, "nan");
    return write_hex(write_text(out, "nan:0x"), bits, size_of(type) * 2);
  }
  if ((bits & sign_bit(type)) != 0) *out++ = '-';
  if (magnitude == infinity(type)) return write_text(out, "inf");
  if (magnitude == 0) return write_text(out, "0x0p+0");
  const u32 biased = static_cast<u32>(magnitude >> format.fraction_bits);
  u64 fraction = magnitude & ((u64{1} << format.fraction_bits) - 1);
  out = write_text(out, biased != 0 ? "0x1" : "0x0");
  if (fraction != 0) {
    u32 digits = (format.fraction_bits + 3) / 4;
    fraction <<= digits * 4 - format.fraction_bits;
    for (; (fraction & 15) == 0; fraction >>= 4) --digits;
    *out++ = '.';
    out = write_hex(out, fraction, digits);
  }
  const i32 exponent = biased != 0 ? static_cast<i32>(biased) + format.min_exponent - 1 : format.min_exponent;
  *out++ = 'p';
  *out++ = exponent < 0 ? '-' : '+';
  return write_unsigned(out, static_cast<u64>(exponent < 0 ? -exponent : exponent));
}

} // namespace

bool round_to_float(Type type, u64 mantissa, bool sticky, i64 exponent, u64& bits) {
  bits = 0;
  if (mantissa == 0) return true; // sticky bits follow a nonzero mantissa
  const FloatFormat format = format_of(type);
  const i64 top = 63 - std::countl_zero(mantissa); // the value is in [2^(top+exponent), 2^(top+exponent+1))
  if (exponent > 5000) return false;
  if (exponent < -5000) exponent = -5000;
  const i64 leading = top + exponent;
  const i64 unit = (leading > format.min_exponent ? leading : format.min_exponent) - format.fraction_bits;
  const i64 shift = unit - exponent; // mantissa bits that lie below the last place
  u64 kept = 0;
  if (shift <= 0) {
    kept = mantissa << -shift; // at most fraction_bits + 1 bits, since top - shift <= fraction_bits
  } else if (shift < 64) {
    const u64 below = mantissa & ((u64{1} << shift) - 1), half = u64{1} << (shift - 1);
    kept = mantissa >> shift;
    if (below > half || (below == half && (sticky || (kept & 1) != 0))) ++kept;
  } else if (shift == 64) {
    const u64 half = u64{1} << 63;
    if (mantissa > half || (mantissa == half && sticky)) kept = 1;
  }
  // The hidden bit in `kept` adds the missing 1 to the exponent field; so does a carry out of the fraction.
  const i64 biased = unit + format.fraction_bits - format.min_exponent; // 0 for the least binade
  if (biased >= format.exponent_max) return false;
  bits = (static_cast<u64>(biased) << format.fraction_bits) + kept;
  return bits < infinity(type);
}

const char* scan_literal(const char* text, const char* end, Type type) {
  const char* p = text;
  if (p != end && (*p == '-' || *p == '+')) ++p;
  const bool hex = end - p >= 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
  while (p != end && is_name(*p)) {
    const char c = *p++;
    if (!is_float(type) || p == end) continue;
    if (*p == ':' && p - text == 3 && std::memcmp(text, "nan", 3) == 0) ++p;
    const bool exponent = c == 'p' || c == 'P' || (!hex && (c == 'e' || c == 'E'));
    if (exponent && p != end && (*p == '-' || *p == '+')) ++p;
  }
  return p;
}

const char* read_literal(std::string_view text, Type type, u64& bits) {
  const bool ok = is_float(type) ? read_float(text, type, bits) : type != Type::None && read_int(text, type, bits);
  return ok ? nullptr : kExpected[static_cast<u32>(type)];
}

char* write_unsigned(char* out, u64 value) {
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  char digits[20];
  char* p = digits + 20;
  do {
    *--p = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  const std::size_t size = static_cast<std::size_t>(digits + 20 - p);
  std::memcpy(out, p, size);
  return out + size;
}

char* write_literal(char* out, Type type, u64 bits) {
  if (type == Type::None || static_cast<u32>(type) >= kTypeCount)
    return write_unsigned(out, bits); // of an invalid module
  if (is_float(type)) return write_float(out, type, bits);
  bits &= bit_mask(type);
  if ((bits & sign_bit(type)) == 0) return write_unsigned(out, bits);
  *out = '-';
  return write_unsigned(out + 1, (u64{0} - bits) & bit_mask(type));
}

} // namespace ir

Result<u64> parse_literal(std::string_view text, Type type) {
  u64 bits = 0;
  const char* expected = ir::read_literal(text, type, bits);
  if (expected == nullptr) return bits;
  Error error;
  error.message = std::string("expected ") + expected + ", found '" + std::string(text.substr(0, 40)) + "'";
  return error;
}

void print_literal(Type type, u64 bits, std::string& out) {
  char buffer[ir::kMaxLiteralChars];
  out.append(buffer, ir::write_literal(buffer, type, bits));
}

} // namespace assay
