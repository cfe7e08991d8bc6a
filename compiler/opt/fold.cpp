// fold.cpp - see fold.h: one switch a family of operations. Operands come with zeros above their width; a result is cut
// to its width in one place.
#include "compiler/opt/fold.h"

#include "assay/planted.h"

#include <bit>
#include <cmath>
#include <limits>

namespace assay::opt {
namespace {

// ---- integers ----------------------------------------------------------------------------------------------

u64 high_half_u64(u64 a, u64 b) {
  const u64 a_low = a & 0xffffffffu, a_high = a >> 32, b_low = b & 0xffffffffu, b_high = b >> 32;
  const u64 middle = a_high * b_low + (a_low * b_low >> 32);
  const u64 other = a_low * b_high + (middle & 0xffffffffu);
  return a_high * b_high + (middle >> 32) + (other >> 32);
}

u64 mulh_u(u64 a, u64 b, Type type) { return type == Type::I64 ? high_half_u64(a, b) : a * b >> bits_of(type); }

u64 mulh_s(u64 a, u64 b, Type type) {
  if (type != Type::I64) {
    const i64 left = signed_value(a, type);
    const i64 right = ASSAY_PLANTED(fold_mulh_sign) && type == Type::I8 ? static_cast<i64>(b) : signed_value(b, type);
    return static_cast<u64>(left * right >> bits_of(type));
  }
  // What a negative factor adds to the unsigned product: 2^64 times the other one.
  return high_half_u64(a, b) - (static_cast<i64>(a) < 0 ? b : 0) - (static_cast<i64>(b) < 0 ? a : 0);
}

u64 rotate_left(u64 a, u32 count, u32 bits) { return count == 0 ? a : a << count | a >> (bits - count); }

bool fold_division(Opcode op, Type type, u64 a, u64 b, u64& out) {
  if (b == 0) return false;
  const bool overflows = b == bit_mask(type) && a == u64{1} << (bits_of(type) - 1);
  switch (op) {
  case Opcode::DivU: out = a / b; return true;
  case Opcode::RemU: out = a % b; return true;
  case Opcode::DivS:
    if (overflows) return false;
    out = static_cast<u64>(signed_value(a, type) / signed_value(b, type));
    return true;
  default: out = overflows ? 0 : static_cast<u64>(signed_value(a, type) % signed_value(b, type)); return true;
  }
}

bool fold_shift(Opcode op, Type type, u64 a, u64 b, u64& out) {
  const u32 bits = bits_of(type);
  const bool whole = ASSAY_PLANTED(fold_shift_count_whole) && type == Type::I16; // the machine's modulo, not ours
  const u32 count = static_cast<u32>(b & (whole ? 31 : bits - 1));
  switch (op) {
  case Opcode::Shl: out = a << count; return true;
  case Opcode::ShrS: out = static_cast<u64>(signed_value(a, type) >> count); return true;
  case Opcode::ShrU: out = a >> count; return true;
  case Opcode::Rotl: out = rotate_left(a, count, bits); return true;
  default: out = rotate_left(a, (bits - count) & (bits - 1), bits); return true;
  }
}

u64 reversed_bits(u64 a, u32 bits) {
  u64 out = 0;
  for (u32 i = 0; i < bits; ++i) out |= (a >> i & 1) << (bits - 1 - i);
  return out;
}

u64 reversed_bytes(u64 a, u32 bytes) {
  u64 out = 0;
  for (u32 i = 0; i < bytes; ++i) out |= (a >> 8 * i & 0xff) << 8 * (bytes - 1 - i);
  return out;
}

bool fold_unary(Opcode op, Type type, u64 a, u64& out) {
  const u32 bits = bits_of(type);
  switch (op) {
  case Opcode::Clz: out = static_cast<u64>(std::countl_zero(a)) - (64 - bits); return true;
  case Opcode::Ctz: out = a == 0 ? bits : static_cast<u64>(std::countr_zero(a)); return true;
  case Opcode::Popcnt: out = static_cast<u64>(std::popcount(a)); return true;
  case Opcode::Bitrev: out = reversed_bits(a, bits); return true;
  case Opcode::Bswap: out = reversed_bytes(a, bits / 8); return true;
  default: return false;
  }
}

bool fold_binary(Opcode op, Type type, u64 a, u64 b, u64& out) {
  const bool less_s = signed_value(a, type) < signed_value(b, type), less_u = a < b;
  switch (op) {
  case Opcode::Add: out = a + b; return true;
  case Opcode::Sub: out = a - b; return true;
  case Opcode::Mul: out = a * b; return true;
  case Opcode::MulHS: out = mulh_s(a, b, type); return true;
  case Opcode::MulHU: out = mulh_u(a, b, type); return true;
  case Opcode::DivS:
  case Opcode::DivU:
  case Opcode::RemS:
  case Opcode::RemU: return fold_division(op, type, a, b, out);
  case Opcode::And: out = a & b; return true;
  case Opcode::Or: out = a | b; return true;
  case Opcode::Xor: out = a ^ b; return true;
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU:
  case Opcode::Rotl:
  case Opcode::Rotr: return fold_shift(op, type, a, b, out);
  case Opcode::MinS: out = less_s ? a : b; return true;
  case Opcode::MinU: out = less_u ? a : b; return true;
  case Opcode::MaxS: out = less_s ? b : a; return true;
  case Opcode::MaxU: out = less_u ? b : a; return true;
  default: return false;
  }
}

bool fold_compare(Opcode op, Type type, u64 a, u64 b, u64& out) {
  const i64 left = signed_value(a, type), right = signed_value(b, type);
  switch (op) {
  case Opcode::Eq: out = a == b; return true;
  case Opcode::Ne: out = a != b; return true;
  case Opcode::LtS: out = left < right; return true;
  case Opcode::LtU: out = a < b; return true;
  case Opcode::LeS: out = left <= right; return true;
  case Opcode::LeU: out = a <= b; return true;
  case Opcode::GtS: out = left > right; return true;
  case Opcode::GtU: out = a > b; return true;
  case Opcode::GeS: out = left >= right; return true;
  case Opcode::GeU: out = a >= b; return true;
  default: return false;
  }
}

/// The wrapped value (not cut yet), and whether the exact one does not fit.
bool fold_overflow(Opcode op, Type type, u64 a, u64 b, u64 results[2]) {
  const u64 mask = bit_mask(type), sign = u64{1} << (bits_of(type) - 1);
  const u64 sum = (a + b) & mask, difference = (a - b) & mask, product = a * b & mask;
  const u64 fill = (product & sign) != 0 ? mask : 0; // what the high half is where the product fits
  switch (op) {
  case Opcode::AddOS: results[0] = sum, results[1] = ((a ^ sum) & (b ^ sum) & sign) != 0; return true;
  case Opcode::AddOU: results[0] = sum, results[1] = sum < a; return true;
  case Opcode::SubOS: results[0] = difference, results[1] = ((a ^ b) & (a ^ difference) & sign) != 0; return true;
  case Opcode::SubOU: results[0] = difference, results[1] = a < b; return true;
  case Opcode::MulOS: results[0] = product, results[1] = (mulh_s(a, b, type) & mask) != fill; return true;
  case Opcode::MulOU: results[0] = product, results[1] = mulh_u(a, b, type) != 0; return true;
  default: return false;
  }
}

// ---- floats ------------------------------------------------------------------------------------------------

/// The two formats, with the integer of their bits.
struct Single {
  using Value = float;
  using Bits = u32;
  static constexpr Bits kSign = 0x80000000u, kQuietNan = 0x7fc00000u;
};
struct Double {
  using Value = double;
  using Bits = u64;
  static constexpr Bits kSign = u64{1} << 63, kQuietNan = 0x7ff8000000000000u;
};

template <typename Format> typename Format::Value value_of(u64 bits) {
  return std::bit_cast<typename Format::Value>(static_cast<typename Format::Bits>(bits));
}

/// False for a NaN.
template <typename Format> bool number(typename Format::Value value, u64& out) {
  if (std::isnan(value)) return false;
  out = std::bit_cast<typename Format::Bits>(value);
  return true;
}

/// To integral, ties to even; what has no fraction is itself.
template <typename Value> Value nearest(Value x) {
  const Value whole = std::trunc(x), rest = std::fabs(x - whole);
  if (!(rest > 0)) return x; // also infinities, whose rest is a NaN
  const bool odd = std::fmod(whole, Value{2}) != 0;
  const bool away = rest > Value{0.5} || (rest == Value{0.5} && odd);
  return std::copysign(away ? whole + std::copysign(Value{1}, x) : whole, x);
}

template <typename Format> bool fold_arithmetic(Opcode op, u64 left, u64 right, u64& out) {
  const auto a = value_of<Format>(left), b = value_of<Format>(right);
  const bool nan = std::isnan(a) || std::isnan(b);
  switch (op) {
  case Opcode::FAdd: return number<Format>(a + b, out);
  case Opcode::FSub: return number<Format>(a - b, out);
  case Opcode::FMul: return number<Format>(a * b, out);
  case Opcode::FDiv: return number<Format>(a / b, out);
  case Opcode::FMin: // equal ones differ in the sign of zero at most, and the negative one is less
    if (nan) return false;
    out = a == b ? left | right : a < b ? left : right;
    return true;
  case Opcode::FMax:
    if (nan) return false;
    out = a == b ? left & right : a > b ? left : right;
    return true;
  case Opcode::FCopysign: out = (left & ~u64{Format::kSign}) | (right & Format::kSign); return true;
  case Opcode::FEq: out = a == b; return true;
  case Opcode::FNe: out = a != b; return true;
  case Opcode::FLt: out = a < b; return true;
  case Opcode::FLe: out = a <= b; return true;
  case Opcode::FGt: out = a > b; return true;
  case Opcode::FGe: out = a >= b; return true;
  default: return false;
  }
}

template <typename Format> bool fold_float_unary(Opcode op, u64 bits, u64& out) {
  const auto a = value_of<Format>(bits);
  switch (op) {
  case Opcode::FSqrt: return number<Format>(std::sqrt(a), out);
  case Opcode::FCeil: return number<Format>(std::ceil(a), out);
  case Opcode::FFloor: return number<Format>(std::floor(a), out);
  case Opcode::FTrunc: return number<Format>(std::trunc(a), out);
  case Opcode::FNearest: return number<Format>(nearest(a), out);
  case Opcode::FNeg: out = bits ^ Format::kSign; return true;
  case Opcode::FAbs: out = bits & ~u64{Format::kSign}; return true;
  case Opcode::FCanon: out = std::isnan(a) ? Format::kQuietNan : bits; return true;
  default: return false;
  }
}

template <typename Format> bool fold_float(Opcode op, std::span<const u64> operands, u64& out) {
  return operands.size() == 1 ? fold_float_unary<Format>(op, operands[0], out)
                              : fold_arithmetic<Format>(op, operands[0], operands[1], out);
}

// ---- conversions -------------------------------------------------------------------------------------------

double as_double(u64 bits, Type type) { return type == Type::F32 ? value_of<Single>(bits) : value_of<Double>(bits); }

/// f32 is exact in f64, and so are the limits of every integer type. False: NaN or out of range, and `out` is what a
/// saturating conversion gives.
bool to_integer(bool is_signed, Type to, double value, u64& out) {
  const double limit = std::ldexp(1.0, static_cast<int>(bits_of(to)) - (is_signed ? 1 : 0));
  const double least = is_signed ? -limit : 0;
  out = 0;
  if (std::isnan(value)) return false;
  const double whole = std::trunc(value);
  const u64 top = is_signed ? bit_mask(to) >> 1 : bit_mask(to);
  if (whole < least) {
    out = is_signed ? top + 1 : 0;
    return false;
  }
  if (whole >= limit) {
    out = top;
    return false;
  }
  out = is_signed ? static_cast<u64>(static_cast<i64>(whole)) : static_cast<u64>(whole);
  return true;
}

template <typename Value> Value from_integer(bool is_signed, Type from, u64 bits) {
  return is_signed ? static_cast<Value>(signed_value(bits, from)) : static_cast<Value>(bits);
}

bool fold_to_float(Opcode op, Type type, Type from, u64 bits, u64& out) {
  const bool is_signed = op == Opcode::I2fS;
  if (type == Type::F32) return number<Single>(from_integer<float>(is_signed, from, bits), out);
  return number<Double>(from_integer<double>(is_signed, from, bits), out);
}

bool fold_conversion(Opcode op, Type type, Type from, u64 a, u64& out) {
  switch (op) {
  case Opcode::Sext: out = ASSAY_PLANTED(fold_sext_is_zext) ? a : static_cast<u64>(signed_value(a, from)); return true;
  case Opcode::Zext:
  case Opcode::Trunc:
  case Opcode::Bitcast: out = a; return true;
  case Opcode::F2iS: return to_integer(true, type, as_double(a, from), out);
  case Opcode::F2iU: return to_integer(false, type, as_double(a, from), out);
  case Opcode::F2iSatS: to_integer(true, type, as_double(a, from), out); return true;
  case Opcode::F2iSatU: to_integer(false, type, as_double(a, from), out); return true;
  case Opcode::I2fS:
  case Opcode::I2fU: return fold_to_float(op, type, from, a, out);
  case Opcode::FPromote: return number<Double>(value_of<Single>(a), out);
  case Opcode::FDemote: return number<Single>(static_cast<float>(value_of<Double>(a)), out);
  default: return false;
  }
}

bool fold_one(Opcode op, Type type, Type from, std::span<const u64> operands, u64& out) {
  if (from != Type::None) return fold_conversion(op, type, from, operands[0], out);
  if (op == Opcode::Select) {
    out = operands[0] != 0 ? operands[1] : operands[2];
    return true;
  }
  if (type == Type::F32) return fold_float<Single>(op, operands, out);
  if (type == Type::F64) return fold_float<Double>(op, operands, out);
  if (operands.size() == 1) return fold_unary(op, type, operands[0], out);
  return fold_binary(op, type, operands[0], operands[1], out) || fold_compare(op, type, operands[0], operands[1], out);
}

} // namespace

bool fold(Opcode op, Type type, Type from, std::span<const u64> operands, u64 results[2]) {
  constexpr OpFlags kNever = kReads | kWrites | kCalls | kEnds | kEffect;
  const OpcodeInfo& row = info(op);
  if (row.is(kNever) || row.form != Form::Plain || operands.empty() || operands.size() > 3) return false;
  if (type == Type::Ptr || from == Type::Ptr || type == Type::None || op == Opcode::Fma) return false;
  u64 out[2] = {0, 0};
  if (operands.size() == 2 && is_int(type) && fold_overflow(op, type, operands[0], operands[1], out)) {
    results[0] = out[0];
    results[1] = out[1];
    return true;
  }
  if (!fold_one(op, type, from, operands, out[0])) return false;
  // A comparison's 0 or 1 is not changed by the width of what it compares.
  results[0] = out[0] & bit_mask(type);
  return true;
}

} // namespace assay::opt
