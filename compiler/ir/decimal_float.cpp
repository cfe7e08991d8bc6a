// decimal_float.cpp - decimal floats by exact integer arithmetic: slow, short and the same on every host.
//
// The number is D * 10^E with D an integer of at most 800 digits (no tie between two floats has more than 768
// significant digits, so that further ones can only say "a little more"). E >= 0: D * 5^E is computed. E < 0: D is
// shifted left until the quotient by 5^-E has 64 bits to spare, and divided by 5^13 again and again; any remainder
// makes the sticky bit. Decimal is no canonical form, so speed matters little: some 20 us at worst. Linear in the
// text. Tested in tests/literal_test.cpp against the compiler's own conversion of the same literals.
#include "compiler/ir/decimal_float.h"

#include "compiler/ir/chars.h"
#include "compiler/ir/literal.h"

#include <bit>
#include <vector>

namespace assay::ir {

namespace {

constexpr u32 kMaxDigits = 800;
constexpr i64 kMaxExponent = 1'000'000'000'000; // beyond the length of any text; keeps sums far from overflow

/// An unsigned integer of any size: 32-bit limbs, least first, no zero limb on top.
struct BigUint {
  std::vector<u32> limbs;

  void multiply_add(u32 factor, u32 addend) {
    u64 carry = addend;
    for (u32& limb : limbs) {
      carry += u64{limb} * factor;
      limb = static_cast<u32>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.push_back(static_cast<u32>(carry));
  }

  /// Divides in place; gives the remainder.
  u32 divide(u32 divisor) {
    u64 rest = 0;
    for (std::size_t i = limbs.size(); i-- > 0;) {
      rest = rest << 32 | limbs[i];
      limbs[i] = static_cast<u32>(rest / divisor);
      rest %= divisor;
    }
    while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
    return static_cast<u32>(rest);
  }

  void shift_left_limbs(std::size_t count) { limbs.insert(limbs.begin(), count, 0u); }

  /// The top limbs as a mantissa; what lies below goes to `sticky`, the position to `exponent`.
  u64 top(bool& sticky, i64& exponent) const {
    const std::size_t n = limbs.size(), used = n < 2 ? n : 2;
    u64 mantissa = 0;
    for (std::size_t i = n; i-- > n - used;) mantissa = mantissa << 32 | limbs[i];
    exponent += static_cast<i64>(n - used) * 32;
    std::size_t below = n - used;
    if (below != 0) {
      const int room = std::countl_zero(mantissa); // fewer than 32: the top limb is not zero
      if (room != 0) mantissa = mantissa << room | limbs[below - 1] >> (32 - room);
      sticky |= static_cast<u32>(u64{limbs[below - 1]} << room) != 0;
      exponent -= room;
      for (std::size_t i = 0; i + 1 < below; ++i) sticky |= limbs[i] != 0;
    }
    return mantissa;
  }
};

constexpr u32 kFive13 = 1220703125; // 5^13, the largest power of five below 2^32

/// Calls `use` with powers of five whose product is 5^n.
template <typename Use> void for_powers_of_five(i64 n, Use use) {
  for (; n >= 13; n -= 13) use(kFive13);
  u32 rest = 1;
  for (; n > 0; --n) rest *= 5;
  if (rest != 1) use(rest);
}

struct Decimal {
  BigUint digits;
  i64 exponent = 0;  // of ten
  i64 magnitude = 0; // the number of digits in `digits`
  bool sticky = false;
};

/// The digits and the exponent; false when the text is not a decimal float.
bool read_decimal(std::string_view text, Decimal& d) {
  bool point = false, any = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(c)) break;
    any = true;
    const u32 digit = static_cast<u32>(c - '0');
    if (d.magnitude < kMaxDigits) {
      if (digit != 0 || d.magnitude != 0) {
        d.digits.multiply_add(10, digit);
        ++d.magnitude;
      }
      d.exponent -= point ? 1 : 0;
    } else {
      d.sticky |= digit != 0;
      d.exponent += point ? 0 : 1;
    }
  }
  if (!any) return false;
  if (i == text.size()) return true;
  i64 written = 0;
  if ((text[i] != 'e' && text[i] != 'E') || !read_exponent(text.substr(i + 1), written)) return false;
  d.exponent += written;
  return true;
}

} // namespace

bool read_exponent(std::string_view text, i64& exponent) {
  const bool negative = text.substr(0, 1) == "-";
  if (negative || text.substr(0, 1) == "+") text.remove_prefix(1);
  exponent = 0;
  for (char c : text) {
    if (!is_digit(c)) return false;
    if (exponent < kMaxExponent) exponent = exponent * 10 + (c - '0');
  }
  if (negative) exponent = -exponent;
  return !text.empty();
}

bool read_decimal_float(std::string_view text, Type type, u64& bits) {
  Decimal d;
  if (!read_decimal(text, d)) return false;
  bits = 0;
  if (d.magnitude == 0) return true;
  if (d.magnitude + d.exponent > 400) return false; // at least 10^400
  if (d.magnitude + d.exponent < -400) return true; // below half of the least subnormal
  i64 binary = d.exponent;
  if (d.exponent >= 0) {
    for_powers_of_five(d.exponent, [&](u32 factor) { d.digits.multiply_add(factor, 0); });
  } else {
    // 5^n has fewer than 2.33 n bits, that is n / 13 limbs and a bit: room for the quotient's 64 bits.
    const std::size_t limbs = static_cast<std::size_t>(-d.exponent / 13 + 4);
    d.digits.shift_left_limbs(limbs);
    binary -= static_cast<i64>(limbs) * 32;
    for_powers_of_five(-d.exponent, [&](u32 divisor) { d.sticky |= d.digits.divide(divisor) != 0; });
  }
  const u64 mantissa = d.digits.top(d.sticky, binary);
  return round_to_float(type, mantissa, d.sticky, binary, bits);
}

} // namespace assay::ir
