// identities.cpp - small expressions in the shapes of which algebraic identities are: two operations on the same
// values, one of them on what the other made, constants that meet or are neighbours.
//
// Which operations, values and constants is drawn; so most are no identity, and a rule that takes one for it is seen.
// Constant time each. Tested in fuzz/generate/tests/generator_test.cpp; `assay fuzz --reach` tells which rules of the
// compiler apply to what comes.
#include "fuzz/generate/body.h"

#include <utility>

namespace assay::fuzz {
namespace {

// Of which most identities are, and the others.
constexpr Opcode kFew[] = {Opcode::Add, Opcode::Sub, Opcode::And, Opcode::Or, Opcode::Xor};
constexpr Opcode kMany[] = {Opcode::Mul, Opcode::MinS, Opcode::MinU, Opcode::MaxS, Opcode::MaxU,
                            Opcode::Shl, Opcode::ShrS, Opcode::ShrU, Opcode::Rotl, Opcode::Rotr};
constexpr Opcode kCompares[] = {Opcode::Eq,  Opcode::Ne,  Opcode::LtS, Opcode::LtU, Opcode::LeS,
                                Opcode::LeU, Opcode::GtS, Opcode::GtU, Opcode::GeS, Opcode::GeU};
constexpr Opcode kFloatTwice[] = {Opcode::FAdd, Opcode::FSub, Opcode::FMul, Opcode::FDiv, Opcode::FMin,
                                  Opcode::FMax, Opcode::FEq,  Opcode::FNe,  Opcode::FLt,  Opcode::FLe};
constexpr Opcode kFloatOnce[] = {Opcode::FNeg, Opcode::FAbs, Opcode::FNeg, Opcode::FAbs, Opcode::FSqrt, Opcode::FTrunc};
constexpr Opcode kOnce[] = {Opcode::Clz, Opcode::Ctz, Opcode::Popcnt, Opcode::Bitrev, Opcode::Bswap};

bool is_shift(Opcode op) { return op >= Opcode::Shl && op <= Opcode::Rotr; }

} // namespace

/// An operation of two values.
Opcode Body::of_two() { return random_.chance(3, 5) ? random_.pick(kFew) : random_.pick(kMany); }

/// A constant that identities speak of.
u64 Body::identity_constant(Type type) {
  const u32 width = bits_of(type);
  switch (random_.below(8)) {
  case 0: return 0;
  case 1: return 1;
  case 2: return bit_mask(type);
  case 3: return u64{1} << (width - 1);
  case 4: return u64{1} << random_.below(width);
  case 5: return random_.coin() ? width - random_.below(2) : u64{8} * random_.below(8);
  case 6: return bit_mask(type) >> random_.below(width);
  default: return random_.below(64);
  }
}

/// Equal, a neighbour, or another one.
u64 Body::constant_near(Type type, u64 other) {
  const u32 way = random_.below(6);
  if (way < 2) return other;
  if (way < 4) return (way == 2 ? other + 1 : other - 1) & bit_mask(type);
  return identity_constant(type);
}

/// Two operations and one of their results, or a comparison of them.
ValueId Body::outer(Type type, ValueId a, ValueId b) {
  if (random_.chance(1, 4)) {
    observe(Type::I8, emit(random_.pick(kCompares), type, {a, b}));
    return kNone;
  }
  const ValueId out = emit(of_two(), type, {a, b});
  observe(type, out);
  return out;
}

/// x & y and x | z, or the like.
void Body::twins(Type type) {
  const ValueId x = pick_or_convert(type), y = pick(type);
  const ValueId z = random_.coin() ? y : pick(type);
  const Opcode first = of_two(), second = random_.chance(2, 3) ? first : of_two();
  const ValueId left = random_.coin() ? emit(first, type, {x, y}) : emit(first, type, {y, x});
  const ValueId right = random_.coin() ? emit(second, type, {x, z}) : emit(second, type, {z, x});
  outer(type, left, right);
}

/// What one shift loses another keeps: a rotation where both counts add up to the width.
void Body::shifted_apart(Type type) {
  const u32 width = bits_of(type), count = random_.below(width);
  const ValueId x = pick_or_convert(type);
  ValueId left = kNone, right = kNone;
  if (random_.coin()) {
    left = literal(type, count);
    right = literal(type, (width - count + (random_.chance(1, 8) ? 1 : 0)) % width);
  } else {
    left = pick(type);
    right = emit(Opcode::Sub, type, {literal(type, random_.coin() ? 0 : width), left});
  }
  if (random_.coin()) std::swap(left, right);
  const ValueId up = emit(Opcode::Shl, type, {x, left}), down = emit(Opcode::ShrU, type, {x, right});
  constexpr Opcode kJoins[] = {Opcode::Or, Opcode::Xor, Opcode::Add};
  observe(type, emit(random_.pick(kJoins), type, {up, down}));
}

/// (x & y) | y, or the like.
void Body::absorbed(Type type) {
  const ValueId x = pick_or_convert(type), y = pick(type);
  const ValueId inner = emit(of_two(), type, {x, y});
  const ValueId again = random_.coin() ? x : y;
  if (random_.coin()) outer(type, inner, again);
  else outer(type, again, inner);
}

/// (x - C1) against C2, or (C1 - x), and what comes of it perhaps against C3.
void Body::constants_meet(Type type) {
  const Opcode inner_op = of_two();
  const u64 first = identity_constant(type);
  const ValueId x = pick_or_convert(type), constant = literal(type, first);
  const bool left = !is_shift(inner_op) && random_.chance(1, 4);
  ValueId inner = left ? emit(inner_op, type, {constant, x}) : emit(inner_op, type, {x, constant});
  const u64 second = constant_near(type, random_.chance(1, 4) ? bits_of(type) - first : first);
  const ValueId other = random_.chance(1, 8) ? pick(type) : literal(type, second);
  inner = random_.chance(1, 8) ? outer(type, other, inner) : outer(type, inner, other);
  if (inner != kNone && random_.coin()) outer(type, inner, literal(type, constant_near(type, second)));
}

/// ~x, -x, x with its highest bit turned, or the bits counted or exchanged.
ValueId Body::turned(Type type, u32 way, ValueId x) {
  if (way == 0) return emit(Opcode::Xor, type, {x, literal(type, bit_mask(type))});
  if (way == 1) return emit(Opcode::Sub, type, {literal(type, 0), x});
  if (way == 2) return emit(Opcode::Xor, type, {x, literal(type, u64{1} << (bits_of(type) - 1))});
  if (way == 3) return emit(Opcode::Add, type, {x, literal(type, u64{1} << (bits_of(type) - 1))});
  const Opcode op = kOnce[way - 4];
  return op == Opcode::Bswap && type == Type::I8 ? x : emit(op, type, {x});
}

void Body::turned_both(Type type) {
  const u32 way = random_.below(9), other = random_.coin() ? way : random_.below(9);
  const ValueId x = turned(type, way, pick_or_convert(type));
  switch (random_.below(4)) {
  case 0: return observe(type, turned(type, other, x));
  case 1: { // all bits are counted where there is none
    const bool counts = way >= 4 && random_.coin();
    const ValueId constant = literal(type, counts ? bits_of(type) : identity_constant(type));
    if (!random_.coin()) outer(type, x, constant);
    else observe(Type::I8, emit(random_.coin() ? Opcode::Eq : Opcode::Ne, type, {x, constant}));
    return;
  }
  default: outer(type, x, turned(type, other, pick(type)));
  }
}

/// A choice by a comparison with a constant, between what was compared and neighbours of the constant; or two choices
/// by the same.
void Body::chosen_constants(Type type) {
  const ValueId x = pick_or_convert(type);
  const u64 limit = identity_constant(type);
  const ValueId holds = emit(random_.pick(kCompares), type, {x, literal(type, limit)});
  const ValueId near = literal(type, constant_near(type, limit));
  const ValueId other = random_.chance(2, 3) ? x : literal(type, identity_constant(type));
  const bool swapped = random_.coin();
  const ValueId first = swapped ? near : other, second = swapped ? other : near;
  ValueId out = emit(Opcode::Select, type, {holds, first, second});
  if (random_.chance(1, 3)) { // chosen again by the same
    const ValueId last = pick(type);
    const bool inner_first = random_.coin();
    const ValueId a = inner_first ? out : last, b = inner_first ? last : out;
    out = emit(Opcode::Select, type, {holds, a, b});
  }
  observe(type, out);
}

/// An operation on values made wider, of which the lower or the upper half is taken, or which are compared.
void Body::wider_and_back(Type type) {
  const Type from = type == Type::I64 ? Type::I32 : type;
  const Type wide = from == Type::I32 || random_.coin() ? Type::I64 : Type::I32;
  const Opcode extend = random_.coin() ? Opcode::Zext : Opcode::Sext;
  const Opcode extend_other = random_.chance(3, 4) ? extend : random_.coin() ? Opcode::Zext : Opcode::Sext;
  const ValueId x = pick_or_convert(from), y = pick(from);
  const ValueId left = emit(extend, wide, from, {&x, 1});
  const ValueId right =
      random_.coin() ? literal(wide, identity_constant(wide)) : emit(extend_other, wide, from, {&y, 1});
  ValueId both = emit(of_two(), wide, {left, right});
  if (random_.chance(1, 3)) both = emit(Opcode::Mul, wide, {left, right});
  if (random_.chance(1, 3)) {
    const Opcode down = random_.coin() ? Opcode::ShrS : Opcode::ShrU;
    both = emit(down, wide, {both, literal(wide, bits_of(from))});
  }
  if (random_.chance(1, 4)) observe(Type::I8, emit(random_.pick(kCompares), wide, {left, right}));
  else observe(from, emit(Opcode::Trunc, from, wide, {&both, 1}));
}

void Body::float_identity() {
  const Type real = random_.coin() ? Type::F32 : Type::F64;
  const u32 digits = real == Type::F32 ? 23 : 52;
  const ValueId x = pick_or_convert(real), y = random_.chance(1, 4) ? x : pick(real);
  // Powers of two, of either sign, or zero.
  const u64 exponent = (real == Type::F32 ? 127u : 1023u) + random_.below(5) - 2;
  const u64 sign = random_.chance(1, 4) ? u64{1} << (bits_of(real) - 1) : 0;
  const ValueId power = literal(real, (random_.chance(1, 4) ? 0 : exponent << digits) | sign);
  const Opcode once = random_.pick(kFloatOnce), again = random_.coin() ? once : random_.pick(kFloatOnce);
  const Opcode twice = random_.pick(kFloatTwice);
  const Type gives = info(twice).results == "B" ? Type::I8 : real;
  switch (random_.below(5)) {
  case 0: return observe(real, emit(again, real, {emit(once, real, {x})}));
  case 1: return observe(gives, emit(twice, real, {emit(once, real, {x}), power}));
  case 2: {
    const ValueId left = emit(once, real, {x});
    return observe(gives, emit(twice, real, {left, emit(again, real, {y})}));
  }
  case 3: {
    const ValueId turned = emit(once, real, {y});
    return observe(real, emit(Opcode::FCopysign, real, {x, turned}));
  }
  default: return observe(gives, emit(twice, real, {x, power}));
  }
}

void Body::identity(Type type) {
  switch (random_.below(12)) {
  case 0:
  case 1:
  case 2: return twins(type);
  case 3:
  case 4: return absorbed(type);
  case 5:
  case 6: return constants_meet(type);
  case 7:
  case 8: return turned_both(type);
  case 9: return random_.coin() ? chosen_constants(type) : shifted_apart(type);
  case 10: return wider_and_back(type);
  default: return float_identity();
  }
}

} // namespace assay::fuzz
