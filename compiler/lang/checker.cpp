// checker.cpp - names, operators, casts, indices. See checker.h; calls are in checker_call.cpp.
#include "compiler/lang/checker.h"

namespace assay::lang {

OreType Checker::error(u32 at, std::string message) {
  program_.diagnostics.error(at, std::move(message));
  return {};
}

OreType Checker::check(ExprId id) {
  if (id == kNone) return {};
  const OreType type = find(id);
  ast_.exprs[id].type = type;
  return type;
}

bool Checker::converts(ExprId id, OreType want) const {
  const OreType type = ast_.exprs[id].type;
  if (type == want || type.kind == Kind::Error || want.kind == Kind::Error) return true;
  if (type.kind == Kind::UntypedInt) return is_integer(want.kind) || is_floating(want.kind);
  if (type.kind == Kind::UntypedFloat) return is_floating(want.kind);
  if (type.kind != Kind::Array || want.kind != Kind::View || type.elem != want.elem) return false;
  const u32 symbol = ast_.exprs[id].symbol;
  return symbol != kNone && program_.symbols[symbol].kind == SymbolKind::GlobalArray;
}

bool Checker::check_as(ExprId id, OreType want) {
  if (id == kNone) return false;
  check(id);
  if (converts(id, want)) return true;
  error(ast_.exprs[id].at, "expected " + name_of(want) + ", found " + found(id));
  return false;
}

OreType Checker::common(ExprId a, ExprId b, u32 at) {
  const OreType x = ast_.exprs[a].type, y = ast_.exprs[b].type;
  if (x.kind == Kind::Error || y.kind == Kind::Error) return {};
  if (x == y) return x;
  if (is_untyped(x.kind) && is_untyped(y.kind)) return {Kind::UntypedFloat};
  if (is_untyped(x.kind) && converts(a, y)) return y;
  if (is_untyped(y.kind) && converts(b, x)) return x;
  if (x.kind == Kind::View && converts(b, x)) return x;
  if (y.kind == Kind::View && converts(a, y)) return y;
  return error(at, "operands of two types: " + name_of(x) + " and " + name_of(y));
}

namespace {

/// An untyped integer: its value, where its operands tell it, and whether it or one of them needs 64 bits.
struct Untyped {
  u64 value = 0;
  bool wide = false;
};

u64 computed(Tok op, u64 x, u64 y) {
  const i64 a = static_cast<i64>(x), b = static_cast<i64>(y);
  const bool divides = b != 0 && b != -1; // the others trap, or give no more bits than there were
  switch (op) {
  case Tok::Plus: return x + y;
  case Tok::Minus: return x - y;
  case Tok::Star: return x * y;
  case Tok::Slash: return divides ? static_cast<u64>(a / b) : 0 - x;
  case Tok::Percent: return divides ? static_cast<u64>(a % b) : 0;
  case Tok::And: return x & y;
  case Tok::Or: return x | y;
  case Tok::Xor: return x ^ y;
  case Tok::Shl: return x << (y & 63);
  case Tok::Shr: return static_cast<u64>(a >> (y & 63));
  default: return x >> (y & 63);
  }
}

Untyped untyped(const Ast& ast, ExprId id) {
  const Expr& expr = ast.exprs[id];
  if (expr.type.kind != Kind::UntypedInt) return {};
  Untyped out{expr.bits, false};
  const auto take = [&](ExprId operand) {
    const Untyped found = untyped(ast, operand);
    out.wide = out.wide || found.wide;
    return found.value;
  };
  switch (expr.kind) {
  case ExprKind::Int:
  case ExprKind::Name: break;
  case ExprKind::Unary:
    // The least number is written as minus a number that does not fit.
    if (ast.exprs[expr.a].kind == ExprKind::Int) out.value = ast.exprs[expr.a].bits;
    else out.value = take(expr.a);
    out.value = expr.op == Tok::Minus ? 0 - out.value : ~out.value;
    break;
  case ExprKind::Binary: {
    const u64 left = take(expr.a), right = take(expr.b);
    const bool known = ast.exprs[expr.b].type.kind == Kind::UntypedInt; // else the count of a shift
    out.value = known ? computed(expr.op, left, right) : left;
    break;
  }
  case ExprKind::Conditional:
    out.value = take(expr.b);
    take(expr.c);
    break;
  default:
    out.value = 0;
    for (const ExprId argument : ast.items(expr.list)) take(argument);
  }
  const i64 value = static_cast<i64>(out.value);
  out.wide = out.wide || value < -(i64{1} << 31) || value > 0x7fffffff;
  return out;
}

} // namespace

Kind default_kind(const Ast& ast, ExprId id) {
  const Kind kind = ast.exprs[id].type.kind;
  if (kind == Kind::UntypedFloat) return Kind::F64;
  if (kind != Kind::UntypedInt) return kind;
  return untyped(ast, id).wide ? Kind::I64 : Kind::I32;
}

OreType Checker::find(ExprId id) {
  const Expr expr = ast_.exprs[id]; // a copy: nodes may be checked meanwhile
  switch (expr.kind) {
  case ExprKind::Int: return {Kind::UntypedInt};
  case ExprKind::Float: return {Kind::UntypedFloat};
  case ExprKind::Bool: return {Kind::Bool};
  case ExprKind::Text: return {Kind::View, Kind::U8, 0};
  case ExprKind::Name: return name(id);
  case ExprKind::Unary: return unary(expr);
  case ExprKind::Binary: return binary(expr);
  case ExprKind::Logical: {
    const bool left = check_as(expr.a, {Kind::Bool}), right = check_as(expr.b, {Kind::Bool});
    return left && right ? OreType{Kind::Bool} : OreType{};
  }
  case ExprKind::Conditional: return conditional(expr);
  case ExprKind::Cast: return cast(expr);
  case ExprKind::Index: return index(expr);
  case ExprKind::AddressOf: return address_of(expr);
  case ExprKind::Call: return call(id);
  case ExprKind::List: break;
  }
  return error(expr.at, "a list of values stands only behind the '=' of a variable outside functions");
}

OreType Checker::name(ExprId id) {
  Expr& expr = ast_.exprs[id];
  expr.symbol = program_.find(expr.text);
  const std::string text(expr.text);
  if (expr.symbol == kNone) return error(expr.at, "'" + text + "' is not declared");
  const Symbol& symbol = program_.symbols[expr.symbol];
  if (symbol.kind == SymbolKind::Exception) return error(expr.at, "'" + text + "' is an exception, not a value");
  if (symbol.kind == SymbolKind::Constant) expr.bits = symbol.bits;
  return symbol.type;
}

OreType Checker::unary(const Expr& expr) {
  const OreType type = check(expr.a);
  const bool integer = is_integer(type.kind) || type.kind == Kind::UntypedInt;
  if (type.kind == Kind::Error) return type;
  if (expr.op == Tok::Not && type.kind == Kind::Bool) return type;
  if (expr.op == Tok::Tilde && integer) return type;
  if (expr.op == Tok::Minus && (integer || is_floating(type.kind) || type.kind == Kind::UntypedFloat)) return type;
  const char* const wanted = expr.op == Tok::Not ? "bool" : expr.op == Tok::Tilde ? "an integer" : "a number";
  return error(expr.at,
               std::string("expected ") + wanted + " behind " + describe(expr.op) + ", found " + name_of(type));
}

OreType Checker::shift(const Expr& expr) {
  const OreType left = ast_.exprs[expr.a].type, right = ast_.exprs[expr.b].type;
  for (const OreType& type : {left, right}) {
    if (type.kind == Kind::Error) return {};
    if (!is_integer(type.kind) && type.kind != Kind::UntypedInt)
      return error(expr.at, "expected integers around " + describe(expr.op) + ", found " + name_of(type));
  }
  return left;
}

OreType Checker::binary(const Expr& expr) {
  check(expr.a);
  check(expr.b);
  if (expr.op == Tok::Shl || expr.op == Tok::Shr || expr.op == Tok::ShrU) return shift(expr);
  const OreType type = common(expr.a, expr.b, expr.at);
  if (type.kind == Kind::Error) return type;
  const bool integer = is_integer(type.kind) || type.kind == Kind::UntypedInt;
  const bool number = integer || is_floating(type.kind) || type.kind == Kind::UntypedFloat;
  switch (expr.op) {
  case Tok::EqEq:
  case Tok::NotEq:
    if (number || type.kind == Kind::Bool || type.kind == Kind::View || type.kind == Kind::Function)
      return {Kind::Bool};
    break;
  case Tok::Less:
  case Tok::LessEq:
  case Tok::Greater:
  case Tok::GreaterEq:
    if (number) return {Kind::Bool};
    break;
  case Tok::And:
  case Tok::Or:
  case Tok::Xor:
    if (integer || type.kind == Kind::Bool) return type;
    break;
  case Tok::Percent:
    if (integer) return type;
    break;
  default:
    if (number) return type;
  }
  return error(expr.at, describe(expr.op) + " is not for " + name_of(type));
}

OreType Checker::conditional(const Expr& expr) {
  const bool good = check_as(expr.a, {Kind::Bool});
  check(expr.b);
  check(expr.c);
  const OreType type = common(expr.b, expr.c, expr.at);
  if (type.kind == Kind::Void || type.kind == Kind::Array)
    return error(expr.at, "expected two values around ':', found " + name_of(type));
  return good ? type : OreType{};
}

OreType Checker::cast(const Expr& expr) {
  const OreType from = check(expr.a), to = program_.resolve(expr.type_node);
  if (from.kind == Kind::Error || to.kind == Kind::Error) return {};
  const auto number = [](Kind kind) { return is_integer(kind) || is_floating(kind) || is_untyped(kind); };
  const bool is_address = to.kind == Kind::View || to.kind == Kind::I64;
  if (from == to || (number(from.kind) && number(to.kind))) return to;
  if (from.kind == Kind::Bool && is_integer(to.kind)) return to;
  if (is_address && (from.kind == Kind::View || from.kind == Kind::I64 || from.kind == Kind::UntypedInt)) return to;
  if (is_address && converts(expr.a, {Kind::View, from.elem, 0})) return to;
  return error(expr.at, "a value of type " + name_of(from) + " cannot become " + name_of(to));
}

OreType Checker::index(const Expr& expr) {
  const OreType array = check(expr.a), at = check(expr.b);
  if (array.kind == Kind::Error || at.kind == Kind::Error) return {};
  if (array.kind != Kind::View && array.kind != Kind::Array)
    return error(expr.at, "expected an array before '[', found " + name_of(array));
  if (!is_integer(at.kind) && at.kind != Kind::UntypedInt)
    return error(ast_.exprs[expr.b].at, "expected an integer as index, found " + name_of(at));
  return {array.elem};
}

OreType Checker::address_of(const Expr& expr) {
  const OreType type = check(expr.a);
  if (type.kind == Kind::Error) return type;
  const Expr& inner = ast_.exprs[expr.a];
  if (type.kind == Kind::Function && inner.kind == ExprKind::Name) return type;
  if (inner.kind == ExprKind::Name && converts(expr.a, {Kind::View, type.elem, 0})) return {Kind::View, type.elem, 0};
  if (inner.kind == ExprKind::Index && converts(inner.a, {Kind::View, type.kind, 0})) return {Kind::View, type.kind, 0};
  return error(expr.at, "expected a function, an array in linear memory or one of its elements behind '&'");
}

} // namespace assay::lang
