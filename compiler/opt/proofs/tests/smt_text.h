// smt_text.h - a rule of simplification as a question to an SMT solver: are there operands for which it is wrong?
//
// SMT-LIB 2 over bit vectors and IEEE floats, written from the same parsed table that the pass matches with, and from
// docs/air.md; it shares nothing with fold(). A NaN from arithmetic is the one NaN of the float theory, whose payload
// nobody sees; bit operations, and values as they come, are bit vectors. Used by simplify_smt_test.cpp.
#pragma once

#include "compiler/opt/tests/rule_semantics.h"

#include <string>

namespace assay::opt::testing {

/// How a value is written: its bits, or a float whose NaN is free, or one whose NaN is canonical.
enum class SmtForm : u8 { Bits, Free, Canonical };

class SmtQuestion {
public:
  /// With `constants` the rule's first constant is the one there, else any that satisfies the condition, as the others.
  SmtQuestion(const RuleSet& set, const Rule& rule, const Types& types, const Input* constants)
      : set_(set), rule_(rule), types_(types), constants_(constants) {}

  /// Declarations and assertions: satisfiable just when the rule is wrong. Empty: what the rule mixes cannot be said
  /// (`error` tells why).
  std::string text();
  const std::string& error() const { return error_; }

private:
  struct Term {
    std::string name;
    SmtForm form = SmtForm::Bits;
  };

  std::string declarations() const;
  bool side(RuleExpr expr, char prefix, std::vector<Term>& terms, std::string& trapped);
  bool node(const RuleNode& node, RuleExpr expr, const std::vector<Term>& terms, Term& out, std::string& trap);
  std::string integer(const RuleNode& node, const std::vector<std::string>& a) const;
  std::string wide(const RuleNode& node, const std::vector<std::string>& a, u32 result) const;
  std::string shift(const RuleNode& node, const std::vector<std::string>& a) const;
  std::string bits(Opcode op, const std::string& a, u32 width) const;
  std::string comparison(const RuleNode& node, const std::vector<std::string>& a) const;
  std::string cast(const RuleNode& node, const std::string& a) const;
  std::string float_bits(const RuleNode& node, const std::vector<std::string>& a) const;
  std::string arithmetic(const RuleNode& node, const std::vector<std::string>& a) const;
  std::string overflow_flag(const RuleNode& root, const std::vector<Term>& terms) const;
  bool compare(const std::vector<Term>& left, const std::vector<Term>& right, std::string& differs);

  const RuleSet& set_;
  const Rule& rule_;
  const Types& types_;
  const Input* constants_;
  std::string body_, error_;
};

} // namespace assay::opt::testing
