// stubs.cpp - writes the entry stub and the trap entries (stubs.h says what they do).
//
// Frame of the entry stub, from x29 upwards: the frame record (x29, x30), x19-x28, d8-d15, locals (kFrame,
// kPreviousEntry, kFloatControl). The stack arguments lie below it: the body moves sp freely, the CFA is known from
// x29. Cost of a call through it: about 140 loads and stores. Tested in compiler/target/a64/tests/stubs_test.cpp.
#include "compiler/target/a64/stubs.h"

#include "compiler/codegen/vm_context.h"
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/call_conv.h"

#include <cstddef>

namespace assay::a64 {

namespace {

// From x29.
constexpr i64 kSavedInts = 16, kSavedFloats = kSavedInts + 8 * 10, kLocals = kSavedFloats + 8 * 8;
constexpr i64 kFrame = kLocals, kPreviousEntry = kLocals + 8, kFloatControl = kLocals + 16;
constexpr i32 kFrameBytes = static_cast<i32>(kLocals) + 32;
static_assert(kFrameBytes % 16 == 0);

constexpr Gpr kTemp = kScratch2;

Mem field(Gpr base, std::size_t offset) { return Mem::at(base, static_cast<i64>(offset)); }
Mem local(i64 offset) { return Mem::at(kFramePointer, offset); }
Gpr gpr(u32 n) { return gpr_of(static_cast<RegIndex>(n)); }
Vreg vreg(u32 n) { return static_cast<Vreg>(n); }

class StubWriter {
public:
  StubWriter(Os host, StubCode& out) : host_(host), out_(out), object_(out.object) {}

  void write() {
    as_.begin(object_.code);
    function(&StubWriter::enter);
    as_.align_udf(16);
    function(&StubWriter::traps);
    as_.finish();
    ASSAY_CHECK(as_.ok());
    object_.target = Target::A64;
    object_.os = object_.host_os = host_;
    object_.names = {"assay.enter", "assay.trap"};
    object_.function_entry = {0, 1};
  }

private:
  void effect(FrameEffect what, RegIndex reg, i32 value) {
    object_.frame_ops.push_back({as_.offset() - begin_, what, reg, value});
  }
  /// The pair lies `offset` above the lowest byte of a frame of so many bytes.
  void saved(RegIndex first, RegIndex second, i64 offset, i32 frame_bytes) {
    effect(FrameEffect::Save, first, frame_bytes - static_cast<i32>(offset));
    effect(FrameEffect::Save, second, frame_bytes - static_cast<i32>(offset) - 8);
  }
  void restored(RegIndex first, RegIndex second) {
    effect(FrameEffect::Restore, first, 0);
    effect(FrameEffect::Restore, second, 0);
  }

  void function(void (StubWriter::*body)()) {
    FunctionCode code;
    begin_ = code.begin = as_.offset();
    code.function = static_cast<FunctionId>(object_.functions.size());
    code.first_frame_op = static_cast<u32>(object_.frame_ops.size());
    code.is_thunk = true;
    (this->*body)();
    code.end = as_.offset();
    code.frame_op_count = static_cast<u32>(object_.frame_ops.size()) - code.first_frame_op;
    object_.functions.push_back(code);
  }

  /// The frame record, and x29 at it.
  void push_record(i32 frame_bytes) {
    as_.stp(Size::X, kFramePointer, kLinkRegister, Mem::pre(Gpr::Sp, -frame_bytes));
    effect(FrameEffect::Allocate, 0, frame_bytes);
    saved(index_of(kFramePointer), index_of(kLinkRegister), 0, frame_bytes);
    as_.mov(Size::X, kFramePointer, Gpr::Sp);
    effect(FrameEffect::SetFrame, index_of(kFramePointer), 0);
  }

  void enter() {
    out_.enter_offset = as_.offset();
    enter_prologue();
    const Gpr frame = Gpr::X0, temp = Gpr::X9;
    as_.str(Size::X, frame, local(kFrame));
    as_.mrs(temp, SysReg::Fpcr);
    as_.str(Size::X, temp, local(kFloatControl));
    as_.str(Size::X, temp, field(frame, offsetof(A64EntryFrame, float_control_in)));
    as_.str(Size::X, Gpr::X18, field(frame, offsetof(A64EntryFrame, gpr_in) + 8 * 18));
    as_.ldr(Size::X, kContext, field(frame, offsetof(A64EntryFrame, context)));
    as_.ldr(Size::X, temp, field(kContext, offsetof(VmContext, entry_fp)));
    as_.str(Size::X, temp, local(kPreviousEntry));
    as_.str(Size::X, kFramePointer, field(kContext, offsetof(VmContext, entry_fp)));
    as_.mov(Size::X, temp, Gpr::Sp);
    as_.str(Size::X, temp, field(frame, offsetof(A64EntryFrame, sp_expected)));
    as_.str(Size::X, kFramePointer, field(frame, offsetof(A64EntryFrame, fp_expected)));
    copy_stack_args(frame);
    load_registers(frame);
    as_.blr(kScratch);
    store_registers();
    restore_state();
    enter_epilogue();
  }

