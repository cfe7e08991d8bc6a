// lir_builder.h - appends instructions, operands and blocks to a LirFunction.
//
// Instructions go to the block begun last; `close_block` gives it its successors. After the last block
// `link_predecessors` fills in preds. Amortised O(1) an instruction plus its operands, nothing is freed between
// functions. Tested through lowering (compiler/codegen/tests/lower_test.cpp).
#pragma once

#include "compiler/codegen/lir.h"

#include <algorithm>

namespace assay::codegen {

// Operands, by what they demand (lir.h, Role and Where).
constexpr Operand use(VReg v) { return {v, Role::Use, Where::Reg, 0, 0}; }
constexpr Operand use_any(VReg v) { return {v, Role::Use, Where::Any, 0, 0}; }
constexpr Operand use_fixed(VReg v, PReg reg) { return {v, Role::Use, Where::Fixed, reg, 0}; }
constexpr Operand use_late(VReg v) { return {v, Role::UseLate, Where::Reg, 0, 0}; }
constexpr Operand def(VReg v) { return {v, Role::Def, Where::Reg, 0, 0}; }
constexpr Operand def_fixed(VReg v, PReg reg) { return {v, Role::Def, Where::Fixed, reg, 0}; }
/// `index`: the number of the Use operand whose register this overwrites.
constexpr Operand def_tied(VReg v, u8 index) { return {v, Role::Def, Where::Tied, index, 0}; }
constexpr Operand def_early_fixed(VReg v, PReg reg) { return {v, Role::DefEarly, Where::Fixed, reg, 0}; }
constexpr Operand temp(VReg v) { return {v, Role::Temp, Where::Reg, 0, 0}; }
constexpr Operand temp_fixed(VReg v, PReg reg) { return {v, Role::Temp, Where::Fixed, reg, 0}; }

/// What LirInst says of its operands.
struct OperandPlan {
  u16 count = 0;
  u8 def_count = 0;
  u8 plan = LirInst::kGeneral;
};

template <typename Operands> constexpr OperandPlan plan_of(const Operands& operands) {
  u32 defs = 0, odd = 0;
  for (u32 i = 0; i < operands.size(); ++i) {
    const Operand& operand = operands[i];
    const bool is_def = operand.role == Role::Def;
    // Without branches, in case it is not known when this is compiled.
    const u32 late_tie = static_cast<u32>(defs != i) | (static_cast<u32>(operand.where == Where::Tied) & (i != 0));
    odd |= static_cast<u32>(operand.role != Role::Use) & static_cast<u32>(!is_def);
    odd |= static_cast<u32>(operand.where == Where::Fixed) | (static_cast<u32>(is_def) & late_tie);
    defs += static_cast<u32>(is_def);
  }
  u8 plan = LirInst::kUntied;
  if (operands.size() != 0) plan = operands[0].where == Where::Tied ? operands[0].index : plan;
  return {static_cast<u16>(operands.size()), static_cast<u8>(defs), odd != 0 ? LirInst::kGeneral : plan};
}

class LirBuilder {
public:
  void begin(LirFunction& function) {
    function_ = &function;
    function.clear();
    function.may_loop = false;
    origin_ = kNone;
  }
  /// The AIR instruction that the next ones implement.
  void set_origin(u32 inst) { origin_ = inst; }

  u32 origin() const { return origin_; }

  VReg vreg(RegClass reg_class) {
    *function_->vreg_class.extend(1) = reg_class;
    return static_cast<VReg>(function_->vreg_class.size() - 1);
  }

