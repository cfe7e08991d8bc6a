// emit_frame.cpp - frame layout, prologue, epilogue, tail-call frames; each effect recorded as a FrameOp.
//
// Shape of every function: [paciasp | bti] stp x29, x30, [sp, -16]!; mov x29, sp; stack check; stp of pairs; sub sp.
// The stack check's trap is called in line: behind the body the unwind state would claim registers that are not yet
// saved; on Apple it comes behind the stores, because compact encodings have one state for all calls of a function. On
// Windows an add behind the stores sets x29 again, to what it is: from there on unwind codes count from x29, not sp.
// Large frames touch each page in order before sp moves. Epilogues mirror the prologue, which is what
// Windows' unwind codes and Apple's compact encodings can say (Apple's want the second register of a pair below the
// first). Tested in compiler/target/a64/tests/compile_test.cpp.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <bit>
#include <cstddef>

namespace assay::a64 {

using codegen::bit;
using codegen::Decision;
using codegen::RegSet;

namespace {

constexpr u32 kPage = 4096;
constexpr u32 kFrameLimit = 1u << 30;
constexpr u32 kMostUnrolled = 504; // zeroed without a loop: what stp reaches
constexpr u32 kFirstSaved = 19;    // x19 to x27; x28 is the context and keeps its value
constexpr u32 kHintAutia1716 = 12; // authenticates x17 with the modifier in x16

constexpr u32 align16(u32 value) { return (value + 15) & ~15u; }
/// The number of the first register of its pair: x19 and x20, ..., v8 and v9, ...
constexpr u32 pair_of(u32 reg) { return reg < 32 ? reg - (reg - kFirstSaved) % 2 : reg & ~1u; }

} // namespace

Result<void> Emitter::make_frame(RegSet written, u32 spill_slots, u32 object_bytes, u32 outgoing_bytes) {
  frame_ = {};
  u32 pairs = 0;
  const RegSet implicit = bit(index_of(kContext)) | bit(index_of(kFramePointer)) | bit(index_of(kLinkRegister));
  for (RegSet rest = written & conv_->callee_saved & ~implicit; rest != 0; rest &= rest - 1) {
    const u32 first = pair_of(static_cast<u32>(std::countr_zero(rest)));
    if ((frame_.saved & bit(static_cast<codegen::PReg>(first))) == 0) ++pairs;
    frame_.saved |= RegSet{3} << first;
  }
  frame_.pushed_bytes = 16 * pairs;
  if (u64{8} * spill_slots + object_bytes + outgoing_bytes > kFrameLimit) {
    return Error{ErrorKind::Unsupported, "", 0, 0, "a stack frame larger than 1 GiB"};
  }
  frame_.spills = frame_.pushed_bytes;
  frame_.objects = align16(frame_.spills + 8 * spill_slots + object_bytes);
  frame_.size = align16(frame_.objects + outgoing_bytes);
  return {};
}

// ---- entering ----------------------------------------------------------------------------------------

/// `first`: the unified index of the pair's first register. The effects are recorded.
void Emitter::push_pair(u32 first) {
  const bool swapped = conv_->os == Os::Apple;
  const u32 low = swapped ? first + 1 : first, high = swapped ? first : first + 1;
  const Mem place = Mem::pre(Gpr::Sp, -16);
  if (first < 32) as_.stp(Size::X, gpr_of(static_cast<RegIndex>(low)), gpr_of(static_cast<RegIndex>(high)), place);
  else as_.stp(FSize::D, vreg_of(static_cast<RegIndex>(low)), vreg_of(static_cast<RegIndex>(high)), place);
}

void Emitter::pop_pair(u32 first) {
  const bool swapped = conv_->os == Os::Apple;
  const u32 low = swapped ? first + 1 : first, high = swapped ? first : first + 1;
  const Mem place = Mem::post(Gpr::Sp, 16);
  if (first < 32) as_.ldp(Size::X, gpr_of(static_cast<RegIndex>(low)), gpr_of(static_cast<RegIndex>(high)), place);
  else as_.ldp(FSize::D, vreg_of(static_cast<RegIndex>(low)), vreg_of(static_cast<RegIndex>(high)), place);
  frame_op(FrameEffect::Restore, static_cast<RegIndex>(first), 0);
  frame_op(FrameEffect::Restore, static_cast<RegIndex>(first + 1), 0);
  frame_op(FrameEffect::Release, 0, 16);
}

void Emitter::prologue(bool check_stack) {
  if (features_.sign_return) {
    as_.paciasp(); // a landing pad for calls, too
    frame_op(FrameEffect::SignReturn, index_of(kLinkRegister), 0);
  } else if (features_.bti) {
    as_.bti(BtiKind::Call);
  }
  as_.stp(Size::X, kFramePointer, kLinkRegister, Mem::pre(Gpr::Sp, -16));
  frame_op(FrameEffect::Allocate, 0, 16);
  frame_op(FrameEffect::Save, index_of(kFramePointer), 16);
  frame_op(FrameEffect::Save, index_of(kLinkRegister), 8);
  as_.mov(Size::X, kFramePointer, Gpr::Sp);
  frame_op(FrameEffect::SetFrame, index_of(kFramePointer), 0);
  const bool swapped = conv_->os == Os::Apple;
  if (check_stack && !swapped) stack_check();
  i32 depth = 16; // CFA - sp
  for (RegSet rest = frame_.saved; rest != 0; rest &= rest - 1, rest &= rest - 1) {
    const u32 first = static_cast<u32>(std::countr_zero(rest));
    push_pair(first);
    depth += 16;
    frame_op(FrameEffect::Allocate, 0, 16);
    const i32 first_at = swapped != ASSAY_PLANTED(a64_unwind_pair_swapped) ? depth - 8 : depth;
    frame_op(FrameEffect::Save, static_cast<RegIndex>(first), first_at);
    frame_op(FrameEffect::Save, static_cast<RegIndex>(first + 1), swapped ? depth : depth - 8);
  }
  if (check_stack && swapped) stack_check();
  if (conv_->os == Os::Windows && frame_.pushed_bytes != 0) {
    add_offset(kFramePointer, Gpr::Sp, frame_.pushed_bytes);
    frame_op(FrameEffect::SetFrame, index_of(kFramePointer), static_cast<i32>(frame_.pushed_bytes));
  }
  const u32 allocated = frame_.size - frame_.pushed_bytes;
  if (allocated > kPage) probe(allocated);
  if (allocated != 0) {
    move_sp(-i64{allocated});
    frame_op(FrameEffect::Allocate, 0, static_cast<i32>(allocated));
  }
}

/// Traps when the frame would reach too far below VmContext::stack_limit. A large frame could wrap around zero: that is
/// below the limit as well. x29 is sp here.
void Emitter::stack_check() {
  const Label enough = as_.new_label();
  as_.ldr(Size::X, kScratch, context_field(offsetof(VmContext, stack_limit)));
  if (frame_.size <= kStackSlack) {
    as_.cmp(Size::X, kFramePointer, kScratch);
    as_.b(Cond::Cs, enough);
  } else if (frame_.size <= 8 * kPage) {
    add_offset(kScratch2, kFramePointer, -i64{frame_.size});
    as_.cmp(Size::X, kScratch2, kScratch);
    as_.b(Cond::Cs, enough);
  } else {
    const Label overflow = as_.new_label();
    as_.mov_imm(kScratch2, frame_.size);
    as_.subs(Size::X, kScratch2, kFramePointer, kScratch2);
    as_.b(Cond::Cc, overflow);
    as_.cmp(Size::X, kScratch2, kScratch);
    as_.b(Cond::Cs, enough);
    as_.bind(overflow);
  }
  trap_call(TrapKind::StackOverflow);
  record_position({{function_, 0, 0}, kNone});
  as_.udf(0);
  as_.bind(enough);
}

/// Reads each page below sp, downwards, so that a guard page is met in order.
void Emitter::probe(u32 bytes) {
  const u32 pages = bytes / kPage;
  as_.mov(Size::X, kScratch2, Gpr::Sp);
  const AddSubImm page = *add_sub_imm(kPage);
  if (pages <= 4) {
    for (u32 i = 0; i < pages; ++i) {
      as_.sub(Size::X, kScratch2, kScratch2, page);
      as_.ldr(Size::X, Gpr::Zr, Mem::at(kScratch2));
    }
    return;
  }
  const Label next = as_.new_label();
  as_.mov_imm(kScratch, pages);
  as_.bind(next);
  as_.sub(Size::X, kScratch2, kScratch2, page);
  as_.ldr(Size::X, Gpr::Zr, Mem::at(kScratch2));
  as_.subs(Size::X, kScratch, kScratch, *add_sub_imm(1));
  as_.b(Cond::Ne, next);
}

/// Frame objects [0, bytes) := 0; only the scratch registers are free.
void Emitter::zero_objects(u32 bytes) {
  if (bytes == 0) return;
  add_offset(kScratch2, Gpr::Sp, i64{frame_.size} - frame_.objects);
  u32 rest = bytes;
  if (bytes > 128 && (bytes > kMostUnrolled || may(Decision::ZeroedByLoop))) {
    const Label next = as_.new_label();
    as_.mov_imm(kScratch, bytes / 32);
    as_.bind(next);
    as_.stp(Size::X, Gpr::Zr, Gpr::Zr, Mem::post(kScratch2, 16));
    as_.stp(Size::X, Gpr::Zr, Gpr::Zr, Mem::post(kScratch2, 16));
    as_.subs(Size::X, kScratch, kScratch, *add_sub_imm(1));
    as_.b(Cond::Ne, next);
    rest = ASSAY_PLANTED(a64_zero_tail) ? 0 : bytes % 32;
  }
  u32 at = 0;
  for (; rest - at >= 16; at += 16) as_.stp(Size::X, Gpr::Zr, Gpr::Zr, Mem::at(kScratch2, at));
  for (; at < rest; at += 8) as_.str(Size::X, Gpr::Zr, Mem::at(kScratch2, at));
}

// ---- sp ----------------------------------------------------------------------------------------------

/// dst := base + bytes. Beyond 24 bits through dst itself, or x16 when that is sp. Flags unchanged.
void Emitter::add_offset(Gpr dst, Gpr base, i64 bytes) {
  const u64 size = static_cast<u64>(bytes < 0 ? -bytes : bytes);
  if (size >> 24 != 0) {
    const Gpr temp = dst == Gpr::Sp ? kScratch : dst;
    as_.mov_imm(temp, size);
    if (bytes < 0) as_.sub(Size::X, dst, base, temp, Extend::Uxtx);
    else as_.add(Size::X, dst, base, temp, Extend::Uxtx);
    return;
  }
  const auto step = [&](Gpr from, u64 part) {
    if (bytes < 0) as_.sub(Size::X, dst, from, *add_sub_imm(part));
    else as_.add(Size::X, dst, from, *add_sub_imm(part));
  };
  const u64 high = size & ~u64{0xfff}, low = size & 0xfff;
  if (high != 0) step(base, high);
  if (low != 0 || high == 0) step(high != 0 ? dst : base, low);
}

/// sp := base + bytes, in one instruction, beyond 12 bits through x16: sp is never anything else, and the effect on the
/// frame is that of the last one.
void Emitter::set_sp(Gpr base, i64 bytes) {
  const u64 size = static_cast<u64>(bytes < 0 ? -bytes : bytes);
  if (const auto imm = add_sub_imm(size)) {
    if (bytes < 0) as_.sub(Size::X, Gpr::Sp, base, *imm);
    else as_.add(Size::X, Gpr::Sp, base, *imm);
    return;
  }
  as_.mov_imm(kScratch, size);
  if (bytes < 0) as_.sub(Size::X, Gpr::Sp, base, kScratch, Extend::Uxtx);
  else as_.add(Size::X, Gpr::Sp, base, kScratch, Extend::Uxtx);
}

void Emitter::move_sp(i64 bytes) { set_sp(Gpr::Sp, bytes); }

// ---- leaving -----------------------------------------------------------------------------------------

/// Up to the ret or branch; `popped` bytes of stack arguments go with the frame.
void Emitter::epilogue(u32 popped) {
  as_.keep_together(20);
  frame_op(FrameEffect::EpilogueBegin, 0, 0);
  if (frame_.size != frame_.pushed_bytes) {
    add_offset(Gpr::Sp, kFramePointer, -i64{frame_.pushed_bytes});
    frame_op(FrameEffect::ResetToFrame, index_of(kFramePointer), -static_cast<i32>(frame_.pushed_bytes));
  }
  for (RegSet rest = frame_.saved; rest != 0;) {
    const u32 first = static_cast<u32>(62 - std::countl_zero(rest));
    pop_pair(first);
    rest &= ~(RegSet{3} << first);
  }
  as_.ldp(Size::X, kFramePointer, kLinkRegister, Mem::post(Gpr::Sp, 16));
  frame_op(FrameEffect::Restore, index_of(kFramePointer), 0);
  frame_op(FrameEffect::Restore, index_of(kLinkRegister), 0);
  frame_op(FrameEffect::DropFrame, 0, 0);
  if (features_.sign_return) {
    as_.autiasp();
    frame_op(FrameEffect::AuthReturn, index_of(kLinkRegister), 0);
  }
  if (popped != 0) {
    move_sp(popped);
    frame_op(FrameEffect::Release, 0, static_cast<i32>(popped));
  }
}

void Emitter::ret(const LirInst&, u32) {
  epilogue(ASSAY_PLANTED(a64_stack_args_left) ? 0 : incoming_bytes_);
  as_.ret();
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
}

// ---- tail calls --------------------------------------------------------------------------------------

/// Copies words from [sp] to [to_base + to], highest first: the destination lies above. Uses x16 and x17.
void Emitter::copy_words(Gpr to_base, i32 to, u32 bytes) {
  if (bytes == 0) return;
  if (bytes <= 64) {
    for (u32 i = bytes; i != 0; i -= 8) {
      as_.ldr(Size::X, kScratch, Mem::at(Gpr::Sp, i64{i} - 8));
      as_.str(Size::X, kScratch, reachable(to_base, to + i64{i} - 8, 8));
    }
    return;
  }
  // x8 and x9 may be taken (result pointer, target), and x0 to x7; x10 is not.
  const Gpr end = Gpr::X10, from = kScratch2;
  const Label next = as_.new_label();
  add_offset(from, Gpr::Sp, bytes);
  add_offset(end, to_base, i64{to} + bytes);
  as_.bind(next);
  as_.ldr(Size::X, kScratch, Mem::pre(from, -8));
  as_.str(Size::X, kScratch, Mem::pre(end, -8));
  as_.cmp(Size::X, Gpr::Sp, from, Extend::Uxtx);
  as_.b(Cond::Ne, next);
}

/// All callee-saved registers and the frame record, by loads that leave sp alone.
void Emitter::restore_saved() {
  const bool swapped = conv_->os == Os::Apple;
  i64 depth = ASSAY_PLANTED(a64_tail_restore_slot) ? 32 : 16;
  for (RegSet rest = frame_.saved; rest != 0; rest &= rest - 1, rest &= rest - 1, depth += 16) {
    const u32 first = static_cast<u32>(std::countr_zero(rest));
    const RegIndex low = static_cast<RegIndex>(swapped ? first + 1 : first);
    const RegIndex high = static_cast<RegIndex>(swapped ? first : first + 1);
    const Mem place = Mem::at(kFramePointer, -depth);
    if (first < 32) as_.ldp(Size::X, gpr_of(low), gpr_of(high), place);
    else as_.ldp(FSize::D, vreg_of(low), vreg_of(high), place);
    frame_op(FrameEffect::Restore, static_cast<RegIndex>(first), 0);
    frame_op(FrameEffect::Restore, static_cast<RegIndex>(first + 1), 0);
  }
  as_.ldp(Size::X, kFramePointer, kLinkRegister, Mem::at(kFramePointer));
  frame_op(FrameEffect::Restore, index_of(kFramePointer), 0);
  frame_op(FrameEffect::Restore, index_of(kLinkRegister), 0);
  frame_op(FrameEffect::DropFrame, 0, static_cast<i32>(frame_.size) + (ASSAY_PLANTED(a64_unwind_tail_depth) ? 0 : 16));
}

// The callee pops `bytes` of stack arguments where this function was to pop incoming_bytes_, so they end where this
// function's own end. That place does not overlap the outgoing area (twice the room was reserved), but may overlap
// saved registers and the frame record: these are restored first.
void Emitter::tail_frame(u32 bytes) {
  const i32 shift = static_cast<i32>(incoming_bytes_) - static_cast<i32>(bytes);
  const i32 size = static_cast<i32>(frame_.size);
  frame_op(FrameEffect::EpilogueBegin, 0, 0);
  restore_saved();
  if (features_.sign_return) {
    // autiasp wants sp as it was at the entry, which would put the arguments below it.
    as_.mov(Size::X, kScratch2, kLinkRegister);
    add_offset(kScratch, Gpr::Sp, i64{size} + 16);
    as_.hint(kHintAutia1716);
    as_.mov(Size::X, kLinkRegister, kScratch2);
    frame_op(FrameEffect::AuthReturn, index_of(kLinkRegister), 0);
  }
  copy_words(Gpr::Sp, size + 16 + shift, bytes);
  move_sp(i64{size} + 16 + shift);
  frame_op(FrameEffect::Release, 0, size + 16 + shift);
}

void Emitter::tail_call(const LirInst& inst, u32 indirect) {
  const u32 bytes = static_cast<u32>(inst.imm);
  if (bytes == incoming_bytes_) {
    copy_words(kFramePointer, 16, bytes);
    epilogue(0);
  } else {
    tail_frame(bytes);
  }
  if (indirect == 0) {
    record_reloc(as_.b_rel26(), RelocKind::Branch26, inst.aux);
  } else {
    as_.mov(Size::X, kScratch, kTarget); // a branch through x16 or x17 may enter where calls may (BTI)
    as_.br(kScratch);
  }
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
}

} // namespace assay::a64
