// constant.cpp - constant expressions: array lengths, `const`, initial values of variables. See program.h.
//
// Integers are computed in 64 bits and cut to their type, floats in f64 and, as f32, rounded once. A division that
// would trap is refused. This is the front end's own arithmetic: it shares nothing with the oracle. Linear.
#include "compiler/lang/program.h"

#include <bit>

namespace assay::lang {

namespace {

u64 cut(Kind kind, u64 bits) {
  if (kind == Kind::U8 || kind == Kind::Bool) return bits & 0xff;
  return kind == Kind::I32 || kind == Kind::Function ? bits & 0xffffffffu : bits;
}

/// As a signed number of 64 bits; u8 is unsigned.
i64 extend(Kind kind, u64 bits) {
  return kind == Kind::I32 ? static_cast<i32>(static_cast<u32>(bits)) : static_cast<i64>(bits);
}

double to_double(const Constant& value) {
  if (value.type.kind == Kind::F32) return std::bit_cast<float>(static_cast<u32>(value.bits));
  if (value.type.kind == Kind::F64 || value.type.kind == Kind::UntypedFloat) return std::bit_cast<double>(value.bits);
  return static_cast<double>(extend(value.type.kind, value.bits));
}

u64 from_double(Kind kind, double value) {
  return kind == Kind::F32 ? std::bit_cast<u32>(static_cast<float>(value)) : std::bit_cast<u64>(value);
}

bool is_float_kind(Kind kind) { return is_floating(kind) || kind == Kind::UntypedFloat; }

u64 width(Kind kind) { return kind == Kind::U8 ? 8 : kind == Kind::I32 ? 32 : 64; }

/// False: it traps, or there is no such operator.
bool compute(Tok op, Kind kind, i64 a, i64 b, u64& out) {
  const u64 x = static_cast<u64>(a), y = static_cast<u64>(b), count = y % width(kind);
  switch (op) {
  case Tok::Plus: out = x + y; return true;
  case Tok::Minus: out = x - y; return true;
  case Tok::Star: out = x * y; return true;
  case Tok::And: out = x & y; return true;
  case Tok::Or: out = x | y; return true;
  case Tok::Xor: out = x ^ y; return true;
  case Tok::Shl: out = x << count; return true;
  case Tok::Shr: out = kind == Kind::U8 ? x >> count : static_cast<u64>(a >> count); return true;
  case Tok::ShrU: out = cut(kind, x) >> count; return true;
  case Tok::Slash:
  case Tok::Percent: {
    const i64 least = kind == Kind::I32 ? -(i64{1} << 31) : static_cast<i64>(u64{1} << 63);
    if (b == 0 || (op == Tok::Slash && b == -1 && a == least && kind != Kind::U8)) return false;
    if (b == -1) out = op == Tok::Slash ? 0 - x : 0;
    else out = static_cast<u64>(op == Tok::Slash ? a / b : a % b);
    return true;
  }
  default: return false;
  }
}

bool compute(Tok op, double a, double b, double& out) {
  switch (op) {
  case Tok::Plus: out = a + b; return true;
  case Tok::Minus: out = a - b; return true;
  case Tok::Star: out = a * b; return true;
  case Tok::Slash: out = a / b; return true;
  default: return false;
  }
}

/// False: it is no comparison. Floats compare as the operations of AIR do: a NaN is unequal to all.
template <typename T> bool compare(Tok op, T a, T b, bool& out) {
  switch (op) {
  case Tok::EqEq: out = a == b; return true;
  case Tok::NotEq: out = a != b; return true;
  case Tok::Less: out = a < b; return true;
  case Tok::LessEq: out = a <= b; return true;
  case Tok::Greater: out = a > b; return true;
  case Tok::GreaterEq: out = a >= b; return true;
  default: return false;
  }
}

bool is_comparison(Tok op) {
  bool out = false;
  return compare(op, 0, 0, out);
}

} // namespace

Constant Program::refuse(const Expr& expr, std::string message) {
  diagnostics.error(expr.at, std::move(message));
  return {};
}

bool Program::adapt(Constant& value, Kind want) const {
  if (value.type.kind == want || !is_untyped(value.type.kind)) return value.type.kind == want;
  if (value.type.kind == Kind::UntypedInt && is_integer(want)) {
    const i64 number = static_cast<i64>(value.bits);
    const bool fits = want == Kind::I64 ||
                      (want == Kind::U8 ? value.bits <= 0xff : number >= -(i64{1} << 31) && number <= 0xffffffff);
    if (!fits) return false;
    value = {{want}, cut(want, value.bits)};
    return true;
  }
  if (!is_floating(want)) return false;
  value = {{want}, from_double(want, to_double(value))};
  return true;
}

void Program::resolve_constant(u32 id) {
  const u32 index = symbols[id].index;
  if (symbols[id].kind != SymbolKind::Constant || !ast.globals[index].constant || resolving_[index] == 2) return;
  const GlobalItem item = ast.globals[index];
  if (resolving_[index] == 1 || constant_depth_ == kMaxDepth) {
    const char* const what = resolving_[index] == 1 ? "itself" : "too long a chain of others";
    diagnostics.error(item.name.at, "'" + std::string(item.name.text) + "' depends on " + what);
    resolving_[index] = 2;
    return;
  }
  resolving_[index] = 1;
  ++constant_depth_;
  const OreType type = item.type == kNone ? OreType{Kind::Void} : resolve(item.type);
  Constant value = item.value == kNone ? Constant{} : constant(item.value, type.kind);
  if (value.type.kind != Kind::Error && type.kind != Kind::Void && value.type != type) {
    diagnostics.error(ast.exprs[item.value].at, "expected " + name_of(type) + ", found " + name_of(value.type));
    value = {};
  }
  resolving_[index] = 2;
  --constant_depth_;
  symbols[id].type = value.type;
  symbols[id].bits = value.bits;
}

Constant Program::named(const Expr& expr) {
  const u32 id = find(expr.text);
  if (id == kNone) return refuse(expr, "'" + std::string(expr.text) + "' is not declared");
  resolve_constant(id);
  const Symbol& symbol = symbols[id];
  if (symbol.kind == SymbolKind::Constant && ast.globals[symbol.index].constant) return {symbol.type, symbol.bits};
  if (symbol.kind == SymbolKind::GlobalArray) return {{Kind::View, symbol.type.elem, 0}, symbol.bits};
  if (symbol.kind == SymbolKind::Function) return {symbol.type, table_index(symbol.index)};
  return refuse(expr, "'" + std::string(expr.text) + "' is not a constant");
}

Constant Program::unary(const Expr& expr, Kind want) {
  const Constant a = constant(expr.a, want);
  const Kind kind = a.type.kind;
  if (kind == Kind::Error) return a;
  if (expr.op == Tok::Not && kind == Kind::Bool) return {a.type, a.bits ^ 1};
  if (expr.op == Tok::Minus && is_float_kind(kind)) return {a.type, from_double(kind, -to_double(a))};
  if (is_integer(kind) || kind == Kind::UntypedInt) {
    if (expr.op == Tok::Minus) return {a.type, cut(kind, 0 - a.bits)};
    if (expr.op == Tok::Tilde) return {a.type, cut(kind, ~a.bits)};
  }
  return refuse(expr);
}

/// Gives both one type, if only one of them has one; false when they have two, which is reported.
bool Program::unify(const Expr& expr, Constant& a, Constant& b) {
  if (a.type.kind == Kind::Error || b.type.kind == Kind::Error) return false;
  if (a.type.kind != b.type.kind) {
    if (is_untyped(b.type.kind) && !is_untyped(a.type.kind)) adapt(b, a.type.kind);
    else if (is_untyped(a.type.kind) && !is_untyped(b.type.kind)) adapt(a, b.type.kind);
    else if (a.type.kind == Kind::UntypedInt) a = {{Kind::UntypedFloat}, from_double(Kind::F64, to_double(a))};
    else if (b.type.kind == Kind::UntypedInt) b = {{Kind::UntypedFloat}, from_double(Kind::F64, to_double(b))};
  }
  if (a.type == b.type) return true;
  refuse(expr, "operands of two types: " + name_of(a.type) + " and " + name_of(b.type));
  return false;
}

/// && and ||, whose sides are both constants.
Constant Program::logical(const Expr& expr) {
  const Constant a = constant(expr.a, Kind::Bool), b = constant(expr.b, Kind::Bool);
  if (a.type.kind == Kind::Error || b.type.kind == Kind::Error) return {};
  if (a.type.kind != Kind::Bool || b.type.kind != Kind::Bool)
    return refuse(expr, "expected bool around " + describe(expr.op) + ", found " +
                            name_of(a.type.kind == Kind::Bool ? b.type : a.type));
  return {a.type, expr.op == Tok::AndAnd ? a.bits & b.bits : a.bits | b.bits};
}

Constant Program::conditional(const Expr& expr, Kind want) {
  const Constant chosen = constant(expr.a, Kind::Bool);
  Constant a = constant(expr.b, want), b = constant(expr.c, want);
  if (chosen.type.kind == Kind::Error || !unify(expr, a, b)) return {};
  if (chosen.type.kind != Kind::Bool) return refuse(expr, "expected bool before '?', found " + name_of(chosen.type));
  return chosen.bits != 0 ? a : b;
}

Constant Program::binary(const Expr& expr, Kind want) {
  if (is_comparison(expr.op)) want = Kind::Void;
  const bool is_shift = expr.op == Tok::Shl || expr.op == Tok::Shr || expr.op == Tok::ShrU;
  Constant a = constant(expr.a, want), b = constant(expr.b, is_shift ? Kind::Void : want);
  if (is_shift && is_integer(b.type.kind)) b = {{Kind::UntypedInt}, static_cast<u64>(extend(b.type.kind, b.bits))};
  if (is_shift && b.type.kind == Kind::UntypedInt && a.type.kind != Kind::Error) {
    u64 out = 0;
    if (!is_integer(a.type.kind) && a.type.kind != Kind::UntypedInt) return refuse(expr);
    compute(expr.op, a.type.kind, extend(a.type.kind, a.bits), static_cast<i64>(b.bits), out);
    return {a.type, cut(a.type.kind, out)};
  }
  if (!unify(expr, a, b)) return {};
  const Kind kind = a.type.kind;
  bool truth = false;
  if (is_comparison(expr.op)) {
    const bool only_equality = kind == Kind::Bool && expr.op != Tok::EqEq && expr.op != Tok::NotEq;
    if (only_equality || (!is_float_kind(kind) && !is_integer(kind) && kind != Kind::UntypedInt && kind != Kind::Bool))
      return refuse(expr);
    if (is_float_kind(kind)) compare(expr.op, to_double(a), to_double(b), truth);
    else compare(expr.op, extend(kind, a.bits), extend(kind, b.bits), truth);
    return {{Kind::Bool}, truth};
  }
  if (is_float_kind(kind)) {
    double out = 0;
    return compute(expr.op, to_double(a), to_double(b), out) ? Constant{a.type, from_double(kind, out)} : refuse(expr);
  }
  u64 out = 0;
  if (!is_integer(kind) && kind != Kind::UntypedInt) return refuse(expr);
  if (!compute(expr.op, kind, extend(kind, a.bits), extend(kind, b.bits), out))
    return refuse(expr, "expected a constant: this operation has none, or would trap");
  return {a.type, cut(kind, out)};
}

Constant Program::cast(const Expr& expr) {
  const OreType to = resolve(expr.type_node);
  Constant a = constant(expr.a, to.kind);
  if (to.kind == Kind::Error || a.type.kind == Kind::Error) return {};
  if (a.type == to) return a;
  const Kind from = a.type.kind;
  const bool from_int = is_integer(from) || from == Kind::UntypedInt || from == Kind::Bool;
  if (from_int && is_integer(to.kind)) return {to, cut(to.kind, static_cast<u64>(extend(from, a.bits)))};
  if ((from_int || is_float_kind(from)) && is_floating(to.kind)) return {to, from_double(to.kind, to_double(a))};
  if ((from == Kind::View || from == Kind::I64) && (to.kind == Kind::View || to.kind == Kind::I64)) return {to, a.bits};
  return refuse(expr);
}

Constant Program::constant(ExprId id, Kind want) {
  if (id == kNone) return {};
  const Expr expr = ast.exprs[id];
  Constant value;
  switch (expr.kind) {
  case ExprKind::Int: value = {{Kind::UntypedInt}, expr.bits}; break;
  case ExprKind::Float: value = {{Kind::UntypedFloat}, expr.bits}; break;
  case ExprKind::Bool: value = {{Kind::Bool}, expr.bits}; break;
  case ExprKind::Text: value = {{Kind::View, Kind::U8, 0}, text_address(ast.texts[expr.bits])}; break;
  case ExprKind::Name: value = named(expr); break;
  case ExprKind::Unary: value = unary(expr, want); break;
  case ExprKind::Binary: value = binary(expr, want); break;
  case ExprKind::Logical: value = logical(expr); break;
  case ExprKind::Conditional: value = conditional(expr, want); break;
  case ExprKind::Cast: value = cast(expr); break;
  case ExprKind::AddressOf:
    if (ast.exprs[expr.a].kind != ExprKind::Name) return refuse(expr);
    value = named(ast.exprs[expr.a]);
    break;
  default: return refuse(expr);
  }
  const Kind found = value.type.kind;
  if (is_untyped(found) && (is_integer(want) || is_floating(want)) && !adapt(value, want))
    return refuse(expr, found == Kind::UntypedInt ? "the number does not fit in " + name_of({want})
                                                  : "expected " + name_of({want}) + ", found a number with a fraction");
  return value;
}

} // namespace assay::lang
