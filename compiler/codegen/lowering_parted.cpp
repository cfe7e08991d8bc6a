// lowering_parted.cpp - addresses in loops of which a part is the same in every turn, for targets that hold constants.
//
// An access at p + i, where p comes from before the loop, is one at i on top of a value that is p and the base of
// linear memory, made once where p is; so is one at p + (zext(i) << n) + constant. Only where the optimiser says that
// all accesses at such a sum are inside, since nothing makes the sum that a check would compare. An index from before
// the loop, at which a block accesses more places than two, is added to the base there as well. At most kMostParts
// values a function. One look at its accesses. Tested in compiler/target/a64/tests/lower_test.cpp and corpus/run.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

#include <algorithm>

namespace assay::codegen {

namespace {

constexpr std::size_t kMostParts = 8;
constexpr u32 kMostSums = 2; // of constants in an address

} // namespace

/// The place in order of the block that makes the value; kNone: not known.
u32 LoweringBase::place_of(ValueId value) const {
  const ValueDef& source = fn_->value_defs[value];
  if (source.is_param) return lir_block_[source.index];
  const auto behind = std::upper_bound(fn_->blocks.begin(), fn_->blocks.end(), source.index,
                                       [](InstId id, const Block& block) { return id < block.first_inst; });
  if (behind == fn_->blocks.begin()) return kNone;
  const Block& block = *(behind - 1);
  return source.index - block.first_inst < block.inst_count ? lir_block_[&block - fn_->blocks.data()] : kNone;
}

/// The value's sum with the base, if there is to be one.
LoweringBase::Part* LoweringBase::part_of(ValueId value, u8 scale) {
  const auto found = std::find_if(parts_.begin(), parts_.end(),
                                  [&](const Part& part) { return part.value == value && part.scale == scale; });
  return found == parts_.end() ? nullptr : &*found;
}

bool LoweringBase::want_part(ValueId value, u8 scale, bool is_wide) {
  if (part_of(value, scale) != nullptr) return true;
  if (parts_.size() == kMostParts) return false;
  parts_.push_back({value, kNone, place_of(value), scale, is_wide});
  flow_.add_use(value);
  return true;
}

/// p + i + constant, p from before the block with that number.
LoweringBase::Parted LoweringBase::as_parted(ValueId address, u32 head) {
  Parted out;
  const Inst* sum = made_by(address);
  i64 constant = 0;
  for (u32 i = 0; i < kMostSums; ++i) {
    if (sum == nullptr || sum->op != Opcode::Add || !unnamed_int_const(operand(*sum, 1), constant)) break;
    if (constant < 0 || constant > i64{kMemoryLimit}) return {};
    out.beyond += static_cast<u32>(constant);
    sum = made_by(operand(*sum, 0));
  }
  if (sum == nullptr || sum->op != Opcode::Add || out.beyond > kMemoryLimit) return {};
  for (u32 side = 0; side < 2; ++side) {
    const ValueId base = operand(*sum, side), rest = operand(*sum, 1 - side);
    if (unnamed_int_const(base, constant) || unnamed_int_const(rest, constant)) return {};
    const u32 from = place_of(base);
    if (from == kNone || from >= head) continue;
    out.base = base;
    out.index = rest;
    out.is_wide = true;
    const Inst* inst = made_by(rest);
    u8 scale = 0;
    if (inst != nullptr && inst->op == Opcode::Shl && unnamed_int_const(operand(*inst, 1), constant) && constant >= 1 &&
        constant <= 3) {
      scale = static_cast<u8>(constant);
      inst = made_by(operand(*inst, 0));
    }
    if (inst == nullptr || inst->op != Opcode::Zext || inst->from != Type::I32) return out;
    if (unnamed_int_const(operand(*inst, 0), constant)) return {};
    out.index = operand(*inst, 0);
    out.scale = scale;
    out.is_wide = false;
    return out;
  }
  return {};
}

/// Nobody reads the sum for one of its users any more.
void LoweringBase::forget_sum(ValueId value) {
  flow_.drop_use(value);
  const Inst* const inst = made_by(value);
  if (flow_.uses(value) != 0 || inst == nullptr) return;
  if (inst->op != Opcode::Add && inst->op != Opcode::Shl && inst->op != Opcode::Zext) return;
  forget_sum(operand(*inst, 0));
  if (inst->op == Opcode::Add) forget_sum(operand(*inst, 1));
}

/// Of each address that loops access: how often that is known to be inside, and the first head of the loops.
void LoweringBase::find_parted() {
  parts_.clear();
  parted_.clear();
  if (inside_.empty()) return;
  bool any = false;
  for (const auto& [at, head] : in_loops_) {
    const Inst& inst = fn_->insts[at];
    const ValueId address = operand(inst, 0);
    share_part(address, head);
    if (inside_[at] == 0 || inst.imm >= module_->memory_size || made_by(address) == nullptr) continue;
    if (!any) looped_.assign(fn_->value_count(), {});
    any = true;
    Looped& known = looped_[address];
    ++known.accesses;
    known.head = std::min(known.head, head);
    known.imm = std::max(known.imm, static_cast<u32>(inst.imm));
  }
  if (any) part_addresses();
}

/// An index from before the loop at which its blocks access many places.
void LoweringBase::share_part(ValueId address, u32 head) {
  const Indexed& indexed = indexed_[address];
  const ValueId index = indexed.index != kNone ? indexed.index : address;
  i64 constant = 0;
  if (!met_[index].shared || unnamed_int_const(index, constant)) return;
  const u32 from = place_of(index);
  if (from == kNone || from >= head || part_of(index, indexed.scale) != nullptr) return;
  if (may(Decision::AddressParted))
    want_part(index, indexed.scale, indexed.index == kNone && type_of(index) == Type::I64);
}

/// From the last to the first, so that sums of constants and sums come before those.
void LoweringBase::part_addresses() {
  parted_.assign(fn_->value_count(), {});
  for (std::size_t i = addresses_.size(); i-- > 0;) {
    const ValueId address = addresses_[i];
    const Looped known = looped_[address];
    if (known.accesses == 0 || known.accesses != flow_.uses(address) || indexed_[address].index != kNone) continue;
    const Parted parted = as_parted(address, known.head);
    if (parted.base == kNone || u64{parted.beyond} + known.imm + 8 > module_->memory_size) continue;
    if (!may(Decision::AddressParted) || !want_part(parted.base, 0, true)) continue;
    parted_[address] = parted;
    looped_[address].accesses = 0;
    for (u32 n = 0; n < known.accesses; ++n) {
      flow_.add_use(parted.index);
      forget_sum(address);
    }
  }
}

/// What this block has that loops behind it add to.
void LoweringBase::make_parts() {
  const u32 here = lir_block_[block_];
  for (Part& part : parts_) {
    if (part.from != here) continue;
    const VReg value = reg(part.value);
    part.sum = new_int();
    LinearPlace place;
    place.address = value;
    place.scale = part.scale;
    if (part.is_wide) add_op(OpCode(abilities_.address.add), 8, {def(part.sum), use(memory_base_), use(value)});
    else add_index(part.sum, memory_base_, place);
  }
}

/// The place of an access at a sum of which a part was made before.
void LoweringBase::parted_place(const Parted& parted, LinearPlace& place) {
  place.flags |= kSurelyInside;
  place.base = part_of(parted.base, 0)->sum;
  place.index = parted.index;
  place.scale = ASSAY_PLANTED(a64_part_scale) && parted.scale == 3 ? 2 : parted.scale;
  place.address = reg(parted.index);
  if (parted.is_wide) place.flags |= kWideAddress;
  else if (is_clean(parted.index) && may(Decision::CleanAddress)) place.flags |= kCleanAddress;
}

} // namespace assay::codegen
