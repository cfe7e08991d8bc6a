// rule_parser.cpp - see rule_parser.h: descent by recursion, types from the outside inwards.
//
// An operation without a suffix has the type that its place asks for, or T where the place asks for none (the operands
// of a comparison, the root).
#include "compiler/opt/rule_parser.h"

#include "assay/text.h"
#include "compiler/ir/op_shape.h"

#include <algorithm>

namespace assay::opt {

bool RuleParser::fail(std::string_view what) {
  if (error_.empty()) error_ = std::string(rule_->name) + ": " + std::string(what) + " in " + std::string(text_);
  return false;
}

void RuleParser::start(std::string_view text) {
  text_ = text;
  at_ = 0;
  first_ = static_cast<u16>(nodes_.size());
}

bool RuleParser::at_end() {
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  return at_ == text_.size();
}

bool RuleParser::take(char c) {
  if (at_end() || text_[at_] != c) return false;
  ++at_;
  return true;
}

/// Up to a space or a bracket.
std::string_view RuleParser::word() {
  if (at_end()) return {};
  const std::size_t from = at_;
  while (at_ < text_.size() && text_[at_] != ' ' && text_[at_] != '(' && text_[at_] != ')') ++at_;
  return text_.substr(from, at_ - from);
}

bool RuleParser::type_of(std::string_view name, TypeRef& out) {
  if (name.size() == 1 && name != "T" && name != "S" && name != "R") return fail("unknown type");
  if (name == "T") out = kTypeT;
  else if (name == "S") out = kTypeS;
  else if (name == "R") out = kTypeR;
  else {
    for (TypeRef t = 1; t < kTypeCount; ++t) {
      if (name_of(static_cast<Type>(t)) != name) continue;
      out = t;
      return true;
    }
    return fail("unknown type");
  }
  return true;
}

/// The node, or an equal one of the same expression.
u16 RuleParser::add(const RuleNode& node) {
  for (std::size_t i = first_; i < nodes_.size(); ++i)
    if (nodes_[i] == node) return static_cast<u16>(i);
  nodes_.push_back(node);
  return static_cast<u16>(nodes_.size() - 1);
}

bool RuleParser::parse(const RuleSet::Row& row, Rule& rule) {
  rule_ = &rule;
  error_.clear();
  free_types_ = 0;
  rule.name = row.name;
  rule.text = row.pattern;
  rule.condition_text = row.condition;
  rule.result_text = row.result;
  rule.planted = row.planted;
  rule.line = row.line;
  return parse_pattern(rule.text) && parse_condition(rule.condition_text) && parse_result(rule.result_text);
}

bool RuleParser::parse_pattern(std::string_view text) {
  start(text);
  in_pattern_ = true;
  u16 root = 0;
  if (!expression(kUnknown, root)) return false;
  in_pattern_ = false;
  rule_->pattern = {first_, static_cast<u16>(nodes_.size() - first_)};
  if (!at_end()) return fail("more than one pattern");
  if (nodes_[root].kind != NodeKind::Op && nodes_[root].kind != NodeKind::Branch) return fail("no operation");
  if (rule_->pattern.count > kMaxRuleNodes) return fail("too many nodes");
  return true;
}

bool RuleParser::parse_condition(std::string_view text) {
  start(text);
  while (!at_end()) {
    const std::size_t before = at_;
    take('(');
    const std::string_view name = word();
    if (name == "truth" || name == "variable" || name == "once") {
      if (!fact(name)) return false;
      continue;
    }
    at_ = before;
    u16 root = 0;
    if (!expression(kUnknown, root)) return false;
    if (!nodes_[root].constant) return fail("a condition on what is not constant");
    nodes_[root].root = true;
  }
  rule_->condition = {first_, static_cast<u16>(nodes_.size() - first_)};
  if (rule_->condition.count > kMaxRuleNodes) return fail("too many nodes");
  return true;
}

/// What is said of a variable, or of the pattern.
bool RuleParser::fact(std::string_view name) {
  if (name == "once") {
    rule_->once = true;
    return true;
  }
  const std::string_view var = word();
  static constexpr std::string_view kNames = "xyzc";
  const std::size_t index = var.size() == 1 ? kNames.find(var[0]) : std::string_view::npos;
  if (index == std::string_view::npos || !take(')')) return fail("wants a variable");
  (name == "truth" ? rule_->truth : rule_->not_const) |= static_cast<u8>(1u << index);
  return true;
}

bool RuleParser::parse_result(std::string_view text) {
  start(text);
  const RuleNode root = nodes_[rule_->pattern.first + rule_->pattern.count - 1u];
  const bool branch = root.kind == NodeKind::Branch;
  const u32 wanted = branch ? 1 : ir::shape(root.op).result_count;
  for (u32 i = 0; i < wanted; ++i) {
    u16 id = 0;
    if (!expression(i == 1 ? static_cast<TypeRef>(Type::I8) : root.gives, id)) return false;
    const NodeKind kind = nodes_[id].kind;
    if (kind == NodeKind::Op && wanted == 1 && ir::shape(nodes_[id].op).result_count != 1) return fail("two results");
    if (branch != (kind == NodeKind::Branch || kind == NodeKind::BranchNot)) return fail("not a branch for a branch");
    rule_->result_roots[i] = id;
  }
  rule_->result_count = static_cast<u8>(wanted);
  rule_->result = {first_, static_cast<u16>(nodes_.size() - first_)};
  if (!at_end()) return fail("too many results");
  if (rule_->result.count > kMaxRuleNodes) return fail("too many nodes");
  return true;
}

bool RuleParser::expression(TypeRef expected, u16& out) {
  return take('(') ? operation(expected, out) : atom(expected, out);
}

/// Branches and constant functions, which are no rows of the operation table or are not used as such.
bool RuleParser::special(std::string_view name, TypeRef expected, RuleNode& node, bool& is_special) {
  static constexpr std::string_view kFunctions[] = {"magic_u", "shift_u", "wide_u", "magic_s", "shift_s"};
  is_special = true;
  if (name == "branch" || name == "branch_not") {
    node.kind = name == "branch" ? NodeKind::Branch : NodeKind::BranchNot;
    node.op = Opcode::Branch;
    node.gives = static_cast<TypeRef>(Type::I8);
    node.child_count = 1;
    return expression(kUnknown, node.children[0]);
  }
  for (u32 i = 0; i < std::size(kFunctions); ++i) {
    if (name != kFunctions[i]) continue;
    node.kind = NodeKind::Function;
    node.function = static_cast<ConstFunction>(i);
    node.gives = expected == kUnknown ? kTypeT : expected;
    node.child_count = 1;
    if (!expression(node.gives, node.children[0])) return false;
    node.constant = nodes_[node.children[0]].constant;
    return node.constant || fail("a function of what is not constant");
  }
  is_special = false;
  return true;
}

/// Behind the opening bracket.
bool RuleParser::operation(TypeRef expected, u16& out) {
  const std::string_view head = word();
  RuleNode node;
  bool is_special = false;
  if (!special(head, expected, node, is_special)) return false;
  if (!is_special) {
    node.kind = NodeKind::Op;
    if (!suffixes(head, expected, node) || !operands(node)) return false;
  }
  if (!take(')')) return fail("wants a closing bracket");
  if (expected != kUnknown && node.gives != expected) return fail("a value of another type is wanted");
  out = add(node);
  return true;
}

bool RuleParser::suffixes(std::string_view head, TypeRef expected, RuleNode& node) {
  const std::size_t dot = std::min(head.find('.'), head.size());
  if (!opcode_from_name(head.substr(0, dot), node.op)) return fail("unknown operation");
  const ir::OpShape& shape = ir::shape(node.op);
  if (shape.any_operands || shape.result_count == 0 || shape.form != Form::Plain || !shape.has_type())
    return fail("an operation that rules do not know");
  const bool gives_t = shape.results[0] == ir::Letter::T;
  node.type = gives_t && expected != kUnknown ? expected : kTypeT;
  if (shape.has_from()) node.from = kTypeS;
  std::string_view rest = dot < head.size() ? head.substr(dot + 1) : std::string_view();
  if (!rest.empty()) {
    const std::size_t second = std::min(rest.find('.'), rest.size());
    if (!type_of(rest.substr(0, second), node.type)) return false;
    if (second < rest.size() && (!shape.has_from() || !type_of(rest.substr(second + 1), node.from)))
      return fail("wrong suffix");
  }
  node.gives = gives_t ? node.type : static_cast<TypeRef>(Type::I8);
  return true;
}

bool RuleParser::operands(RuleNode& node) {
  const ir::OpShape& shape = ir::shape(node.op);
  node.child_count = shape.operand_count;
  node.constant = true;
  for (u32 i = 0; i < shape.operand_count; ++i) {
    TypeRef type = kUnknown;
    if (shape.operands[i] == ir::Letter::T) type = node.type;
    if (shape.operands[i] == ir::Letter::S) type = node.from;
    if (!expression(type, node.children[i])) return false;
    node.constant = node.constant && nodes_[node.children[i]].constant;
  }
  return true;
}

bool RuleParser::atom(TypeRef expected, u16& out) {
  const std::string_view whole = word();
  if (whole.empty()) return fail("wants an operand");
  const std::size_t colon = std::min(whole.find(':'), whole.size());
  const std::string_view name = whole.substr(0, colon);
  if (colon < whole.size() && !type_of(whole.substr(colon + 1), expected)) return false;
  RuleNode node;
  bool good = false;
  if (name[0] >= 'a' && name[0] <= 'z') good = variable(name, expected, node);
  else if (name[0] == 'C') good = constant(name, expected, node);
  else good = literal(name, expected, node);
  if (good) out = add(node);
  return good;
}

bool RuleParser::variable(std::string_view name, TypeRef expected, RuleNode& node) {
  static constexpr std::string_view kNames = "xyzc";
  const std::size_t index = name.size() == 1 ? kNames.find(name[0]) : std::string_view::npos;
  if (index == std::string_view::npos) return fail("unknown variable");
  TypeRef& type = rule_->var_types[index];
  if (type == 0) {
    if (!in_pattern_) return fail("a variable that the pattern does not have");
    if (expected == kUnknown) {
      if (kTypeFree + u32{free_types_} >= kTypeRefs) return fail("too many free types");
      expected = static_cast<TypeRef>(kTypeFree + free_types_++);
    }
    type = expected;
    rule_->var_count = std::max(rule_->var_count, static_cast<u8>(index + 1));
  }
  if (expected != kUnknown && expected != type) return fail("a variable of two types");
  node.kind = NodeKind::Var;
  node.index = static_cast<u8>(index);
  node.gives = type;
  return true;
}

bool RuleParser::constant(std::string_view name, TypeRef expected, RuleNode& node) {
  if (name.size() != 2 || name[1] < '1' || name[1] > '3') return fail("unknown constant");
  const u32 index = static_cast<u32>(name[1] - '1');
  TypeRef& type = rule_->const_types[index];
  if (type == 0) {
    if (!in_pattern_) return fail("a constant that the pattern does not have");
    if (expected == kUnknown) return fail("a constant without a type");
    type = expected;
    rule_->const_count = std::max(rule_->const_count, static_cast<u8>(index + 1));
  }
  if (expected != kUnknown && expected != type) return fail("a constant of two types");
  node.kind = NodeKind::Const;
  node.index = static_cast<u8>(index);
  node.gives = type;
  node.constant = true;
  return true;
}

bool RuleParser::literal(std::string_view text, TypeRef expected, RuleNode& node) {
  if (expected == kUnknown) return fail("a literal without a type");
  node.kind = NodeKind::Literal;
  node.gives = expected;
  node.constant = true;
  if (text == "W") node.literal = LiteralKind::Width;
  else if (text == "W-1") node.literal = LiteralKind::WidthLess1;
  else if (text == "MIN") node.literal = LiteralKind::Min;
  else if (text == "MAX") node.literal = LiteralKind::Max;
  else if (text == "MIN+1") node.literal = LiteralKind::AboveMin;
  else if (text == "MAX-1") node.literal = LiteralKind::BelowMax;
  else {
    const bool real = text.find('.') != std::string_view::npos;
    const Result<u64> bits = parse_literal(text, real ? Type::F64 : Type::I64);
    if (!bits.ok()) return fail("unknown literal");
    if (real) node.literal = LiteralKind::Float;
    node.bits = *bits;
  }
  return true;
}

} // namespace assay::opt
