// checker.h - the types of expressions, where names are looked up.
//
// Each expression is visited once, from its leaves; Expr::type and Expr::symbol are left behind for emission. Numbers
// without a type stay untyped until emission, which knows what is wanted. After a complaint an expression has the type
// Error, about which nobody complains again. Tested in compiler/lang/tests/errors_test.cpp.
#pragma once

#include "assay/opcodes.h"
#include "compiler/lang/program.h"

namespace assay::lang {

/// A row of builtins.def.
struct Builtin {
  enum class Classes : u8 { Ints, Words, Floats, Numbers };
  enum class Gives : u8 { Same, Bool };
  std::string_view name;
  u32 operands;
  Classes classes;
  Opcode for_signed, for_unsigned, for_float; // Trap: none
  Gives result;
};

/// Builtins that are more than one operation, or of several types.
enum class Special : u8 { None, Len, Bits, FromBits, Select, MemorySize, MemoryGrow, Fill, Copy, Heap, SatI32, SatI64 };

/// What a call's callee is, when it is a name that no declaration hides.
const Builtin* find_builtin(std::string_view name);
Special find_special(std::string_view name);

/// The type that a number has when nothing else is said: i32, or i64 if it needs that; f64.
Kind default_kind(const Ast& ast, ExprId id);

class Checker {
public:
  explicit Checker(Program& program) : program_(program), ast_(program.ast) {}

  /// Finds the type.
  OreType check(ExprId id);
  /// The same, and complains unless it may be had as a `want`.
  bool check_as(ExprId id, OreType want);
  /// Whether a checked expression may be had as a `want`: it is one, an untyped number, an array as a view.
  bool converts(ExprId id, OreType want) const;
  /// The type that two checked operands have in common; complains, and gives Error, when there is none.
  OreType common(ExprId a, ExprId b, u32 at);
  OreType error(u32 at, std::string message);
  std::string found(ExprId id) const { return name_of(ast_.exprs[id].type); }

private:
  OreType find(ExprId id);
  OreType name(ExprId id);
  OreType unary(const Expr& expr);
  OreType binary(const Expr& expr);
  OreType shift(const Expr& expr);
  OreType conditional(const Expr& expr);
  OreType cast(const Expr& expr);
  OreType index(const Expr& expr);
  OreType address_of(const Expr& expr);
  OreType call(ExprId id);
  OreType builtin(const Builtin& row, const Expr& expr);
  OreType special(Special what, const Expr& expr);
  bool count(const Expr& expr, u32 wanted);

  Program& program_;
  Ast& ast_;
};

} // namespace assay::lang
