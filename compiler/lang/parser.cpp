// parser.cpp - items, types and statements. See parser.h; expressions are in parser_expr.cpp.
#include "compiler/lang/parser.h"

namespace assay::lang {

// ---- tokens ------------------------------------------------------------------------------------------------

bool Parser::accept(Tok kind) {
  if (!at(kind)) return false;
  if (kind != Tok::End) ++next_;
  return true;
}

u32 Parser::fail(std::string_view expected) {
  if (failed_at_ != now().at) {
    std::string found = describe(now().kind);
    if (at(Tok::Name)) found = "'" + std::string(diagnostics_.text_of(now())) + "'";
    diagnostics_.error(now().at, "expected " + std::string(expected) + ", found " + found);
  }
  failed_at_ = now().at;
  return kNone;
}

bool Parser::expect(Tok kind) {
  if (accept(kind)) return true;
  fail(describe(kind));
  return false;
}

Name Parser::name() {
  if (!at(Tok::Name)) {
    fail("a name");
    return {{}, now().at};
  }
  const Token& token = tokens_[next_++];
  return {diagnostics_.text_of(token), token.at};
}

/// Behind the next semicolon, or to a brace or a word that begins a statement.
void Parser::skip_to_statement() {
  u32 open = 0;
  for (;; ++next_) {
    if (at(Tok::End)) return;
    if (at(Tok::BraceOpen)) ++open;
    if (at(Tok::BraceClose)) {
      if (open == 0) return;
      if (--open == 0) {
        ++next_;
        return;
      }
    }
    if (open != 0) continue;
    if (accept(Tok::Semicolon)) return;
    switch (now().kind) {
    case Tok::Let:
    case Tok::Var:
    case Tok::If:
    case Tok::While:
    case Tok::For:
    case Tok::Return:
    case Tok::Break:
    case Tok::Continue:
    case Tok::Throw:
    case Tok::Try:
    case Tok::Trap:
    case Tok::Fn:
    case Tok::Export: return;
    default: break;
    }
  }
}

void Parser::skip_to_item() {
  for (;; ++next_) {
    switch (now().kind) {
    case Tok::End:
    case Tok::Fn:
    case Tok::Extern:
    case Tok::Export:
    case Tok::Exception:
    case Tok::Memory: return;
    default: break;
    }
  }
}

List Parser::keep(const std::vector<u32>& items) {
  const List list{static_cast<u32>(ast_.lists.size()), static_cast<u32>(items.size())};
  ast_.lists.insert(ast_.lists.end(), items.begin(), items.end());
  return list;
}

// ---- items -------------------------------------------------------------------------------------------------

void Parser::program() {
  while (!at(Tok::End) && !diagnostics_.full()) {
    const u32 before = next_;
    item();
    if (next_ == before) ++next_, skip_to_item();
  }
}

void Parser::lone_expression() {
  FunctionItem item;
  item.name = {"main", 0};
  item.exported = item.infer_result = true;
  const ExprId value = expression();
  if (!at(Tok::End)) fail(describe(Tok::End));
  Stmt result;
  result.kind = StmtKind::Return;
  result.a = value;
  Stmt body;
  body.list = keep({add(result)});
  item.body = add(body);
  ast_.functions.push_back(item);
}

void Parser::item() {
  switch (now().kind) {
  case Tok::Export:
    ++next_;
    if (expect(Tok::Fn)) function(true, false);
    return;
  case Tok::Extern:
    ++next_;
    if (expect(Tok::Fn)) function(false, true);
    return;
  case Tok::Fn: ++next_; return function(false, false);
  case Tok::Var: ++next_; return global(false);
  case Tok::Const: ++next_; return global(true);
  case Tok::Exception: ++next_; return exception();
  case Tok::Memory: return memory();
  default: fail("'fn', 'export', 'extern', 'var', 'const', 'exception' or 'memory'");
  }
}

/// `name: type`; of a host function the type alone will do.
void Parser::param(bool may_lack_name, std::vector<u32>& out) {
  Param param;
  const bool named = at(Tok::Name) && tokens_[next_ + 1].kind == Tok::Colon;
  if (named || !may_lack_name) {
    param.name = name();
    expect(Tok::Colon);
  }
  param.type = type();
  out.push_back(static_cast<u32>(ast_.params.size()));
  ast_.params.push_back(param);
}

void Parser::function(bool exported, bool imported) {
  FunctionItem item;
  item.exported = exported;
  item.imported = imported;
  item.name = name();
  std::vector<u32> params;
  if (expect(Tok::ParenOpen)) {
    while (!at(Tok::ParenClose) && !at(Tok::End)) {
      param(imported, params);
      if (!accept(Tok::Comma)) break;
    }
    expect(Tok::ParenClose);
  }
  item.params = keep(params);
  if (accept(Tok::Arrow)) item.result = type();
  if (imported) expect(Tok::Semicolon);
  else item.body = block();
  ast_.functions.push_back(item);
}

void Parser::global(bool constant) {
  GlobalItem item;
  item.constant = constant;
  item.name = name();
  if (accept(Tok::Colon)) item.type = type();
  else if (!constant && !at(Tok::Set)) fail("':' and a type, or '=' and a value");
  else if (!constant && tokens_[next_ + 1].kind == Tok::BracketOpen) fail("':' and the array's type");
  if (accept(Tok::Set)) item.value = at(Tok::BracketOpen) ? list_value() : expression();
  else if (constant) fail("'=' and a value");
  if (!expect(Tok::Semicolon)) skip_to_statement();
  ast_.globals.push_back(item);
}

void Parser::exception() {
  ExceptionItem item;
  item.name = name();
  if (accept(Tok::ParenOpen)) item.params = types_until(Tok::ParenClose);
  if (!expect(Tok::Semicolon)) skip_to_statement();
  ast_.exceptions.push_back(item);
}

void Parser::memory() {
  const u32 place = now().at;
  ++next_;
  if (ast_.memory != kNone) diagnostics_.error(place, "memory is declared twice");
  ast_.memory_at = place;
  ast_.memory = expression();
  if (!expect(Tok::Semicolon)) skip_to_statement();
}

// ---- types -------------------------------------------------------------------------------------------------

namespace {

Kind scalar_of(Tok token) {
  switch (token) {
  case Tok::Bool: return Kind::Bool;
  case Tok::U8: return Kind::U8;
  case Tok::I32: return Kind::I32;
  case Tok::I64: return Kind::I64;
  case Tok::F32: return Kind::F32;
  case Tok::F64: return Kind::F64;
  default: return Kind::Error;
  }
}

} // namespace

List Parser::types_until(Tok close) {
  std::vector<u32> found;
  while (!at(close) && !at(Tok::End)) {
    found.push_back(type());
    if (!accept(Tok::Comma)) break;
  }
  expect(close);
  return keep(found);
}

TypeId Parser::function_type() {
  TypeNode node;
  node.at = now().at;
  node.kind = Kind::Function;
  ++next_;
  if (expect(Tok::ParenOpen)) node.params = types_until(Tok::ParenClose);
  if (accept(Tok::Arrow)) node.result = type();
  ast_.types.push_back(node);
  return static_cast<TypeId>(ast_.types.size() - 1);
}

/// i32, []i32, [i32; 10], fn(i32) -> i32.
TypeId Parser::type() {
  const Depth depth(*this);
  if (depth.too_deep()) return fail("a type that nests less deep");
  if (at(Tok::Fn)) return function_type();
  TypeNode node;
  node.at = now().at;
  if (accept(Tok::BracketOpen)) {
    node.kind = accept(Tok::BracketClose) ? Kind::View : Kind::Array;
    node.elem = scalar_of(now().kind);
    if (node.elem == Kind::Error) return fail("bool, u8, i32, i64, f32 or f64");
    ++next_;
    if (node.kind == Kind::Array) {
      expect(Tok::Semicolon);
      if (at(Tok::Name) && diagnostics_.text_of(now()) == "_") ++next_; // as long as its initial value
      else node.length = expression();
      expect(Tok::BracketClose);
    }
  } else {
    node.kind = scalar_of(now().kind);
    if (node.kind == Kind::Error) return fail("a type");
    ++next_;
  }
  ast_.types.push_back(node);
  return static_cast<TypeId>(ast_.types.size() - 1);
}

// ---- statements --------------------------------------------------------------------------------------------

StmtId Parser::block() {
  Stmt stmt;
  stmt.at = now().at;
  std::vector<u32> statements;
  const Depth depth(*this);
  if (depth.too_deep()) {
    fail("statements that nest less deep");
    skip_to_item();
    return add(stmt);
  }
  if (!expect(Tok::BraceOpen)) {
    skip_to_statement();
    return add(stmt);
  }
  while (!at(Tok::BraceClose) && !at(Tok::End) && !diagnostics_.full()) {
    const u32 before = next_, errors = failed_at_;
    if (const StmtId found = statement(); found != kNone) statements.push_back(found);
    if (failed_at_ != errors) skip_to_statement();
    if (next_ == before) ++next_;
  }
  expect(Tok::BraceClose);
  stmt.list = keep(statements);
  return add(stmt);
}

StmtId Parser::statement() {
  Stmt stmt;
  stmt.at = now().at;
  switch (now().kind) {
  case Tok::BraceOpen: return block();
  case Tok::If: return if_statement();
  case Tok::For: return for_statement();
  case Tok::Try: return try_statement();
  case Tok::While:
    ++next_;
    stmt.kind = StmtKind::While;
    stmt.a = expression();
    stmt.body = block();
    return add(stmt);
  default: break;
  }
  const StmtId made = simple_statement();
  if (made == kNone) return kNone;
  return expect(Tok::Semicolon) ? made : kNone;
}

/// What a semicolon ends.
StmtId Parser::simple_statement() {
  Stmt stmt;
  stmt.at = now().at;
  switch (now().kind) {
  case Tok::Let: return declaration(StmtKind::Let);
  case Tok::Var: return declaration(StmtKind::Var);
  case Tok::Throw: return throw_statement();
  case Tok::Trap: return trap_statement();
  case Tok::Break: stmt.kind = StmtKind::Break; break;
  case Tok::Continue: stmt.kind = StmtKind::Continue; break;
  case Tok::Rethrow: stmt.kind = StmtKind::Rethrow; break;
  case Tok::Return:
    ++next_;
    stmt.kind = StmtKind::Return;
    if (!at(Tok::Semicolon)) stmt.a = expression();
    return add(stmt);
  default:
    stmt.kind = StmtKind::Call;
    stmt.a = expression();
    if (stmt.a == kNone) return kNone;
    stmt.at = now().at;
    if (at(Tok::Set) || (now().kind >= Tok::AddSet && now().kind <= Tok::XorSet) || at(Tok::ShlSet) ||
        at(Tok::ShrSet) || at(Tok::ShrUSet)) {
      stmt.kind = StmtKind::Assign;
      stmt.op = now().kind;
      ++next_;
      stmt.b = expression();
    }
    return add(stmt);
  }
  ++next_;
  return add(stmt);
}

StmtId Parser::declaration(StmtKind kind) {
  Stmt stmt;
  ++next_;
  stmt.kind = kind;
  const Name declared = name();
  stmt.text = declared.text;
  stmt.at = declared.at;
  if (accept(Tok::Colon)) stmt.type = type();
  if (accept(Tok::Set)) stmt.a = expression();
  else if (kind == StmtKind::Let || stmt.type == kNone) fail("'=' and a value");
  return add(stmt);
}

StmtId Parser::if_statement() {
  Stmt stmt;
  stmt.kind = StmtKind::If;
  stmt.at = now().at;
  std::vector<u32> pairs;
  do {
    if (!expect(Tok::If)) break;
    pairs.push_back(expression());
    pairs.push_back(block());
    if (!accept(Tok::Else)) break;
    if (!at(Tok::If)) {
      stmt.other = block();
      break;
    }
  } while (!diagnostics_.full());
  stmt.list = keep(pairs);
  return add(stmt);
}

StmtId Parser::for_statement() {
  Stmt stmt;
  ++next_;
  stmt.kind = StmtKind::For;
  const Name counter = name();
  stmt.text = counter.text;
  stmt.at = counter.at;
  expect(Tok::In);
  stmt.a = expression();
  expect(Tok::Dots);
  stmt.b = expression();
  stmt.body = block();
  return add(stmt);
}

StmtId Parser::throw_statement() {
  Stmt stmt;
  ++next_;
  stmt.kind = StmtKind::Throw;
  const Name thrown = name();
  stmt.text = thrown.text;
  stmt.at = thrown.at;
  if (accept(Tok::ParenOpen)) stmt.list = arguments(Tok::ParenClose);
  return add(stmt);
}

StmtId Parser::trap_statement() {
  Stmt stmt;
  stmt.at = now().at;
  ++next_;
  stmt.kind = StmtKind::Trap;
  stmt.text = "unreachable";
  if (at(Tok::Name)) {
    const Name trap = name();
    stmt.text = trap.text;
    stmt.at = trap.at;
  }
  return add(stmt);
}

StmtId Parser::try_statement() {
  Stmt stmt;
  stmt.kind = StmtKind::Try;
  stmt.at = now().at;
  ++next_;
  stmt.body = block();
  std::vector<u32> clauses;
  if (!at(Tok::Catch)) fail("'catch'");
  while (at(Tok::Catch)) clauses.push_back(clause());
  stmt.list = keep(clauses);
  return add(stmt);
}

u32 Parser::clause() {
  Clause clause;
  clause.at = now().at;
  ++next_;
  std::vector<u32> names;
  if (at(Tok::Name)) {
    const Name caught = name();
    clause.text = caught.text;
    clause.at = caught.at;
    if (accept(Tok::ParenOpen)) {
      while (!at(Tok::ParenClose) && !at(Tok::End)) {
        const Name bound = name();
        if (bound.text.empty()) break;
        names.push_back(static_cast<u32>(ast_.names.size()));
        ast_.names.push_back(bound);
        if (!accept(Tok::Comma)) break;
      }
      expect(Tok::ParenClose);
    }
  }
  clause.names = keep(names);
  clause.body = block();
  ast_.clauses.push_back(clause);
  return static_cast<u32>(ast_.clauses.size() - 1);
}

} // namespace assay::lang
