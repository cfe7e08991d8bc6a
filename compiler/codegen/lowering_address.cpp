// lowering_address.cpp - addresses that accesses to linear memory share, for targets whose accesses reach but a few KiB
// beyond a register.
//
// At O2 such an access takes its address from a value of its own: base + (index << scale) + a multiple of kNear, made
// where its block needs it first; what is left of the constant stands in the access. Accesses at neighbouring places,
// as in arrays of structures and in unrolled loops, so share one or two additions. The check of bounds, if there is
// one, stands before as an instruction of its own. Values of a block that comes before, or from before a call,
// which would have to save them, are not looked for. At most kMostKept comparisons an access. Tested in
// compiler/target/a64/tests/lower_test.cpp.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

#include <algorithm>

namespace assay::codegen {

namespace {

constexpr u32 kNear = 4096, kFarthest = 1u << 24; // immediates of accesses, in units of their size, and of additions
constexpr std::size_t kMostKept = 8;

} // namespace

/// Changes the place to one at a constant distance from a value.
void LoweringBase::keep_address(LinearPlace& place, u32 size) {
  const AddressOps& ops = abilities_.address;
  const bool wide = (place.flags & kWideAddress) != 0;
  if (ops.add_index == 0 || memory_base_ == kNone || (place.flags & kConstAddress) != 0) return;
  if ((place.flags & (kFixedSize | kSurelyInside)) == 0) return;
  const u32 offset = place.end - size, near = offset % (kNear * size), far = offset - near;
  if (offset % size != 0 || far >= kFarthest) return;
  if (offset == 0 && (place.scale == 0 || 1u << place.scale == size)) return; // an access can add that itself
  if (!may(Decision::AddressKept)) return;
  if ((place.flags & kSurelyInside) == 0) {
    LirInst& check = add_op(OpCode(ops.check), wide ? 8 : 4, {use(place.address)});
    check.aux = place.end;
    check.cond = place.scale;
  }
  const auto same = [&](const KeptAddress& kept) {
    return kept.index == place.address && kept.scale == place.scale && kept.far == far;
  };
  const auto found = std::find_if(kept_.begin(), kept_.end(), same);
  VReg address = found != kept_.end() ? found->address : kNone;
  if (address == kNone) {
    address = new_int();
    if (wide) add_op(OpCode(ops.add), 8, {def(address), use(memory_base_), use(place.address)});
    else add_index(address, place);
    if (far != 0) {
      const VReg sum = new_int();
      add_op(OpCode(ops.add_constant), 8, {def(sum), use(address)}).imm = far;
      address = sum;
    }
    if (kept_.size() == kMostKept) kept_.erase(kept_.begin());
    kept_.push_back({place.address, far, place.scale, address});
  }
  place.flags = static_cast<u16>((place.flags & (kFloatValue | kSigned)) | kConstAddress | kSurelyInside | kBaseGiven);
  place.end = near + size;
  place.scale = 0;
  place.base = address;
}

/// The low 32 bits of the address, shifted, on top of the memory's base.
void LoweringBase::add_index(VReg address, const LinearPlace& place) {
  LirInst& sum = add_op(OpCode(abilities_.address.add_index), 8, {def(address), use(memory_base_), use(place.address)});
  sum.imm = 4;
  sum.cond = place.scale;
}

} // namespace assay::codegen