  /// The reference holds until the next instruction is added. As many operands as are written down: what they demand
  /// is known when this is compiled, and that is why it must be inlined.
  template <std::size_t N> ASSAY_ALWAYS_INLINE LirInst& add(u16 op, u8 size, const Operand (&operands)[N]) {
    const OperandPlan plan = plan_of(std::span<const Operand, N>(operands));
    Operand* const copy = function_->operands.extend(N);
    for (std::size_t i = 0; i < N; ++i) copy[i] = operands[i];
    LirInst& inst = append(op, size, plan);
    if (plan.plan == LirInst::kGeneral) note_fixed_defs({copy, N});
    return inst;
  }
  LirInst& add(u16 op, u8 size) { return append(op, size, plan_of(std::span<const Operand, 0>())); }
  LirInst& add_span(u16 op, u8 size, std::span<const Operand> operands) {
    const OperandPlan plan = plan_of(operands);
    function_->operands.append(operands.data(), operands.data() + operands.size());
    LirInst& inst = append(op, size, plan);
    if (plan.plan == LirInst::kGeneral) note_fixed_defs(operands);
    return inst;
  }

  /// The index of this clobber set in LirFunction::clobber_sets. There are few different ones.
  u16 clobber_set(RegSet set) {
    auto& sets = function_->clobber_sets;
    const auto found = std::find(sets.begin(), sets.end(), set);
    if (found == sets.end()) {
      sets.push_back(set);
      return static_cast<u16>(sets.size() - 1);
    }
    return static_cast<u16>(found - sets.begin());
  }
  void need_outgoing(u32 bytes) { function_->outgoing_bytes = std::max(function_->outgoing_bytes, bytes); }

  void open_block(BlockId origin) {
    LirBlock& block = function_->blocks.emplace_back();
    block.origin = origin;
    block.first_inst = static_cast<u32>(function_->insts.size());
    block.params = block.args = static_cast<u32>(function_->vreg_pool.size());
    block.succs = static_cast<u32>(function_->block_pool.size());
    block.first_vreg = function_->vreg_count();
  }
  void open_landing_pad(BlockId origin) {
    open_block(origin);
    function_->blocks.back().landing_pad = true;
  }
  /// Parameters come before any argument of the same block.
  void param(VReg v) {
    function_->vreg_pool.push_back(v);
    LirBlock& block = function_->blocks.back();
    ++block.param_count;
    block.args = static_cast<u32>(function_->vreg_pool.size());
  }
  void arg(VReg v) {
    function_->vreg_pool.push_back(v);
    ++function_->blocks.back().arg_count;
  }
  void succ(u32 block) {
    function_->may_loop |= block < function_->blocks.size();
    function_->block_pool.push_back(block);
    ++function_->blocks.back().succ_count;
  }
  void close_block() {
    LirBlock& block = function_->blocks.back();
    block.inst_count = static_cast<u32>(function_->insts.size()) - block.first_inst;
  }

  void link_predecessors() {
    auto& blocks = function_->blocks;
    auto& pool = function_->block_pool;
    const u32 edges = static_cast<u32>(pool.size());
    for (u32 i = 0; i < edges; ++i) ++blocks[pool[i]].pred_count;
    u32 next = edges;
    for (LirBlock& block : blocks) {
      block.preds = next;
      next += block.pred_count;
      block.pred_count = 0;
    }
    pool.resize(next);
    for (u32 b = 0; b < blocks.size(); ++b) {
      for (u32 i = 0; i < blocks[b].succ_count; ++i) {
        LirBlock& succ = blocks[pool[blocks[b].succs + i]];
        pool[succ.preds + succ.pred_count++] = b;
      }
    }
  }

  LirFunction& function() { return *function_; }

private:
  /// Its operands were appended just before.
  LirInst& append(u16 op, u8 size, OperandPlan plan) {
    LirInst& inst = *function_->insts.extend(1);
    inst = LirInst{};
    inst.op = op;
    inst.size = size;
    inst.operands = static_cast<u32>(function_->operands.size()) - plan.count;
    inst.operand_count = plan.count;
    inst.def_count = plan.def_count;
    inst.plan = plan.plan;
    inst.origin = origin_;
    return inst;
  }
  void note_fixed_defs(std::span<const Operand> operands) {
    for (const Operand& operand : operands) {
      if (operand.where == Where::Fixed && operand.role >= Role::Def)
        function_->fixed_defs.push_back({operand.vreg, operand.index});
    }
  }

  LirFunction* function_ = nullptr;
  u32 origin_ = kNone;
};

} // namespace assay::codegen
