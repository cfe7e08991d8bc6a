// emit_call.cpp - code for calls, the function table, fuel and switches.
//
// Every call has an entry in the position map under its return address. The callee pops its stack arguments, so
// sp is lowered again right behind the call. A switch is a table when at least a third of its range is used, else a
// binary search: logarithmic. Tested in compiler/target/a64/tests/compile_test.cpp and by execution.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::a64 {

using codegen::SwitchCase;

void Emitter::nothing(const LirInst&, u32) {}

void Emitter::load_arg(const LirInst& inst, u32) { load(inst, reachable(kFramePointer, 16 + inst.imm, inst.size)); }

void Emitter::store_out(const LirInst& inst, u32 immediate) {
  store(inst, stack(inst.imm, inst.size), 0, immediate != 0);
}

void Emitter::call_direct(const LirInst& inst, u32) {
  record_reloc(as_.bl_rel26(), RelocKind::Branch26, inst.aux);
  record_position(position());
  if (inst.imm != 0) move_sp(-inst.imm);
}

void Emitter::call_register(const LirInst& inst, u32) {
  as_.blr(gpr(0));
  record_position(position());
  if (inst.imm != 0) move_sp(-inst.imm);
}

void Emitter::try_call(const LirInst& inst, u32 indirect) {
  if (indirect != 0) call_register(inst, 0);
  else call_direct(inst, 0);
  record_call_site(inst);
  jump_to(successors().front());
}

/// The unwinder comes here, by a branch through a register, with the exception in x0, and all that is callee-saved as
/// it was at the call. Sp is where the stack arguments began of what threw: those of the call, so at the frame's end,
/// or, after a tail call, others.
void Emitter::landing_pad(const LirInst&, u32) {
  if (features_.bti || features_.sign_return) as_.bti(BtiKind::Jump);
  set_sp(kFramePointer, -i64{frame_.size});
}

void Emitter::stop(const LirInst&, u32) { as_.udf(0); }

void Emitter::call_host(const LirInst& inst, u32) {
  call_through(static_cast<u32>(offsetof(VmContext, runtime)) + 8 * inst.aux);
  record_position(position());
}

/// Index to code address; every way to fail is the same trap. A null entry may have any signature, so its code is
/// looked at too.
void Emitter::table_entry(const LirInst& inst, u32) {
  const Label bad = trap_label(TrapKind::BadIndirectCall);
  const Gpr dst = gpr(0), index = int_in(1, kScratch);
  // From here on the index is in x16, clean.
  if (inst.size == 8) {
    if (index != kScratch) as_.mov(Size::X, kScratch, index);
  } else {
    extend(kScratch, index, inst.size, false);
  }
  as_.ldr(Size::X, kScratch2, context_field(offsetof(VmContext, table_size)));
  as_.cmp(Size::X, kScratch, kScratch2);
  as_.b(Cond::Cs, bad);
  static_assert(sizeof(TableEntry) == 16);
  as_.ldr(Size::X, kScratch2, context_field(offsetof(VmContext, table)));
  as_.add(Size::X, kScratch, kScratch2, kScratch, Shift::Lsl, 4);
  as_.ldr(Size::X, kScratch2, Mem::at(kScratch, offsetof(TableEntry, signature)));
  as_.mov_imm(dst, inst.aux);
  as_.cmp(Size::X, kScratch2, dst);
  if (!ASSAY_PLANTED(a64_signature_unchecked)) as_.b(Cond::Ne, bad);
  as_.ldr(Size::X, dst, Mem::at(kScratch, offsetof(TableEntry, code)));
  as_.cbz(Size::X, dst, bad);
}

void Emitter::fuel(const LirInst& inst, u32) {
  const Mem budget = context_field(offsetof(VmContext, fuel));
  const u64 amount = static_cast<u64>(inst.imm);
  as_.ldr(Size::X, kScratch, budget);
  if (const auto imm = add_sub_imm(amount)) {
    as_.subs(Size::X, kScratch, kScratch, *imm);
  } else {
    as_.mov_imm(kScratch2, amount);
    as_.subs(Size::X, kScratch, kScratch, kScratch2);
  }
  as_.str(Size::X, kScratch, budget);
  as_.b(Cond::Cc, trap_label(TrapKind::OutOfFuel));
}

// ---- switch ------------------------------------------------------------------------------------------

void Emitter::jump_table(const LirInst& inst, u32) {
  const std::span<const SwitchCase> cases = cases_of(inst);
  // With branch targets checked every target of a table would need a landing pad.
  if (!features_.bti && wants_table(cases)) switch_table(inst, cases);
  else switch_search(inst, cases);
}

/// What is not a case goes to the default, the last successor.
void Emitter::switch_table(const LirInst& inst, std::span<const SwitchCase> cases) {
  const Size size = word(inst.size);
  const Gpr value = gpr(0), t = gpr(1);
  const u64 least = cases.front().value;
  const u32 entries = static_cast<u32>(cases.back().value - least) + 1;
  const auto minus = [&](Gpr dst, Gpr from, u64 amount) {
    if (const auto imm = add_sub_imm(amount)) {
      if (dst == Gpr::Zr) as_.cmp(size, from, *imm);
      else as_.sub(size, dst, from, *imm);
    } else {
      as_.mov_imm(kScratch, amount);
      as_.subs(size, dst, from, kScratch);
    }
  };
  minus(t, value, least); // clears the upper half of a 32-bit value
  minus(Gpr::Zr, t, entries - 1);
  as_.b(ASSAY_PLANTED(a64_switch_signed) ? Cond::Gt : Cond::Hi, label_of(successors().back()));
  const u32 table = jump_table_for(cases, least, entries);
  as_.lea_rodata(kScratch, table);
  as_.ldrsw(kScratch2, Mem::at(kScratch, t, Extend::Uxtx, 2));
  as_.add(Size::X, kScratch, kScratch, kScratch2);
  as_.br(kScratch);
}

void Emitter::compare_case(const LirInst& inst, u64 value) {
  const Size size = word(inst.size);
  if (const auto imm = add_sub_imm(value)) {
    as_.cmp(size, gpr(0), *imm);
  } else {
    as_.mov_imm(kScratch, value);
    as_.cmp(size, gpr(0), kScratch);
  }
}

// Values are unsigned bit patterns: above the middle case goes right. Depth is the logarithm of the number of cases.
void Emitter::switch_search(const LirInst& inst, std::span<const SwitchCase> cases) {
  const auto succs = successors();
  if (cases.size() <= 3) {
    for (const SwitchCase& one : cases) {
      compare_case(inst, one.value);
      as_.b(Cond::Eq, label_of(succs[one.succ]));
    }
    as_.b(label_of(succs.back()));
    return;
  }
  const std::size_t middle = cases.size() / 2;
  const Label upper = as_.new_label();
  compare_case(inst, cases[middle].value);
  as_.b(Cond::Eq, label_of(succs[cases[middle].succ]));
  as_.b(Cond::Hi, upper);
  switch_search(inst, cases.first(middle));
  as_.bind(upper);
  switch_search(inst, cases.subspan(middle + 1));
}

} // namespace assay::a64
