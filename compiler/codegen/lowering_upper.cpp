// lowering_upper.cpp - which i32s have nothing but zeros above them in their registers.
//
// In general an i32 may have junk there: a parameter, what a call gave, a part of an i64. But where the target's 32-bit
// operations clear the upper half (x64), what they make is an address as it is. A block's parameter is clean when all
// that edges pass is: that is supposed, and taken back until nothing changes, or after a few rounds for all. Moves,
// spills and reloads are of 64 bits. Linear in instructions and arguments. Tested in
// compiler/codegen/tests/lower_test.cpp.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

namespace assay::codegen {

namespace {

constexpr u32 kMostRounds = 4;

} // namespace

/// Whether the instruction that lowering makes of it writes 32 bits whatever its operands are. (A shift by 0 is none.)
bool LoweringBase::clears_above(const Inst& inst) const {
  switch (inst.op) {
  case Opcode::Add:
  case Opcode::Sub:
  case Opcode::Mul:
  case Opcode::And:
  case Opcode::Or:
  case Opcode::Xor:
  case Opcode::MinS:
  case Opcode::MinU:
  case Opcode::MaxS:
  case Opcode::MaxU:
  case Opcode::Load:
  case Opcode::Load8U:
  case Opcode::Load16U:
  case Opcode::PLoad:
  case Opcode::PLoad8U:
  case Opcode::PLoad16U:
  case Opcode::Zext:               // of a narrower type
  case Opcode::Const: return true; // each use of a constant makes it anew
  case Opcode::Trunc: return ASSAY_PLANTED(isel_trunc_clears_above);
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU: {
    i64 count = 0;
    return unnamed_int_const(operand(inst, 1), count) && (count & 31) != 0;
  }
  default: return false;
  }
}

void LoweringBase::find_clean() {
  clean_.assign(fn_->value_count(), 0);
  if (!abilities_.clears_upper) return;
  for (const BlockId id : flow_.order()) {
    const Block& block = fn_->blocks[id];
    for (ValueId v = block.first_param; id != 0 && v < block.first_param + block.param_count; ++v)
      clean_[v] = type_of(v) == Type::I32 ? 1 : 0;
    for (const Inst& inst : fn_->insts_of(block))
      if (inst.result_count == 1 && type_of(inst.first_result) == Type::I32 && clears_above(inst))
        clean_[inst.first_result] = 1;
  }
  for (u32 round = 0; drop_unclean_parameters(round == kMostRounds); ++round) {}
}

/// Of the parameters that are thought to be clean those to which an edge passes something else, or all. Whether there
/// was one, and others may follow.
bool LoweringBase::drop_unclean_parameters(bool all) {
  bool changed = false;
  for (const BlockId id : flow_.order()) {
    for (const Edge& edge : fn_->edges_of(fn_->terminator(fn_->blocks[id]))) {
      const Block& target = fn_->blocks[edge.target];
      const u32 leading = target.param_count - edge.arg_count;
      const auto args = fn_->args_of(edge);
      for (u32 i = 0; i < target.param_count; ++i) {
        u8& clean = clean_[target.first_param + i];
        if (clean == 0 || (!all && i >= leading && clean_[args[i - leading]] != 0)) continue;
        if (ASSAY_PLANTED(isel_parameter_clean) && !all && i >= leading) continue;
        clean = 0;
        changed = true;
      }
    }
  }
  return changed && !all;
}

} // namespace assay::codegen
