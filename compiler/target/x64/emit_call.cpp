// emit_call.cpp - code for calls, the function table, fuel and switches.
//
// Every call has an entry in the position map under its return address. The callee pops its stack arguments, so
// rsp is lowered again right behind the call. A switch is a table when at least a third of its range is used, else a
// binary search: logarithmic. Tested in compiler/codegen/tests/compile_tables_test.cpp and by execution.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::x64 {

void Emitter::nothing(const LirInst&, u32) {}

void Emitter::load_arg(const LirInst& inst, u32) { load(inst, Mem::at(Gpr::Rbp, static_cast<i32>(16 + inst.imm))); }

void Emitter::store_out(const LirInst& inst, u32 immediate) {
  const Mem mem = Mem::at(Gpr::Rsp, static_cast<i32>(inst.imm));
  if (immediate != 0) as_.mov(size_of_inst(inst), mem, static_cast<i32>(inst.aux));
  else store(inst, mem, 0);
}

void Emitter::call_direct(const LirInst& inst, u32) {
  record_reloc(as_.call_rel32(), RelocKind::Rel32, inst.aux);
  record_position(position());
  if (inst.imm != 0) as_.sub(Size::Qword, Gpr::Rsp, static_cast<i32>(inst.imm));
}

void Emitter::call_register(const LirInst& inst, u32) {
  as_.call(gpr(0));
  record_position(position());
  if (inst.imm != 0) as_.sub(Size::Qword, Gpr::Rsp, static_cast<i32>(inst.imm));
}

void Emitter::try_call(const LirInst& inst, u32 indirect) {
  if (indirect != 0) call_register(inst, 0);
  else call_direct(inst, 0);
  record_call_site(inst);
  // Windows asks no handler where the return address looks like the end of an epilogue.
  if (host_->base.os == Os::Windows && inst.imm == 0) as_.nop(1);
  jump_to(successors().front());
}

/// The unwinder comes here with the exception in rax, and all that is callee-saved as it was at the call. Rsp is where
/// the stack arguments began of what threw: those of the call, so at the frame's end, or, after a tail call, others.
void Emitter::landing_pad(const LirInst&, u32) {
  as_.lea(Size::Qword, Gpr::Rsp, Mem::at(Gpr::Rbp, -static_cast<i32>(frame_.size)));
}

void Emitter::stop(const LirInst&, u32) { as_.ud2(); }

void Emitter::call_host(const LirInst& inst, u32) {
  as_.call(context_field(static_cast<u32>(offsetof(VmContext, runtime)) + 8 * inst.aux));
  record_position(position());
}

/// Index to code address; every way to fail is the same trap. A null entry may have any signature, so its code is
/// looked at too.
void Emitter::table_entry(const LirInst& inst, u32) {
  const Label bad = trap_label(TrapKind::BadIndirectCall);
  const Gpr dst = gpr(0);
  int_rm(1, [&](auto index) { as_.mov(size_of_inst(inst), kScratch, index); });
  as_.cmp(Size::Qword, kScratch, context_field(offsetof(VmContext, table_size)));
  as_.jcc(Cond::Ae, bad);
  static_assert(sizeof(TableEntry) == 16);
  as_.shl(Size::Qword, kScratch, 4);
  as_.add(Size::Qword, kScratch, context_field(offsetof(VmContext, table)));
  as_.cmp(Size::Qword, Mem::at(kScratch, offsetof(TableEntry, signature)), static_cast<i32>(inst.aux));
  as_.jcc(Cond::Ne, bad);
  as_.mov(Size::Qword, dst, Mem::at(kScratch, offsetof(TableEntry, code)));
  as_.test(Size::Qword, dst, dst);
  as_.jcc(Cond::E, bad);
}

void Emitter::fuel(const LirInst& inst, u32) {
  const Mem budget = context_field(offsetof(VmContext, fuel));
  const u64 amount = static_cast<u64>(inst.imm);
  if (amount <= 0x7fffffff) {
    as_.sub(Size::Qword, budget, static_cast<i32>(amount));
  } else {
    as_.mov_imm(kScratch, amount);
    as_.sub(Size::Qword, budget, kScratch);
  }
  as_.jcc(ASSAY_PLANTED(fuel_exact) ? Cond::Be : Cond::B, trap_label(TrapKind::OutOfFuel));
}

// ---- switch ------------------------------------------------------------------------------------------

void Emitter::jump_table(const LirInst& inst, u32) {
  const std::span<const codegen::SwitchCase> cases = cases_of(inst);
  if (wants_table(cases)) switch_table(inst, cases);
  else switch_search(inst, cases);
}

/// What is not a case goes to the default, the last successor.
void Emitter::switch_table(const LirInst& inst, std::span<const codegen::SwitchCase> cases) {
  const Size size = size_of_inst(inst);
  const Gpr value = gpr(0), t = gpr(1);
  const auto succs = successors();
  const u64 least = cases.front().value;
  const u32 entries = static_cast<u32>(cases.back().value - least) + 1;
  as_.mov(size, t, value); // clears the upper half of a 32-bit value
  if (least != 0) {
    if (size == Size::Dword || fits_imm32(static_cast<i64>(least))) {
      as_.sub(size, t, static_cast<i32>(static_cast<u32>(least)));
    } else {
      as_.mov_imm(kScratch, least);
      as_.sub(size, t, kScratch);
    }
  }
  as_.cmp(size, t, static_cast<i32>(entries - (ASSAY_PLANTED(switch_bound) ? 0 : 1)));
  as_.jcc(Cond::A, label_of(succs.back()));
  const u32 table = jump_table_for(cases, least, entries);
  as_.lea(Size::Qword, kScratch, Mem::rodata(table));
  as_.movsxd(Size::Qword, t, Mem::at(kScratch, t, 2));
  as_.add(Size::Qword, t, kScratch);
  as_.jmp(t);
}

void Emitter::compare_case(const LirInst& inst, u64 value) {
  const Size size = size_of_inst(inst);
  if (size == Size::Dword || fits_imm32(static_cast<i64>(value))) {
    as_.cmp(size, gpr(0), static_cast<i32>(static_cast<u32>(value)));
  } else {
    as_.mov_imm(kScratch, value);
    as_.cmp(size, gpr(0), kScratch);
  }
}

// Values are unsigned bit patterns: above the middle case goes right. Depth is the logarithm of the number of cases.
void Emitter::switch_search(const LirInst& inst, std::span<const codegen::SwitchCase> cases) {
  const auto succs = successors();
  if (cases.size() <= 3) {
    for (const codegen::SwitchCase& one : cases) {
      compare_case(inst, one.value);
      as_.jcc(Cond::E, label_of(succs[one.succ]));
    }
    as_.jmp(label_of(succs.back()));
    return;
  }
  const std::size_t middle = cases.size() / 2;
  const Label upper = as_.new_label();
  compare_case(inst, cases[middle].value);
  as_.jcc(Cond::E, label_of(succs[cases[middle].succ]));
  as_.jcc(ASSAY_PLANTED(switch_signed) ? Cond::G : Cond::A, upper);
  switch_search(inst, cases.first(middle));
  as_.bind(upper);
  switch_search(inst, cases.subspan(middle + 1));
}

} // namespace assay::x64
