// lower_choice.cpp - selection of choices: csel, and csinc, csinv and csneg, which do one thing more.
//
// A select that chooses x + 1, ~x or -x, which nobody else reads, makes that itself; what adds a comparison's result to
// a number chooses between the number and one more; 0, 1 and -1 are made of the zero register. As in lower_fold.cpp,
// what is left to a user stands not far before it with nothing but pure operations in between. Constant time an
// instruction. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "compiler/target/a64/lower.h"

#include <utility>

namespace assay::a64 {

using codegen::Decision;
using codegen::def;
using codegen::kFloatValue;
using codegen::LirInst;
using codegen::use_any;
using codegen::with_test_size;
using codegen::word_size;

/// What csinc, csinv and csneg do to what they choose when the condition does not hold; None: something else.
Step Lowering::step(const Inst& inst) const {
  i64 constant = 0;
  if (inst.op == Opcode::Add && int_const(operand(inst, 1), constant) && constant == 1) return Step::Increment;
  if (inst.op == Opcode::Xor && int_const(operand(inst, 1), constant) && constant == -1) return Step::Invert;
  if (inst.op == Opcode::Sub && int_const(operand(inst, 0), constant) && constant == 0) return Step::Negate;
  return Step::None;
}

/// Whether the value, if it is one, is an operand.
bool Lowering::reads(const Inst& inst, ValueId value) const {
  for (u32 i = 0; i < inst.operand_count && value != kNone; ++i)
    if (operand(inst, i) == value) return true;
  return false;
}

/// Whether the only reader is a select, which makes it; noted in stepped_.
bool Lowering::stepped_later(const Inst& inst) {
  if (stepped_ != kNone || flow_.uses(inst.first_result) != 1) return false;
  if (step(inst) == Step::None || reads(inst, absorbed_) || reads(inst, counted_)) return false;
  const InstId next = user_behind(at_, inst.first_result);
  if (next == kNone || fn_->insts[next].op != Opcode::Select) return false;
  const Inst& select = fn_->insts[next];
  if (operand(select, 0) == inst.first_result || flow_.uses(select.first_result) == 0) return false;
  if (!may(Decision::StepChosen)) return false;
  stepped_ = inst.first_result;
  return true;
}

/// Whether the comparison is only added to an integer, which chooses by it; noted in counted_.
bool Lowering::counted_later(const Inst& compare) {
  if (counted_ != kNone || flow_.uses(compare.first_result) != 1 || reads(compare, absorbed_)) return false;
  ValueId value = compare.first_result;
  InstId next = user_behind(at_, value);
  if (next != kNone && fn_->insts[next].op == Opcode::Zext) {
    value = fn_->insts[next].first_result;
    next = flow_.uses(value) == 1 ? user_behind(next, value) : kNone;
  }
  if (next == kNone || fn_->insts[next].op != Opcode::Add || flow_.uses(fn_->insts[next].first_result) == 0)
    return false;
  // An extension on its way to the shift of it may be meant for the same sum.
  if (extended_ || reads(fn_->insts[next], absorbed_) || !may(Decision::ComparisonCounted)) return false;
  counted_ = value;
  compared_ = compare.first_result;
  return true;
}

/// plain + (whether the comparison holds).
void Lowering::add_counted(const Inst& inst, ValueId plain) {
  const Test test = compare_test(definition(compared_));
  counted_ = compared_ = kNone;
  const VReg number = reg(plain);
  const Operand sum = def(result(inst));
  const Operand choices[2] = {use_any(number), use_any(number)};
  LirInst& selection = add_test(Op::SelTest, test, {&sum, 1}, choices);
  selection.flags = with_test_size(0, test.size);
  selection.size = static_cast<u8>(word_size(inst.type));
  selection.aux = static_cast<u32>(Step::Increment) | kOtherWay;
}

/// The operands that a select chooses from; how many. `how`: LirInst::aux.
u32 Lowering::choices_of(const Inst& select, Operand* choices, u32& how) {
  ValueId a = operand(select, 1), b = operand(select, 2);
  const auto turn = [&] {
    std::swap(a, b);
    how ^= kOtherWay;
  };
  const auto step_of_zero = [&](ValueId value) {
    i64 bits = 0;
    if (!int_const(value, bits)) return Step::None;
    return bits == 1 ? Step::Increment : bits == -1 ? Step::Invert : Step::None;
  };
  const auto is_zero = [&](ValueId value) {
    i64 bits = 0;
    return int_const(value, bits) && bits == 0 && may(Decision::ZeroChosen);
  };
  how = 0;
  if (stepped_ != kNone && (a == stepped_ || b == stepped_)) {
    if (a == stepped_) turn();
    const Inst& source = definition(stepped_);
    stepped_ = kNone;
    how |= static_cast<u32>(step(source));
    b = operand(source, source.op == Opcode::Sub ? 1 : 0);
  } else if (!is_float(select.type) && (step_of_zero(a) != Step::None || step_of_zero(b) != Step::None) &&
             may(Decision::ZeroChosen)) {
    if (step_of_zero(b) == Step::None) turn();
    how |= static_cast<u32>(step_of_zero(b)) | kSecondZero;
  }
  if (!is_float(select.type) && is_zero(a)) how |= kFirstZero;
  if (!is_float(select.type) && (how & kSecondZero) == 0 && is_zero(b)) how |= kSecondZero;
  u32 count = 0;
  if ((how & kFirstZero) == 0) choices[count++] = use_any(reg(a));
  if ((how & kSecondZero) == 0) choices[count++] = use_any(reg(b));
  return count;
}

void Lowering::select(const Inst& inst, Op op, u32) {
  const Test test = test_of(operand(inst, 0));
  const Operand chosen = def(result(inst));
  Operand choices[2];
  u32 how = 0;
  const u32 count = choices_of(inst, choices, how);
  LirInst& selection = add_test(op, test, {&chosen, 1}, {choices, count});
  selection.flags = with_test_size(is_float(inst.type) ? kFloatValue : 0, test.size);
  selection.size = static_cast<u8>(word_size(inst.type));
  selection.aux = how;
}

} // namespace assay::a64
