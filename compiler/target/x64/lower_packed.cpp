// lower_packed.cpp - two stores of neighbouring f64, with what they store, as one instruction.
//
// codegen/lowering_packed.cpp finds them. The instruction is made of steps (PackedStep), each one machine instruction
// or two, and works in temporaries of its own: no value of 16 bytes is there for an allocator to keep. At -O2 alone,
// SSE2. Linear in what is packed. Tested in compiler/codegen/tests/lower_packed_test.cpp.
#include "compiler/target/x64/lower.h"

#include <bit>

namespace assay::x64 {

using codegen::LirInst;
using codegen::PackedStep;
using codegen::temp;
using codegen::use;

/// Operands as they come, and steps that name them by their places among these.
struct Lowering::PackedBuild {
  static constexpr u32 kMostUses = 8, kMostTemps = 8;
  Operand uses[kMostUses];
  PackedStep steps[kMostPackedNodes + 1];
  u32 use_count = 0, step_count = 0;
  u32 busy = 0, temps = 0; // temporaries

  u8 take() {
    const u32 index = static_cast<u32>(std::countr_one(busy));
    busy |= 1u << index;
    temps = index < temps ? temps : index + 1;
    return static_cast<u8>(index);
  }
  void give_back(u8 index) { busy &= ~(1u << index); }
  u8 add(Operand operand) {
    ASSAY_CHECK(use_count < kMostUses);
    uses[use_count] = operand;
    return static_cast<u8>(use_count++);
  }
};

void Lowering::packed_place(PackedBuild& out, InstId access, PackedStep& step) {
  const InstId store = b_.origin();
  LinearPlace place;
  b_.set_origin(access);
  const bool fits = linear_address(fn_->insts[access], 8, place);
  b_.set_origin(store);
  ASSAY_CHECK(fits);
  Operand operands[2];
  if (add_place(operands, place) == 2) step.operand = out.add(operands[0]);
  step.scale = place.scale;
  step.flags = place.flags;
  step.end = place.end;
}

/// The temporary that has both.
u8 Lowering::packed_value(PackedBuild& out, u32 index) {
  const PackedNode node = packed_nodes_[index];
  PackedStep step;
  if (node.op == Opcode::Load) {
    packed_place(out, fn_->value_defs[node.values[0]].index, step);
    step.to = out.take();
  } else if (node.op == Opcode::Const) {
    step.kind = PackedStep::Kind::Join;
    step.operand = step.second = out.add(use(reg(node.values[0])));
    if (node.values[1] != node.values[0]) step.second = out.add(use(reg(node.values[1])));
    step.to = out.take();
  } else if (node.op == Opcode::FCanon) {
    step.kind = PackedStep::Kind::Canon;
    step.to = packed_value(out, node.parts[0]);
    step.from = out.take();
    out.give_back(step.from);
  } else {
    const auto is_leaf = [&](u32 part) { return packed_nodes_[part].part_count == 0; };
    const bool second_first = is_leaf(node.parts[0]) && !is_leaf(node.parts[1]); // takes no more temporaries so
    if (second_first) step.from = packed_value(out, node.parts[1]);
    step.to = packed_value(out, node.parts[0]);
    if (!second_first) step.from = packed_value(out, node.parts[1]);
    out.give_back(step.from);
    step.kind = node.op == Opcode::FAdd   ? PackedStep::Kind::Add
                : node.op == Opcode::FSub ? PackedStep::Kind::Sub
                : node.op == Opcode::FMul ? PackedStep::Kind::Mul
                                          : PackedStep::Kind::Div;
  }
  out.steps[out.step_count++] = step;
  return step.to;
}

void Lowering::store_packed(const Packed& pair) {
  PackedBuild build;
  PackedStep store;
  store.kind = PackedStep::Kind::Store;
  store.from = packed_value(build, pair.root);
  packed_place(build, pair.low, store);
  build.steps[build.step_count++] = store;
  operands_.clear();
  for (u32 i = 0; i < build.temps; ++i) operands_.push_back(temp(new_float()));
  operands_.insert(operands_.end(), build.uses, build.uses + build.use_count);
  operands_.push_back(use(memory_base_));
  const u32 first = static_cast<u32>(info_->packed.size());
  for (u32 i = 0; i < build.step_count; ++i) {
    PackedStep& step = info_->packed.emplace_back(build.steps[i]);
    step.operand = static_cast<u8>(step.operand + build.temps);
    step.second = static_cast<u8>(step.second + build.temps);
  }
  LirInst& made = b_.add_span(static_cast<u16>(Op::Packed), 8, operands_);
  made.aux = first;
  made.imm = build.step_count;
}

void Lowering::store(const Inst& inst, Op op, u32 param) {
  if (const Packed* const pair = packed_.empty() ? nullptr : packed_of(b_.origin())) {
    if (pair->later == b_.origin()) store_packed(*pair);
    return;
  }
  linear_store(inst, op, param);
}

} // namespace assay::x64
