// rule_parser.h - reads the text of a rule (simplify_rules.def says how it is written) into nodes.
//
// Linear in the text but for the search for equal subexpressions, which is quadratic in the few nodes of a rule. Errors
// are sentences; after the first one nothing of the rule counts. Tested in compiler/opt/tests/rules_test.cpp.
#pragma once

#include "compiler/opt/rules.h"

namespace assay::opt {

class RuleParser {
public:
  /// Appends to `nodes`.
  explicit RuleParser(std::vector<RuleNode>& nodes) : nodes_(nodes) {}
  /// False: see error().
  bool parse(const RuleSet::Row& row, Rule& rule);
  const std::string& error() const { return error_; }

private:
  static constexpr TypeRef kUnknown = 255;

  bool fail(std::string_view what);
  void start(std::string_view text);
  bool at_end();
  bool take(char c);
  std::string_view word();
  bool type_of(std::string_view word, TypeRef& out);

  bool parse_pattern(std::string_view text);
  bool parse_condition(std::string_view text);
  bool parse_result(std::string_view text);
  bool fact(std::string_view name);
  bool expression(TypeRef expected, u16& out);
  bool operation(TypeRef expected, u16& out);
  bool suffixes(std::string_view head, TypeRef expected, RuleNode& node);
  bool operands(RuleNode& node);
  bool special(std::string_view name, TypeRef expected, RuleNode& node, bool& is_special);
  bool atom(TypeRef expected, u16& out);
  bool variable(std::string_view name, TypeRef expected, RuleNode& node);
  bool constant(std::string_view name, TypeRef expected, RuleNode& node);
  bool literal(std::string_view text, TypeRef expected, RuleNode& node);
  u16 add(const RuleNode& node);

  std::vector<RuleNode>& nodes_;
  Rule* rule_ = nullptr;
  bool in_pattern_ = false;
  u16 first_ = 0; // node of the expression
  u8 free_types_ = 0;
  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

} // namespace assay::opt
