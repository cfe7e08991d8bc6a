// program.h - what the names of an Ore program stand for, the layout of its linear memory, and its constants.
//
// Declares every item before any body is looked at, so that order does not matter. Linear memory: the first kFirstByte
// bytes stay unused, so that no array lies at 0; then arrays and texts, each aligned to 16; the rest is the program's.
// Tested in compiler/lang/tests/errors_test.cpp.
#pragma once

#include "assay/ore.h"
#include "compiler/lang/ast.h"

#include <unordered_map>

namespace assay::lang {

inline constexpr u64 kFirstByte = 16;
inline constexpr u32 kMaxLocalArray = 65536; // bytes

enum class SymbolKind : u8 { Function, Exception, Constant, Global, GlobalArray, Let, Local, LocalArray };

struct Symbol {
  SymbolKind kind = SymbolKind::Let;
  OreType type;
  u32 index = kNone; // FunctionId, TagId, GlobalId, ValueId, LocalId, SlotId; of a Constant: in Ast::globals
  u64 bits = 0;      // of a Constant: its value; of a GlobalArray: its address
  u32 at = 0;        // where it was declared
};

struct FunctionType {
  std::vector<OreType> params;
  OreType result{Kind::Void};
  SignatureId signature = kNone;
};

struct Constant {
  OreType type; // Error: it was none, and that is reported
  u64 bits = 0; // in the width of the type; an untyped integer is a 64-bit one, an untyped float an f64
};

/// The AIR type of a value: bool and u8 are i8, an address is an i64, a function pointer a table index (i32).
Type air_type(Kind kind);
/// "i32", "[]u8", "[f64; 10]", "fn".
std::string name_of(OreType type);

class Program {
public:
  Program(Diagnostics& errors, Ast& tree, Module& out, const OreOptions& chosen)
      : diagnostics(errors), ast(tree), module(out), options(chosen) {}

  /// Items, constants, memory.
  void declare();
  /// What is laid out last: the memory's size, the function table.
  void finish();

  OreType resolve(TypeId id);
  /// The value of a constant expression; untyped numbers become `want` if that is a number.
  Constant constant(ExprId id, Kind want = Kind::Void);
  /// `value` as one of kind `want`, if an untyped one may become that.
  bool adapt(Constant& value, Kind want) const;

  /// The visible symbol of that name, or kNone.
  u32 find(std::string_view name) const;
  /// Declares in the innermost scope; complains of a name taken there.
  u32 declare(std::string_view name, Symbol symbol);
  void open_scope() { scopes_.push_back(undo_.size()); }
  void close_scope();

  u32 function_type(std::vector<OreType> params, OreType result);
  /// Its place in the function table, made on first use.
  u32 table_index(FunctionId function);
  /// Where bytes that never change begin in linear memory; equal ones once.
  u64 text_address(const std::string& bytes);

  Diagnostics& diagnostics;
  Ast& ast;
  Module& module;
  const OreOptions options;
  std::vector<Symbol> symbols;
  std::vector<FunctionType> function_types;
  std::vector<u32> function_symbols; // [index in Ast::functions]

  /// The variable that says where the program's own part of memory begins, which is known last.
  GlobalId heap_global();

private:
  struct Undo {
    std::string_view name;
    u32 before;
  };

  void declare_function(const FunctionItem& item);
  void declare_global(u32 index);
  void declare_array(const GlobalItem& item, OreType type);
  void declare_variable(const GlobalItem& item, OreType type);
  void declare_exception(const ExceptionItem& item);
  void initialise(const GlobalItem& item, OreType type, u64 address);
  void resolve_constant(u32 symbol);
  Constant named(const Expr& expr);
  Constant unary(const Expr& expr, Kind want);
  Constant binary(const Expr& expr, Kind want);
  Constant logical(const Expr& expr);
  Constant conditional(const Expr& expr, Kind want);
  bool unify(const Expr& expr, Constant& a, Constant& b);
  OreType declared_type(const GlobalItem& item);
  Constant cast(const Expr& expr);
  Constant refuse(const Expr& expr, std::string message = "expected a constant");
  u64 allocate(u64 bytes, u32 at);

  std::unordered_map<std::string_view, u32> visible_;
  std::vector<Undo> undo_;
  std::vector<std::size_t> scopes_;
  std::unordered_map<std::string, u64> texts_;
  std::vector<u32> table_indices_; // [FunctionId]
  std::vector<u8> resolving_;      // [index in Ast::globals], of constants: 0 not yet, 1 now, 2 done
  GlobalId heap_global_ = kNone;
  u32 constant_depth_ = 0; // constants whose values are being found
  u64 next_byte_ = kFirstByte;
};

} // namespace assay::lang
