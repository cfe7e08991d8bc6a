// emit_frame.cpp - frame layout, prologue, epilogue, tail-call frames; each effect recorded as a FrameOp.
//
// Shape of every function: push rbp; mov rbp, rsp; stack check; pushes; sub rsp; xmm saves (Windows). The stack
// check's trap is called in line: behind the body the unwind state would claim registers that are not yet saved.
// Apple's compact encodings have one state for all calls of a function, so there the check comes behind the pushes.
// Large frames touch each page in order before rsp moves, on Windows in two steps, the first down to the xmm saves: its
// unwind codes count these from a place at most 240 bytes below rbp at which rsp has been. Epilogues mirror the
// prologue and are the forms that Windows recognises (lea rsp, pops, ret or jmp). Tested in
// compiler/codegen/tests/compile_frame_test.cpp.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

#include <bit>
#include <cstddef>

namespace assay::x64 {

using codegen::bit;
using codegen::Decision;
using codegen::PReg;
using codegen::RegSet;

namespace {

constexpr RegSet kIntegers = 0xffff;
constexpr u32 kPage = 4096;
constexpr u32 kFrameLimit = 1u << 30;
constexpr u32 kWindowsReach = 240; // of unwind codes, below the frame register

constexpr u32 align16(u32 value) { return (value + 15) & ~15u; }
PReg lowest(RegSet set) { return static_cast<PReg>(std::countr_zero(set)); }

} // namespace

Result<void> Emitter::make_frame(RegSet written, u32 spill_slots, u32 object_bytes, u32 outgoing_bytes) {
  frame_ = {};
  const RegSet implicit = bit(index_of(Gpr::Rbp)) | bit(index_of(Gpr::Rsp)) | bit(index_of(kContext));
  frame_.saved = written & conv_->base.callee_saved & ~implicit;
  frame_.pushed_bytes = 8 * static_cast<u32>(std::popcount(frame_.saved & kIntegers));
  const u32 xmms = static_cast<u32>(std::popcount(frame_.saved & ~kIntegers));
  if (u64{8} * spill_slots + object_bytes + outgoing_bytes > kFrameLimit) {
    return Error{ErrorKind::Unsupported, "", 0, 0, "a stack frame larger than 1 GiB"};
  }
  u32 depth = frame_.pushed_bytes;
  if (xmms != 0) {
    frame_.xmm = align16(depth) + 16;
    depth = align16(depth) + 16 * xmms;
  }
  frame_.spills = depth;
  depth += 8 * spill_slots;
  frame_.objects = align16(depth + object_bytes);
  frame_.size = align16(frame_.objects + outgoing_bytes);
  return {};
}

void Emitter::prologue(bool check_stack) {
  as_.push(Gpr::Rbp);
  frame_op(FrameEffect::Push, index_of(Gpr::Rbp), 0);
  as_.mov(Size::Qword, Gpr::Rbp, Gpr::Rsp);
  frame_op(FrameEffect::SetFrame, index_of(Gpr::Rbp), 0);
  const Os os = conv_->base.os;
  if (check_stack && os != Os::Apple) stack_check();
  for (RegSet rest = frame_.saved & kIntegers; rest != 0; rest &= rest - 1) {
    as_.push(gpr_of(lowest(rest)));
    if (!ASSAY_PLANTED(unwind_push_unrecorded)) frame_op(FrameEffect::Push, lowest(rest), 0);
  }
  if (check_stack && os == Os::Apple) stack_check();
  u32 allocated = frame_.size - frame_.pushed_bytes;
  if (allocated > kPage) probe(allocated);
  const auto allocate = [&](u32 bytes) {
    if (bytes == 0) return;
    as_.sub(Size::Qword, Gpr::Rsp, static_cast<i32>(bytes));
    frame_op(FrameEffect::Allocate, 0, static_cast<i32>(bytes));
    allocated -= bytes;
  };
  const u32 xmms = static_cast<u32>(std::popcount(frame_.saved & ~kIntegers));
  if (os == Os::Windows && frame_.size > kWindowsReach)
    allocate(align16(frame_.pushed_bytes) + 16 * xmms - frame_.pushed_bytes);
  allocate(allocated);
  u32 depth = frame_.xmm;
  for (RegSet rest = frame_.saved & ~kIntegers; rest != 0; rest &= rest - 1, depth += 16) {
    as_.movaps(Mem::at(Gpr::Rbp, -static_cast<i32>(depth)), xmm_of(lowest(rest)));
    const u32 to_cfa = ASSAY_PLANTED(unwind_xmm_place) ? 0 : 16; // the CFA is rbp + 16
    frame_op(FrameEffect::Save, lowest(rest), static_cast<i32>(depth + to_cfa));
  }
}

/// Traps when the frame would reach too far below VmContext::stack_limit. A large frame could wrap around zero: that is
/// below the limit as well. Pushes may have been done: rbp is what rsp was before them.
void Emitter::stack_check() {
  const Mem limit = context_field(static_cast<u32>(offsetof(VmContext, stack_limit)));
  const Label enough = as_.new_label();
  if (frame_.size <= kStackSlack) {
    as_.cmp(Size::Qword, Gpr::Rbp, limit);
    as_.jcc(Cond::Ae, enough);
  } else {
    as_.lea(Size::Qword, kScratch, Mem::at(Gpr::Rbp, -static_cast<i32>(frame_.size)));
    if (frame_.size <= 8 * kPage) {
      as_.cmp(Size::Qword, kScratch, limit);
      as_.jcc(Cond::Ae, enough);
    } else {
      const Label overflow = as_.new_label();
      as_.cmp(Size::Qword, kScratch, Gpr::Rbp);
      as_.jcc(Cond::A, overflow);
      as_.cmp(Size::Qword, kScratch, limit);
      as_.jcc(Cond::Ae, enough);
      as_.bind(overflow);
    }
  }
  const bool pushed = conv_->base.os == Os::Apple;
  if (pushed && frame_.pushed_bytes % 16 != 0) as_.push(Gpr::Rax); // for the alignment of rsp
  trap_call(TrapKind::StackOverflow);
  record_position({{function_, 0, 0}, kNone});
  as_.ud2();
  as_.bind(enough);
}

/// Reads each page below rsp, downwards, so that a guard page is met in order. r11 counts.
void Emitter::probe(u32 bytes) {
  const u32 pages = bytes / kPage;
  if (pages <= 4) {
    for (u32 i = 1; i <= pages; ++i) as_.test(Size::Byte, Mem::at(Gpr::Rsp, -static_cast<i32>(i * kPage)), kScratch);
    return;
  }
  const Label next = as_.new_label();
  as_.mov_imm(kScratch, static_cast<u64>(-static_cast<i64>(kPage)));
  as_.bind(next);
  as_.test(Size::Byte, Mem::at(Gpr::Rsp, kScratch, 0), kScratch);
  as_.sub(Size::Qword, kScratch, static_cast<i32>(kPage));
  as_.cmp(Size::Qword, kScratch, -static_cast<i32>(pages * kPage));
  as_.jcc(Cond::Ge, next);
}

/// Frame objects [0, bytes) := 0; only r11 is free, the argument registers are taken.
void Emitter::zero_objects(u32 bytes) {
  u32 done = 0;
  if (bytes > 128 && (bytes > kPage || may(Decision::ZeroedByLoop))) {
    const u32 whole = bytes & ~31u;
    const Label next = as_.new_label();
    as_.mov_imm(kScratch, static_cast<u64>(-static_cast<i64>(whole)));
    as_.bind(next);
    for (i32 i = 0; i < 32; i += 8) {
      const i32 end = static_cast<i32>(whole) - static_cast<i32>(frame_.objects);
      as_.mov(Size::Qword, Mem::at(Gpr::Rbp, kScratch, 0, end + i), 0);
    }
    as_.add(Size::Qword, kScratch, 32);
    as_.jcc(Cond::Ne, next);
    done = ASSAY_PLANTED(frame_large_slot_dirty) ? bytes : whole;
  }
  if (bytes - done > 16) {
    as_.xor_(Size::Dword, kScratch, kScratch);
    for (; done < bytes; done += 8) as_.mov(Size::Qword, object(done), kScratch);
  }
  for (; done < bytes; done += 8) as_.mov(Size::Qword, object(done), 0);
}

// ---- leaving -----------------------------------------------------------------------------------------

void Emitter::restore_xmms() {
  u32 depth = frame_.xmm;
  for (RegSet rest = frame_.saved & ~kIntegers; rest != 0; rest &= rest - 1, depth += 16) {
    const Mem saved = Mem::at(Gpr::Rbp, -static_cast<i32>(depth));
    if (ASSAY_PLANTED(abi_xmm_half_restored)) as_.movsd(xmm_of(lowest(rest)), saved);
    else as_.movaps(xmm_of(lowest(rest)), saved);
    frame_op(FrameEffect::Restore, lowest(rest), 0);
  }
}

/// Up to and including `pop rbp`: what follows is ret or jmp.
void Emitter::epilogue() {
  frame_op(FrameEffect::EpilogueBegin, 0, 0);
  restore_xmms();
  if (frame_.size != frame_.pushed_bytes) {
    as_.lea(Size::Qword, Gpr::Rsp, Mem::at(Gpr::Rbp, -static_cast<i32>(frame_.pushed_bytes)));
    frame_op(FrameEffect::ResetToFrame, index_of(Gpr::Rbp), -static_cast<i32>(frame_.pushed_bytes));
  }
  for (RegSet rest = frame_.saved & kIntegers; rest != 0;) {
    const PReg reg = static_cast<PReg>(63 - std::countl_zero(rest));
    as_.pop(gpr_of(reg));
    frame_op(FrameEffect::Pop, reg, 0);
    rest &= ~bit(reg);
  }
  as_.pop(Gpr::Rbp);
  frame_op(FrameEffect::Pop, index_of(Gpr::Rbp), 0);
  frame_op(FrameEffect::DropFrame, 0, 8);
}

void Emitter::ret(const LirInst&, u32) {
  epilogue();
  if (incoming_bytes_ != 0) as_.ret(static_cast<u16>(incoming_bytes_));
  else as_.ret();
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
}

// ---- tail calls --------------------------------------------------------------------------------------

/// Copies words from [rsp + from] to [to_base + to], highest first: the destination lies above. Uses rax and r11.
void Emitter::copy_words(Gpr to_base, i32 to, i32 from, u32 bytes) {
  if (bytes <= 64) {
    for (u32 i = bytes; i != 0; i -= 8) {
      as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsp, from + static_cast<i32>(i) - 8));
      as_.mov(Size::Qword, Mem::at(to_base, to + static_cast<i32>(i) - 8), Gpr::Rax);
    }
    return;
  }
  const Label next = as_.new_label();
  as_.mov_imm(kScratch, bytes - 8);
  as_.bind(next);
  as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsp, kScratch, 0, from));
  as_.mov(Size::Qword, Mem::at(to_base, kScratch, 0, to), Gpr::Rax);
  as_.sub(Size::Qword, kScratch, 8);
  as_.jcc(Cond::Ns, next);
}

