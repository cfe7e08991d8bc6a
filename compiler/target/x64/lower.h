// lower.h - AIR to LIR for x64: instruction selection by local rules (rules.def).
//
// Walks the reachable blocks in reverse postorder and each instruction once. Constants, slot and function
// addresses are made where they are used (as immediates if they fit), so none lives in a register between uses.
// A comparison used once, by the branch or select behind it, becomes part of that. Edges with arguments out of
// blocks with several successors, and critical edges, get a block of their own (the invariants of lir.h).
// AIR locals and slots are objects in the frame (LoweredFunction). Linear; storage reused.
// Tested in compiler/codegen/tests/lower_test.cpp and by every differential check.
#pragma once

#include "assay/compiler.h"
#include "compiler/codegen/call_conv.h"
#include "compiler/codegen/flow.h"
#include "compiler/codegen/lir_builder.h"
#include "compiler/codegen/vm_context.h"
#include "compiler/target/x64/call_conv.h"
#include "compiler/target/x64/lir_ops.h"

namespace assay::x64 {

/// A case of LIR's Switch: the value, zero above the operand's width, and the successor's number.
struct SwitchCase {
  u64 value = 0;
  u32 succ = 0;
};

/// What the emitter must know beside the LIR.
struct LoweredFunction {
  u32 zero_bytes = 0;     // frame objects [0, zero_bytes) are zero at entry: locals and slots
  u32 object_bytes = 0;   // all frame objects, a multiple of 16
  u32 incoming_bytes = 0; // stack arguments that this function pops
  std::vector<SwitchCase> cases;
};

class Lowering {
public:
  void begin(const Module& module, const CompileOptions& options);
  /// Overwrites both. Unsupported names an operation or a limit.
  Result<void> run(FunctionId function, codegen::LirFunction& out, LoweredFunction& info);
  const codegen::CallLayout& layout_of(SignatureId signature);

private:
  using VReg = codegen::VReg;
  using Operand = codegen::Operand;

  /// A condition on its way into a value, a branch or a select.
  struct Test {
    u32 kind = 0; // 0 test, 1 compare, 2 compare with immediate, 3 floats: the offset in Set*, Br*, Sel*
    u8 size = 4;
    u8 cond = 0;
    i64 imm = 0;
    Operand operands[2];
    u32 count = 0;
  };

  // Blocks and edges (lower.cpp).
  void layout_frame();
  void number_blocks();
  void entry();
  void block(BlockId id);
  void instruction(const Inst& inst, InstId id);
  void finish_block(const Inst& terminator);
  bool needs_split(const Inst& terminator, const Edge& edge) const;
  void pass_args(const Edge& edge);
  bool dead(const Inst& inst) const;
  bool fuses_forward(const Inst& inst, InstId id) const;

  // Values (lower.cpp).
  VReg reg(ValueId value);
  VReg rematerialise(const Inst& source);
  VReg float_constant(u64 bits, u32 size);
  VReg int_constant(i64 value, u32 size);
  VReg result(const Inst& inst, u32 index = 0);
  /// Integer or pointer constants, sign-extended from their width.
  bool int_const(ValueId value, i64& out) const;
  /// The same, if it can be an immediate of an instruction of that type.
  bool immediate(ValueId value, i64& out) const;
  /// Any constant's bits, if they survive being sign-extended from 32 bits.
  bool bits_imm32(ValueId value, u32& out) const;
  VReg extended(ValueId value, bool is_signed);
  Type type_of(ValueId value) const { return fn_->value_types[value]; }
  codegen::RegClass class_of(Type type) const {
    return is_float(type) ? codegen::RegClass::Float : codegen::RegClass::Int;
  }
  VReg new_int() { return b_.vreg(codegen::RegClass::Int); }
  VReg new_float() { return b_.vreg(codegen::RegClass::Float); }
  ValueId operand(const Inst& inst, u32 index) const { return fn_->operand(inst, index); }
  codegen::LirInst& add_op(Op op, u32 size, std::initializer_list<Operand> operands) {
    return b_.add(code_of(op), static_cast<u8>(size), operands);
  }
  void fail(std::string message);

  // Tests (lower_int.cpp).
  Test test_of(ValueId condition);
  Test compare_test(const Inst& compare);
  codegen::LirInst& add_test(Op first, const Test& test, std::span<const Operand> before,
                             std::span<const Operand> after);

