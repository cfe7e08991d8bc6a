// lowering_packed_steps.cpp - two stores of neighbouring f64, with what they store, as one instruction.
//
// lowering_packed.cpp finds them. The instruction is made of steps (PackedStep), each one machine instruction or few,
// and works in temporaries of its own: no value of 16 bytes is there for an allocator to keep. Places are as accesses
// of the target have them; where accesses take their address from values, at a constant distance from one. At -O2
// alone. Linear in what is packed. Tested in compiler/codegen/tests/lower_packed_test.cpp and
// compiler/target/a64/tests/lower_test.cpp.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

#include <bit>

namespace assay::codegen {

/// Operands as they come, and steps that name them by their places among these.
struct LoweringBase::PackedBuild {
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

void LoweringBase::packed_place(PackedBuild& out, InstId access, PackedStep& step) {
  const InstId store = b_.origin();
  LinearPlace place;
  b_.set_origin(access);
  const bool fits = linear_address(fn_->insts[access], kPackedHalf, place);
  ASSAY_CHECK(fits);
  Operand operands[2];
  if (abilities_.address.add_index != 0) {
    keep_both(place);
    step.operand = out.add(use(place.base));
  } else if (add_place(operands, place) == 2) {
    step.operand = out.add(operands[0]);
  }
  b_.set_origin(store);
  step.scale = place.scale;
  step.flags = place.flags;
  step.end = place.end;
}

/// The part by which the product multiplies both, if it is one value; kNone: there is none, or no such operation.
u32 LoweringBase::packed_factor(const PackedNode& node) const {
  if (node.op != Opcode::FMul || !abilities_.scales_doubles) return kNone;
  for (const u32 part : {node.parts[1], node.parts[0]}) {
    const PackedNode& factor = packed_nodes_[part];
    if (factor.op == Opcode::Const && factor.values[0] == factor.values[1]) return part;
  }
  return kNone;
}

/// The temporary that has both.
u8 LoweringBase::packed_value(PackedBuild& out, u32 index) {
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
  } else if (const u32 factor = packed_factor(node); factor != kNone) {
    step.kind = PackedStep::Kind::Scale;
    step.to = packed_value(out, node.parts[factor == node.parts[0] ? 1 : 0]);
    step.operand = out.add(use(reg(packed_nodes_[factor].values[0])));
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

void LoweringBase::store_packed(const Packed& pair) {
  PackedBuild build;
  PackedStep store;
  store.kind = PackedStep::Kind::Store;
  store.from = packed_value(build, pair.root);
  packed_place(build, pair.low, store);
  build.steps[build.step_count++] = store;
  operands_.clear();
  for (u32 i = 0; i < build.temps; ++i) operands_.push_back(temp(new_float()));
  operands_.insert(operands_.end(), build.uses, build.uses + build.use_count);
  if (abilities_.address.add_index == 0) operands_.push_back(use(memory_base_));
  const u32 first = static_cast<u32>(info_->packed.size());
  for (u32 i = 0; i < build.step_count; ++i) {
    PackedStep& step = info_->packed.emplace_back(build.steps[i]);
    step.operand = static_cast<u8>(step.operand + build.temps);
    step.second = static_cast<u8>(step.second + build.temps);
  }
  LirInst& made = b_.add_span(static_cast<u16>(CommonOp::Packed), 8, operands_);
  made.aux = first;
  made.imm = build.step_count;
}

} // namespace assay::codegen
