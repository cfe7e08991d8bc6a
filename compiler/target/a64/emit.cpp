// emit.cpp - the function, its instructions one by one, the allocator's moves, and traps.
//
// Needs and leaves what emit.h says. Linear in instructions, edits and labels. Tested in
// compiler/target/a64/tests/compile_test.cpp.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <algorithm>
#include <cstddef>

namespace assay::a64 {

using codegen::Edit;
using codegen::RegClass;

namespace {

/// Addresses of functions and constants are made by adr and add up to here, and by pages beyond.
constexpr u64 kLargestUnpaged = u64{16} << 20;

} // namespace

void Emitter::begin(const Module& module, const CompileOptions& options, codegen::Decisions& decisions,
                    CodeObject& out) {
  conv_ = &call_conv(options.os);
  host_ = &call_conv(options.host_os);
  features_ = options.features;
  begin_module(module, options, decisions, out);
}

void Emitter::start(FunctionId id, bool is_thunk) {
  as_.reset_labels();
  as_.align_udf(16);
  begin_function(id, is_thunk, frame_.size + 16);
}

Result<void> Emitter::function(const codegen::FunctionInput& input, const codegen::LirFunction& lir,
                               const codegen::Allocation& allocation, const codegen::LoweredFunction& info) {
  set_body(input, lir, allocation, info);
  done_ = nullptr;
  incoming_bytes_ = info.incoming_bytes;
  const u32 slots = allocation.slot_count - static_cast<u32>(lir.constants.size());
  if (Result<void> made = make_frame(allocation.written, slots, info.object_bytes, lir.outgoing_bytes); !made) {
    return made;
  }
  start(input.id, false);
  forward_empty_blocks();
  prologue(true);
  zero_objects(info.zero_bytes);
  walk(*this);
  for (const Stub& stub : stubs_) raise(stub);
  end_function();
  return {};
}

Result<void> Emitter::finish() {
  as_.finish();
  as_.resolve_rodata(out_->rodata_offset());
  if (!as_.ok()) {
    // Beyond the limit the assembler writes over the upper half again. With less code something else was refused.
    if (as_.offset() < Assembler::kLargestSize / 2)
      return Error{ErrorKind::Internal, "", 0, 0, "an instruction without an encoding was asked for"};
    return Error{ErrorKind::Unsupported, "", 0, 0, "the module's code is too large for A64's branches (128 MiB)"};
  }
  if (as_.needs_page_alignment() || u64{out_->rodata_offset()} + out_->rodata.size() > kLargestUnpaged)
    out_->alignment = 4096;
  finish_tables();
  return {};
}

// ---- the walk ----------------------------------------------------------------------------------------

/// Whether the move and the next one are made as one: both load or both store a slot, and these are neighbours. Neither
/// depends on the other then.
bool Emitter::move_pair(const Edit& first) {
  const Edit* const next = &first + 1;
  if (next == allocation_->edits.data() + allocation_->edits.size() || next->inst != first.inst) return false;
  const Edit& second = *next;
  const bool loads = first.from.is_slot();
  if (first.reg_class != second.reg_class || loads != second.from.is_slot()) return false;
  const Location slots[2] = {loads ? first.from : first.to, loads ? second.from : second.to};
  const Location regs[2] = {loads ? first.to : first.from, loads ? second.to : second.from};
  if (!slots[0].is_slot() || !slots[1].is_slot() || !regs[0].is_reg() || !regs[1].is_reg()) return false;
  const u32 a = slots[0].slot_index(), b = slots[1].slot_index(), constants = static_cast<u32>(lir_->constants.size());
  if ((a + 1 != b && b + 1 != a) || std::min(a, b) < constants || (loads && regs[0] == regs[1])) return false;
  if (a == allocation_->cycle_slot || b == allocation_->cycle_slot) return false;
  const u32 low = a > b ? 0 : 1; // slots lie downwards
  const i64 at = i64{frame_.size} - frame_.spills - i64{8} * (std::max(a, b) - constants + 1);
  if (at > 504 || !may(codegen::Decision::MovesPaired)) return false;
  const u32 other = ASSAY_PLANTED(a64_pair_swapped) ? low : 1 - low;
  const codegen::PReg x = regs[1 - other].preg(), y = regs[other].preg();
  const Mem place = Mem::at(Gpr::Sp, at);
  if (first.reg_class == RegClass::Int) {
    if (loads) as_.ldp(Size::X, gpr_of(x), gpr_of(y), place);
    else as_.stp(Size::X, gpr_of(x), gpr_of(y), place);
  } else if (loads) {
    as_.ldp(FSize::D, vreg_of(x), vreg_of(y), place);
  } else {
    as_.stp(FSize::D, vreg_of(x), vreg_of(y), place);
  }
  done_ = next;
  return true;
}

/// All 64 bits. Between two slots through x16, whatever the class. Cycles of registers take the scratch register.
void Emitter::move(const Edit& given) {
  if (&given == done_ || move_pair(given)) return;
  const bool is_int = given.reg_class == RegClass::Int;
  if (given.from.is_slot() && given.from.slot_index() < lir_->constants.size())
    return make_constant(lir_->constants[given.from.slot_index()], given.reg_class, given.to);
  const Edit edit = beyond_cycle_slot(given, is_int ? index_of(kScratch) : index_of(kFloatScratch));
  if (edit.from.is_reg() && edit.to.is_reg()) {
    if (is_int) as_.mov(Size::X, gpr_of(edit.to.preg()), gpr_of(edit.from.preg()));
    else as_.fmov(FSize::D, vreg_of(edit.to.preg()), vreg_of(edit.from.preg()));
  } else if (edit.from.is_reg()) {
    if (is_int) as_.str(Size::X, gpr_of(edit.from.preg()), slot(edit.to));
    else as_.str(FSize::D, vreg_of(edit.from.preg()), slot(edit.to));
  } else if (edit.to.is_reg()) {
    if (is_int) as_.ldr(Size::X, gpr_of(edit.to.preg()), slot(edit.from));
    else as_.ldr(FSize::D, vreg_of(edit.to.preg()), slot(edit.from));
  } else {
    as_.ldr(Size::X, kScratch, slot(edit.from));
    as_.str(Size::X, kScratch, slot(edit.to));
  }
}

/// Uses x16.
void Emitter::make_constant(const codegen::Constant& constant, RegClass reg_class, Location to) {
  if (reg_class == RegClass::Float && to.is_reg()) return float_value(vreg_of(to.preg()), constant.bits, constant.size);
  const Gpr dst = to.is_reg() ? gpr_of(to.preg()) : kScratch;
  if (constant.kind == codegen::Constant::Kind::Bits) {
    as_.mov_imm(dst, constant.bits + (ASSAY_PLANTED(a64_constant_remade) && constant.bits > 0xffff ? 1 : 0));
  } else {
    as_.ldr(Size::X, dst, context_field(offsetof(VmContext, memory_base)));
    if (constant.bits != 0) add_offset(dst, dst, static_cast<i64>(constant.bits));
  }
  if (!to.is_reg()) as_.str(Size::X, dst, slot(to));
}

void Emitter::instruction(const LirInst& inst) {
  switch (static_cast<Op>(inst.op)) {
#define LIR(name, text, emitter, param, meaning) \
  case Op::name:                                 \
    emitter(inst, param);                        \
    return;
#include "compiler/target/a64/lir_ops.def"
  }
}

/// base + offset for an access of `bytes`; far offsets through x17. May add instructions.
Mem Emitter::reachable(Gpr base, i64 offset, u32 bytes) {
  const Mem near = Mem::at(base, offset);
  u32 log2 = 0;
  while ((1u << log2) < bytes) ++log2;
  if (encodable(near, log2)) return near;
  const i64 low = offset & 0xfff;
  const std::optional<AddSubImm> high = add_sub_imm(static_cast<u64>(offset - low));
  if (offset > 0 && high && encodable(Mem::at(kScratch2, low), log2)) {
    as_.add(Size::X, kScratch2, base, *high);
    return Mem::at(kScratch2, low);
  }
  as_.mov_imm(kScratch2, static_cast<u64>(offset));
  return Mem::at(base, kScratch2);
}

// ---- traps -------------------------------------------------------------------------------------------

/// Calls the code whose address is in that field of the context.
void Emitter::call_through(u32 context_offset) {
  as_.ldr(Size::X, kScratch, context_field(context_offset));
  as_.blr(kScratch);
}

// The call never returns. The instruction after it belongs to this function, so that an unwinder which looks up the
// return address finds it.
void Emitter::trap_call(TrapKind kind) {
  call_through(static_cast<u32>(offsetof(VmContext, trap_entry)) + 8 * static_cast<u32>(kind));
}

void Emitter::raise(const Stub& stub) {
  as_.bind(stub.label);
  // The budget went below zero (`trap out_of_fuel` has no stub, and leaves it alone).
  if (stub.kind == TrapKind::OutOfFuel && !ASSAY_PLANTED(a64_fuel_not_cleared))
    as_.str(Size::X, Gpr::Zr, context_field(offsetof(VmContext, fuel)));
  trap_call(stub.kind);
  record_position(stub);
  as_.udf(0);
}

void Emitter::trap(const LirInst& inst, u32) {
  trap_call(static_cast<TrapKind>(inst.aux));
  record_position(position());
  as_.udf(0);
}

} // namespace assay::a64