  // Host calls (lower_call.cpp).
  void call_runtime(RuntimeFn fn, std::span<const VReg> args, VReg result);
  void store_stack_args(const codegen::CallLayout& layout, std::span<const ValueId> args);
  void fixed_args(const codegen::CallLayout& layout, std::span<const ValueId> args, VReg result_pointer);
  void any_call(const Inst& inst, const codegen::CallLayout& layout, std::span<const ValueId> args, VReg target);
  void any_tail_call(const Inst& inst, const codegen::CallLayout& layout, std::span<const ValueId> args, VReg target);
  VReg table_entry(const Inst& inst);

  // Memory (lower_memory.cpp).
  struct Access {
    u32 size = 0;
    u16 flags = 0;
  };
  Access access_of(const Inst& inst, u32 param) const;
  /// Whether the access can be inside; if so, fills in the address operand, aux and flags.
  bool linear_address(const Inst& inst, u32 size, Operand& address, u32& end, u16& flags);
  u32 slot_place(ValueId value, u64 offset, u32 size);

  // One function a shape of rules.def.
  // clang-format off
#define ASSAY_SHAPE(name) void name(const Inst& inst, Op op, u32 param);
  ASSAY_SHAPE(rematerialised) ASSAY_SHAPE(add) ASSAY_SHAPE(subtract) ASSAY_SHAPE(bitwise) ASSAY_SHAPE(multiply)
  ASSAY_SHAPE(multiply_high) ASSAY_SHAPE(divide) ASSAY_SHAPE(remainder) ASSAY_SHAPE(shift) ASSAY_SHAPE(rotate)
  ASSAY_SHAPE(min_max) ASSAY_SHAPE(leading_zeros) ASSAY_SHAPE(trailing_zeros) ASSAY_SHAPE(population)
  ASSAY_SHAPE(bit_reverse) ASSAY_SHAPE(byte_swap) ASSAY_SHAPE(overflow) ASSAY_SHAPE(overflow_mul) ASSAY_SHAPE(compare)
  ASSAY_SHAPE(select) ASSAY_SHAPE(extend) ASSAY_SHAPE(same_register)
  ASSAY_SHAPE(float_binary) ASSAY_SHAPE(float_unary) ASSAY_SHAPE(float_fma) ASSAY_SHAPE(float_min_max)
  ASSAY_SHAPE(float_in_place) ASSAY_SHAPE(float_copysign) ASSAY_SHAPE(float_round) ASSAY_SHAPE(float_to_int)
  ASSAY_SHAPE(float_sat) ASSAY_SHAPE(int_to_float) ASSAY_SHAPE(bitcast)
  ASSAY_SHAPE(linear_load) ASSAY_SHAPE(linear_store) ASSAY_SHAPE(memory_size) ASSAY_SHAPE(memory_grow)
  ASSAY_SHAPE(memory_bulk) ASSAY_SHAPE(pointer_load) ASSAY_SHAPE(pointer_store) ASSAY_SHAPE(local_get)
  ASSAY_SHAPE(local_set) ASSAY_SHAPE(global_get) ASSAY_SHAPE(global_set)
  ASSAY_SHAPE(call) ASSAY_SHAPE(call_indirect) ASSAY_SHAPE(call_pointer) ASSAY_SHAPE(jump) ASSAY_SHAPE(branch)
  ASSAY_SHAPE(switch_) ASSAY_SHAPE(return_) ASSAY_SHAPE(trap) ASSAY_SHAPE(tail_call) ASSAY_SHAPE(tail_call_indirect)
  ASSAY_SHAPE(fuel) ASSAY_SHAPE(unsupported)
#undef ASSAY_SHAPE
      // clang-format on

      // The module.
      const Module* module_ = nullptr;
  CompileOptions options_;
  const X64Conv* conv_ = nullptr;
  const X64Conv* host_ = nullptr;
  std::vector<codegen::CallLayout> layouts_; // [SignatureId]
  std::vector<u8> layout_known_;             // [SignatureId]

  // The function.
  FunctionId function_ = kNone;
  const Function* fn_ = nullptr;
  LoweredFunction* info_ = nullptr;
  codegen::LirBuilder b_;
  codegen::Flow flow_;
  std::vector<VReg> vregs_;       // [ValueId]; kNone: not computed, or made at each use
  std::vector<u32> lir_block_;    // [BlockId]
  std::vector<u32> slot_offset_;  // [SlotId]: frame object offset
  std::vector<Operand> operands_; // of the call being built
  std::vector<u32> split_edges_;  // of the terminator being finished: indices in Function::edges
  u32 slots_start_ = 0;           // frame object offset of the first slot; locals come before
  VReg result_pointer_ = kNone;
  ValueId fused_ = kNone; // the comparison that its user will make itself
  bool failed_ = false;
  std::string failure_;
};

} // namespace assay::x64
