// parser.h - Ore's tokens as a tree. Recursive descent; binary operators by a table of precedence.
//
// After an error it goes on at the next statement or item, so that several are reported. Linear.
// Tested in compiler/lang/tests/errors_test.cpp, and with the programs corpus/run/ore_*.ore.
#pragma once

#include "compiler/lang/ast.h"

namespace assay::lang {

class Parser {
public:
  Parser(Diagnostics& diagnostics, Ast& ast) : diagnostics_(diagnostics), ast_(ast), tokens_(lex(diagnostics)) {}

  void program();
  /// The whole text is one expression: the body of `export fn main()`, of its type.
  void lone_expression();

private:
  class Depth; // counts nesting, and refuses too much

  // parser.cpp: items, types, statements
  void item();
  void function(bool exported, bool imported);
  void param(bool may_lack_name, std::vector<u32>& out);
  void global(bool constant);
  void exception();
  void memory();
  TypeId type();
  TypeId function_type();
  List types_until(Tok close);
  StmtId block();
  StmtId statement();
  StmtId simple_statement();
  StmtId declaration(StmtKind kind);
  StmtId if_statement();
  StmtId for_statement();
  StmtId try_statement();
  StmtId throw_statement();
  StmtId trap_statement();
  u32 clause();

  // parser_expr.cpp
  ExprId expression();
  ExprId binary(u32 least);
  ExprId unary();
  ExprId postfix();
  ExprId primary();
  ExprId number();
  ExprId list_value();
  List arguments(Tok close);
  ExprId add(Expr expr);

  // tokens
  const Token& now() const { return tokens_[next_]; }
  bool at(Tok kind) const { return now().kind == kind; }
  bool accept(Tok kind);
  bool expect(Tok kind);
  Name name();
  u32 fail(std::string_view expected); // reports once a place; kNone
  void skip_to_statement();
  void skip_to_item();

  StmtId add(Stmt stmt) {
    ast_.stmts.push_back(stmt);
    return static_cast<StmtId>(ast_.stmts.size() - 1);
  }
  List keep(const std::vector<u32>& items);

  Diagnostics& diagnostics_;
  Ast& ast_;
  std::vector<Token> tokens_;
  u32 next_ = 0, depth_ = 0;
  u32 failed_at_ = kNone; // offset of the last complaint
};

/// Counts one level while it lives.
class Parser::Depth {
public:
  explicit Depth(Parser& parser) : parser_(parser) { ++parser_.depth_; }
  ~Depth() { --parser_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
  bool too_deep() const { return parser_.depth_ > kMaxDepth; }

private:
  Parser& parser_;
};

} // namespace assay::lang
