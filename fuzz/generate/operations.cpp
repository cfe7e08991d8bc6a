// operations.cpp - statements without blocks of their own: table rows, idioms, globals, locals, pressure.
//
// Rows come from the opcode index, so a new plain operation is generated without a change here. Division
// and conversion are guarded but for a small share, so that few runs end in a trap. Constant time each.
// Tested in fuzz/generate/tests/generator_test.cpp.
#include "fuzz/generate/body.h"
#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {

Combination Body::draw_combination() {
  const u32 family = random_.weighted(family_weights_);
  const std::vector<OpcodeIndex::Row>& rows = index_.families[family];
  const OpcodeIndex::Row& row = rows[random_.below(static_cast<u32>(rows.size()))];
  Combination chosen = index_.combinations[row.first + random_.below(row.count)];
  if ((chosen.type == Type::I8 || chosen.type == Type::I16) && !random_.chance(config_.narrow_type)) {
    chosen = index_.combinations[row.first + random_.below(row.count)];
  }
  return chosen;
}

void Body::operation() {
  if (random_.chance(1, 48)) {
    emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, random_.between(0, 3));
    return;
  }
  emit_combination(draw_combination());
}

void Body::emit_combination(const Combination& chosen) {
  const OpcodeInfo& row = info(chosen.op);
  Done done{chosen.op, chosen.type, chosen.from, static_cast<u32>(row.operands.size()), {}};
  const bool is_shift = chosen.op >= Opcode::Shl && chosen.op <= Opcode::Rotr;
  const bool unguarded = row.is(kTraps) && random_.chance(config_.unguarded);
  const bool overflows = unguarded && random_.chance(1, 16); // MIN by -1: the one pair that does
  for (u32 i = 0; i < done.count; ++i) {
    const char letter = row.operands[i];
    Type type = type_of_letter(letter, chosen.type, chosen.from);
    if (letter == 'C') {
      done.operands[i] = condition();
    } else if (i == 1 && is_shift && random_.coin()) {
      done.operands[i] = literal(type, edge_count(random_, type));
    } else if (overflows && letter == 'T') {
      done.operands[i] = literal(type, i == 0 ? u64{1} << (bits_of(type) - 1) : bit_mask(type));
    } else if (row.is(kTraps) && !unguarded && letter == 'S') {
      done.operands[i] = guarded_float(chosen.op, chosen.type, type);
    } else if (row.is(kTraps) && !unguarded && i == 1) {
      done.operands[i] = guarded_divisor(row, type);
    } else if (i != 0 && letter == row.operands[i - 1] && random_.chance(config_.same_operand)) {
      done.operands[i] = done.operands[i - 1];
    } else {
      done.operands[i] = i == 0 ? pick_or_convert(type) : pick(type);
    }
  }
  const ValueId first = emit(done.op, done.type, done.from, {done.operands.data(), done.count});
  for (u32 i = 0; i < row.results.size(); ++i) {
    offer(type_of_letter(row.results[i], chosen.type, chosen.from), first + i);
  }
  if (done_.size() < 16) done_.push_back(done);
}

/// Never 0, and not -1 where MIN / -1 overflows, unless the dividend makes that unlikely.
ValueId Body::guarded_divisor(const OpcodeInfo& row, Type type) {
  if (random_.coin()) {
    u64 bits = edge_divisor(random_, type);
    if (bits == bit_mask(type) && row.name == "div_s" && !random_.chance(1, 8)) bits = bit_mask(type) - 1;
    return literal(type, bits);
  }
  const ValueId any = pick_or_convert(type);
  const ValueId odd = emit(Opcode::Or, type, {any, literal(type, 1)});
  if (random_.chance(1, 16)) return odd;
  return emit(Opcode::And, type, {odd, literal(type, bit_mask(type) >> 1)});
}

/// |x| below the limit of the integer type, NaN replaced by zero.
ValueId Body::guarded_float(Opcode op, Type to, Type from) {
  const bool is_signed = info(op).name.find("_s") != std::string_view::npos;
  const ValueId any = pick_or_convert(from);
  const ValueId magnitude = emit(Opcode::FAbs, from, {any});
  const ValueId limit = literal(from, float_limit(random_, from, to, is_signed));
  const ValueId fits = emit(Opcode::FLt, from, {magnitude, limit});
  return emit(Opcode::Select, from, {fits, is_signed ? any : magnitude, literal(from, 0)});
}

