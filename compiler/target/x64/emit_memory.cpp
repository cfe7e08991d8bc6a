// emit_memory.cpp - code for linear and native memory, frame objects, globals and addresses.
//
// A linear access computes the end of what it touches in r11, compares it with the memory's size, adds the base
// and accesses at a negative displacement: no other register is needed and nothing wraps unnoticed. With the base in a
// register (O2) the access adds it itself; a memory that never grows is left by an address beyond a constant. The
// instruction that touches native memory has a fault site. Tested by every differential check and in
// compile_tables_test.cpp.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::x64 {

/// One instruction: what a fault site names.
void Emitter::load(const LirInst& inst, const Mem& mem) {
  if ((inst.flags & codegen::kFloatValue) != 0) {
    if (inst.size == 8) as_.movsd(xmm(0), mem);
    else as_.movss(xmm(0), mem);
    return;
  }
  const Gpr dst = gpr(0);
  const bool is_signed = (inst.flags & codegen::kSigned) != 0;
  switch (inst.size) {
  case 1: is_signed ? as_.movsx8(Size::Qword, dst, mem) : as_.movzx8(Size::Dword, dst, mem); break;
  case 2: is_signed ? as_.movsx16(Size::Qword, dst, mem) : as_.movzx16(Size::Dword, dst, mem); break;
  case 4: is_signed ? as_.movsxd(Size::Qword, dst, mem) : as_.mov(Size::Dword, dst, mem); break;
  default: as_.mov(Size::Qword, dst, mem); break;
  }
}

void Emitter::store(const LirInst& inst, const Mem& mem, u32 index) {
  if ((inst.flags & codegen::kFloatValue) == 0) as_.mov(size_of_inst(inst), mem, gpr(index));
  else if (inst.size == 8) as_.movsd(mem, xmm(index));
  else as_.movss(mem, xmm(index));
}

// ---- linear memory -----------------------------------------------------------------------------------

/// Where no check is needed, or only one of the variable part of the address with a constant, since the memory never
/// grows.
Mem Emitter::fixed_address(const LirInst& inst, u32 index, Gpr base) {
  const bool is_folded = (inst.flags & codegen::kFoldedLoad) != 0;
  const u8 scale = is_folded ? static_cast<u8>(inst.flags >> codegen::kFoldedScaleShift) : inst.cond;
  const bool wide = (inst.flags & codegen::kWideAddress) != 0;
  const bool as_it_is = wide || (inst.flags & codegen::kCleanAddress) != 0;
  if (!as_it_is) int_rm(index, [&](auto address) { as_.mov(Size::Dword, kScratch, address); });
  const Gpr address = as_it_is ? gpr(index) : kScratch;
  if ((inst.flags & codegen::kSurelyInside) == 0) {
    const u64 beyond = module_->memory_size - inst.aux + (ASSAY_PLANTED(mem_fixed_bound) ? 1 : 0);
    const i32 last = static_cast<i32>(beyond >> (ASSAY_PLANTED(mem_index_unscaled) ? 0 : scale));
    const Label outside = trap_label(TrapKind::OutOfBounds);
    as_.cmp(wide ? Size::Qword : Size::Dword, address, last);
    as_.jcc(Cond::A, outside);
  }
  return Mem::at(base, address, scale, static_cast<i32>(inst.aux - inst.size));
}

/// Checks the access and gives its place. aux: constant part of the address plus the size, at most kMemoryLimit.
Mem Emitter::linear_address(const LirInst& inst, u32 index) {
  const i32 end = static_cast<i32>(inst.aux);
  const bool has_base = (inst.flags & codegen::kBaseGiven) != 0, known = (inst.flags & codegen::kConstAddress) != 0;
  const Gpr base = has_base ? gpr(inst.operand_count - 1u) : kScratch;
  if (known && (inst.flags & codegen::kSurelyInside) != 0) {
    if (!has_base) as_.mov(Size::Qword, base, context_field(offsetof(VmContext, memory_base)));
    return Mem::at(base, end - static_cast<i32>(inst.size));
  }
  if (has_base && (inst.flags & (codegen::kFixedSize | codegen::kSurelyInside)) != 0)
    return fixed_address(inst, index, base);
  const Label outside = trap_label(TrapKind::OutOfBounds);
  if (known) {
    as_.mov_imm(kScratch, inst.aux);
  } else if ((inst.flags & codegen::kWideAddress) != 0) {
    int_rm(index, [&](auto address) { as_.mov(Size::Qword, kScratch, address); });
    as_.add(Size::Qword, kScratch, end);
    as_.jcc(Cond::B, outside);
  } else {
    const Size narrow = ASSAY_PLANTED(mem_address_upper_half) ? Size::Qword : Size::Dword;
    int_rm(index, [&](auto address) { as_.mov(narrow, kScratch, address); }); // drops a dirty upper half
    as_.add(ASSAY_PLANTED(mem_address_wraps) ? Size::Dword : Size::Qword, kScratch, end);
  }
  as_.cmp(Size::Qword, kScratch, context_field(offsetof(VmContext, memory_size)));
  as_.jcc(Cond::A, outside);
  if (has_base) return Mem::at(base, kScratch, 0, -static_cast<i32>(inst.size));
  as_.add(Size::Qword, kScratch, context_field(offsetof(VmContext, memory_base)));
  return Mem::at(kScratch, -static_cast<i32>(inst.size));
}

