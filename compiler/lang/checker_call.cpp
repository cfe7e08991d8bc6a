// checker_call.cpp - calls: of functions, of what a pointer names, of what Ore has by itself. See checker.h.
#include "compiler/lang/checker.h"

#include <algorithm>
#include <iterator>

namespace assay::lang {

namespace {

constexpr Builtin::Classes INTS = Builtin::Classes::Ints, WORDS = Builtin::Classes::Words,
                           FLOATS = Builtin::Classes::Floats, NUMBERS = Builtin::Classes::Numbers;

/// Names of operations, with one for "there is none".
namespace op {
#define OP(name, ...) constexpr Opcode name = Opcode::name;
#include "assay/opcodes.def"
constexpr Opcode None = Opcode::Trap;
} // namespace op

constexpr Builtin kBuiltins[] = {
#define BUILTIN(name, operands, classes, for_signed, for_unsigned, for_float, result) \
  {name, operands, classes, op::for_signed, op::for_unsigned, op::for_float, Builtin::Gives::result},
#include "compiler/lang/builtins.def"
};

struct SpecialName {
  std::string_view name;
  Special what;
};
constexpr SpecialName kSpecials[] = {
    {"len", Special::Len},
    {"bits", Special::Bits},
    {"from_bits", Special::FromBits},
    {"select", Special::Select},
    {"memory_size", Special::MemorySize},
    {"memory_grow", Special::MemoryGrow},
    {"fill", Special::Fill},
    {"copy", Special::Copy},
    {"heap", Special::Heap},
    {"sat_i32", Special::SatI32},
    {"sat_i64", Special::SatI64},
};

bool is_in(Builtin::Classes classes, Kind kind) {
  switch (classes) {
  case Builtin::Classes::Ints: return is_integer(kind) || kind == Kind::UntypedInt;
  case Builtin::Classes::Words: return kind == Kind::I32 || kind == Kind::I64 || kind == Kind::UntypedInt;
  case Builtin::Classes::Floats: return is_floating(kind) || is_untyped(kind);
  default: return is_integer(kind) || is_floating(kind) || is_untyped(kind);
  }
}

} // namespace

const Builtin* find_builtin(std::string_view name) {
  const auto* row =
      std::find_if(std::begin(kBuiltins), std::end(kBuiltins), [&](const Builtin& b) { return b.name == name; });
  return row == std::end(kBuiltins) ? nullptr : row;
}

Special find_special(std::string_view name) {
  for (const SpecialName& row : kSpecials) {
    if (row.name == name) return row.what;
  }
  return Special::None;
}

bool Checker::count(const Expr& expr, u32 wanted) {
  if (expr.list.count == wanted) return true;
  error(expr.at, "expected " + std::to_string(wanted) + (wanted == 1 ? " argument" : " arguments") + ", found " +
                     std::to_string(expr.list.count));
  return false;
}

OreType Checker::builtin(const Builtin& row, const Expr& expr) {
  if (!count(expr, row.operands)) return {};
  const auto args = ast_.items(expr.list);
  OreType type = ast_.exprs[args[0]].type;
  for (std::size_t i = 1; i < args.size(); ++i) {
    const OreType both = common(args[0], args[i], ast_.exprs[args[i]].at);
    if (both.kind == Kind::Error) return {};
    if (is_untyped(type.kind)) type = both;
    else if (!converts(args[i], type))
      return error(ast_.exprs[args[i]].at, "expected " + name_of(type) + ", found " + found(args[i]));
  }
  if (type.kind == Kind::Error) return {};
  if (row.classes == Builtin::Classes::Floats && type.kind == Kind::UntypedInt) type = {Kind::UntypedFloat};
  if (!is_in(row.classes, type.kind))
    return error(expr.at, "'" + std::string(row.name) + "' is not for " + name_of(type));
  if (row.result == Builtin::Gives::Bool) return {Kind::Bool};
  return type;
}

OreType Checker::special(Special what, const Expr& expr) {
  constexpr u8 counts[] = {0, 1, 1, 1, 3, 0, 1, 3, 3, 0, 1, 1};
  if (!count(expr, counts[static_cast<u32>(what)])) return {};
  const auto args = ast_.items(expr.list);
  const auto type_of = [&](u32 index) { return ast_.exprs[args[index]].type; };
  const auto wants = [&](u32 index, OreType want) {
    if (converts(args[index], want)) return true;
    error(ast_.exprs[args[index]].at, "expected " + name_of(want) + ", found " + found(args[index]));
    return false;
  };
  for (u32 i = 0; i < args.size(); ++i) {
    if (type_of(i).kind == Kind::Error) return {};
  }
  switch (what) {
  case Special::Len:
    if (type_of(0).kind == Kind::Array || ast_.exprs[args[0]].kind == ExprKind::Text) return {Kind::UntypedInt};
    return error(expr.at, "expected an array of known length, found " + found(args[0]));
  case Special::Bits:
    if (type_of(0).kind == Kind::F32) return {Kind::I32};
    return wants(0, {Kind::F64}) ? OreType{Kind::I64} : OreType{};
  case Special::FromBits:
    if (type_of(0).kind == Kind::I32) return {Kind::F32};
    return wants(0, {Kind::I64}) ? OreType{Kind::F64} : OreType{};
  case Special::Select: {
    const OreType type = common(args[1], args[2], expr.at);
    if (type.kind == Kind::Void || type.kind == Kind::Array)
      return error(expr.at, "expected values, found " + name_of(type));
    return wants(0, {Kind::Bool}) ? type : OreType{};
  }
  case Special::MemorySize: return {Kind::I32};
  case Special::MemoryGrow: return wants(0, {Kind::I32}) ? OreType{Kind::I32} : OreType{};
  case Special::Fill:
    return wants(0, {Kind::View, type_of(0).elem, 0}) && wants(1, {Kind::U8}) && wants(2, {Kind::I64})
               ? OreType{Kind::Void}
               : OreType{};
  case Special::Copy:
    return wants(0, {Kind::View, type_of(0).elem, 0}) && wants(1, {Kind::View, type_of(1).elem, 0}) &&
                   wants(2, {Kind::I64})
               ? OreType{Kind::Void}
               : OreType{};
  case Special::Heap: return {Kind::I64};
  default: // to an integer, saturating
    if (type_of(0).kind != Kind::F32 && !wants(0, {Kind::F64})) return {};
    return {what == Special::SatI32 ? Kind::I32 : Kind::I64};
  }
}

OreType Checker::call(ExprId id) {
  const Expr expr = ast_.exprs[id];
  const Expr callee = ast_.exprs[expr.a];
  const bool by_itself = callee.kind == ExprKind::Name && program_.find(callee.text) == kNone;
  const Builtin* const row = by_itself ? find_builtin(callee.text) : nullptr;
  const Special what = by_itself ? find_special(callee.text) : Special::None;
  for (const ExprId arg : ast_.items(expr.list)) check(arg);
  if (row != nullptr) return builtin(*row, expr);
  if (what != Special::None) return special(what, expr);
  const OreType type = check(expr.a);
  if (type.kind == Kind::Error) return {};
  if (type.kind != Kind::Function) return error(expr.at, "expected a function before '(', found " + name_of(type));
  const FunctionType function = program_.function_types[type.index];
  if (!count(expr, static_cast<u32>(function.params.size()))) return function.result;
  const auto args = ast_.items(expr.list);
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!converts(args[i], function.params[i]))
      error(ast_.exprs[args[i]].at, "expected " + name_of(function.params[i]) + ", found " + found(args[i]));
  }
  return function.result;
}

} // namespace assay::lang