ValueId Body::combine(Type type, ValueId a, ValueId b) {
  constexpr Opcode kInts[] = {Opcode::Xor, Opcode::Add, Opcode::Sub, Opcode::Xor};
  constexpr Opcode kFloats[] = {Opcode::FAdd, Opcode::FSub, Opcode::FMin, Opcode::FCopysign};
  return emit(is_float(type) ? random_.pick(kFloats) : random_.pick(kInts), type, {a, b});
}

ValueId Body::masked(Type type, u64 mask) {
  return emit(Opcode::And, type, {pick_or_convert(type), literal(type, mask)});
}

/// Any integer; a fresh comparison as often as not, or one bit.
ValueId Body::condition() {
  const u32 way = random_.below(9);
  if (way == 8) {
    const Type type = random_.coin() ? Type::I32 : Type::I64;
    return masked(type, u64{1} << random_.below(bits_of(type)));
  }
  if (way < 5) {
    const Family family = way < 4 ? Family::Compare : Family::Floating;
    const std::vector<OpcodeIndex::Row>& rows = index_.families[static_cast<u32>(family)];
    for (u32 tries = 0; tries < 4; ++tries) {
      const OpcodeIndex::Row& row = rows[random_.below(static_cast<u32>(rows.size()))];
      const Combination& chosen = index_.combinations[row.first + random_.below(row.count)];
      const OpcodeInfo& operation = info(chosen.op);
      if (operation.results != "B" || operation.operands != "TT") continue;
      const ValueId a = pick_or_convert(chosen.type);
      return emit(chosen.op, chosen.type, {a, pick(chosen.type)});
    }
  }
  const Type type = int_type_in_use();
  return type == Type::None ? edge_literal(Type::I8) : pick_available(type);
}

/// A condition that seldom holds; or, when `likely`, one that nothing is known of.
ValueId Body::unlikely(bool likely) {
  if (likely) return condition();
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  const ValueId value = pick_or_convert(type);
  return emit(Opcode::Eq, type, {value, literal(type, random_.next() | 0x10000)});
}

void Body::repeat() {
  if (done_.empty()) return operation();
  const Done done = done_[random_.below(static_cast<u32>(done_.size()))];
  const OpcodeInfo& row = info(done.op);
  Done again = done;
  if (row.is(kCommutes) && random_.coin()) std::swap(again.operands[0], again.operands[1]);
  const ValueId first = emit(again.op, again.type, again.from, {again.operands.data(), again.count});
  for (u32 i = 0; i < row.results.size(); ++i) offer(type_of_letter(row.results[i], done.type, done.from), first + i);
}

/// Short sequences that selection and simplification rules look for.
void Body::idiom() {
  const Type type = random_.coin() ? (random_.coin() ? Type::I32 : Type::I64) : (random_.coin() ? Type::I8 : Type::I16);
  switch (random_.below(41)) {
  case 0: return double_shift(type);
  case 1: { // scaled index
    const ValueId scaled = emit(Opcode::Shl, type, {pick_or_convert(type), literal(type, random_.below(4))});
    const ValueId sum = emit(Opcode::Add, type, {pick_or_convert(type), scaled});
    return offer(type, emit(Opcode::Add, type, {sum, edge_literal(type)}));
  }
  case 2:
  case 19: return multiply_and_add();
  case 3: return carry_chain(type);
  case 4: return masked_and_extended(type);
  case 5: { // truncate and extend again: the high bits must go
    if (type == Type::I64) return operation();
    const ValueId wide = pick_or_convert(Type::I64);
    const ValueId narrow = emit(Opcode::Trunc, type, Type::I64, {&wide, 1});
    offer(type, narrow);
    const Opcode op = random_.coin() ? Opcode::Zext : Opcode::Sext;
    return offer(Type::I64, emit(op, Type::I64, type, {&narrow, 1}));
  }
  case 6: return inverted_operand(type);
  case 7: { // a comparison compared again
    const ValueId first = condition();
    const Type first_type = module_->functions[self_].value_types[first];
    const Opcode op = random_.coin() ? Opcode::Eq : Opcode::Ne;
    const ValueId again = emit(op, first_type, {first, literal(first_type, random_.below(2))});
    return offer(type, emit(Opcode::Select, type, {again, pick_or_convert(type), pick(type)}));
  }
  case 8:
  case 20: return rounded_conversion();
  case 9:
  case 21:
  case 30: return limit_operand(random_.coin() ? Type::I64 : type);
  case 10: return folded_operand();
  case 11: return bit_field();
  case 12:
  case 13:
  case 14:
  case 22:
  case 23:
  case 24:
  case 25:
  case 26: return nested(type);
  case 15: return signed_zeros();
  case 16:
  case 17:
  case 18: return folded_constants();
  case 31:
  case 32: return rounding_error();
  case 33: return barely_negative(type);
  case 34:
  case 35:
  case 36:
  case 37:
  case 38:
  case 39: return identity(type);
  case 40: return part_of_wider();
  default: { // quotient and remainder of the same operands
    const bool is_signed = random_.coin();
    const ValueId a = pick_or_convert(type);
    const ValueId b = guarded_divisor(info(is_signed ? Opcode::DivS : Opcode::DivU), type);
    offer(type, emit(is_signed ? Opcode::DivS : Opcode::DivU, type, {a, b}));
    return offer(type, emit(is_signed ? Opcode::RemS : Opcode::RemU, type, {a, b}));
  }
  }
}

