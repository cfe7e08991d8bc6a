// ast.h - an Ore program as the parser leaves it: arrays of nodes that name each other by index.
//
// Names are views of the source text. Lists (arguments, statements, clauses) are runs of `Ast::lists`. The parser
// bounds how deep nodes nest (kMaxDepth), so that later stages may recurse. Tested through compiler/lang/tests/.
#pragma once

#include "compiler/lang/lexer.h"

#include <span>

namespace assay::lang {

using ExprId = u32;
using StmtId = u32;
using TypeId = u32; // of a type as written

inline constexpr u32 kMaxDepth = 500;

/// What an expression is of. Numbers without a type of their own (Untyped) take that of their surroundings.
enum class Kind : u8 { Error, Void, UntypedInt, UntypedFloat, Bool, U8, I32, I64, F32, F64, View, Array, Function };

/// A type. View: elements from an address in linear memory on. Array: so many elements.
struct OreType {
  Kind kind = Kind::Error;
  Kind elem = Kind::Void; // of View and Array
  u32 index = 0;          // Array: its length; Function: which of Program::function_types
  friend bool operator==(const OreType&, const OreType&) = default;
};

constexpr bool is_untyped(Kind kind) { return kind == Kind::UntypedInt || kind == Kind::UntypedFloat; }
constexpr bool is_integer(Kind kind) { return kind == Kind::U8 || kind == Kind::I32 || kind == Kind::I64; }
constexpr bool is_floating(Kind kind) { return kind == Kind::F32 || kind == Kind::F64; }

/// A list: `count` entries of Ast::lists from `first` on.
struct List {
  u32 first = 0, count = 0;
};

struct TypeNode {
  u32 at = 0;
  Kind kind = Kind::Error; // a scalar, View, Array or Function
  Kind elem = Kind::Void;
  ExprId length = kNone; // of an Array
  List params;           // TypeIds, of a Function
  TypeId result = kNone; // of a Function; kNone: no result
};

enum class ExprKind : u8 {
  Int,         // bits
  Float,       // text is the literal
  Bool,        // bits
  Text,        // index in Ast::texts
  Name,        // text
  Unary,       // op a
  Binary,      // a op b
  Logical,     // a && b, a || b
  Conditional, // a ? b : c
  Cast,        // a as type
  Index,       // a [ b ]
  AddressOf,   // & a[b], & name of a function
  Call,        // a ( list )
  List,        // [ list ], an initial value
};

struct Expr {
  ExprKind kind = ExprKind::Int;
  Tok op = Tok::End;
  u16 height = 1;
  u32 at = 0;
  ExprId a = kNone, b = kNone, c = kNone;
  List list;
  u64 bits = 0;
  std::string_view text;
  TypeId type_node = kNone;
  // Filled when it is checked:
  OreType type;
  u32 symbol = kNone; // of a Name
};

enum class StmtKind : u8 {
  Let,      // text, type, a
  Var,      // text, type, a (or kNone)
  Assign,   // a op= b
  Call,     // a
  Block,    // list of statements
  If,       // list of pairs: condition, block; then `other`
  While,    // a, body
  For,      // text, a .. b, body
  Break,    //
  Continue, //
  Return,   // a or kNone
  Throw,    // text, list of arguments
  Rethrow,  //
  Try,      // body, list of indices in Ast::clauses
  Trap,     // text, the trap's name
};

struct Stmt {
  StmtKind kind = StmtKind::Block;
  Tok op = Tok::Set;
  u32 at = 0;
  std::string_view text;
  TypeId type = kNone;
  ExprId a = kNone, b = kNone;
  StmtId body = kNone, other = kNone;
  List list;
};

/// catch text(names) body; catch body.
struct Clause {
  u32 at = 0;
  std::string_view text; // empty: of everything
  List names;            // indices in Ast::names
  StmtId body = kNone;
};

struct Name {
  std::string_view text;
  u32 at = 0;
};

struct Param {
  Name name; // empty in an `extern`, where it need not be written
  TypeId type = kNone;
};

struct FunctionItem {
  Name name;
  List params; // indices in Ast::params
  TypeId result = kNone;
  StmtId body = kNone;
  bool exported = false, imported = false, infer_result = false;
};

/// `var` or `const` outside functions.
struct GlobalItem {
  Name name;
  TypeId type = kNone;
  ExprId value = kNone;
  bool constant = false;
};

struct ExceptionItem {
  Name name;
  List params; // TypeIds
};

struct Ast {
  std::vector<TypeNode> types;
  std::vector<Expr> exprs;
  std::vector<Stmt> stmts;
  std::vector<Clause> clauses;
  std::vector<Name> names;
  std::vector<Param> params;
  std::vector<std::string> texts;
  std::vector<u32> lists;
  std::vector<FunctionItem> functions;
  std::vector<GlobalItem> globals;
  std::vector<ExceptionItem> exceptions;
  ExprId memory = kNone; // bytes
  u32 memory_at = 0;

  std::span<const u32> items(List list) const { return {lists.data() + list.first, list.count}; }
};

} // namespace assay::lang