// The callee pops `bytes` of stack arguments where this function was to pop incoming_bytes_, so its return
// address belongs at [rbp + 8 + incoming - bytes]. That place, and the arguments above it, do not overlap the
// outgoing area (twice the room was reserved), but may overlap saved registers, rbp and the old return address.
// At every instruction the return address lies at CFA - 8: first the registers are restored by moves, then
// the return address is copied, then the CFA is counted from rsp, then the arguments are moved.
void Emitter::tail_frame(u32 bytes) {
  const i32 shift = static_cast<i32>(incoming_bytes_) - static_cast<i32>(bytes);
  const i32 size = static_cast<i32>(frame_.size);
  frame_op(FrameEffect::EpilogueBegin, 0, 0);
  restore_xmms();
  i32 depth = ASSAY_PLANTED(abi_tail_restore_slot) ? 16 : 8;
  for (RegSet rest = frame_.saved & kIntegers; rest != 0; rest &= rest - 1, depth += 8) {
    as_.mov(Size::Qword, gpr_of(lowest(rest)), Mem::at(Gpr::Rbp, -depth));
    frame_op(FrameEffect::Restore, lowest(rest), 0);
  }
  as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rbp, 8));
  as_.mov(Size::Qword, Mem::at(Gpr::Rbp, 8 + shift), Gpr::Rax);
  as_.mov(Size::Qword, Gpr::Rbp, Mem::at(Gpr::Rbp, 0));
  frame_op(FrameEffect::Restore, index_of(Gpr::Rbp), 0);
  frame_op(FrameEffect::DropFrame, 0, size + (ASSAY_PLANTED(unwind_tail_depth) ? 8 : 16) + shift);
  copy_words(Gpr::Rsp, size + 16 + shift, 0, bytes);
  as_.lea(Size::Qword, Gpr::Rsp, Mem::at(Gpr::Rsp, size + 8 + shift));
  frame_op(FrameEffect::Release, 0, size + 8 + shift);
}

void Emitter::tail_call(const LirInst& inst, u32 indirect) {
  const u32 bytes = static_cast<u32>(inst.imm);
  if (bytes == incoming_bytes_) {
    copy_words(Gpr::Rbp, 16, 0, bytes);
    epilogue();
  } else {
    tail_frame(bytes);
  }
  if (indirect != 0) as_.jmp(kTarget);
  else record_reloc(as_.jmp_rel32(), RelocKind::Rel32, inst.aux);
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
}

} // namespace assay::x64