/// A constant at the limit of what an instruction can hold.
void Body::limit_operand(Type type) {
  constexpr Opcode kOps[] = {Opcode::Sub, Opcode::Add, Opcode::Sub, Opcode::And,
                             Opcode::Xor, Opcode::Mul, Opcode::LtS, Opcode::GeU};
  const Opcode op = random_.pick(kOps);
  const ValueId a = pick_or_convert(type), b = literal(type, edge_immediate(random_, type));
  observe(info(op).results == "B" ? Type::I8 : type, emit(op, type, {a, b}));
}

/// What a product loses by rounding, as an fma finds it: zero when that rounds twice.
void Body::rounding_error() {
  const Type real = random_.chance(1, 4) ? Type::F32 : Type::F64;
  const u32 digits = real == Type::F32 ? 23 : 52;
  const u64 one = u64{real == Type::F32 ? 127u : 1023u} << digits;
  const auto odd = [&] { return literal(real, one | (random_.next() >> (64 - digits)) | 1); };
  const ValueId a = random_.coin() ? odd() : pick_or_convert(real), b = odd();
  const ValueId product = emit(Opcode::FMul, real, {a, b});
  const ValueId negated = emit(Opcode::FNeg, real, {product});
  observe(real, emit(Opcode::Fma, real, {a, b, negated}));
}

/// A small number of which a little is taken off, made wider.
void Body::barely_negative(Type type) {
  const Type from = type == Type::I64 ? Type::I32 : type;
  const u64 mask = (u64{1} << random_.below(4)) - 1;
  const ValueId small = masked(from, mask);
  const ValueId less = emit(Opcode::Sub, from, {small, literal(from, 1 + random_.below(2))});
  observe(Type::I64, emit(random_.chance(3, 4) ? Opcode::Sext : Opcode::Zext, Type::I64, from, {&less, 1}));
}

/// A product, shift or extension right before the sum or mask that is its only user: one instruction on some machines.
void Body::folded_operand() {
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  const ValueId other = pick_or_convert(type);
  const u32 kind = random_.below(3);
  ValueId value = kNone;
  if (kind == 0) {
    const ValueId a = pick_or_convert(type), b = pick(type);
    value = emit(Opcode::Mul, type, {a, b});
  } else if (kind == 1) {
    const ValueId a = pick_or_convert(type), count = literal(type, random_.below(bits_of(type)));
    value = emit(Opcode::Shl, type, {a, count});
  } else {
    constexpr Type kNarrow[] = {Type::I8, Type::I16, Type::I32};
    const Type from = kNarrow[random_.below(type == Type::I64 ? 3 : 2)];
    const ValueId narrow = pick_or_convert(from);
    value = emit(random_.coin() ? Opcode::Sext : Opcode::Zext, type, from, {&narrow, 1});
  }
  constexpr Opcode kUsers[] = {Opcode::Add, Opcode::Sub, Opcode::Add, Opcode::Sub,
                               Opcode::And, Opcode::Or,  Opcode::Xor};
  const Opcode user = kUsers[random_.below(kind == 1 ? 7 : 4)];
  const bool left = random_.chance(1, 4);
  offer(type, emit(user, type, {left ? value : other, left ? other : value}));
}

