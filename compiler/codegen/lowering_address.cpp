// lowering_address.cpp - addresses that accesses to linear memory share, for targets whose accesses reach but a few KiB
// beyond a register.
//
// At O2 such an access takes its address from a value of its own: base + (index << scale) + a multiple of kNear, made
// where its block needs it first; what is left of the constant stands in the access. Accesses at neighbouring places,
// as in arrays of structures and in unrolled loops, so share one or two additions. The check of bounds, if there is
// one, stands before as an instruction of its own. In a loop an index that is added to one place or two is added to the
// sums of base and constant by the accesses themselves; such sums are held like other constants. Values of a block that
// comes before, or from before a call, which would have to save them, are not looked for. At most kMostKept
// comparisons an access, and as many as there are constants. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

#include <algorithm>

namespace assay::codegen {

namespace {

constexpr u32 kNear = 4096, kFarthest = 1u << 24; // immediates of accesses, in units of their size, and of additions
constexpr std::size_t kMostKept = 8;
constexpr std::ptrdiff_t kMostBases = 6; // sums of the base and a constant in a function

} // namespace

/// Whether one access adds that constant to its address by itself.
bool LoweringBase::on_held_base(LinearPlace& place, u32 size, ValueId index) {
  const bool by_size = place.scale == 0 || 1u << place.scale == size;
  if (!holds_ || !by_size || met_[index].shared) return false;
  const VReg base = held_base(place.end - size);
  if (base == kNone) return false;
  place.base = base;
  place.end = size;
  return true;
}

/// The base of linear memory and that much, as a constant.
VReg LoweringBase::held_base(u32 far) {
  if (far >= kFarthest) return kNone;
  const auto is_base = [](const Constant& constant) { return constant.kind == Constant::Kind::MemoryBase; };
  const auto& constants = b_.function().constants;
  const Constant wanted{kNone, Constant::Kind::MemoryBase, 8, far};
  if (std::count_if(constants.begin(), constants.end(), is_base) < kMostBases) return held(RegClass::Int, wanted);
  const auto known = std::find_if(constants.begin(), constants.end(),
                                  [&](const Constant& constant) { return is_base(constant) && constant.bits == far; });
  return known == constants.end() ? kNone : held(RegClass::Int, wanted);
}

/// The check of bounds as an instruction before the access, with the bound in a register where it must be in one.
void LoweringBase::check_apart(LinearPlace& place) {
  if ((place.flags & kSurelyInside) != 0) return;
  const AddressOps& ops = abilities_.address;
  const u64 most = (module_->memory_size - place.end) >> place.scale;
  const u32 size = (place.flags & kWideAddress) != 0 ? 8 : 4;
  const u64 held_most = ASSAY_PLANTED(a64_held_bound) ? most & 0xffff0000 : most;
  const VReg bound = ops.compares(most) ? kNone : held(RegClass::Int, {kNone, Constant::Kind::Bits, 8, held_most});
  LirInst& check = bound == kNone ? add_op(OpCode(ops.check), size, {use(place.address)})
                                  : add_op(OpCode(ops.check), size, {use(place.address), use(bound)});
  check.aux = place.end;
  check.cond = place.scale;
  place.flags |= kSurelyInside;
}

/// Changes the place to one at a constant distance from a value.
void LoweringBase::keep_address(LinearPlace& place, u32 size) {
  const AddressOps& ops = abilities_.address;
  if (ops.add_index == 0 || memory_base_ == kNone || (place.flags & kConstAddress) != 0) return;
  if ((place.flags & (kFixedSize | kSurelyInside)) == 0) return;
  const u32 offset = place.end - size, near = offset % (kNear * size), far = offset - near;
  const bool by_itself = offset == 0 && (place.scale == 0 || 1u << place.scale == size);
  if (by_itself && holds_) check_apart(place); // for the bound's sake
  if (by_itself || offset % size != 0 || far >= kFarthest) return;
  if (!may(Decision::AddressKept)) return;
  check_apart(place);
  if (place.base == kNone && on_held_base(place, size, place.index)) return;
  place.base = kept_address(place, far);
  place.flags = static_cast<u16>((place.flags & (kFloatValue | kSigned)) | kConstAddress | kSurelyInside | kBaseGiven);
  place.end = near + size;
  place.scale = 0;
}

/// The sum of base, index and constant as a value, as this block has it already or not.
VReg LoweringBase::kept_address(const LinearPlace& place, u32 far) {
  const AddressOps& ops = abilities_.address;
  const auto same = [&](const KeptAddress& kept) {
    return kept.index == place.address && kept.scale == place.scale && kept.far == far && kept.base == place.base;
  };
  const auto found = std::find_if(kept_.begin(), kept_.end(), same);
  if (found != kept_.end()) return found->address;
  const Part* const part = place.base == kNone && far == 0 && holds_ ? part_of(place.index, place.scale) : nullptr;
  if (part != nullptr && part->sum != kNone) return part->sum;
  VReg address = new_int();
  const VReg held_far = far != 0 && holds_ && place.base == kNone ? held_base(far) : kNone;
  const VReg base = held_far != kNone ? held_far : place.base != kNone ? place.base : memory_base_;
  if ((place.flags & kWideAddress) != 0) add_op(OpCode(ops.add), 8, {def(address), use(base), use(place.address)});
  else add_index(address, base, place);
  for (const u32 added : {far / kNear * kNear, far % kNear}) { // each is an immediate
    if (added == 0 || held_far != kNone) continue;
    const VReg sum = new_int();
    add_op(OpCode(ops.add_constant), 8, {def(sum), use(address)}).imm = added;
    address = sum;
  }
  if (kept_.size() == kMostKept) kept_.erase(kept_.begin());
  kept_.push_back({place.address, far, place.scale, address, place.base});
  return address;
}

/// The same for two f64 at once, given the place of the lower one: they are at place.end - 16 from place.base, whatever
/// the address was.
void LoweringBase::keep_both(LinearPlace& place) {
  constexpr u32 kBoth = 2 * kPackedHalf, kUnscaled = 256; // what accesses reach without regard to their size
  const u32 offset = place.end - kPackedHalf;
  place.end += kPackedHalf;
  if ((place.flags & kFixedSize) != 0) check_apart(place);
  if ((place.flags & kConstAddress) != 0) {
    place.base = memory_base_;
    return;
  }
  const u32 beside = offset < kUnscaled ? 0 : offset % kBoth; // far has it, so that near is a multiple
  const u32 near = offset < kUnscaled ? offset : (offset - beside) % (kNear * kBoth), far = offset - near;
  const bool reaches = far < kFarthest;
  place.base = kept_address(place, reaches ? far : 0);
  place.end = (reaches ? near + (ASSAY_PLANTED(a64_packed_beside) ? beside : 0) : offset) + kBoth;
  place.scale = 0;
}

/// The low 32 bits of the address, shifted, on top of the base.
void LoweringBase::add_index(VReg address, VReg base, const LinearPlace& place) {
  LirInst& sum = add_op(OpCode(abilities_.address.add_index), 8, {def(address), use(base), use(place.address)});
  sum.imm = 4;
  sum.cond = place.scale;
}

/// Which indices a block of a loop adds to many places: their accesses do with one addition.
void LoweringBase::find_shared() {
  met_.assign(fn_->value_count(), {});
  in_loops_.clear();
  for (const BlockId block : flow_.order()) {
    if (in_loop_[block] == 0) continue;
    for (const Inst& inst : fn_->insts_of(fn_->blocks[block])) {
      if (!is_linear_access(inst.op)) continue;
      if (loop_head_[block] != kNone)
        in_loops_.push_back({static_cast<InstId>(&inst - fn_->insts.data()), loop_head_[block]});
      const Indexed& indexed = indexed_[operand(inst, 0)];
      Met& met = met_[indexed.index != kNone ? indexed.index : operand(inst, 0)];
      const u64 offset = inst.imm + indexed.beyond;
      if (met.block != block) met = {block, {offset, offset}, met.shared};
      if (met.offsets[0] == met.offsets[1]) met.offsets[1] = offset;
      met.shared |= offset != met.offsets[0] && offset != met.offsets[1];
    }
  }
}

} // namespace assay::codegen
