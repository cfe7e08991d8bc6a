// lower.h - AIR to LIR for x64: instruction selection by local rules (rules.def), on codegen/lowering.h.
//
// Here: integers, floats, comparisons. What is the same for every target is LoweringBase's.
// Linear; storage reused. Tested in compiler/codegen/tests/lower_test.cpp and by every differential check.
#pragma once

#include "compiler/codegen/lowering.h"
#include "compiler/target/x64/lir_ops.h"

namespace assay::x64 {

class Lowering : public codegen::LoweringBase {
public:
  Lowering() : LoweringBase(codegen::StoredImmediates::SignExtended32, {true, true, false, {}, true}) {}
  using LoweringBase::begin;
  /// Overwrites both. Unsupported names an operation or a limit.
  Result<void> run(const codegen::FunctionInput& function, codegen::LirFunction& out, codegen::LoweredFunction& info) {
    left_ = kNone;
    return run_with(*this, function, out, info);
  }

private:
  friend LoweringBase;
  using VReg = codegen::VReg;
  using Operand = codegen::Operand;
  using OpCode = codegen::OpCode;

  /// A load as an operand, where LirInst says so (kFoldedLoad).
  struct FoldedLoad {
    Operand operands[2];
    u32 count = 0, aux = 0;
    u16 flags = 0;
    InstId origin = kNone;
    void give(codegen::LirInst& inst) const {
      inst.flags = flags;
      inst.aux = aux;
      inst.origin = origin;
    }
  };

  /// A condition on its way into a value, a branch or a select.
  struct Test {
    u32 kind = 0; // 0 test, 1 compare, 2 compare with immediate, 3 floats: the offset in Set*, Br*, Sel*
    u8 size = 4;
    u8 cond = 0;
    i64 imm = 0;
    VReg operands[2] = {}; // a sole one, or the second, may be in its slot
    u32 count = 0;
    FoldedLoad load; // behind them, if it has flags
  };

  void instruction(Opcode op, const Inst& inst); // lower_int.cpp
  /// An integer constant, if it can be an immediate of an instruction of that type.
  bool immediate(ValueId value, i64& out) const;

  bool add_to_product(const Inst& inst, ValueId product, i64 constant);

  // Loads as operands (lower_folded.cpp).
  bool takes_load(InstId reader, ValueId value) const;
  bool is_before_select(InstId comparison) const;
  bool leave_load(const Inst& inst);
  bool place_of_left(const Inst& inst, FoldedLoad& out);
  bool take_left(FoldedLoad& out);
  bool binary_with_load(const Inst& inst, Op op);
  codegen::LirInst& add_test_of_load(u16 op, const Test& test, VReg flag);

  // Tests (lower_int.cpp).
  Test test_of(ValueId condition);
  Test compare_test(const Inst& compare);

  // One function a shape of rules.def that is x64's own.
  // clang-format off
#define ASSAY_SHAPE(name) void name(const Inst& inst, Op op, u32 param);
  ASSAY_SHAPE(add) ASSAY_SHAPE(subtract) ASSAY_SHAPE(bitwise) ASSAY_SHAPE(multiply)
  ASSAY_SHAPE(multiply_high) ASSAY_SHAPE(divide) ASSAY_SHAPE(remainder) ASSAY_SHAPE(shift) ASSAY_SHAPE(rotate)
  ASSAY_SHAPE(min_max) ASSAY_SHAPE(leading_zeros) ASSAY_SHAPE(trailing_zeros) ASSAY_SHAPE(population)
  ASSAY_SHAPE(bit_reverse) ASSAY_SHAPE(byte_swap) ASSAY_SHAPE(overflow) ASSAY_SHAPE(overflow_mul) ASSAY_SHAPE(compare)
  ASSAY_SHAPE(select) ASSAY_SHAPE(extend) ASSAY_SHAPE(branch) ASSAY_SHAPE(nothing_here)
  ASSAY_SHAPE(float_binary) ASSAY_SHAPE(float_unary) ASSAY_SHAPE(float_fma) ASSAY_SHAPE(float_min_max)
  ASSAY_SHAPE(float_in_place) ASSAY_SHAPE(float_copysign) ASSAY_SHAPE(float_round) ASSAY_SHAPE(float_to_int)
  ASSAY_SHAPE(float_sat) ASSAY_SHAPE(int_to_float) ASSAY_SHAPE(bitcast) ASSAY_SHAPE(load)
#undef ASSAY_SHAPE
      // clang-format on

      ValueId left_ = kNone; // loaded by the operation that reads it, which comes
};

} // namespace assay::x64