void Emitter::memory_base(const LirInst&, u32) {
  as_.mov(Size::Qword, gpr(0), context_field(offsetof(VmContext, memory_base)));
}

void Emitter::linear_load(const LirInst& inst, u32) { load(inst, linear_address(inst, 1)); }

void Emitter::linear_store(const LirInst& inst, u32 immediate) {
  if (immediate != 0) as_.mov(size_of_inst(inst), linear_address(inst, 0), static_cast<i32>(inst.imm));
  else store(inst, linear_address(inst, 1), 0);
}

void Emitter::memory_size(const LirInst&, u32) {
  as_.mov(Size::Qword, gpr(0), context_field(offsetof(VmContext, memory_size)));
  as_.shr(Size::Qword, gpr(0), 16);
}

/// Address and length of `size` bytes each; their sum does not wrap unnoticed.
void Emitter::range_check(const LirInst& inst, u32) {
  const Size size = size_of_inst(inst);
  const Gpr dst = gpr(0);
  const Label outside = trap_label(TrapKind::OutOfBounds);
  int_rm(2, [&](auto length) { as_.mov(size, kScratch, length); });
  int_rm(1, [&](auto address) { as_.mov(size, dst, address); });
  as_.add(Size::Qword, kScratch, dst);
  if (size == Size::Qword && !ASSAY_PLANTED(mem_range_wraps)) as_.jcc(Cond::B, outside);
  as_.cmp(Size::Qword, kScratch, context_field(offsetof(VmContext, memory_size)));
  as_.jcc(Cond::A, outside);
  as_.add(Size::Qword, dst, context_field(offsetof(VmContext, memory_base)));
}

// ---- native memory -----------------------------------------------------------------------------------

Mem Emitter::pointer_address(const LirInst& inst, u32 index) {
  if (fits_imm32(inst.imm)) return Mem::at(gpr(index), static_cast<i32>(inst.imm));
  as_.mov_imm(kScratch, static_cast<u64>(inst.imm));
  return Mem::at(gpr(index), kScratch, 0);
}

/// The place of a load that is an operand: the next instruction is the one that reads it.
Mem Emitter::folded_place(const LirInst& inst, u32 index) {
  if ((inst.flags & codegen::kBaseGiven) != 0) return linear_address(inst, index);
  if ((inst.flags & codegen::kMayFault) == 0) return object(inst.aux);
  record_fault(inst);
  return Mem::at(gpr(index), static_cast<i32>(inst.aux));
}

void Emitter::pointer_load(const LirInst& inst, u32) {
  const Mem mem = pointer_address(inst, 1);
  record_fault(inst);
  load(inst, mem);
}

void Emitter::pointer_store(const LirInst& inst, u32 immediate) {
  const Mem mem = pointer_address(inst, immediate != 0 ? 0 : 1);
  record_fault(inst);
  if (immediate != 0) as_.mov(size_of_inst(inst), mem, static_cast<i32>(inst.aux));
  else store(inst, mem, 0);
}

void Emitter::frame_load(const LirInst& inst, u32) { load(inst, object(inst.imm)); }

void Emitter::frame_store(const LirInst& inst, u32 immediate) {
  if (immediate != 0) as_.mov(size_of_inst(inst), object(inst.imm), static_cast<i32>(inst.aux));
  else store(inst, object(inst.imm), 0);
}

/// An alignment beyond 16 is reached by rounding up, within bytes that lowering reserved.
void Emitter::frame_addr(const LirInst& inst, u32) {
  const i64 slack = inst.aux > 16 ? inst.aux - 16 : 0;
  as_.lea(Size::Qword, gpr(0), object(inst.imm + slack));
  if (slack != 0) as_.and_(Size::Qword, gpr(0), -static_cast<i32>(inst.aux));
}

// ---- globals and addresses ---------------------------------------------------------------------------

void Emitter::global_load(const LirInst& inst, u32) {
  as_.mov(Size::Qword, kScratch, context_field(offsetof(VmContext, globals)));
  load(inst, Mem::at(kScratch, static_cast<i32>(8 * inst.aux)));
}

void Emitter::global_store(const LirInst& inst, u32) {
  as_.mov(Size::Qword, kScratch, context_field(offsetof(VmContext, globals)));
  store(inst, Mem::at(kScratch, static_cast<i32>(8 * inst.aux)), 0);
}

void Emitter::func_addr(const LirInst& inst, u32) { record_reloc(as_.lea_rel32(gpr(0)), RelocKind::Rel32, inst.aux); }

void Emitter::context(const LirInst&, u32) { as_.mov(Size::Qword, gpr(0), kContext); }

} // namespace assay::x64
