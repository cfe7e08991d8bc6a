// computing.cpp - see computing.h.
//
// Written from docs/air.md. What is expanded here only peers without an operation of their own see.
// Tested through fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/computing.h"

#include <bit>

namespace assay::fuzz::peers {
namespace {

Type integer_like(Type type) {
  return type == Type::F32 ? Type::I32 : type == Type::F64 || type == Type::Ptr ? Type::I64 : type;
}

bool is_shift(Opcode op) { return op == Opcode::Shl || op == Opcode::ShrS || op == Opcode::ShrU; }

} // namespace

u64 float_bits(Type type, double value) {
  return type == Type::F32 ? std::bit_cast<u32>(static_cast<float>(value)) : std::bit_cast<u64>(value);
}

ConversionRange range_of(Type type, bool is_signed, Type from) {
  const int width = static_cast<int>(bits_of(type));
  const auto power = [](int exponent) { return std::bit_cast<double>(static_cast<u64>(1023 + exponent) << 52); };
  if (!is_signed) return {-1.0, power(width), false};
  // The number below the least one is a float of the type, or there is none between the two.
  const bool exact = width + 1 <= (from == Type::F32 ? 24 : 53);
  const double least = -power(width - 1);
  return {exact ? least - 1 : least, power(width - 1), !exact};
}

Value Computing::cast(Opcode code, Type type, Type from, Value a, Value b) {
  const Value in[2] = {a, b};
  Value out[2] = {nullptr, nullptr};
  ASSAY_CHECK(compute({code, type, from}, in, out));
  return out[0];
}

Value Computing::select(Type type, Value flag, Value a, Value b) {
  const Value in[3] = {flag, a, b};
  Value out[2] = {nullptr, nullptr};
  ASSAY_CHECK(compute({Opcode::Select, type, Type::I8}, in, out));
  return out[0];
}

Value Computing::bits(Type type, Value value) {
  if (type == Type::F32) return cast(Opcode::Zext, Type::I64, Type::I32, cast(Opcode::Bitcast, Type::I32, type, value));
  if (type == Type::F64) return cast(Opcode::Bitcast, Type::I64, type, value);
  return size_of(type) == 8 ? value : cast(Opcode::Zext, Type::I64, type, value);
}

Value Computing::of_bits(Type type, Value word) {
  if (type == Type::F32) return cast(Opcode::Bitcast, type, Type::I32, cast(Opcode::Trunc, Type::I32, Type::I64, word));
  if (type == Type::F64) return cast(Opcode::Bitcast, type, Type::I64, word);
  return size_of(type) == 8 ? word : cast(Opcode::Trunc, type, Type::I64, word);
}

bool Computing::compute(const Operation& what, const Value* in, Value* out) {
  if (what.op == Opcode::Bitcast && integer_like(what.type) == integer_like(what.from) &&
      is_float(what.type) == is_float(what.from)) {
    out[0] = in[0];
    return true;
  }
  if (is_shift(what.op)) {
    const Value masked[] = {in[0], op(Opcode::And, what.type, in[1], literal(what.type, bits_of(what.type) - 1))};
    return e.operation(what, masked, out);
  }
  return e.operation(what, in, out) || expand(what, in, out) || expand_overflow(what, in, out) ||
         expand_float(what, in, out);
}

/// Bytes, or bits too, in reverse order: neighbours change places, then pairs of them, and so on.
Value Computing::reverse(Type type, Value x, bool bits_too) {
  for (u32 step = bits_too ? 1 : 8; step < bits_of(type); step *= 2) {
    const u64 low = ~u64{0} / ((u64{1} << step) + 1); // so many ones, so many zeros, from the bottom
    const Value mask = literal(type, low), count = literal(type, step);
    const Value up = op(Opcode::Shl, type, op(Opcode::And, type, x, mask), count);
    x = op(Opcode::Or, type, up, op(Opcode::And, type, op(Opcode::ShrU, type, x, count), mask));
  }
  return x;
}

bool Computing::expand(const Operation& what, const Value* in, Value* out) {
  const Type t = what.type;
  const auto pick = [&](Opcode compare) { return select(t, op(compare, t, in[0], in[1]), in[0], in[1]); };
  switch (what.op) {
  case Opcode::MinS: return out[0] = pick(Opcode::LtS), true;
  case Opcode::MinU: return out[0] = pick(Opcode::LtU), true;
  case Opcode::MaxS: return out[0] = pick(Opcode::GtS), true;
  case Opcode::MaxU: return out[0] = pick(Opcode::GtU), true;
  case Opcode::Rotl:
  case Opcode::Rotr: {
    const Value other = op(Opcode::Sub, t, literal(t, 0), in[1]);
    const bool left = what.op == Opcode::Rotl;
    out[0] = op(Opcode::Or, t, op(Opcode::Shl, t, in[0], left ? in[1] : other),
                op(Opcode::ShrU, t, in[0], left ? other : in[1]));
    return true;
  }
  case Opcode::Bitrev: return out[0] = reverse(t, in[0], true), true;
  case Opcode::Bswap: return out[0] = reverse(t, in[0], false), true;
  default: return false;
  }
}

bool Computing::expand_overflow(const Operation& what, const Value* in, Value* out) {
  const Type t = what.type;
  const auto top = [&](Value x, Value y) { // the top bit of both
    const Value both = op(Opcode::And, t, x, y);
    const Value bit = op(Opcode::ShrU, t, both, literal(t, bits_of(t) - 1));
    return t == Type::I8 ? bit : cast(Opcode::Trunc, Type::I8, t, bit);
  };
  const auto differ = [&](Value x, Value y) { return op(Opcode::Xor, t, x, y); };
  switch (what.op) {
  case Opcode::AddOS:
    out[0] = op(Opcode::Add, t, in[0], in[1]);
    return out[1] = top(differ(in[0], out[0]), differ(in[1], out[0])), true;
  case Opcode::AddOU:
    out[0] = op(Opcode::Add, t, in[0], in[1]);
    return out[1] = op(Opcode::LtU, t, out[0], in[0]), true;
  case Opcode::SubOS:
    out[0] = op(Opcode::Sub, t, in[0], in[1]);
    return out[1] = top(differ(in[0], in[1]), differ(in[0], out[0])), true;
  case Opcode::SubOU: out[0] = op(Opcode::Sub, t, in[0], in[1]); return out[1] = op(Opcode::LtU, t, in[0], in[1]), true;
  case Opcode::MulOS: {
    out[0] = op(Opcode::Mul, t, in[0], in[1]);
    const Value sign = op(Opcode::ShrS, t, out[0], literal(t, bits_of(t) - 1));
    return out[1] = op(Opcode::Ne, t, op(Opcode::MulHS, t, in[0], in[1]), sign), true;
  }
  case Opcode::MulOU:
    out[0] = op(Opcode::Mul, t, in[0], in[1]);
    return out[1] = op(Opcode::Ne, t, op(Opcode::MulHU, t, in[0], in[1]), literal(t, 0)), true;
  default: return false;
  }
}

/// What is converted is in range in any case; what is chosen afterwards is that, or a bound.
Value Computing::saturate(const Operation& what, Value x) {
  const Type t = what.type, f = what.from;
  const bool is_signed = what.op == Opcode::F2iSatS;
  const ConversionRange range = range_of(t, is_signed, f);
  const Value low = e.constant(f, float_bits(f, range.low)), high = e.constant(f, float_bits(f, range.high));
  const Value above = cast(range.low_itself ? Opcode::FGe : Opcode::FGt, f, f, x, low);
  const Value below = op(Opcode::FLt, f, x, high);
  const Value inside = op(Opcode::And, Type::I8, above, below);
  const Value safe = select(f, inside, x, e.constant(f, 0));
  const Value number = cast(is_signed ? Opcode::F2iS : Opcode::F2iU, t, f, safe); // of NaN 0
  const u64 most = is_signed ? bit_mask(t) >> 1 : bit_mask(t), least = is_signed ? most + 1 : 0;
  const Value too_high = op(Opcode::FGe, f, x, high);
  const Value too_low = cast(range.low_itself ? Opcode::FLt : Opcode::FLe, f, f, x, low);
  return select(t, too_high, literal(t, most), select(t, too_low, literal(t, least), number));
}

bool Computing::expand_float(const Operation& what, const Value* in, Value* out) {
  const Type t = what.type;
  switch (what.op) {
  case Opcode::FMin:
  case Opcode::FMax: {
    const bool least = what.op == Opcode::FMin;
    const Type i = integer_like(t);
    const Value a = cast(Opcode::Bitcast, i, t, in[0]), b = cast(Opcode::Bitcast, i, t, in[1]);
    // Equal numbers are the same bits, or zeros: of these the sign decides.
    const Value zero = cast(Opcode::Bitcast, t, i, op(least ? Opcode::Or : Opcode::And, i, a, b));
    const Value smaller = select(t, op(least ? Opcode::FLt : Opcode::FGt, t, in[0], in[1]), in[0], in[1]);
    const Value number = select(t, op(Opcode::FEq, t, in[0], in[1]), zero, smaller);
    const Value nan = op(Opcode::Or, Type::I8, op(Opcode::FNe, t, in[0], in[0]), op(Opcode::FNe, t, in[1], in[1]));
    return out[0] = select(t, nan, op(Opcode::FAdd, t, in[0], in[1]), number), true;
  }
  case Opcode::FCanon: {
    const Value quiet = e.constant(t, t == Type::F32 ? 0x7fc00000u : 0x7ff8000000000000u);
    return out[0] = select(t, op(Opcode::FNe, t, in[0], in[0]), quiet, in[0]), true;
  }
  case Opcode::F2iSatS:
  case Opcode::F2iSatU: return out[0] = saturate(what, in[0]), true;
  default: return false;
  }
}

} // namespace assay::fuzz::peers
