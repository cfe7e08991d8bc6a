// lower.h - AIR to LIR for a64: instruction selection by local rules (rules.def), on codegen/lowering.h.
//
// Here: integers, floats, comparisons, and what one instruction of A64 does of two of AIR (lower_fold.cpp): products
// added, shifted and extended operands, bit fields, branches on a bit. What is the same for every target is
// LoweringBase's. Linear; storage reused. Tested in compiler/target/a64/tests/lower_test.cpp and by every differential
// check.
#pragma once

#include "compiler/codegen/lowering.h"
#include "compiler/target/a64/encoding.h"
#include "compiler/target/a64/lir_ops.h"

namespace assay::a64 {

class Lowering : public codegen::LoweringBase {
public:
  Lowering()
      : LoweringBase(codegen::StoredImmediates::Zero, {.clears_upper = true,
                                                       .holds_constants = true,
                                                       .address = kAddressOps,
                                                       .packs_doubles = true,
                                                       .scales_doubles = true}) {}
  using LoweringBase::begin;
  /// Overwrites both. Unsupported names an operation or a limit.
  Result<void> run(const codegen::FunctionInput& function, codegen::LirFunction& out, codegen::LoweredFunction& info) {
    absorbed_ = stepped_ = counted_ = kNone;
    extended_ = false;
    return run_with(*this, function, out, info);
  }

private:
  friend LoweringBase;
  static bool is_add_sub(u64 value) { return add_sub_imm(value).has_value(); }
  static constexpr AddressOps kAddressOps = {static_cast<u16>(Op::Add), static_cast<u16>(Op::AddX),
                                             static_cast<u16>(Op::AddI), static_cast<u16>(Op::CheckIn), is_add_sub};
  using VReg = codegen::VReg;
  using Operand = codegen::Operand;
  using OpCode = codegen::OpCode;

  /// A condition on its way into a value, a branch or a select.
  struct Test {
    u32 kind = 0; // 0 test, 1 compare, 2 compare with immediate, 3 floats, 4 mask: the offset in Set*, Br*, Sel*
    u8 size = 4;
    u8 cond = 0;
    i64 imm = 0;
    Operand operands[2];
    u32 count = 0;
  };

  void instruction(Opcode op, const Inst& inst); // lower_int.cpp
  /// An integer constant, if it or its negative is an immediate of add and sub.
  bool add_immediate(ValueId value, i64& out) const;
  /// A constant's bits, if they are an immediate of and, orr, eor for the type.
  bool logic_immediate(ValueId value, Type type, i64& out) const;
  const Inst& definition(ValueId value) const { return fn_->insts[fn_->value_defs[value].index]; }

  // Folding (lower_fold.cpp).
  bool absorbed_later(const Inst& inst);
  bool extended_and_shifted(const Inst& extension, const Inst& shift);
  InstId user_behind(InstId at, ValueId value) const;
  bool has_room(const Inst& user, i64 constant) const;
  bool mask_of(const Inst& inst, i64& mask) const;
  bool absorbs_mask(const Inst& user, const Inst& inst) const;
  bool absorbs_sum(const Inst& user, const Inst& inst) const;
  bool inverts(const Inst& inst) const;
  bool absorbs(const Inst& user, const Inst& inst) const;
  bool shift_count(const Inst& inst, u32& count) const;
  bool add_absorbed(const Inst& inst, ValueId plain, bool subtract);
  bool logic_absorbed(const Inst& inst, ValueId plain);
  bool field_absorbed(const Inst& inst);

  // Choices (lower_choice.cpp).
  Step step(const Inst& inst) const;
  bool reads(const Inst& inst, ValueId value) const;
  bool stepped_later(const Inst& inst);
  bool counted_later(const Inst& compare);
  void add_counted(const Inst& inst, ValueId plain);
  u32 choices_of(const Inst& select, Operand* choices, u32& how);
  void give_shift(codegen::LirInst& inst, const Inst& shift) const;

  // Tests (lower_int.cpp).
  Test test_of(ValueId condition);
  Test compare_test(const Inst& compare);
  Test mask_test(Cond cond);
  codegen::LirInst& add_test(Op first, const Test& test, std::span<const Operand> before,
                             std::span<const Operand> after);

  // One function a shape of rules.def that is a64's own.
  // clang-format off
#define ASSAY_SHAPE(name) void name(const Inst& inst, Op op, u32 param);
  ASSAY_SHAPE(add) ASSAY_SHAPE(subtract) ASSAY_SHAPE(bitwise) ASSAY_SHAPE(multiply)
  ASSAY_SHAPE(multiply_high) ASSAY_SHAPE(divide) ASSAY_SHAPE(remainder) ASSAY_SHAPE(shift) ASSAY_SHAPE(rotate)
  ASSAY_SHAPE(min_max) ASSAY_SHAPE(unary) ASSAY_SHAPE(overflow) ASSAY_SHAPE(compare)
  ASSAY_SHAPE(select) ASSAY_SHAPE(extend) ASSAY_SHAPE(branch) ASSAY_SHAPE(nothing_here)
  ASSAY_SHAPE(float_binary) ASSAY_SHAPE(float_unary) ASSAY_SHAPE(float_fma) ASSAY_SHAPE(float_canon)
  ASSAY_SHAPE(float_copysign) ASSAY_SHAPE(float_to_int) ASSAY_SHAPE(int_to_float) ASSAY_SHAPE(bitcast)
#undef ASSAY_SHAPE
      // clang-format on

      InstId at_ = kNone;    // the instruction being selected
  ValueId absorbed_ = kNone; // the value that its only user, not far behind, will make itself
  bool extended_ = false;    // a shift of an extension, which is absorbed, too
  ValueId stepped_ = kNone;  // x + 1, ~x or -x, that the only select that reads it will make
  ValueId counted_ = kNone;  // a comparison, or what extends it, that is only added to something: that makes it
  ValueId compared_ = kNone; // that comparison
};

} // namespace assay::a64