  void enter_prologue() {
    push_record(kFrameBytes);
    for (u32 i = 0; i < 10; i += 2) {
      const i64 at = kSavedInts + 8 * i;
      as_.stp(Size::X, gpr(19 + i), gpr(20 + i), Mem::at(Gpr::Sp, at));
      saved(static_cast<RegIndex>(19 + i), static_cast<RegIndex>(20 + i), at, kFrameBytes);
    }
    for (u32 i = 0; i < 8; i += 2) {
      const i64 at = kSavedFloats + 8 * i;
      as_.stp(FSize::D, vreg(8 + i), vreg(9 + i), Mem::at(Gpr::Sp, at));
      saved(static_cast<RegIndex>(40 + i), static_cast<RegIndex>(41 + i), at, kFrameBytes);
    }
    if (host_ != Os::Windows) return;
    as_.mov(Size::X, kFramePointer, Gpr::Sp); // once more: unwind codes count from x29 only from here on
    effect(FrameEffect::SetFrame, index_of(kFramePointer), 0);
  }

  // Highest word first. x10 counts bytes, x11 is the source.
  void copy_stack_args(Gpr frame) {
    const Label next = as_.new_label(), done = as_.new_label();
    as_.ldr(Size::X, Gpr::X10, field(frame, offsetof(A64EntryFrame, stack_bytes)));
    as_.ldr(Size::X, Gpr::X11, field(frame, offsetof(A64EntryFrame, stack_args)));
    as_.sub(Size::X, Gpr::Sp, Gpr::Sp, Gpr::X10, Extend::Uxtx);
    as_.bind(next);
    as_.cbz(Size::X, Gpr::X10, done);
    as_.sub(Size::X, Gpr::X10, Gpr::X10, *add_sub_imm(8));
    as_.ldr(Size::X, Gpr::X9, Mem::at(Gpr::X11, Gpr::X10));
    as_.str(Size::X, Gpr::X9, Mem::at(Gpr::Sp, Gpr::X10));
    as_.b(next);
    as_.bind(done);
  }

  static bool is_loaded(u32 n) { return n != 16 && n != 18 && n < 28; }

  void load_registers(Gpr frame) {
    for (u32 i = 0; i < 32; ++i) as_.ldr(FSize::Q, vreg(i), field(frame, offsetof(A64EntryFrame, fpr_in) + 16 * i));
    for (u32 i = 1; i < 32; ++i) {
      if (is_loaded(i)) as_.ldr(Size::X, gpr(i), field(frame, offsetof(A64EntryFrame, gpr_in) + 8 * i));
    }
    as_.ldr(Size::X, kScratch, field(frame, offsetof(A64EntryFrame, code)));
    as_.ldr(Size::X, frame, field(frame, offsetof(A64EntryFrame, gpr_in)));
  }

  // Only x28 is trusted; x16 becomes the frame.
  void store_registers() {
    const Gpr frame = kScratch;
    as_.ldr(Size::X, frame, field(kContext, offsetof(VmContext, entry_fp)));
    as_.ldr(Size::X, frame, field(frame, kFrame));
    for (u32 i = 0; i < 31; ++i) {
      if (gpr(i) != frame) as_.str(Size::X, gpr(i), field(frame, offsetof(A64EntryFrame, gpr_out) + 8 * i));
    }
    as_.mov(Size::X, kTemp, Gpr::Sp);
    as_.str(Size::X, kTemp, field(frame, offsetof(A64EntryFrame, gpr_out) + 8 * 31));
    for (u32 i = 0; i < 32; ++i) as_.str(FSize::Q, vreg(i), field(frame, offsetof(A64EntryFrame, fpr_out) + 16 * i));
    as_.mrs(kTemp, SysReg::Nzcv);
    as_.str(Size::X, kTemp, field(frame, offsetof(A64EntryFrame, flags_out)));
    as_.mrs(kTemp, SysReg::Fpsr);
    as_.str(Size::X, kTemp, field(frame, offsetof(A64EntryFrame, float_status_out)));
    as_.mrs(kTemp, SysReg::Fpcr);
    as_.str(Size::X, kTemp, field(frame, offsetof(A64EntryFrame, float_control_out)));
  }