/// An operation on what is left of a result in a narrower type, where both may be seen.
void Body::part_of_wider() {
  const Type wide = random_.coin() ? Type::I64 : Type::I32;
  const Type part = wide == Type::I64 && random_.coin() ? Type::I32 : random_.coin() ? Type::I16 : Type::I8;
  constexpr u64 kFactors[] = {3, 5, 9};
  const bool product = random_.coin();
  const Opcode first = product ? Opcode::Mul : of_two();
  const ValueId x = pick_or_convert(wide);
  const ValueId whole =
      emit(first, wide, {x, literal(wide, product ? random_.pick(kFactors) : identity_constant(wide))});
  const ValueId left = emit(Opcode::Trunc, part, wide, {&whole, 1});
  const Opcode second = random_.coin() ? Opcode::Add : of_two();
  const ValueId other = random_.chance(3, 4) ? literal(part, identity_constant(part)) : pick(part);
  const ValueId sum = emit(second, part, {left, other});
  if (random_.coin()) observe(wide, whole);
  observe(wide, emit(random_.coin() ? Opcode::Zext : Opcode::Sext, wide, part, {&sum, 1}));
}

/// Bits out of the middle: shifted down and masked, or shifted up and down again.
void Body::bit_field() {
  const Type type = random_.coin() ? Type::I32 : Type::I64;
  const u32 width = bits_of(type), first = random_.below(width), second = random_.below(width);
  const ValueId whole = pick_or_convert(type);
  const ValueId count = literal(type, first), other = literal(type, second);
  if (random_.coin()) {
    const ValueId mask = literal(type, bit_mask(type) >> second);
    const ValueId shifted = emit(Opcode::ShrU, type, {whole, count});
    return offer(type, emit(Opcode::And, type, {shifted, mask}));
  }
  const ValueId shifted = emit(Opcode::Shl, type, {whole, count});
  offer(type, emit(random_.coin() ? Opcode::ShrS : Opcode::ShrU, type, {shifted, other}));
}

/// What rules of simplification look for: operations on operations, with constants that meet in one.
void Body::nested(Type type) {
  switch (random_.below(5)) {
  case 0: { // shifts of one value by constants: a rotation where these add up to the width
    const u32 width = bits_of(type), count = random_.below(width), sum = 8u << random_.below(4);
    const ValueId whole = pick_or_convert(type);
    const ValueId left = emit(Opcode::Shl, type, {whole, literal(type, count)});
    const ValueId right = emit(Opcode::ShrU, type, {whole, literal(type, (sum - count) % width)});
    return offer(type, emit(Opcode::Or, type, {left, right}));
  }
  case 1: return compared_extended(type);
  case 2: return compared_with_limit(type);
  default: return nested_constants(type);
  }
}

void Body::nested_constants(Type type) {
  constexpr Opcode kOps[] = {Opcode::Add, Opcode::Sub, Opcode::Mul,  Opcode::And,  Opcode::Or,
                             Opcode::Xor, Opcode::Shl, Opcode::ShrS, Opcode::ShrU, Opcode::Rotl};
  constexpr u32 kFirstShift = 6;
  const Opcode inner = random_.coin() ? kOps[kFirstShift + random_.below(4)] : random_.pick(kOps);
  const Opcode outer = random_.chance(2, 3) ? inner : random_.pick(kOps);
  ValueId value = pick_or_convert(type);
  for (const Opcode op : {inner, outer}) {
    const bool shifts = op >= Opcode::Shl;
    value =
        emit(op, type, {value, literal(type, shifts ? random_.below(bits_of(type)) : edge_immediate(random_, type))});
  }
  observe(type, value);
}

constexpr Opcode kOrders[] = {Opcode::LtS, Opcode::LeS, Opcode::GtS, Opcode::GeS,
                              Opcode::LtU, Opcode::LeU, Opcode::GtU, Opcode::GeU};

/// With the least or greatest number, or a neighbour.
void Body::compared_with_limit(Type type) {
  const u64 mask = bit_mask(type), limit = random_.coin() ? (mask >> 1) + random_.below(2) : mask + random_.below(2);
  const u64 near = random_.coin() ? limit : limit + random_.below(3) - 1;
  const Opcode order = random_.pick(kOrders); // apart: the order of a call's arguments is the compiler's
  offer(Type::I8, emit(order, type, {pick_or_convert(type), literal(type, near & mask)}));
}

