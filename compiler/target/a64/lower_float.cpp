// lower_float.cpp - selection for floating point and conversions.
//
// A64 has an instruction for nearly everything that AIR has; what takes several (conversions with checks) is one LIR
// operation that the emitter expands. Constant time an instruction. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "compiler/target/a64/lower.h"

namespace assay::a64 {

using codegen::def;
using codegen::is_narrow;
using codegen::kSigned;
using codegen::LirInst;
using codegen::use;
using codegen::use_any;

void Lowering::float_binary(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a), use_any(b)});
}

/// `size` is that of the source: it differs from the result's in conversions.
void Lowering::float_unary(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(type_of(operand(inst, 0))), {def(result(inst)), use_any(a)});
}

void Lowering::float_fma(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1)), c = reg(operand(inst, 2));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a), use(b), use_any(c)});
}

void Lowering::float_canon(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a)});
}

void Lowering::float_copysign(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def(result(inst)), use(a), use(b)});
}

void Lowering::float_to_int(const Inst& inst, Op op, u32 is_signed) {
  const VReg a = reg(operand(inst, 0));
  LirInst& conversion = add_op(op, size_of(inst.from), {def(result(inst)), op == Op::F2i ? use(a) : use_any(a)});
  conversion.imm = size_of(inst.type);
  conversion.flags = static_cast<u16>(is_signed);
}

void Lowering::int_to_float(const Inst& inst, Op op, u32 is_signed) {
  const bool narrow = is_narrow(inst.from);
  const VReg a = narrow ? extended(operand(inst, 0), is_signed != 0) : reg(operand(inst, 0));
  LirInst& conversion = add_op(op, narrow ? 4 : size_of(inst.from), {def(result(inst)), use_any(a)});
  conversion.imm = size_of(inst.type);
  conversion.flags = static_cast<u16>(is_signed);
}

void Lowering::bitcast(const Inst& inst, Op op, u32) {
  if (is_float(inst.type) == is_float(inst.from)) {
    same_register(inst, op, 0);
    return;
  }
  const VReg a = reg(operand(inst, 0));
  add_op(is_float(inst.type) ? Op::MovIF : Op::MovFI, size_of(inst.type), {def(result(inst)), use_any(a)});
}

} // namespace assay::a64
