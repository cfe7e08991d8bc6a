// emit_call.cpp - calls, plain and inside `try`, and what Ore has by itself. See emitter.h.
#include "compiler/lang/emitter.h"

#include <algorithm>

namespace assay::lang {

/// `op` is Call, or CallIndirect with the index as first operand; `ref` the function or the signature.
ValueId FunctionEmitter::emit_call(Opcode op, u32 ref, std::span<const ValueId> operands, OreType result) {
  if (tries_.empty()) return builder_.emit(op, Type::None, Type::None, operands, ref);
  const Type air = air_type(result.kind);
  const BlockId ok =
      builder_.block(result.kind == Kind::Void ? std::span<const Type>() : std::span<const Type>(&air, 1));
  std::vector<EdgeTarget> targets{{ok}};
  bool everything = false;
  for (auto scope = tries_.rbegin(); scope != tries_.rend() && !everything; ++scope) {
    for (const Handler& handler : *scope) {
      everything = handler.tag == kNone;
      const auto same = [&](const EdgeTarget& t) { return t.kind == EdgeKind::Catch && t.value == handler.tag; };
      if (everything) targets.push_back({handler.block, {}, EdgeKind::CatchAll});
      else if (std::none_of(targets.begin(), targets.end(), same))
        targets.push_back({handler.block, {}, EdgeKind::Catch, handler.tag});
    }
  }
  const bool live = live_;
  builder_.end(op == Opcode::Call ? Opcode::TryCall : Opcode::TryCallIndirect, Type::None, operands, targets, ref);
  begin(ok, live);
  return result.kind == Kind::Void ? kNone : builder_.param(ok, 0);
}

ValueId FunctionEmitter::call(ExprId id, OreType want) {
  const Expr expr = ast_.exprs[id];
  const Expr callee = ast_.exprs[expr.a];
  if (callee.kind == ExprKind::Name && program_.find(callee.text) == kNone) {
    const Builtin* const row = find_builtin(callee.text);
    return row != nullptr ? builtin(*row, expr, want) : special(find_special(callee.text), expr, want);
  }
  const FunctionType type = program_.function_types[callee.type.index];
  const bool direct = callee.kind == ExprKind::Name && program_.symbols[callee.symbol].kind == SymbolKind::Function;
  std::vector<ValueId> operands;
  if (!direct) operands.push_back(value(expr.a, callee.type));
  const auto args = ast_.items(expr.list);
  if (args.size() != type.params.size()) return zero(type.result);
  for (std::size_t i = 0; i < type.params.size(); ++i)
    operands.push_back(value(ast_.lists[expr.list.first + i], type.params[i]));
  return direct ? emit_call(Opcode::Call, program_.symbols[callee.symbol].index, operands, type.result)
                : emit_call(Opcode::CallIndirect, type.signature, operands, type.result);
}

ValueId FunctionEmitter::builtin(const Builtin& row, const Expr& expr, OreType want) {
  const auto args = ast_.items(expr.list);
  OreType type = row.result == Builtin::Gives::Bool ? OreType{Kind::Void} : want;
  bool wide = false;
  for (const ExprId arg : args) wide = wide || default_kind(ast_, arg) == Kind::I64;
  for (const ExprId arg : args) {
    if (!is_untyped(ast_.exprs[arg].type.kind)) type = ast_.exprs[arg].type;
  }
  if (!is_integer(type.kind) && !is_floating(type.kind)) {
    bool fraction = row.classes == Builtin::Classes::Floats;
    for (const ExprId arg : args) fraction = fraction || ast_.exprs[arg].type.kind == Kind::UntypedFloat;
    type = {fraction ? Kind::F64 : wide ? Kind::I64 : Kind::I32};
  }
  const Type air = air_type(type.kind);
  const Opcode op = is_float(air) ? row.for_float : type.kind == Kind::U8 ? row.for_unsigned : row.for_signed;
  std::vector<ValueId> operands;
  for (u32 i = 0; i < expr.list.count; ++i) operands.push_back(value(ast_.lists[expr.list.first + i], type));
  if (op != Opcode::Trap) return builder_.emit(op, air, Type::None, operands);
  program_.diagnostics.error(expr.at, "'" + std::string(row.name) + "' is not for " + name_of(type));
  return zero(type);
}

ValueId FunctionEmitter::special(Special what, const Expr& expr, OreType want) {
  const auto arg = [&](u32 index) { return ast_.lists[expr.list.first + index]; };
  const auto type_of = [&](u32 index) { return ast_.exprs[arg(index)].type; };
  const auto of = [&](u32 index, Kind kind) { return value(arg(index), {kind}); };
  const auto view = [&](u32 index) { return value(arg(index), {Kind::View, type_of(index).elem, 0}); };
  switch (what) {
  case Special::Len: {
    const Expr& array = ast_.exprs[arg(0)];
    const u64 length = array.kind == ExprKind::Text ? ast_.texts[array.bits].size() : array.type.index;
    return numbered(length, settled(arg(0), want).kind == Kind::Array || !is_integer(want.kind) ? Kind::I32 : want.kind,
                    expr.at);
  }
  case Special::Bits:
    return type_of(0).kind == Kind::F32 ? builder_.cast(Opcode::Bitcast, Type::I32, Type::F32, of(0, Kind::F32))
                                        : builder_.cast(Opcode::Bitcast, Type::I64, Type::F64, of(0, Kind::F64));
  case Special::FromBits:
    return type_of(0).kind == Kind::I32 ? builder_.cast(Opcode::Bitcast, Type::F32, Type::I32, of(0, Kind::I32))
                                        : builder_.cast(Opcode::Bitcast, Type::F64, Type::I64, of(0, Kind::I64));
  case Special::Select: {
    const OreType type = is_untyped(expr.type.kind)
                             ? (is_integer(want.kind) || is_floating(want.kind)
                                    ? want
                                    : OreType{expr.type.kind == Kind::UntypedInt ? Kind::I32 : Kind::F64})
                             : expr.type;
    const ValueId chosen = of(0, Kind::Bool), a = value(arg(1), type), b = value(arg(2), type);
    return builder_.emit(Opcode::Select, air_type(type.kind), {chosen, a, b});
  }
  case Special::MemorySize: return builder_.emit(Opcode::MemorySize, Type::I32, {});
  case Special::MemoryGrow: return builder_.emit(Opcode::MemoryGrow, Type::I32, {of(0, Kind::I32)});
  case Special::Fill: {
    const ValueId to = view(0), byte = of(1, Kind::U8), bytes = of(2, Kind::I64);
    builder_.emit(Opcode::MemoryFill, Type::I64, {to, byte, bytes});
    return kNone;
  }
  case Special::Copy: {
    const ValueId to = view(0), from = view(1), bytes = of(2, Kind::I64);
    builder_.emit(Opcode::MemoryCopy, Type::I64, {to, from, bytes});
    return kNone;
  }
  case Special::Heap: return builder_.emit(Opcode::GlobalGet, Type::I64, Type::None, {}, program_.heap_global());
  default: {
    const Kind from = type_of(0).kind == Kind::F32 ? Kind::F32 : Kind::F64;
    const Type to = what == Special::SatI32 ? Type::I32 : Type::I64;
    return builder_.cast(Opcode::F2iSatS, to, air_type(from), of(0, from));
  }
  }
}

} // namespace assay::lang
