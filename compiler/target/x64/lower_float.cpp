// lower_float.cpp - selection for floating point and conversions.
//
// Baseline SSE2; roundss and vfmadd only when CpuFeatures allow them, else the runtime's functions. What takes
// several instructions (minimum, conversions with checks) is one LIR operation that the emitter expands.
// Constant time an instruction. Tested in compiler/codegen/tests/lower_test.cpp.
#include "compiler/target/x64/lower.h"

#include "assay/planted.h"

#include <utility>

namespace assay::x64 {

using codegen::def;
using codegen::def_tied;
using codegen::LirInst;
using codegen::temp;
using codegen::use;
using codegen::use_any;

namespace {

/// The f64 member of a pair of runtime functions follows the f32 one.
RuntimeFn runtime_fn(u32 f32_member, Type type) {
  return static_cast<RuntimeFn>(f32_member + (type == Type::F64 ? 1 : 0));
}

FpRound rounding_of(RuntimeFn f32_member) {
  switch (f32_member) {
  case RuntimeFn::CeilF32: return FpRound::Up;
  case RuntimeFn::FloorF32: return FpRound::Down;
  case RuntimeFn::TruncF32: return FpRound::Zero;
  default: return FpRound::Nearest;
  }
}

} // namespace

void Lowering::float_binary(const Inst& inst, Op op, u32) {
  if (binary_with_load(inst, op)) return;
  ValueId first = operand(inst, 0), second = operand(inst, 1);
  const bool swaps = info(inst.op).is(kCommutes) || ASSAY_PLANTED(isel_float_swapped);
  if (options_.level == Level::O2 && swaps && !ends_here(first) && ends_here(second) &&
      may(codegen::Decision::SwappedOperands))
    std::swap(first, second);
  const VReg a = reg(first), b = reg(second);
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a), use_any(b)});
}

/// Square root, and conversions between the float types: `size` is that of the source.
void Lowering::float_unary(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(type_of(operand(inst, 0))), {def(result(inst)), use_any(a)});
}

void Lowering::float_fma(const Inst& inst, Op op, u32 f32_member) {
  const VReg args[3] = {reg(operand(inst, 0)), reg(operand(inst, 1)), reg(operand(inst, 2))};
  if (options_.features.fma && may(codegen::Decision::Extension)) {
    add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(args[0]), use(args[1]), use_any(args[2])});
    return;
  }
  call_runtime(runtime_fn(f32_member, inst.type), args, result(inst));
}

void Lowering::float_min_max(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a), use(b)});
}

void Lowering::float_in_place(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a)});
}

void Lowering::float_copysign(const Inst& inst, Op op, u32) {
  const VReg a = reg(operand(inst, 0)), b = reg(operand(inst, 1));
  add_op(op, size_of(inst.type), {def_tied(result(inst), 1), use(a), use(b), temp(new_float())});
}

void Lowering::float_round(const Inst& inst, Op op, u32 f32_member) {
  const VReg a = reg(operand(inst, 0));
  if (options_.features.sse41 && may(codegen::Decision::Extension)) {
    add_op(op, size_of(inst.type), {def(result(inst)), use_any(a)}).imm =
        static_cast<i64>(rounding_of(static_cast<RuntimeFn>(f32_member)));
    return;
  }
  call_runtime(runtime_fn(f32_member, inst.type), {&a, 1}, result(inst));
}

// Up to 32 bits the conversion goes through a signed 64-bit integer, which every result fits in.
void Lowering::float_to_int(const Inst& inst, Op op, u32 is_signed) {
  const VReg a = reg(operand(inst, 0));
  const u32 source = size_of(inst.from);
  if (inst.type != Type::I64) {
    LirInst& conversion = add_op(op, source, {def(result(inst)), use_any(a)});
    conversion.imm = size_of(inst.type);
    conversion.flags = static_cast<u16>(is_signed);
  } else if (is_signed != 0) {
    add_op(Op::F2iS64, source, {def(result(inst)), use(a)});
  } else {
    add_op(Op::F2iU64, source, {def(result(inst)), use(a), temp(new_float())});
  }
}

void Lowering::float_sat(const Inst& inst, Op op, u32 is_signed) {
  const VReg a = reg(operand(inst, 0));
  const u32 source = size_of(inst.from);
  if (inst.type == Type::I64 && is_signed == 0) {
    add_op(Op::F2iSatU64, source, {def(result(inst)), use(a), temp(new_float())});
    return;
  }
  LirInst& conversion = add_op(op, source, {def(result(inst)), use(a)});
  conversion.imm = size_of(inst.type);
  conversion.flags = static_cast<u16>(is_signed);
}

// Whatever is below 64 bits wide is extended until a signed conversion is right.
void Lowering::int_to_float(const Inst& inst, Op op, u32 is_signed) {
  const u32 width = size_of(inst.from);
  if (width == 8 && is_signed == 0) {
    const VReg a = reg(operand(inst, 0));
    add_op(Op::U64ToF, 8, {def(result(inst)), use(a)}).imm = size_of(inst.type);
    return;
  }
  const bool as_is = width == 8 || (width == 4 && is_signed != 0);
  const VReg a = as_is ? reg(operand(inst, 0)) : extended(operand(inst, 0), is_signed != 0);
  add_op(op, width == 4 && is_signed != 0 ? 4 : 8, {def(result(inst)), use_any(a)}).imm = size_of(inst.type);
}

void Lowering::bitcast(const Inst& inst, Op op, u32) {
  if (is_float(inst.type) == is_float(inst.from)) {
    same_register(inst, op, 0);
    return;
  }
  const VReg a = reg(operand(inst, 0));
  add_op(is_float(inst.type) ? Op::MovIF : Op::MovFI, size_of(inst.type), {def(result(inst)), use_any(a)});
}

} // namespace assay::x64