void Body::compared_extended(Type type) {
  const Type from = type == Type::I64 ? Type::I32 : type;
  const bool zeros = random_.coin();
  const Opcode extend = zeros ? Opcode::Zext : Opcode::Sext;
  ValueId a = pick_or_convert(from), b = pick(from);
  // Half the time one of them is in the other half of the type's numbers.
  if (random_.coin()) {
    const ValueId moved = emit(Opcode::Xor, from, {b, literal(from, u64{1} << (bits_of(from) - 1))});
    (random_.coin() ? a : b) = moved;
  }
  const ValueId left = emit(extend, Type::I64, from, {&a, 1}), right = emit(extend, Type::I64, from, {&b, 1});
  // Mostly in the order that narrow ones do not have.
  const u32 first = zeros == random_.chance(3, 4) ? 0 : 4;
  observe(Type::I8, emit(kOrders[first + random_.below(4)], Type::I64, {left, right}));
}

/// Two shifts by amounts that add up to the width.
void Body::double_shift(Type type) {
  const u32 width = bits_of(type);
  const ValueId count = masked(type, width - 1);
  const ValueId left = emit(Opcode::Shl, type, {pick_or_convert(type), count});
  const ValueId rest = emit(Opcode::Sub, type, {literal(type, width), count});
  const ValueId right = emit(Opcode::ShrU, type, {pick_or_convert(type), rest});
  offer(type, emit(Opcode::Or, type, {left, right}));
}

/// Once as two roundings and once as one.
void Body::multiply_and_add() {
  const Type real = random_.coin() ? Type::F32 : Type::F64;
  const ValueId a = pick_or_convert(real), b = pick(real), c = pick(real);
  const ValueId product = emit(Opcode::FMul, real, {a, b});
  offer(real, emit(random_.coin() ? Opcode::FAdd : Opcode::FSub, real, {product, c}));
  if (random_.coin()) offer(real, emit(Opcode::Fma, real, {a, b, c}));
}

/// The carry of one sum goes into another.
void Body::carry_chain(Type type) {
  const Opcode op = random_.coin() ? Opcode::AddOU : Opcode::SubOU;
  const ValueId low = emit(op, type, {pick_or_convert(type), pick(type)});
  const ValueId flag = low + 1;
  const ValueId carry = emit(Opcode::Zext, Type::I64, Type::I8, {&flag, 1});
  offer(type, low);
  offer(Type::I64, emit(Opcode::Add, Type::I64, {pick_or_convert(Type::I64), carry}));
}

/// An integer that only its last bits round up or down.
void Body::rounded_conversion() {
  const Type type = random_.chance(3, 4) ? Type::I64 : Type::I32;
  const Type real = random_.coin() ? Type::F32 : Type::F64;
  const ValueId last = masked(type, 1);
  const ValueId value = emit(Opcode::Add, type, {last, literal(type, edge_rounding(random_, type))});
  offer(real, emit(random_.coin() ? Opcode::I2fU : Opcode::I2fS, real, type, {&value, 1}));
}

/// The low or the high part, then a wider use.
void Body::masked_and_extended(Type type) {
  const u32 width = bits_of(type);
  const u64 mask = random_.coin() ? bit_mask(type) >> random_.below(width) : bit_mask(type) << random_.below(width);
  const ValueId part = masked(type, mask);
  if (type == Type::I64) return offer(type, part);
  const Opcode op = random_.coin() ? Opcode::Zext : Opcode::Sext;
  offer(Type::I64, emit(op, Type::I64, type, {&part, 1}));
}

void Body::inverted_operand(Type type) {
  const ValueId a = pick_or_convert(type);
  const ValueId inverted = random_.coin() ? emit(Opcode::Xor, type, {a, literal(type, ~u64{0})})
                                          : emit(Opcode::Sub, type, {literal(type, 0), a});
  constexpr Opcode kOps[] = {Opcode::And, Opcode::Or, Opcode::Xor, Opcode::Add, Opcode::Mul};
  const Opcode op = random_.pick(kOps);
  offer(type, emit(op, type, {pick_or_convert(type), inverted}));
}

