// emitter.h - the body of a function as AIR with locals.
//
// `let` and parameters are AIR values, `var` an AIR local or, of an array, a stack slot. Statements are checked and
// emitted in one walk. After a complaint emission goes on with made-up values: the module is thrown away then.
// Inside `try` each call is a try_call with the clauses of all tries around it, innermost first, up to one for
// everything; `throw` and `rethrow` there are calls of a function that does it, because AIR's leave the function.
// Code that cannot be reached goes to blocks that nothing leads to. Tested with the programs
// corpus/run/ore_*.ore and corpus/real/*.ore.
#pragma once

#include "assay/builder.h"
#include "compiler/lang/checker.h"

#include <map>
#include <optional>

namespace assay::lang {

/// Functions that throw for others, which are asked for while bodies are emitted, and filled afterwards.
class Throwers {
public:
  explicit Throwers(Module& module) : module_(module) {}
  FunctionId of_tag(TagId tag);
  FunctionId of_rethrow();
  void fill();

private:
  FunctionId add(std::string name, SignatureId signature);

  Module& module_;
  std::map<TagId, FunctionId> by_tag_;
  FunctionId rethrow_ = kNone;
};

class FunctionEmitter {
public:
  FunctionEmitter(Program& program, Throwers& throwers, const FunctionItem& item, u32 symbol);
  void run();

private:
  struct Loop {
    BlockId next, done;
    bool left; // by a `break` that can be reached
  };
  /// Where exceptions go inside a try. tag kNone: every one.
  struct Handler {
    TagId tag;
    BlockId block;
  };
  /// A place that can be assigned to; what of it is computed, once.
  struct Place {
    SymbolKind kind = SymbolKind::Let; // Let: none
    OreType type;
    u32 index = kNone;       // local or global
    ValueId address = kNone; // of an element
    u64 offset = 0;
    bool native = false; // of an array on the stack
  };

  // emit_function.cpp
  void declare_params();
  void begin(BlockId block, bool live);
  void start_if_ended();
  void jump_to(BlockId block);
  ValueId zero(OreType type);
  void fuel();

  // emit_statement.cpp
  void block(StmtId id);
  void statement(StmtId id);
  void let(const Stmt& stmt);
  void var(const Stmt& stmt);
  void var_array(const Stmt& stmt, OreType type);
  void clear(SlotId slot, u32 bytes);
  void assign(const Stmt& stmt);
  void if_statement(const Stmt& stmt);
  void while_statement(const Stmt& stmt);
  void for_statement(const Stmt& stmt);
  void return_statement(const Stmt& stmt);
  void throw_statement(const Stmt& stmt);
  void rethrow_statement(const Stmt& stmt);
  void try_statement(const Stmt& stmt);
  void handler_body(const Clause& clause, BlockId at, TagId tag);
  void trap_statement(const Stmt& stmt);
  TagId clause_tag(const Clause& clause);
  void leave_loop(const Stmt& stmt);

  // emit_expression.cpp
  ValueId value(ExprId id, OreType want);
  ValueId numbered(u64 bits, Kind kind, u32 at);
  ValueId unary(const Expr& expr, OreType type);
  ValueId binary(const Expr& expr, OreType type);
  ValueId arithmetic(Tok op, Kind kind, ValueId a, ValueId b, u32 at);
  ValueId compare(const Expr& expr);
  ValueId shift_count(ExprId id, Kind kind);
  ValueId choose(const Expr& expr, OreType type);
  ValueId cast(const Expr& expr);
  ValueId convert(ValueId from_value, Kind from, Kind to);
  ValueId named(const Expr& expr);
  ValueId index_of(ExprId id);
  void condition(ExprId id, BlockId yes, BlockId no);
  bool place(ExprId id, Place& out);
  bool element(const Expr& expr, Place& out);
  ValueId read(const Place& place);
  void write(const Place& place, ValueId written);
  OreType settled(ExprId id, OreType want) const;

  // emit_call.cpp
  ValueId call(ExprId id, OreType want);
  ValueId emit_call(Opcode op, u32 ref, std::span<const ValueId> operands, OreType result);
  ValueId builtin(const Builtin& row, const Expr& expr, OreType want);
  ValueId special(Special what, const Expr& expr, OreType want);

  Program& program_;
  Ast& ast_;
  Throwers& throwers_;
  Checker checker_;
  const FunctionItem item_;
  const u32 symbol_;
  const FunctionId function_;
  FunctionBuilder builder_;
  OreType result_;
  bool open_ = false, live_ = false; // a block is being filled; it can be reached
  std::vector<Loop> loops_;
  std::vector<std::vector<Handler>> tries_;
  std::vector<ValueId> caught_; // exceptions that `rethrow` may mean, innermost last
};

} // namespace assay::lang
