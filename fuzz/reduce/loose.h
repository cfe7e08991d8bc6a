// loose.h - a function taken apart, so that reduction may remove anything of it in any order.
//
// A Function is dense arrays: to delete in them means to shift and renumber. Here blocks and instructions own their
// operands; a value that is replaced stays in use until `write`, which follows replacements, numbers values and blocks
// anew and drops what nothing refers to. `write` need not leave a valid function: who edits asks the verifier.
// Linear. Tested in fuzz/reduce/tests/loose_test.cpp.
#pragma once

#include "assay/module.h"

#include <vector>

namespace assay::fuzz {

struct LooseEdge {
  BlockId target = kNone;
  std::vector<ValueId> args;
  EdgeKind kind = EdgeKind::Normal;
  u64 value = 0;
};

struct LooseInst {
  Opcode op = Opcode::Trap;
  Type type = Type::None, from = Type::None;
  u32 ref = kNone;
  u64 imm = 0;
  std::vector<ValueId> operands, results;
  std::vector<LooseEdge> edges;
};

struct LooseBlock {
  std::vector<ValueId> params;
  std::vector<LooseInst> insts;
};

class LooseFunction {
public:
  LooseFunction(const Module& module, FunctionId function);

  std::vector<LooseBlock> blocks; // a block is removed by leaving no way to it
  std::vector<Slot> slots;
  std::vector<Type> locals;

  Type type(ValueId value) const { return types_[value]; }
  void set_type(ValueId value, Type type) { types_[value] = type; }
  ValueId new_value(Type type);
  /// The constant zero of the type, defined at the start of the entry block.
  ValueId zero(Type type);
  /// Every use of `value` becomes one of `by`, in the end.
  void replace(ValueId value, ValueId by) { now_[value] = by; }
  /// What the value is now.
  ValueId now(ValueId value) const;
  /// The block's last instruction becomes `return` of zeros, what was behind `keep` goes.
  void end_with_return(u32 block, std::size_t keep, std::span<const Type> results);
  /// The instruction that defines the value; null for a parameter, and for what is gone.
  const LooseInst* definition(ValueId value) const;

  /// Blocks that the entry does not reach go, with the arguments and edges from them.
  void drop_unreachable();
  /// Instructions without effect whose results nothing uses.
  void drop_dead();
  /// Slots and locals that nothing refers to.
  void drop_unused_slots();

  /// Puts the body in place of the function's.
  void write(Module& module, FunctionId function) const;

private:
  std::vector<Type> types_;    // [ValueId]
  std::vector<ValueId> now_;   // [ValueId] what replaces it; itself
  std::vector<ValueId> zeros_; // constants to be put at the start, zero of types_
};

} // namespace assay::fuzz
