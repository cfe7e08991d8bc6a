// parser_expr.cpp - expressions. See parser.h.
//
// A chain of operators makes a tree as deep as it is long: its height is bounded as nesting is.
#include "assay/text.h"
#include "compiler/lang/parser.h"

#include <algorithm>

namespace assay::lang {

namespace {

/// Binary operators, from those that bind least.
struct Precedence {
  Tok op;
  u32 level;
};
constexpr Precedence kPrecedences[] = {
    {Tok::OrOr, 1},   {Tok::AndAnd, 2},  {Tok::EqEq, 3},      {Tok::NotEq, 3},    {Tok::Less, 4},
    {Tok::LessEq, 4}, {Tok::Greater, 4}, {Tok::GreaterEq, 4}, {Tok::Or, 5},       {Tok::Xor, 6},
    {Tok::And, 7},    {Tok::Shl, 8},     {Tok::Shr, 8},       {Tok::ShrU, 8},     {Tok::Plus, 9},
    {Tok::Minus, 9},  {Tok::Star, 10},   {Tok::Slash, 10},    {Tok::Percent, 10},
};

/// 0: no binary operator.
u32 level_of(Tok op) {
  for (const Precedence& row : kPrecedences) {
    if (row.op == op) return row.level;
  }
  return 0;
}

} // namespace

ExprId Parser::add(Expr expr) {
  u32 height = 0;
  for (const ExprId child : {expr.a, expr.b, expr.c}) {
    if (child != kNone) height = std::max<u32>(height, ast_.exprs[child].height);
  }
  for (const u32 child : ast_.items(expr.list)) {
    if (child != kNone) height = std::max<u32>(height, ast_.exprs[child].height);
  }
  if (height >= kMaxDepth) return fail("an expression that nests less deep");
  expr.height = static_cast<u16>(height + 1);
  ast_.exprs.push_back(expr);
  return static_cast<ExprId>(ast_.exprs.size() - 1);
}

ExprId Parser::expression() {
  const Depth depth(*this);
  if (depth.too_deep()) return fail("an expression that nests less deep");
  const ExprId condition = binary(1);
  if (condition == kNone || !at(Tok::Question)) return condition;
  Expr expr;
  expr.kind = ExprKind::Conditional;
  expr.at = now().at;
  ++next_;
  expr.a = condition;
  expr.b = expression();
  if (expr.b == kNone || !expect(Tok::Colon)) return kNone;
  expr.c = expression();
  return expr.c == kNone ? kNone : add(expr);
}

/// Operators that bind at least so much; those of one level from left to right.
ExprId Parser::binary(u32 least) {
  const Depth depth(*this);
  if (depth.too_deep()) return fail("an expression that nests less deep");
  ExprId left = unary();
  while (left != kNone) {
    const u32 level = level_of(now().kind);
    if (level == 0 || level < least) break;
    Expr expr;
    expr.op = now().kind;
    expr.kind = expr.op == Tok::AndAnd || expr.op == Tok::OrOr ? ExprKind::Logical : ExprKind::Binary;
    expr.at = now().at;
    ++next_;
    expr.a = left;
    expr.b = binary(level + 1);
    left = expr.b == kNone ? kNone : add(expr);
  }
  return left;
}

ExprId Parser::unary() {
  const Depth depth(*this);
  if (depth.too_deep()) return fail("an expression that nests less deep");
  if (!at(Tok::Minus) && !at(Tok::Not) && !at(Tok::Tilde) && !at(Tok::And)) return postfix();
  Expr expr;
  expr.kind = at(Tok::And) ? ExprKind::AddressOf : ExprKind::Unary;
  expr.op = now().kind;
  expr.at = now().at;
  ++next_;
  expr.a = unary();
  return expr.a == kNone ? kNone : add(expr);
}

/// Calls, indices and casts, which bind more than any operator before them.
ExprId Parser::postfix() {
  ExprId left = primary();
  while (left != kNone) {
    Expr expr;
    expr.at = now().at;
    expr.a = left;
    if (accept(Tok::ParenOpen)) {
      expr.kind = ExprKind::Call;
      expr.list = arguments(Tok::ParenClose);
    } else if (accept(Tok::BracketOpen)) {
      expr.kind = ExprKind::Index;
      expr.b = expression();
      if (expr.b == kNone || !expect(Tok::BracketClose)) return kNone;
    } else if (accept(Tok::As)) {
      expr.kind = ExprKind::Cast;
      expr.type_node = type();
      if (expr.type_node == kNone) return kNone;
    } else {
      return left;
    }
    left = add(expr);
  }
  return left;
}

List Parser::arguments(Tok close) {
  std::vector<u32> found;
  while (!at(close) && !at(Tok::End)) {
    const ExprId value = expression();
    if (value == kNone) break;
    found.push_back(value);
    if (!accept(Tok::Comma)) break;
  }
  expect(close);
  return keep(found);
}

ExprId Parser::list_value() {
  Expr expr;
  expr.kind = ExprKind::List;
  expr.at = now().at;
  ++next_;
  expr.list = arguments(Tok::BracketClose);
  return add(expr);
}

/// Digits with underscores between; decimal, 0x or 0b.
ExprId Parser::number() {
  const Token& token = tokens_[next_++];
  std::string digits;
  for (const char c : diagnostics_.text_of(token)) {
    if (c != '_') digits += c;
  }
  Expr expr;
  expr.at = token.at;
  if (token.kind == Tok::Float) {
    expr.kind = ExprKind::Float;
    const auto bits = parse_literal(digits, Type::F64);
    if (!bits) diagnostics_.error(token.at, "expected a number");
    expr.text = diagnostics_.text_of(token);
    expr.bits = bits ? *bits : 0;
    return add(expr);
  }
  const u64 base = digits.starts_with("0x") ? 16 : digits.starts_with("0b") ? 2 : 10;
  bool good = base == 10 || digits.size() > 2, fits = true;
  for (std::size_t i = base == 10 ? 0 : 2; i < digits.size(); ++i) {
    constexpr std::string_view names = "0123456789abcdef";
    const char c = digits[i] >= 'A' && digits[i] <= 'F' ? static_cast<char>(digits[i] | 0x20) : digits[i];
    const std::size_t digit = names.find(c);
    good = good && digit < base;
    if (!good) break;
    fits = fits && expr.bits <= (~u64{0} - digit) / base;
    expr.bits = expr.bits * base + digit;
  }
  if (!good) diagnostics_.error(token.at, "expected digits of an integer");
  else if (!fits) diagnostics_.error(token.at, "an integer has at most 64 bits");
  return add(expr);
}

ExprId Parser::primary() {
  Expr expr;
  const Token token = now();
  expr.at = token.at;
  switch (token.kind) {
  case Tok::Int:
  case Tok::Float: return number();
  case Tok::True:
  case Tok::False:
    expr.kind = ExprKind::Bool;
    expr.bits = token.kind == Tok::True;
    break;
  case Tok::Char: {
    const std::string bytes = unescape(diagnostics_.text_of(token), token.at, diagnostics_);
    if (bytes.size() != 1) diagnostics_.error(token.at, "expected one byte between the quotes");
    expr.bits = bytes.empty() ? 0 : static_cast<u8>(bytes[0]);
    break;
  }
  case Tok::Text:
    expr.kind = ExprKind::Text;
    expr.bits = ast_.texts.size();
    ast_.texts.push_back(unescape(diagnostics_.text_of(token), token.at, diagnostics_));
    break;
  case Tok::Name:
    expr.kind = ExprKind::Name;
    expr.text = diagnostics_.text_of(token);
    break;
  case Tok::ParenOpen: {
    ++next_;
    const ExprId inner = expression();
    return inner != kNone && expect(Tok::ParenClose) ? inner : kNone;
  }
  default: return fail("an expression");
  }
  ++next_;
  return add(expr);
}

} // namespace assay::lang
