// emit_expression.cpp - values, conditions and places. See emitter.h; calls are in emit_call.cpp.
//
// Every expression has been checked: `want` is what an untyped number becomes, and whether an array is wanted as a
// view.
#include "compiler/lang/emitter.h"

#include "assay/text.h"

#include <bit>

namespace assay::lang {

/// The type that a value has here: an untyped number takes the wanted one, or its default.
OreType FunctionEmitter::settled(ExprId id, OreType want) const {
  const OreType type = ast_.exprs[id].type;
  if (type.kind == Kind::Array && want.kind == Kind::View) return want;
  if (!is_untyped(type.kind)) return type;
  if (is_floating(want.kind) || (type.kind == Kind::UntypedInt && is_integer(want.kind))) return want;
  return {default_kind(ast_, id)};
}

/// A number without a type, as one of that kind.
ValueId FunctionEmitter::numbered(u64 bits, Kind kind, u32 at) {
  const Type air = air_type(kind);
  if (is_float(air)) return builder_.fconst(air, static_cast<double>(static_cast<i64>(bits)));
  const i64 number = static_cast<i64>(bits);
  const bool fits =
      kind == Kind::I64 || (kind == Kind::U8 ? bits <= 0xff : number >= -(i64{1} << 31) && number <= 0xffffffff);
  if (!fits) program_.diagnostics.error(at, "the number does not fit in " + name_of({kind}));
  return builder_.iconst(air, number);
}

ValueId FunctionEmitter::value(ExprId id, OreType want) {
  if (id == kNone || ast_.exprs[id].type.kind == Kind::Error || want.kind == Kind::Error) return zero({Kind::I32});
  const Expr expr = ast_.exprs[id];
  const OreType type = settled(id, want);
  switch (expr.kind) {
  case ExprKind::Int: return numbered(expr.bits, type.kind, expr.at);
  case ExprKind::Float: return builder_.fconst(air_type(type.kind), std::bit_cast<double>(expr.bits));
  case ExprKind::Bool: return builder_.iconst(Type::I8, static_cast<i64>(expr.bits));
  case ExprKind::Text:
    return builder_.iconst(Type::I64, static_cast<i64>(program_.text_address(ast_.texts[expr.bits])));
  case ExprKind::Name:
    if (program_.symbols[expr.symbol].kind == SymbolKind::Constant && is_untyped(expr.type.kind))
      return expr.type.kind == Kind::UntypedInt
                 ? numbered(expr.bits, type.kind, expr.at)
                 : builder_.fconst(air_type(type.kind), std::bit_cast<double>(expr.bits));
    return named(expr);
  case ExprKind::Unary: return unary(expr, type);
  case ExprKind::Binary: return binary(expr, type);
  case ExprKind::Logical:
  case ExprKind::Conditional: return choose(expr, type);
  case ExprKind::Cast: return cast(expr);
  case ExprKind::Index: {
    Place from;
    return place(id, from) ? read(from) : zero(type);
  }
  case ExprKind::AddressOf: {
    const Expr inner = ast_.exprs[expr.a];
    if (inner.kind != ExprKind::Index) return value(expr.a, type);
    const ValueId base = value(inner.a, {Kind::View, type.elem, 0}), index = index_of(inner.b);
    const ValueId size = builder_.iconst(Type::I64, size_of(air_type(type.elem)));
    return builder_.binary(Opcode::Add, Type::I64, base, builder_.binary(Opcode::Mul, Type::I64, index, size));
  }
  case ExprKind::Call: return call(id, want);
  case ExprKind::List: break;
  }
  return zero(type);
}

ValueId FunctionEmitter::named(const Expr& expr) {
  const Symbol symbol = program_.symbols[expr.symbol];
  const Type air = air_type(symbol.type.kind);
  switch (symbol.kind) {
  case SymbolKind::Let: return symbol.index;
  case SymbolKind::Local: return builder_.emit(Opcode::LocalGet, air, Type::None, {}, symbol.index);
  case SymbolKind::Global: return builder_.emit(Opcode::GlobalGet, air, Type::None, {}, symbol.index);
  case SymbolKind::GlobalArray: return builder_.iconst(Type::I64, static_cast<i64>(symbol.bits));
  case SymbolKind::Constant:
    return builder_.emit(Opcode::Const, air, Type::None, {}, kNone, symbol.bits & bit_mask(air));
  case SymbolKind::Function: return builder_.iconst(Type::I32, program_.table_index(symbol.index));
  default: return zero(symbol.type);
  }
}

// ---- operators ---------------------------------------------------------------------------------------------

ValueId FunctionEmitter::unary(const Expr& expr, OreType type) {
  const Type air = air_type(type.kind);
  if (expr.op == Tok::Minus && ast_.exprs[expr.a].kind == ExprKind::Int && is_integer(type.kind)) {
    const u64 bits = 0 - ast_.exprs[expr.a].bits; // so that the least number may be written
    if (type.kind != Kind::U8) return numbered(bits, type.kind, expr.at);
  }
  const ValueId a = value(expr.a, type);
  if (expr.op == Tok::Not) return builder_.binary(Opcode::Xor, air, a, builder_.iconst(air, 1));
  if (expr.op == Tok::Tilde) return builder_.binary(Opcode::Xor, air, a, builder_.iconst(air, -1));
  return is_float(air) ? builder_.unary(Opcode::FNeg, air, a)
                       : builder_.binary(Opcode::Sub, air, builder_.iconst(air, 0), a);
}

ValueId FunctionEmitter::arithmetic(Tok op, Kind kind, ValueId a, ValueId b, u32 at) {
  struct Row {
    Tok op;
    Opcode for_signed, for_unsigned, for_float;
  };
  constexpr Row kRows[] = {
      {Tok::Plus, Opcode::Add, Opcode::Add, Opcode::FAdd},      {Tok::Minus, Opcode::Sub, Opcode::Sub, Opcode::FSub},
      {Tok::Star, Opcode::Mul, Opcode::Mul, Opcode::FMul},      {Tok::Slash, Opcode::DivS, Opcode::DivU, Opcode::FDiv},
      {Tok::Percent, Opcode::RemS, Opcode::RemU, Opcode::Trap}, {Tok::And, Opcode::And, Opcode::And, Opcode::Trap},
      {Tok::Or, Opcode::Or, Opcode::Or, Opcode::Trap},          {Tok::Xor, Opcode::Xor, Opcode::Xor, Opcode::Trap},
      {Tok::Shl, Opcode::Shl, Opcode::Shl, Opcode::Trap},       {Tok::Shr, Opcode::ShrS, Opcode::ShrU, Opcode::Trap},
      {Tok::ShrU, Opcode::ShrU, Opcode::ShrU, Opcode::Trap},
  };
  const Type air = air_type(kind);
  for (const Row& row : kRows) {
    if (row.op != op) continue;
    const Opcode opcode = is_float(air) ? row.for_float : kind == Kind::U8 ? row.for_unsigned : row.for_signed;
    if (opcode != Opcode::Trap) return builder_.binary(opcode, air, a, b);
  }
  program_.diagnostics.error(at, describe(op) + " is not for " + name_of({kind}));
  return a;
}

/// A count of another width is taken modulo the width of what is shifted: its low bits do.
ValueId FunctionEmitter::shift_count(ExprId id, Kind kind) {
  const OreType type = settled(id, {kind});
  return convert(value(id, type), type.kind, kind);
}

ValueId FunctionEmitter::binary(const Expr& expr, OreType type) {
  switch (expr.op) {
  case Tok::EqEq:
  case Tok::NotEq:
  case Tok::Less:
  case Tok::LessEq:
  case Tok::Greater:
  case Tok::GreaterEq: return compare(expr);
  case Tok::Shl:
  case Tok::Shr:
  case Tok::ShrU: {
    const ValueId a = value(expr.a, type);
    return arithmetic(expr.op, type.kind, a, shift_count(expr.b, type.kind), expr.at);
  }
  default: break;
  }
  const ValueId a = value(expr.a, type), b = value(expr.b, type);
  return arithmetic(expr.op, type.kind, a, b, expr.at);
}

ValueId FunctionEmitter::compare(const Expr& expr) {
  struct Row {
    Tok op;
    Opcode for_signed, for_unsigned, for_float;
  };
  constexpr Row kRows[] = {
      {Tok::EqEq, Opcode::Eq, Opcode::Eq, Opcode::FEq},      {Tok::NotEq, Opcode::Ne, Opcode::Ne, Opcode::FNe},
      {Tok::Less, Opcode::LtS, Opcode::LtU, Opcode::FLt},    {Tok::LessEq, Opcode::LeS, Opcode::LeU, Opcode::FLe},
      {Tok::Greater, Opcode::GtS, Opcode::GtU, Opcode::FGt}, {Tok::GreaterEq, Opcode::GeS, Opcode::GeU, Opcode::FGe},
  };
  OreType type = checker_.common(expr.a, expr.b, expr.at);
  if (is_untyped(type.kind)) {
    const bool wide = default_kind(ast_, expr.a) == Kind::I64 || default_kind(ast_, expr.b) == Kind::I64;
    type = {type.kind == Kind::UntypedFloat ? Kind::F64 : wide ? Kind::I64 : Kind::I32};
  }
  const Type air = air_type(type.kind);
  const ValueId a = value(expr.a, type), b = value(expr.b, type);
  for (const Row& row : kRows) {
    if (row.op != expr.op) continue;
    return builder_.binary(is_float(air)           ? row.for_float
                           : type.kind == Kind::U8 ? row.for_unsigned
                                                   : row.for_signed,
                           air, a, b);
  }
  return zero({Kind::Bool});
}

/// `a ? b : c`, `a && b`, `a || b`: a block for each side, and the value as a parameter of the one behind.
ValueId FunctionEmitter::choose(const Expr& expr, OreType type) {
  const Type air = air_type(type.kind);
  const BlockId done = builder_.block({&air, 1}), yes = builder_.block(), no = builder_.block();
  const bool live = live_;
  const auto side = [&](BlockId at, bool constant, ExprId id, u64 bits) {
    begin(at, live);
    const ValueId made = constant ? builder_.iconst(Type::I8, static_cast<i64>(bits)) : value(id, type);
    builder_.jump(done, {made});
    open_ = false;
  };
  if (expr.kind == ExprKind::Conditional) {
    condition(expr.a, yes, no);
    side(yes, false, expr.b, 0);
    side(no, false, expr.c, 0);
  } else {
    const bool is_and = expr.op == Tok::AndAnd;
    condition(expr.a, yes, no);
    side(yes, !is_and, expr.b, 1);
    side(no, is_and, expr.b, 0);
  }
  begin(done, live);
  return builder_.param(done, 0);
}

/// Leaves to one of two blocks, each of which nothing else leads to yet.
void FunctionEmitter::condition(ExprId id, BlockId yes, BlockId no) {
  const Expr expr = ast_.exprs[id];
  if (expr.type.kind == Kind::Bool && expr.kind == ExprKind::Logical) {
    const BlockId between = builder_.block();
    const bool live = live_;
    if (expr.op == Tok::AndAnd) condition(expr.a, between, no);
    else condition(expr.a, yes, between);
    begin(between, live);
    condition(expr.b, yes, no);
  } else if (expr.type.kind == Kind::Bool && expr.kind == ExprKind::Unary) {
    condition(expr.a, no, yes);
  } else {
    builder_.branch(value(id, {Kind::Bool}), {yes}, {no});
    open_ = false;
  }
}

// ---- conversions -------------------------------------------------------------------------------------------

ValueId FunctionEmitter::convert(ValueId from_value, Kind from, Kind to) {
  const Type source = air_type(from), target = air_type(to);
  if (is_float(source) && is_float(target)) {
    if (source == target) return from_value;
    return builder_.cast(target == Type::F64 ? Opcode::FPromote : Opcode::FDemote, target, source, from_value);
  }
  if (is_float(source)) return builder_.cast(to == Kind::U8 ? Opcode::F2iU : Opcode::F2iS, target, source, from_value);
  if (is_float(target))
    return builder_.cast(from == Kind::U8 ? Opcode::I2fU : Opcode::I2fS, target, source, from_value);
  if (source == target) return from_value;
  if (size_of(target) < size_of(source)) return builder_.cast(Opcode::Trunc, target, source, from_value);
  return builder_.cast(source == Type::I8 ? Opcode::Zext : Opcode::Sext, target, source, from_value);
}

ValueId FunctionEmitter::cast(const Expr& expr) {
  const OreType to = expr.type;
  const OreType from = settled(expr.a, to);
  if (to.kind == Kind::View || from.kind == Kind::View || from.kind == Kind::Array)
    return value(expr.a, is_untyped(ast_.exprs[expr.a].type.kind) ? OreType{Kind::I64}
                         : from.kind == Kind::Array               ? OreType{Kind::View, from.elem, 0}
                                                                  : from);
  return convert(value(expr.a, from), from.kind, to.kind);
}

// ---- places ------------------------------------------------------------------------------------------------

/// As a number of 64 bits: i32 with its sign.
ValueId FunctionEmitter::index_of(ExprId id) {
  const OreType type = settled(id, {Kind::I64});
  return convert(value(id, type), type.kind, Kind::I64);
}

/// The address of an element: an array in linear memory is an offset, of which the index is only added when it runs.
bool FunctionEmitter::element(const Expr& expr, Place& out) {
  const Expr array = ast_.exprs[expr.a];
  out.type = {array.type.elem};
  const u32 size = size_of(air_type(array.type.elem));
  const Symbol* const symbol = array.kind == ExprKind::Name ? &program_.symbols[array.symbol] : nullptr;
  const bool is_native = symbol != nullptr && symbol->kind == SymbolKind::LocalArray;
  const bool is_fixed = symbol != nullptr && symbol->kind == SymbolKind::GlobalArray;
  const Symbol known = symbol != nullptr ? *symbol : Symbol{}; // symbols may be added meanwhile
  const ValueId base = is_native || is_fixed ? kNone : value(expr.a, array.type);
  const ValueId index = index_of(expr.b);
  if (is_native) { // unchecked in AIR
    const ValueId length = builder_.iconst(Type::I64, known.type.index);
    const ValueId inside = builder_.binary(Opcode::LtU, Type::I64, index, length);
    const BlockId good = builder_.block(), bad = builder_.block();
    const bool live = live_;
    builder_.branch(inside, {good}, {bad});
    begin(bad, live);
    builder_.trap(TrapKind::OutOfBounds);
    begin(good, live);
  }
  const ValueId bytes =
      size == 1 ? index : builder_.binary(Opcode::Mul, Type::I64, index, builder_.iconst(Type::I64, size));
  out.native = is_native;
  out.offset = is_fixed ? known.bits : 0;
  if (is_native) {
    const ValueId start = builder_.emit(Opcode::SlotAddr, Type::None, Type::None, {}, known.index);
    out.address = builder_.emit(Opcode::PtrAdd, Type::None, {start, bytes});
  } else {
    out.address = is_fixed ? bytes : builder_.binary(Opcode::Add, Type::I64, base, bytes);
  }
  return true;
}

bool FunctionEmitter::place(ExprId id, Place& out) {
  const Expr expr = ast_.exprs[id];
  if (expr.type.kind == Kind::Error) return false;
  if (expr.kind == ExprKind::Index) return element(expr, out);
  if (expr.kind == ExprKind::Name) {
    const Symbol& symbol = program_.symbols[expr.symbol];
    out.kind = symbol.kind;
    out.type = symbol.type;
    out.index = symbol.index;
    if (symbol.kind == SymbolKind::Local || symbol.kind == SymbolKind::Global) return true;
    program_.diagnostics.error(expr.at, "'" + std::string(expr.text) + "' cannot be assigned to; a `var` can");
    return false;
  }
  program_.diagnostics.error(expr.at, "expected a variable or an element before '='");
  return false;
}

ValueId FunctionEmitter::read(const Place& place) {
  const Type air = air_type(place.type.kind);
  if (place.address != kNone)
    return builder_.load(place.native ? Opcode::PLoad : Opcode::Load, air, place.address, place.offset);
  return builder_.emit(place.kind == SymbolKind::Global ? Opcode::GlobalGet : Opcode::LocalGet, air, Type::None, {},
                       place.index);
}

void FunctionEmitter::write(const Place& place, ValueId written) {
  const Type air = air_type(place.type.kind);
  if (place.address != kNone) {
    builder_.store(place.native ? Opcode::PStore : Opcode::Store, air, place.address, place.offset, written);
    return;
  }
  builder_.emit(place.kind == SymbolKind::Global ? Opcode::GlobalSet : Opcode::LocalSet, air, Type::None, {&written, 1},
                place.index);
}

} // namespace assay::lang
