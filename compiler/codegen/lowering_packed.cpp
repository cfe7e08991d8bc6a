// lowering_packed.cpp - which stores of neighbouring f64 become one, with what computes them done on both at once.
//
// Two stores to neighbouring places, with an address of theirs and no check, whose values are made alike: by the same
// operations, of loads from neighbouring places, or of any two values, which are put together then. Nobody else reads
// what lies between. All of it is done where the later store stands: the earlier store moves there over what does not
// touch its bytes, and the loads over stores that do not touch theirs (AccessExtent), and over nothing that can trap,
// take fuel or call, so that nobody sees memory in between. Only where fewer instructions come of it.
// Where a function has f64 stores, at most kMostBehind instructions are looked at for each of them. At O2 alone, for
// targets that have such operations. Tested in compiler/codegen/tests/lower_packed_test.cpp. What is made of
// them: lowering_packed_steps.cpp.
#include "compiler/codegen/lowering.h"

#include <algorithm>

namespace assay::codegen {

namespace {

constexpr u32 kMostBehind = 40; // instructions between the two stores, and before them
constexpr u32 kMostCandidates = 4;
constexpr u32 kMostDepth = 4;

/// Operands of an operation that can be done on two at once; 0: it cannot.
u32 packable(Opcode op) {
  if (op == Opcode::FCanon) return 1;
  return op == Opcode::FAdd || op == Opcode::FSub || op == Opcode::FMul || op == Opcode::FDiv ? 2 : 0;
}

} // namespace

/// Looks for them in all blocks.
void LoweringBase::find_packed() {
  packed_nodes_.clear();
  for (const BlockId block : flow_.order()) find_packed_in(fn_->blocks[block]);
}

void LoweringBase::find_packed_in(const Block& block) {
  InstId candidates[kMostCandidates] = {};
  u32 count = 0;
  InstId start = block.first_inst; // nothing from there on has an effect that others see
  for (InstId at = block.first_inst; at < block.first_inst + block.inst_count; ++at) {
    const Inst& inst = fn_->insts[at];
    if (info(inst.op).is(kPure)) continue;
    if (!is_linear_access(inst.op) || packed_place_of(at).bytes == 0) {
      count = 0;
      start = at + 1;
      continue;
    }
    if (inst.op != Opcode::Store || inst.type != Type::F64) continue;
    u32 with = 0;
    while (with < count && !pack(start, candidates[with], at)) ++with;
    if (with < count) {
      candidates[with] = candidates[--count];
      continue;
    }
    if (count == kMostCandidates) std::copy(candidates + 1, candidates + count--, candidates);
    candidates[count++] = at;
  }
}

// ---- places ------------------------------------------------------------------------------------------

/// Of an access to linear memory that needs no check; of others, `bytes` is 0.
LoweringBase::PackedPlace LoweringBase::packed_place_of(InstId id) const {
  const Inst& inst = fn_->insts[id];
  const u32 size = access_bytes(inst.op, inst.type);
  PackedPlace out;
  i64 constant = 0;
  out.base = operand(inst, 0);
  out.offset = inst.imm;
  if (unnamed_int_const(out.base, constant)) {
    const u64 base = static_cast<u64>(constant) & bit_mask(type_of(out.base));
    if (base > kMemoryLimit || inst.imm > kMemoryLimit || base + inst.imm + size > module_->memory_size) return {};
    out.base = kNone;
    out.offset += base;
    out.extent = {static_cast<u32>(out.offset), static_cast<u32>(out.offset + size)};
  } else {
    if (inside_.empty() || inside_[id] == 0) return {};
    const auto known = std::lower_bound(extents_.begin(), extents_.end(), id,
                                        [](const opt::AccessExtent& a, InstId b) { return a.inst < b; });
    if (known != extents_.end() && known->inst == id) out.extent = known->bytes;
  }
  out.bytes = size;
  return out;
}

/// Whether the two surely touch no byte together.
bool LoweringBase::are_apart(const PackedPlace& a, const PackedPlace& b) {
  if (a.base == b.base) return a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
  if (a.extent.end == 0 || b.extent.end == 0) return false;
  return a.extent.end <= b.extent.begin || b.extent.end <= a.extent.begin;
}

/// Whether nothing from `first` on to `last`, `but` apart, writes what the place has, or reads it if that matters.
bool LoweringBase::may_pass(const PackedPlace& place, InstId first, InstId last, InstId but, bool is_store) const {
  if (last - first > kMostBehind) return false;
  for (InstId at = first; at < last; ++at) {
    const Inst& inst = fn_->insts[at];
    if (at == but || !is_linear_access(inst.op)) continue;
    const bool matters = info(inst.op).is(kWrites) || (is_store && !ASSAY_PLANTED(isel_packed_over_load));
    if (matters && !are_apart(place, packed_place_of(at))) return false;
  }
  return true;
}

// ---- what is made alike ------------------------------------------------------------------------------

/// Two values, of the lower place and the higher one, made in the block after `start` and read once. Its number among
/// the nodes; kNone: there are too many.
u32 LoweringBase::pack_values(InstId start, ValueId low, ValueId high, u32 depth) {
  const ValueDef &first = fn_->value_defs[low], &second = fn_->value_defs[high];
  PackedNode node;
  node.values[0] = low;
  node.values[1] = high;
  const auto is_own = [&](ValueId value, const ValueDef& source) {
    return !source.is_param && source.index >= start && source.index < packed_end_ && flow_.uses(value) == 1;
  };
  const bool is_alike = low != high && depth < kMostDepth && is_own(low, first) && is_own(high, second);
  const Inst* const a = is_alike ? &fn_->insts[first.index] : nullptr;
  const Inst* const b = is_alike ? &fn_->insts[second.index] : nullptr;
  if (is_alike && a->op == b->op && packable(a->op) != 0) {
    node.op = a->op;
    node.part_count = packable(a->op);
    for (u32 i = 0; i < node.part_count; ++i) {
      node.parts[i] = pack_values(start, operand(*a, i), operand(*b, i), depth + 1);
      if (node.parts[i] == kNone) return kNone;
    }
  } else if (is_alike && a->op == Opcode::Load && b->op == Opcode::Load) {
    const PackedPlace at = packed_place_of(first.index), next = packed_place_of(second.index);
    if (at.base == next.base && at.offset + kPackedHalf == next.offset) node.op = Opcode::Load;
  }
  if (packed_nodes_.size() - packed_start_ == kMostPackedNodes) return kNone;
  packed_nodes_.push_back(node);
  return static_cast<u32>(packed_nodes_.size() - 1);
}

/// Whether it is worth it, and loads may come where the later store stands.
bool LoweringBase::may_pack(InstId earlier, InstId later) const {
  u32 saved = 1, joined = 0, loads = 0;
  for (u32 i = packed_start_; i < packed_nodes_.size(); ++i) {
    const PackedNode& node = packed_nodes_[i];
    if (node.op == Opcode::Const) {
      ++joined;
      continue;
    }
    saved += node.op != Opcode::FCanon ? 1 : 0; // as many instructions as two of them are
    if (node.op != Opcode::Load) continue;
    ++loads;
    for (const ValueId value : node.values) {
      const InstId load = fn_->value_defs[value].index;
      if (!may_pass(packed_place_of(load), load, later, earlier, false)) return false;
    }
  }
  constexpr u32 kMostLoads = 2, kMostJoined = 2; // registers that one instruction asks for
  return saved > 2 * joined && joined <= kMostJoined && loads <= kMostLoads;
}

/// Whether the two stores became one.
bool LoweringBase::pack(InstId start, InstId earlier, InstId later) {
  const PackedPlace at = packed_place_of(earlier), next = packed_place_of(later);
  if (at.base != next.base) return false;
  const bool is_low = at.offset + kPackedHalf == next.offset;
  if (!is_low && next.offset + kPackedHalf != at.offset) return false;
  if (!may_pass(at, earlier + 1, later, kNone, true)) return false;
  packed_start_ = static_cast<u32>(packed_nodes_.size());
  packed_end_ = later;
  const InstId low = is_low ? earlier : later, high = is_low ? later : earlier;
  const u32 root = pack_values(start, operand(fn_->insts[low], 1), operand(fn_->insts[high], 1), 0);
  if (root == kNone || !may_pack(earlier, later) || !may(Decision::Packed)) {
    packed_nodes_.resize(packed_start_);
    return false;
  }
  for (u32 i = packed_start_; i < packed_nodes_.size(); ++i) {
    if (packed_nodes_[i].op == Opcode::Const) continue;
    for (const ValueId value : packed_nodes_[i].values) flow_.drop_use(value); // nothing is made of them by itself
  }
  packed_.push_back({earlier, later, low, root});
  return true;
}

/// Whether the load is part of a pair, which loads it.
bool LoweringBase::is_packed_load(ValueId value) const {
  for (const PackedNode& node : packed_nodes_)
    if (node.op == Opcode::Load && (node.values[0] == value || node.values[1] == value)) return true;
  return false;
}

/// The pair that the store is of, if it is of one.
const LoweringBase::Packed* LoweringBase::packed_of(InstId store) const {
  for (const Packed& pair : packed_)
    if (pair.earlier == store || pair.later == store) return &pair;
  return nullptr;
}

} // namespace assay::codegen
