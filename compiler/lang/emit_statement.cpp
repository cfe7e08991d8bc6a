// emit_statement.cpp - statements, without those about exceptions (emit_try.cpp). See emitter.h.
#include "compiler/lang/emitter.h"

namespace assay::lang {

void FunctionEmitter::block(StmtId id) {
  if (id == kNone) return;
  program_.open_scope();
  const List list = ast_.stmts[id].list;
  for (u32 i = 0; i < list.count; ++i) statement(ast_.lists[list.first + i]);
  program_.close_scope();
}

void FunctionEmitter::statement(StmtId id) {
  const Stmt stmt = ast_.stmts[id];
  start_if_ended();
  switch (stmt.kind) {
  case StmtKind::Let: return let(stmt);
  case StmtKind::Var: return var(stmt);
  case StmtKind::Assign: return assign(stmt);
  case StmtKind::Call:
    if (ast_.exprs[stmt.a].kind != ExprKind::Call) {
      program_.diagnostics.error(ast_.exprs[stmt.a].at, "expected a statement: this value is not used");
      return;
    }
    if (const OreType type = checker_.check(stmt.a); type.kind != Kind::Error) value(stmt.a, type);
    return;
  case StmtKind::Block: return block(id);
  case StmtKind::If: return if_statement(stmt);
  case StmtKind::While: return while_statement(stmt);
  case StmtKind::For: return for_statement(stmt);
  case StmtKind::Break:
  case StmtKind::Continue: return leave_loop(stmt);
  case StmtKind::Return: return return_statement(stmt);
  case StmtKind::Throw: return throw_statement(stmt);
  case StmtKind::Rethrow: return rethrow_statement(stmt);
  case StmtKind::Try: return try_statement(stmt);
  case StmtKind::Trap: return trap_statement(stmt);
  }
}

// ---- declarations ------------------------------------------------------------------------------------------

void FunctionEmitter::let(const Stmt& stmt) {
  OreType type = stmt.type == kNone ? OreType{Kind::Void} : program_.resolve(stmt.type);
  if (type.kind == Kind::Array) {
    program_.diagnostics.error(stmt.at, "expected 'var': an array is no value");
    type = {};
  }
  if (type.kind == Kind::Void) type = settled(stmt.a, checker_.check(stmt.a));
  else if (!checker_.check_as(stmt.a, type)) type = {};
  if (type.kind == Kind::Array) type = {Kind::View, type.elem, 0};
  if (type.kind == Kind::View && !checker_.converts(stmt.a, type)) {
    program_.diagnostics.error(stmt.at, "an array of a function has no view");
    type = {};
  }
  if (type.kind == Kind::Void) {
    program_.diagnostics.error(stmt.at, "expected a value, found a call without a result");
    type = {};
  }
  Symbol symbol;
  symbol.kind = SymbolKind::Let;
  symbol.type = type;
  symbol.at = stmt.at;
  symbol.index = value(stmt.a, type);
  program_.declare(stmt.text, symbol);
}

void FunctionEmitter::var(const Stmt& stmt) {
  OreType type = stmt.type == kNone ? settled(stmt.a, checker_.check(stmt.a)) : program_.resolve(stmt.type);
  if (stmt.type == kNone && type.kind == Kind::Array) type = {Kind::View, type.elem, 0};
  if (stmt.type != kNone && type.kind == Kind::Array) return var_array(stmt, type);
  if (stmt.type != kNone && stmt.a != kNone && !checker_.check_as(stmt.a, type)) type = {};
  if (type.kind == Kind::Void || (stmt.a != kNone && !checker_.converts(stmt.a, type))) {
    program_.diagnostics.error(stmt.at, "expected a value, found " + checker_.found(stmt.a));
    type = {};
  }
  const ValueId initial = stmt.a == kNone ? zero(type) : value(stmt.a, type);
  Symbol symbol;
  symbol.kind = SymbolKind::Local;
  symbol.type = type;
  symbol.at = stmt.at;
  symbol.index = builder_.local(air_type(type.kind));
  builder_.emit(Opcode::LocalSet, air_type(type.kind), Type::None, {&initial, 1}, symbol.index);
  program_.declare(stmt.text, symbol);
}

void FunctionEmitter::var_array(const Stmt& stmt, OreType type) {
  const u64 bytes = u64{type.index} * size_of(air_type(type.elem));
  if (stmt.a != kNone)
    program_.diagnostics.error(stmt.at, "an array of a function begins with zeros; assign its elements");
  Symbol symbol;
  symbol.kind = SymbolKind::LocalArray;
  symbol.type = type;
  symbol.at = stmt.at;
  if (bytes > kMaxLocalArray) {
    program_.diagnostics.error(stmt.at, "an array of a function has at most " + std::to_string(kMaxLocalArray) +
                                            " bytes; outside functions it may be larger");
    symbol.type = {};
  } else {
    symbol.index = builder_.slot(static_cast<u32>(bytes), 16);
    if (!loops_.empty()) clear(symbol.index, static_cast<u32>(bytes)); // at the function's entry it is zero
  }
  program_.declare(stmt.text, symbol);
}

/// Zeros, from the end: eight bytes at a time, and the rest.
void FunctionEmitter::clear(SlotId slot, u32 bytes) {
  const ValueId nothing = builder_.iconst(Type::I64, 0), byte = builder_.iconst(Type::I8, 0);
  const ValueId base = builder_.emit(Opcode::SlotAddr, Type::None, Type::None, {}, slot);
  for (u32 at = bytes / 8 * 8; at < bytes; ++at) builder_.store(Opcode::PStore, Type::I8, base, at, byte);
  if (bytes < 8) return;
  const Type word = Type::I64;
  const BlockId head = builder_.block({&word, 1}), done = builder_.block();
  builder_.jump(head, {builder_.iconst(word, bytes / 8 * 8)});
  builder_.begin(head);
  const ValueId next = builder_.binary(Opcode::Sub, word, builder_.param(head, 0), builder_.iconst(word, 8));
  const ValueId address = builder_.emit(Opcode::PtrAdd, Type::None, {base, next});
  builder_.store(Opcode::PStore, word, address, 0, nothing);
  const ValueId more = builder_.binary(Opcode::Ne, word, next, nothing);
  builder_.branch(more, {head, {&next, 1}}, {done});
  builder_.begin(done);
}

// ---- assignment --------------------------------------------------------------------------------------------

void FunctionEmitter::assign(const Stmt& stmt) {
  checker_.check(stmt.a);
  checker_.check(stmt.b);
  Place to;
  if (!place(stmt.a, to)) return;
  if (to.type.kind == Kind::Error || ast_.exprs[stmt.b].type.kind == Kind::Error) return;
  const Kind kind = to.type.kind;
  const bool is_shift = stmt.op == Tok::ShlSet || stmt.op == Tok::ShrSet || stmt.op == Tok::ShrUSet;
  if (is_shift ? !is_integer(ast_.exprs[stmt.b].type.kind) && ast_.exprs[stmt.b].type.kind != Kind::UntypedInt
               : !checker_.converts(stmt.b, to.type)) {
    program_.diagnostics.error(ast_.exprs[stmt.b].at,
                               "expected " + name_of(to.type) + ", found " + checker_.found(stmt.b));
    return;
  }
  if (stmt.op == Tok::Set) return write(to, value(stmt.b, to.type));
  constexpr std::pair<Tok, Tok> kOps[] = {
      {Tok::AddSet, Tok::Plus},    {Tok::SubSet, Tok::Minus}, {Tok::MulSet, Tok::Star},  {Tok::DivSet, Tok::Slash},
      {Tok::RemSet, Tok::Percent}, {Tok::AndSet, Tok::And},   {Tok::OrSet, Tok::Or},     {Tok::XorSet, Tok::Xor},
      {Tok::ShlSet, Tok::Shl},     {Tok::ShrSet, Tok::Shr},   {Tok::ShrUSet, Tok::ShrU},
  };
  Tok op = Tok::Plus;
  for (const auto& [written, meant] : kOps) {
    if (written == stmt.op) op = meant;
  }
  const bool bits = op == Tok::And || op == Tok::Or || op == Tok::Xor;
  if (!is_integer(kind) && !(is_floating(kind) && !bits && !is_shift && op != Tok::Percent) &&
      !(kind == Kind::Bool && bits)) {
    program_.diagnostics.error(stmt.at, describe(stmt.op) + " is not for " + name_of(to.type));
    return;
  }
  const ValueId before = read(to);
  const ValueId right = is_shift ? shift_count(stmt.b, kind) : value(stmt.b, to.type);
  write(to, arithmetic(op, kind, before, right, stmt.at));
}

// ---- control flow ------------------------------------------------------------------------------------------

void FunctionEmitter::if_statement(const Stmt& stmt) {
  const BlockId done = builder_.block();
  bool reached = false;
  for (u32 i = 0; i + 1 < stmt.list.count; i += 2) {
    const ExprId test = ast_.lists[stmt.list.first + i];
    const BlockId yes = builder_.block(), no = builder_.block();
    const bool live = live_;
    checker_.check_as(test, {Kind::Bool});
    condition(test, yes, no);
    begin(yes, live);
    block(ast_.lists[stmt.list.first + i + 1]);
    reached = reached || (open_ && live_);
    jump_to(done);
    begin(no, live);
  }
  block(stmt.other);
  reached = reached || (open_ && live_);
  jump_to(done);
  begin(done, reached);
}

void FunctionEmitter::while_statement(const Stmt& stmt) {
  const BlockId head = builder_.block(), body = builder_.block(), done = builder_.block();
  const bool live = live_;
  jump_to(head);
  begin(head, live);
  const bool for_ever = ast_.exprs[stmt.a].kind == ExprKind::Bool && ast_.exprs[stmt.a].bits != 0;
  checker_.check_as(stmt.a, {Kind::Bool});
  if (for_ever) jump_to(body);
  else condition(stmt.a, body, done);
  begin(body, live);
  fuel();
  loops_.push_back({head, done, false});
  block(stmt.body);
  const bool left = loops_.back().left;
  loops_.pop_back();
  jump_to(head);
  begin(done, live && (!for_ever || left));
}

/// The bounds are computed once; the counter is a local of its own, what the body sees is its value.
void FunctionEmitter::for_statement(const Stmt& stmt) {
  checker_.check(stmt.a);
  checker_.check(stmt.b);
  OreType type = checker_.common(stmt.a, stmt.b, stmt.at);
  if (type.kind == Kind::UntypedInt)
    type = {default_kind(ast_, stmt.a) == Kind::I64 ? Kind::I64 : default_kind(ast_, stmt.b)};
  if (type.kind != Kind::Error && !is_integer(type.kind))
    type = checker_.error(stmt.at, "expected integers around '..', found " + name_of(type));
  const bool live = live_;
  const Type air = air_type(type.kind);
  const ValueId first = value(stmt.a, type), last = value(stmt.b, type);
  const LocalId counter = builder_.local(air);
  builder_.emit(Opcode::LocalSet, air, Type::None, {&first, 1}, counter);
  const BlockId head = builder_.block(), body = builder_.block(), next = builder_.block(), done = builder_.block();
  jump_to(head);
  begin(head, live);
  const ValueId now = builder_.emit(Opcode::LocalGet, air, Type::None, {}, counter);
  const ValueId more = builder_.binary(type.kind == Kind::U8 ? Opcode::LtU : Opcode::LtS, air, now, last);
  builder_.branch(more, {body}, {done});
  begin(body, live);
  fuel();
  program_.open_scope();
  Symbol symbol;
  symbol.kind = SymbolKind::Let;
  symbol.type = type;
  symbol.index = now;
  symbol.at = stmt.at;
  program_.declare(stmt.text, symbol);
  loops_.push_back({next, done, false});
  block(stmt.body);
  loops_.pop_back();
  program_.close_scope();
  jump_to(next);
  begin(next, live);
  const ValueId advanced = builder_.binary(Opcode::Add, air, now, builder_.iconst(air, 1));
  builder_.emit(Opcode::LocalSet, air, Type::None, {&advanced, 1}, counter);
  jump_to(head);
  begin(done, live);
}

void FunctionEmitter::leave_loop(const Stmt& stmt) {
  if (loops_.empty()) {
    program_.diagnostics.error(stmt.at, "expected a loop around this");
    return;
  }
  Loop& loop = loops_.back();
  if (stmt.kind == StmtKind::Break) loop.left = loop.left || live_;
  jump_to(stmt.kind == StmtKind::Break ? loop.done : loop.next);
}

void FunctionEmitter::return_statement(const Stmt& stmt) {
  if (stmt.a != kNone && result_.kind == Kind::Void && !item_.infer_result) {
    program_.diagnostics.error(stmt.at, "this function returns nothing");
  } else if (stmt.a == kNone && result_.kind != Kind::Void && result_.kind != Kind::Error) {
    program_.diagnostics.error(stmt.at, "expected a value of type " + name_of(result_) + " behind 'return'");
  }
  const bool given =
      stmt.a != kNone && (item_.infer_result || (result_.kind != Kind::Void && checker_.check_as(stmt.a, result_)));
  const ValueId returned = given ? value(stmt.a, result_) : kNone;
  if (given && result_.kind != Kind::Void) builder_.ret({returned});
  else builder_.ret({});
  open_ = false;
}

void FunctionEmitter::trap_statement(const Stmt& stmt) {
  TrapKind kind = TrapKind::Unreachable;
  if (!trap_from_name(stmt.text, kind))
    program_.diagnostics.error(stmt.at, "there is no trap '" + std::string(stmt.text) +
                                            "'; expected unreachable, user0 to user15 or another of AIR's");
  builder_.trap(kind);
  open_ = false;
}

} // namespace assay::lang
