// big_int.h - an independent reference for integer operations: two's complement numbers of 192 bits, done digit by
// digit, wide enough that no sum or product of two 64-bit numbers wraps. Slow and plain on purpose.
#pragma once

#include "assay/types.h"

#include <array>
#include <string>

namespace assay::oracle {

class Big {
public:
  static constexpr u32 kDigits = 24; // bytes

  static Big from_unsigned(u64 value) {
    Big b;
    for (u32 i = 0; i < 8; ++i) b.digits_[i] = static_cast<u8>(value >> (8 * i));
    return b;
  }
  /// `value`'s low `width` bits as a signed number.
  static Big from_signed(u64 value, u32 width) {
    Big b = from_unsigned(value);
    const bool negative = (value >> (width - 1) & 1) != 0;
    for (u32 i = width / 8; i < kDigits; ++i) b.digits_[i] = negative ? 0xff : 0;
    return b;
  }

  bool negative() const { return digits_[kDigits - 1] >= 0x80; }
  bool zero() const { return *this == Big(); }
  friend bool operator==(const Big&, const Big&) = default;

  friend Big operator+(const Big& a, const Big& b) {
    Big sum;
    u32 carry = 0;
    for (u32 i = 0; i < kDigits; ++i) {
      carry += u32{a.digits_[i]} + b.digits_[i];
      sum.digits_[i] = static_cast<u8>(carry);
      carry >>= 8;
    }
    return sum;
  }
  Big operator-() const {
    Big flipped;
    for (u32 i = 0; i < kDigits; ++i) flipped.digits_[i] = static_cast<u8>(~digits_[i]);
    return flipped + from_unsigned(1);
  }
  friend Big operator-(const Big& a, const Big& b) { return a + -b; }
  friend Big operator*(const Big& a, const Big& b) {
    Big product;
    for (u32 i = 0; i < kDigits; ++i) {
      u32 carry = 0;
      for (u32 j = 0; i + j < kDigits; ++j) {
        carry += u32{a.digits_[i]} * b.digits_[j] + product.digits_[i + j];
        product.digits_[i + j] = static_cast<u8>(carry);
        carry >>= 8;
      }
    }
    return product;
  }
  friend bool operator<(const Big& a, const Big& b) { return (a - b).negative(); }

  bool bit(u32 index) const { return (digits_[index / 8] >> (index % 8) & 1) != 0; }
  /// Bits [from, from + width).
  u64 bits(u32 from, u32 width) const {
    u64 value = 0;
    for (u32 i = 0; i < width; ++i) value |= u64{bit(from + i)} << i;
    return value;
  }

  /// Quotient and remainder, truncating: by repeated subtraction of shifted divisors.
  static void divide(const Big& a, const Big& b, Big& quotient, Big& remainder) {
    const Big top = a.negative() ? -a : a;
    const Big bottom = b.negative() ? -b : b;
    quotient = remainder = Big();
    for (u32 i = 66; i-- > 0;) {
      remainder = remainder + remainder;
      if (top.bit(i)) remainder = remainder + from_unsigned(1);
      quotient = quotient + quotient;
      if (!(remainder < bottom)) {
        remainder = remainder - bottom;
        quotient = quotient + from_unsigned(1);
      }
    }
    if (a.negative() != b.negative()) quotient = -quotient;
    if (a.negative()) remainder = -remainder;
  }

private:
  std::array<u8, kDigits> digits_ = {};
};

/// The low `width` bits, most significant first, as '0' and '1'.
inline std::string to_binary(u64 value, u32 width) {
  std::string text;
  for (u32 i = width; i-- > 0;) text += (value >> i & 1) != 0 ? '1' : '0';
  return text;
}
inline u64 from_binary(const std::string& text) {
  u64 value = 0;
  for (char c : text) value = value * 2 + (c == '1' ? 1 : 0);
  return value;
}

} // namespace assay::oracle