/// The lesser or greater of two zeros, whose signs are known only at run time as often as not; seen as an integer.
void Body::signed_zeros() {
  const Type real = random_.coin() ? Type::F32 : Type::F64, bits = real == Type::F32 ? Type::I32 : Type::I64;
  const bool left_negative = random_.coin();
  const auto zero = [&](bool negative) { return literal(real, negative ? u64{1} << (bits_of(real) - 1) : 0); };
  ValueId a = zero(left_negative), b = zero(!left_negative);
  if (random_.coin()) a = emit(Opcode::FCopysign, real, {a, pick_or_convert(real)});
  if (random_.chance(1, 4)) b = emit(Opcode::FCopysign, real, {b, pick_or_convert(real)});
  const ValueId chosen = emit(random_.coin() ? Opcode::FMin : Opcode::FMax, real, {a, b});
  observe(bits, emit(Opcode::Bitcast, bits, real, {&chosen, 1}));
}

/// An operation all of whose operands are constants; high halves of products, narrow ones above all, more often.
void Body::folded_constants() {
  Combination chosen = draw_combination();
  constexpr Type kInts[] = {Type::I8, Type::I8, Type::I8, Type::I16, Type::I16, Type::I32, Type::I64};
  constexpr Opcode kShifts[] = {Opcode::Shl, Opcode::ShrS, Opcode::ShrU, Opcode::Rotl, Opcode::Rotr};
  const u32 kind = random_.below(6);
  if (kind < 2) chosen = {random_.coin() ? Opcode::MulHS : Opcode::MulHU, random_.pick(kInts), Type::None};
  if (kind == 2) chosen = {random_.pick(kShifts), random_.pick(kInts), Type::None};
  const OpcodeInfo& row = info(chosen.op);
  if (row.is(kTraps)) return emit_combination(chosen);
  ValueId operands[3] = {};
  const u32 count = static_cast<u32>(row.operands.size());
  for (u32 i = 0; i < count; ++i) {
    const Type type = row.operands[i] == 'C' ? Type::I8 : type_of_letter(row.operands[i], chosen.type, chosen.from);
    const bool counts = i == 1 && chosen.op >= Opcode::Shl && chosen.op <= Opcode::Rotr;
    operands[i] = literal(type, counts ? edge_count(random_, type) : edge_constant(random_, type));
  }
  const ValueId first = emit(chosen.op, chosen.type, chosen.from, {operands, count});
  for (u32 i = 0; i < row.results.size(); ++i)
    observe(type_of_letter(row.results[i], chosen.type, chosen.from), first + i);
}

void Body::global_access() {
  if (module_->globals.empty()) return operation();
  const GlobalId id = random_.below(static_cast<u32>(module_->globals.size()));
  const Type type = module_->globals[id].type;
  if (random_.coin()) return offer(type, emit(Opcode::GlobalGet, type, {}, id));
  emit(Opcode::GlobalSet, type, {pick(type)}, id);
}

void Body::local_access() {
  if (!locals_) return operation();
  const std::vector<Type>& locals = module_->functions[self_].locals;
  const LocalId id = random_.coin() ? 0 : random_.below(static_cast<u32>(locals.size()));
  const Type type = locals[id];
  if (type == Type::Ptr) return operation(); // belongs to a pointer_cell
  if (random_.coin()) return offer(type, emit(Opcode::LocalGet, type, {}, id));
  emit(Opcode::LocalSet, type, {pick(type)}, id);
}

/// Many values made now and used only after other statements.
void Body::pressure(u32 depth) {
  const u32 left = goal_ > emitted_ ? goal_ - emitted_ : 0;
  const u32 wanted = std::max(2u, random_.in(config_.pressure_values));
  if (left < wanted) return operation();
  const Type types[2] = {random_type(random_), random_type(random_)}; // braces: evaluated in order
  const u32 first = static_cast<u32>(held_.size());
  for (u32 i = 0; i < wanted; ++i) {
    const Type type = types[i & 1];
    const ValueId a = pick_or_convert(type);
    const ValueId b = pick(type);
    held_.push_back(combine(type, a, b));
    if (random_.chance(1, 4)) offer(type, held_.back());
  }
  statements(emitted_ + share(3), depth + 1);
  ValueId sums[2] = {held_[first], held_[first + 1]};
  for (u32 i = 2; i < wanted; ++i) sums[i & 1] = combine(types[i & 1], sums[i & 1], held_[first + i]);
  offer(types[0], sums[0]);
  offer(types[1], sums[1]);
  held_.resize(first);
}

} // namespace assay::fuzz
