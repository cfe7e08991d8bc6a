// verifier.h - the state of one verification. verify.cpp checks the module, verify_function.cpp bodies,
// verify_simple.cpp the common instructions fast, verify_edges.cpp the ways out of a block. Internal to compiler/ir.
//
// Every check is a bool function that returns false when it has recorded the error. Nothing may be assumed of the
// module: each index is checked before it is used, so that any Module in memory can be judged.
#pragma once

#include "assay/verify.h"
#include "compiler/ir/dominators.h"
#include "compiler/ir/name_map.h"
#include "compiler/ir/op_shape.h"

#include <span>
#include <string>
#include <vector>

namespace assay::ir {

/// Kept between verifications for its storage.
struct VerifierScratch {
  /// An operand whose definition was not met before it in its own block.
  struct Use {
    ValueId value;
    BlockId block;
    InstId inst;
  };
  std::vector<BlockId> def_block; // [ValueId]: kNone until its definition was met
  std::vector<Use> uses;          // the first `use_count` of them are in use
  u32 use_count = 0;
  std::vector<u64> numbers; // case literals and tags, to find one twice
  std::vector<std::pair<u32, u32>> ranges;
  std::vector<u32> signature_table;
  NameMap names;
  Dominators dominators;
};

inline bool valid_type(Type type) { return static_cast<u32>(type) >= 1 && static_cast<u32>(type) < kTypeCount; }
/// Whether [first, first + count) lies in [0, size).
inline bool inside(u64 first, u64 count, u64 size) { return first <= size && count <= size - first; }
inline std::string number(u64 value) { return std::to_string(value); }

class Verifier {
public:
  Verifier(const Module& module, VerifierScratch& scratch) : m_(module), s_(scratch) {}
  bool run();
  /// Whether `body` would be a valid body of the function, which is part of a valid module.
  bool body(FunctionId id, const Function& body);
  Error error(std::string_view file, const SourceMap* map) const;

private:
  // verify.cpp
  bool memory();
  bool signatures();
  bool signature_types(const Signature& s, u32 id);
  bool distinct_signatures();
  bool globals();
  bool tags();
  bool name(const std::string& name, const char* what);
  bool function_headers();
  bool table();

  // verify_function.cpp
  bool function(FunctionId id) { return body(id, m_.functions[id]); }
  bool arrays();
  bool slots();
  bool locals();
  bool block_params(BlockId id);
  bool entry();
  bool no_shared_insts();
  bool block(BlockId id);
  bool inst(const Inst& inst, bool last);
  bool suffixes(const Inst& inst, const OpShape& row);
  bool operands(const Inst& inst, const OpShape& row);
  bool star_operands(const Inst& inst, u32 first, std::span<const Type> types, const char* of);
  bool form(const Inst& inst, const OpShape& row);
  bool results(const Inst& inst, const OpShape& row);
  bool define(const Inst& inst, u32 index, Type type);
  bool callee(const Inst& inst, const OpShape& row);
  bool same_results(std::span<const Type> callee);
  bool needs_memory(const Inst& inst, const OpShape& row);
  bool operand_type(const Inst& inst, u32 index, TypeMask allowed);
  bool dominance();

  // verify_simple.cpp
  InstId accept_simple(InstId first, InstId last);

  // verify_edges.cpp
  bool edges(const Inst& inst, const OpShape& row);
  bool edge_range(const Edge& edge);
  bool edge(const Edge& edge, std::span<const Type> implicit);
  bool edge_arg(const Edge& edge, u32 index, u32 implicit, Type expected);
  bool plain_edges(const Inst& inst, u32 count);
  bool switch_edges(const Inst& inst);
  bool try_edges(const Inst& inst);
  bool clause(const Edge& edge, bool last);
  bool distinct_numbers();

  void use(ValueId value) {
    if (s_.def_block[value] == block_) return;
    reserve_uses();
    s_.uses[s_.use_count++] = {value, block_, inst_};
  }
  /// Room for the operands of a simple row.
  void reserve_uses() {
    if (s_.use_count + 3 > s_.uses.size()) s_.uses.resize(s_.uses.size() * 2 + 64);
  }
  std::span<const Type> params_of(SignatureId id) const { return m_.params(m_.signatures[id]); }
  std::span<const Type> results_of(SignatureId id) const { return m_.results(m_.signatures[id]); }

  /// Records the message, about the present function, block and instruction. Always false.
  bool fail(std::string message);
  bool fail_value(const char* expected, ValueId value);
  std::string type_names(TypeMask mask) const;
  std::string operation(const Inst& inst) const;

  const Module& m_;
  VerifierScratch& s_;
  const Function* f_ = nullptr;
  FunctionId function_ = kNone;
  BlockId block_ = kNone;
  InstId inst_ = kNone;
  std::span<const Type> call_results_; // of the call being checked
  std::string message_;
};

} // namespace assay::ir
