// emit_memory.cpp - code for linear and native memory, frame objects, globals and addresses.
//
// A linear access computes the end of what it touches in x16, compares it with the memory's size, adds the base
// and accesses at a negative displacement: no other register is needed and nothing wraps unnoticed. The instruction
// that touches native memory has a fault site. Tested by every differential check and in compile_test.cpp.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::a64 {

using codegen::kBaseGiven;
using codegen::kConstAddress;
using codegen::kFixedSize;
using codegen::kFloatValue;
using codegen::kMayFault;
using codegen::kSurelyInside;
using codegen::kWideAddress;

/// One instruction: what a fault site names.
void Emitter::load(const LirInst& inst, const Mem& mem) {
  if ((inst.flags & kFloatValue) != 0) {
    as_.ldr(fsize(inst.size), vreg(0), mem);
    return;
  }
  const Gpr dst = gpr(0);
  const bool sign = is_signed(inst);
  switch (inst.size) {
  case 1: sign ? as_.ldrsb(Size::X, dst, mem) : as_.ldrb(dst, mem); break;
  case 2: sign ? as_.ldrsh(Size::X, dst, mem) : as_.ldrh(dst, mem); break;
  case 4: sign ? as_.ldrsw(dst, mem) : as_.ldr(Size::W, dst, mem); break;
  default: as_.ldr(Size::X, dst, mem); break;
  }
}

/// `zero`: there is no operand, the value is 0.
void Emitter::store(const LirInst& inst, const Mem& mem, u32 index, bool zero) {
  if (!zero && (inst.flags & kFloatValue) != 0) {
    as_.str(fsize(inst.size), vreg(index), mem);
    return;
  }
  const Gpr value = zero ? Gpr::Zr : gpr(index);
  switch (inst.size) {
  case 1: as_.strb(value, mem); break;
  case 2: as_.strh(value, mem); break;
  case 4: as_.str(Size::W, value, mem); break;
  default: as_.str(Size::X, value, mem); break;
  }
}

// ---- linear memory -----------------------------------------------------------------------------------

/// Compares the variable part of the address with a constant, since the memory never grows.
void Emitter::check_fixed(const LirInst& inst, Size size, Gpr address) {
  const u64 last = (module_->memory_size - inst.aux + (ASSAY_PLANTED(a64_fixed_bound) ? 1 : 0)) >> inst.cond;
  const Label outside = trap_label(TrapKind::OutOfBounds);
  if (const std::optional<AddSubImm> bound = add_sub_imm(last)) {
    as_.cmp(size, address, *bound);
  } else {
    as_.mov_imm(kScratch2, last);
    as_.cmp(size, address, kScratch2);
  }
  as_.b(Cond::Hi, outside);
}

void Emitter::check_inside(const LirInst& inst, u32) {
  if (inst.operand_count == 1) return check_fixed(inst, word(inst.size), gpr(0));
  as_.cmp(word(inst.size), gpr(0), gpr(1));
  as_.b(Cond::Hi, trap_label(TrapKind::OutOfBounds));
}

/// Where no check is needed, or that one.
Mem Emitter::fixed_address(const LirInst& inst, u32 index, Gpr base) {
  const bool wide = (inst.flags & kWideAddress) != 0;
  const Gpr address = int_in(index, kScratch); // an i32 address may have junk above it
  if ((inst.flags & kSurelyInside) == 0) check_fixed(inst, wide ? Size::X : Size::W, address);
  const bool by_size = inst.cond == 0 || 1u << inst.cond == inst.size;
  if (inst.aux == inst.size && by_size && may(codegen::Decision::RegisterOffset))
    return Mem::at(base, address, wide ? Extend::Uxtx : Extend::Uxtw, inst.cond);
  if (wide) as_.add(Size::X, kScratch, base, address);
  else as_.add(Size::X, kScratch, base, address, Extend::Uxtw, inst.cond);
  return reachable(kScratch, i64{inst.aux} - inst.size, inst.size);
}

/// Checks the access and gives its place. aux: constant part of the address plus the size, at most kMemoryLimit.
Mem Emitter::linear_address(const LirInst& inst, u32 index) {
  const bool has_base = (inst.flags & kBaseGiven) != 0;
  const Gpr base = has_base ? gpr(inst.operand_count - 1u) : kScratch;
  if ((inst.flags & kSurelyInside) != 0 && (inst.flags & kConstAddress) != 0) {
    if (!has_base) as_.ldr(Size::X, base, context_field(offsetof(VmContext, memory_base)));
    return reachable(base, i64{inst.aux} - inst.size, inst.size);
  }
  if (has_base && (inst.flags & (kFixedSize | kSurelyInside)) != 0) return fixed_address(inst, index, base);
  const Label outside = trap_label(TrapKind::OutOfBounds);
  const std::optional<AddSubImm> end = add_sub_imm(inst.aux);
  if ((inst.flags & kConstAddress) != 0) {
    as_.mov_imm(kScratch, inst.aux);
  } else {
    const bool wide = (inst.flags & kWideAddress) != 0;
    // An i32 address may have junk above it.
    const Size size = wide || ASSAY_PLANTED(a64_address_upper_half) ? Size::X : Size::W;
    const Gpr address = int_in(index, kScratch);
    if (size == Size::W) as_.mov(size, kScratch, address);
    const Gpr clean = size == Size::W ? kScratch : address;
    if (end) {
      as_.adds(Size::X, kScratch, clean, *end);
    } else {
      as_.mov_imm(kScratch2, inst.aux);
      as_.adds(Size::X, kScratch, clean, kScratch2);
    }
    if (wide) as_.b(Cond::Cs, outside);
  }
  as_.ldr(Size::X, kScratch2, context_field(offsetof(VmContext, memory_size)));
  as_.cmp(Size::X, kScratch, kScratch2);
  as_.b(ASSAY_PLANTED(a64_bounds_off_by_one) ? Cond::Cs : Cond::Hi, outside);
  if (!has_base) as_.ldr(Size::X, kScratch2, context_field(offsetof(VmContext, memory_base)));
  as_.add(Size::X, kScratch, kScratch, has_base ? base : kScratch2);
  return Mem::at(kScratch, -i64{inst.size});
}

