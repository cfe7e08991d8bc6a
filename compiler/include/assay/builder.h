// builder.h - makes a Function instruction by instruction.
//
// Blocks may be created in any order and targeted before they are filled; each is filled once, from
// `begin` to its terminator. The builder computes result types from opcodes.def; it does not verify.
// Every call is amortised O(1) plus the operands given. Tested in compiler/ir/tests/builder_test.cpp.
#pragma once

#include "assay/module.h"

#include <initializer_list>
#include <span>

namespace assay {

/// The target of a jump with its arguments, as the builder takes it.
struct EdgeTarget {
  BlockId block = kNone;
  std::span<const ValueId> args = {};
  EdgeKind kind = EdgeKind::Normal;
  u64 value = 0; // case literal or TagId
};

class FunctionBuilder {
public:
  /// Fills `module.functions[function]`, whose signature is set. The body must be empty.
  /// References into module.functions are not kept across calls: functions may be added meanwhile.
  FunctionBuilder(Module& module, FunctionId function);

  /// A new block with parameters of these types. The first block is the entry: pass the function's
  /// parameter types (or call `entry()`, which does).
  BlockId block(std::span<const Type> params = {});
  BlockId entry();
  /// Parameter `index` of a block.
  ValueId param(BlockId block, u32 index) const;
  /// Starts filling a block. The one before must have its terminator.
  void begin(BlockId block);

  SlotId slot(u32 size, u32 align = 8);
  LocalId local(Type type);

  /// The general form. Results are types given by the row, `ref` and `imm` by the operation's Form.
  /// Returns the first result (kNone when there is none); further results have the following ids.
  ValueId emit(Opcode op, Type type, Type from, std::span<const ValueId> operands, u32 ref = kNone, u64 imm = 0);
  ValueId emit(Opcode op, Type type, std::initializer_list<ValueId> operands) {
    return emit(op, type, Type::None, {operands.begin(), operands.size()});
  }
  /// A terminator with edges. For try_call forms the first target is ^ok.
  void end(Opcode op, Type type, std::span<const ValueId> operands, std::span<const EdgeTarget> targets,
           u32 ref = kNone, u64 imm = 0);

  // Short forms for what front ends write most.
  ValueId iconst(Type type, i64 value);
  ValueId fconst(Type type, double value);
  ValueId binary(Opcode op, Type type, ValueId a, ValueId b) { return emit(op, type, {a, b}); }
  ValueId unary(Opcode op, Type type, ValueId a) { return emit(op, type, {a}); }
  ValueId cast(Opcode op, Type to, Type from, ValueId a) { return emit(op, to, from, {&a, 1}); }
  ValueId load(Opcode op, Type type, ValueId address, u64 offset);
  void store(Opcode op, Type type, ValueId address, u64 offset, ValueId value);
  ValueId call(FunctionId callee, std::span<const ValueId> args);
  void jump(BlockId target, std::initializer_list<ValueId> args = {});
  void branch(ValueId condition, EdgeTarget if_true, EdgeTarget if_false);
  void ret(std::span<const ValueId> values);
  void ret(std::initializer_list<ValueId> values) { ret({values.begin(), values.size()}); }
  void trap(TrapKind kind);
  void fuel(u64 amount);

private:
  Function& fn() { return module_.functions[function_]; }
  const Function& fn() const { return module_.functions[function_]; }

  Module& module_;
  FunctionId function_;
  BlockId current_ = kNone;
};

} // namespace assay
