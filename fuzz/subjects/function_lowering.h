// function_lowering.h - one function of AIR in the words of a peer. Internal to fuzz/subjects; see lowering.h.
//
// Blocks are taken in reverse postorder, so that what dominates comes first, and each value is known where it is used.
// Tested in fuzz/subjects/tests/peer_test.cpp.
#pragma once

#include "fuzz/export_c/names.h"
#include "fuzz/subjects/computing.h"
#include "fuzz/subjects/lowering.h"

namespace assay::fuzz::peers {

/// What the functions of a module share.
struct ModuleLowering {
  const Module& module;
  RunState& state;
  Emitter& e;
  CNames names; // for signatures with the same results
  CTraits traits;
  std::vector<Callee> callees; // by function: what a call calls
  std::vector<Callee> bodies;  // the same, or what the loop around tail calls calls

  u64 address(const u64& word) const { return reinterpret_cast<u64>(&word); }
  u64 self() const { return reinterpret_cast<u64>(&state); }
};

class FunctionLowering {
public:
  FunctionLowering(ModuleLowering& shared, FunctionId id)
      : m_(shared), e_(shared.e), c_(shared.e), module_(shared.module), id_(id), f_(module_.functions[id]) {}

  /// Unsupported: an operation that there is no way to say.
  Result<void> lower();

private:
  void order_blocks();
  void enter();
  bool inst(const Inst& inst);
  bool control(const Inst& inst);
  bool terminator(const Inst& inst);

  // -- small words
  Value value(const Inst& inst, u32 operand) const { return values_[f_.operand(inst, operand)]; }
  Type type_of(const Inst& inst, u32 operand) const { return f_.value_types[f_.operand(inst, operand)]; }
  void define(const Inst& inst, Value value, u32 index = 0) { values_[inst.first_result + index] = value; }
  Value load_word(const u64& word) { return e_.load(Type::I64, c_.word(m_.address(word))); }
  void store_word(const u64& word, Value value) { e_.store(Type::I64, c_.word(m_.address(word)), value); }
  Value place() { return c_.word(static_cast<u64>(block_) << 32 | at_); }
  /// What follows happens only where the flag, an i8, is zero.
  void trap_if(Value flag, TrapKind kind);
  void trap(TrapKind kind, FunctionId function, Value where);
  Label plain_label() { return e_.label({}); }
  void start(Label label) { e_.start(label, nothing_); }

  // -- operations with guards
  Value division(const Inst& inst);
  Value conversion(const Inst& inst);
  Value to_word(const Inst& inst, u32 operand);
  /// The address of `size` bytes of the linear memory, which are there.
  Value checked(Value address, u64 offset, u64 size);
  Value checked_range(Value address, Value length);
  bool memory(const Inst& inst);
  void access(const Inst& inst, bool linear);
  void burn(u64 fuel);

  // -- calls
  void mark_place();
  void leave();
  void give_nothing();
  /// What it calls: a function of the peer, or an address.
  struct Target {
    Callee callee = nullptr;
    Value address = nullptr;
    u32 first_arg = 0;
    SignatureId signature = 0;
  };
  Target target_of(const Inst& inst);
  /// The address of the table's entry, which suits.
  Value table_entry(const Inst& inst);
  std::vector<Value> call(const Inst& inst);
  void look_for_exception();
  void try_call(const Inst& inst);
  void clause(const Edge& edge);
  void tail_call(const Inst& inst);
  void throw_tag(const Inst& inst);
  void rethrow(const Inst& inst);

  // -- ends of blocks
  void go(const Edge& edge, std::span<const Value> leading = {});
  /// A label without parameters from which control comes to the edge's target; what it takes is said by `finish_ways`.
  Label way(const Edge& edge);
  void finish_ways();
  void switch_over(const Inst& inst);

  ModuleLowering& m_;
  Emitter& e_;
  Computing c_;
  const Module& module_;
  FunctionId id_;
  const Function& f_;
  std::vector<BlockId> order_;
  std::vector<Value> values_;
  std::vector<Label> labels_;
  std::vector<Variable> locals_;
  std::vector<Value> slots_;
  std::vector<std::pair<Label, const Edge*>> ways_;
  std::vector<Value> nothing_;
  bool has_frame_ = false;
  Value frame_ = nullptr, up_ = nullptr;
  BlockId block_ = 0;
  u32 at_ = 0;
};

} // namespace assay::fuzz::peers