void Emitter::memory_base(const LirInst&, u32) {
  as_.ldr(Size::X, gpr(0), context_field(offsetof(VmContext, memory_base)));
}

void Emitter::linear_load(const LirInst& inst, u32) { load(inst, linear_address(inst, 1)); }

void Emitter::linear_store(const LirInst& inst, u32 immediate) {
  const Mem mem = linear_address(inst, immediate != 0 ? 0 : 1);
  store(inst, mem, 0, immediate != 0);
}

void Emitter::memory_size(const LirInst&, u32) {
  as_.ldr(Size::X, gpr(0), context_field(offsetof(VmContext, memory_size)));
  as_.lsr(Size::X, gpr(0), gpr(0), 16);
}

/// Address and length of `size` bytes each; their sum does not wrap unnoticed. The sum is made before the result is
/// written, which may lie in an operand's register.
void Emitter::range_check(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  const Label outside = trap_label(TrapKind::OutOfBounds);
  const Gpr address = int_in(1, kScratch), length = int_in(2, kScratch2);
  if (inst.size == 8) {
    as_.adds(Size::X, kScratch2, address, length);
    if (address != dst) as_.mov(Size::X, dst, address);
    as_.b(Cond::Cs, outside);
  } else {
    as_.mov(Size::W, kScratch, address);
    as_.add(Size::X, kScratch2, kScratch, length, Extend::Uxtw);
    as_.mov(Size::X, dst, kScratch);
  }
  as_.ldr(Size::X, kScratch, context_field(offsetof(VmContext, memory_size)));
  as_.cmp(Size::X, kScratch2, kScratch);
  as_.b(Cond::Hi, outside);
  as_.ldr(Size::X, kScratch, context_field(offsetof(VmContext, memory_base)));
  as_.add(Size::X, dst, dst, kScratch);
}

// ---- native memory -----------------------------------------------------------------------------------

/// The next instruction may fault: it stands at this offset.
void Emitter::fault_site(const LirInst& inst) {
  if ((inst.flags & kMayFault) == 0) return;
  as_.keep_together(1);
  record_fault(inst);
}

void Emitter::pointer_load(const LirInst& inst, u32) {
  const Mem mem = reachable(gpr(1), inst.imm, inst.size);
  fault_site(inst);
  load(inst, mem);
}

void Emitter::pointer_store(const LirInst& inst, u32 immediate) {
  const Mem mem = reachable(gpr(immediate != 0 ? 0 : 1), inst.imm, inst.size);
  fault_site(inst);
  store(inst, mem, 0, immediate != 0);
}

void Emitter::frame_load(const LirInst& inst, u32) { load(inst, object(inst.imm, inst.size)); }

void Emitter::frame_store(const LirInst& inst, u32 immediate) {
  store(inst, object(inst.imm, inst.size), 0, immediate != 0);
}

/// An alignment beyond 16 is reached by rounding up, within bytes that lowering reserved.
void Emitter::frame_addr(const LirInst& inst, u32) {
  const i64 slack = inst.aux > 16 ? inst.aux - 16 : 0;
  add_offset(gpr(0), Gpr::Sp, i64{frame_.size} - frame_.objects + inst.imm + slack);
  if (slack != 0) as_.and_(Size::X, gpr(0), gpr(0), *logical_imm(Size::X, 0 - u64{inst.aux}));
}

// ---- globals and addresses ---------------------------------------------------------------------------

void Emitter::global_load(const LirInst& inst, u32) {
  as_.ldr(Size::X, kScratch, context_field(offsetof(VmContext, globals)));
  load(inst, reachable(kScratch, i64{8} * inst.aux, inst.size));
}

void Emitter::global_store(const LirInst& inst, u32) {
  as_.ldr(Size::X, kScratch, context_field(offsetof(VmContext, globals)));
  store(inst, reachable(kScratch, i64{8} * inst.aux, inst.size), 0, false);
}

void Emitter::func_addr(const LirInst& inst, u32) { record_reloc(as_.lea_rel(gpr(0)), RelocKind::Lea, inst.aux); }

void Emitter::context(const LirInst&, u32) { as_.mov(Size::X, gpr(0), kContext); }

} // namespace assay::a64