  // x16 is the frame, x17 the FPCR. Writing that register is slow, and seldom needed.
  void restore_state() {
    const Gpr frame = kScratch, temp = Gpr::X9;
    as_.ldr(Size::X, kFramePointer, field(frame, offsetof(A64EntryFrame, fp_expected)));
    const Label same = as_.new_label();
    as_.ldr(Size::X, temp, local(kFloatControl));
    as_.cmp(Size::X, temp, kTemp);
    as_.b(Cond::Eq, same);
    as_.msr(SysReg::Fpcr, temp);
    as_.bind(same);
    as_.ldr(Size::X, temp, local(kPreviousEntry));
    as_.ldr(Size::X, frame, field(frame, offsetof(A64EntryFrame, context)));
    as_.str(Size::X, temp, field(frame, offsetof(VmContext, entry_fp)));
  }

  void enter_epilogue() {
    effect(FrameEffect::EpilogueBegin, 0, 0);
    as_.mov(Size::X, Gpr::Sp, kFramePointer);
    effect(FrameEffect::ResetToFrame, index_of(kFramePointer), 0);
    for (u32 i = 8; i != 0; i -= 2) {
      as_.ldp(FSize::D, vreg(6 + i), vreg(7 + i), Mem::at(Gpr::Sp, kSavedFloats + 8 * (i - 2)));
      restored(static_cast<RegIndex>(38 + i), static_cast<RegIndex>(39 + i));
    }
    for (u32 i = 10; i != 0; i -= 2) {
      as_.ldp(Size::X, gpr(17 + i), gpr(18 + i), Mem::at(Gpr::Sp, kSavedInts + 8 * (i - 2)));
      restored(static_cast<RegIndex>(17 + i), static_cast<RegIndex>(18 + i));
    }
    as_.ldp(Size::X, kFramePointer, kLinkRegister, Mem::post(Gpr::Sp, kFrameBytes));
    restored(index_of(kFramePointer), index_of(kLinkRegister));
    effect(FrameEffect::Release, 0, kFrameBytes);
    effect(FrameEffect::DropFrame, 0, 0);
    as_.ret();
    effect(FrameEffect::EpilogueEnd, 0, 0);
  }

  // Each entry: the kind, then the common part, which makes a frame and calls on_trap. It does not return.
  void traps() {
    const Label common = as_.new_label(), on_trap = as_.new_label();
    for (u32 kind = 0; kind < kTrapCount; ++kind) {
      out_.trap_offset[kind] = as_.offset();
      as_.mov_imm(kTemp, kind);
      as_.b(common);
    }
    as_.bind(common);
    as_.str(Size::X, kFramePointer, field(kContext, offsetof(VmContext, exit_fp)));
    push_record(16);
    as_.mov(Size::X, Gpr::X0, kContext);
    as_.mov(Size::X, Gpr::X1, kTemp);
    as_.mov(Size::X, Gpr::X2, kLinkRegister);
    as_.ldr(Size::X, kScratch, on_trap);
    as_.blr(kScratch);
    as_.brk(0); // the return address must lie inside this function
    as_.align_udf(8);
    as_.bind(on_trap);
    out_.on_trap_field = as_.offset();
    as_.udf(0), as_.udf(0);
  }

  Os host_;
  StubCode& out_;
  CodeObject& object_;
  Assembler as_;
  u32 begin_ = 0;
};

} // namespace

StubCode make_stubs(Os host) {
  StubCode stubs;
  StubWriter(host, stubs).write();
  return stubs;
}

void make_far_jump(u64 target, std::vector<u8>& out) {
  Assembler as;
  out.clear();
  as.begin(out);
  for (u32 part = 0; part < 4; ++part) { // always four, so that the size is known
    const u16 bits = static_cast<u16>(target >> (16 * part));
    if (part == 0) as.movz(Size::X, kScratch, bits, 0);
    else as.movk(Size::X, kScratch, bits, 16 * part);
  }
  as.br(kScratch);
  as.finish();
  ASSAY_CHECK(as.ok() && out.size() == kFarJumpBytes);
}

} // namespace assay::a64
