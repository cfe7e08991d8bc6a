// stubs.cpp - writes the entry stub and the trap entries (stubs.h says what they do).
//
// Frame of the entry stub, from rbp downwards: pushed callee-saved registers; on Windows xmm6-15, within the 240 bytes
// that its unwind codes reach; locals (kFrame, kPreviousEntry, kCode, kMxcsr, at fixed places); 32 bytes that a callee
// may use as shadow space; the stack arguments. Its body changes rsp freely: the CFA is known from rbp. Cost of a call
// through it: about 80 moves. Tested in compiler/target/x64/tests/stubs_test.cpp.
#include "compiler/target/x64/stubs.h"

#include "compiler/codegen/vm_context.h"
#include "compiler/target/x64/assembler.h"

#include <cstddef>

namespace assay::x64 {

namespace {

constexpr Gpr kPushedLinux[] = {Gpr::Rbx, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15};
constexpr Gpr kPushedWindows[] = {Gpr::Rbx, Gpr::Rsi, Gpr::Rdi, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15};
constexpr u32 kFirstSavedXmm = 6; // Windows keeps xmm6-15

// As distances below rbp: behind at most seven pushes.
constexpr i32 kXmmSaves = -64 - 16 * 10; // rbp is 16-aligned, so these are
constexpr i32 kFrame = kXmmSaves - 8, kPreviousEntry = kFrame - 8, kCode = kFrame - 16, kMxcsr = kFrame - 24;
constexpr i32 kBottom = kMxcsr - 32; // and 32 bytes of shadow space
static_assert(kBottom % 16 == 0 && kXmmSaves >= -240);

Mem field(Gpr base, std::size_t offset) { return Mem::at(base, static_cast<i32>(offset)); }

class StubWriter {
public:
  StubWriter(Os host, StubCode& out) : host_(host), out_(out), object_(out.object) {}

  void write() {
    as_.begin(object_.code);
    function(&StubWriter::enter);
    as_.align_int3(16);
    function(&StubWriter::traps);
    as_.finish();
    ASSAY_CHECK(as_.ok());
    object_.target = Target::X64;
    object_.os = object_.host_os = host_;
    object_.names = {"assay.enter", "assay.trap"};
    object_.function_entry = {0, 1};
  }

private:
  bool windows() const { return host_ == Os::Windows; }
  std::span<const Gpr> pushed() const {
    return windows() ? std::span<const Gpr>(kPushedWindows) : std::span<const Gpr>(kPushedLinux);
  }
  void effect(FrameEffect what, RegIndex reg, i32 value) {
    object_.frame_ops.push_back({as_.offset() - begin_, what, reg, value});
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

  void enter() {
    out_.enter_offset = as_.offset();
    enter_prologue();
    const Gpr frame = Gpr::R11;
    as_.mov(Size::Qword, frame, windows() ? Gpr::Rcx : Gpr::Rdi);
    as_.mov(Size::Qword, Mem::at(Gpr::Rbp, kFrame), frame);
    as_.stmxcsr(Mem::at(Gpr::Rbp, kMxcsr));
    as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, float_control_in)), 0);
    as_.stmxcsr(field(frame, offsetof(X64EntryFrame, float_control_in)));
    as_.mov(Size::Qword, Gpr::R14, field(frame, offsetof(X64EntryFrame, context)));
    as_.mov(Size::Qword, Gpr::Rax, field(Gpr::R14, offsetof(VmContext, entry_fp)));
    as_.mov(Size::Qword, Mem::at(Gpr::Rbp, kPreviousEntry), Gpr::Rax);
    as_.mov(Size::Qword, field(Gpr::R14, offsetof(VmContext, entry_fp)), Gpr::Rbp);
    as_.mov(Size::Qword, Gpr::Rax, field(frame, offsetof(X64EntryFrame, code)));
    as_.mov(Size::Qword, Mem::at(Gpr::Rbp, kCode), Gpr::Rax);
    as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, sp_expected)), Gpr::Rsp);
    as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, fp_expected)), Gpr::Rbp);
    push_stack_args(frame);
    load_registers(frame);
    as_.call(Mem::at(Gpr::Rbp, kCode));
    store_registers();
    enter_epilogue();
  }

  void enter_prologue() {
    as_.push(Gpr::Rbp);
    effect(FrameEffect::Push, index_of(Gpr::Rbp), 0);
    as_.mov(Size::Qword, Gpr::Rbp, Gpr::Rsp);
    effect(FrameEffect::SetFrame, index_of(Gpr::Rbp), 0);
    for (Gpr reg : pushed()) {
      as_.push(reg);
      effect(FrameEffect::Push, index_of(reg), 0);
    }
    const i32 to_saves = -kXmmSaves - 8 * static_cast<i32>(pushed().size());
    for (const i32 bytes : {to_saves, kXmmSaves - kBottom}) {
      as_.sub(Size::Qword, Gpr::Rsp, bytes);
      effect(FrameEffect::Allocate, 0, bytes);
    }
    if (!windows()) return;
    for (u32 i = kFirstSavedXmm; i < 16; ++i) {
      as_.movaps(xmm_save(i), static_cast<Xmm>(i));
      effect(FrameEffect::Save, static_cast<RegIndex>(32 + i), 16 - xmm_save(i).disp); // the CFA is rbp + 16
    }
  }

  static Mem xmm_save(u32 i) { return Mem::at(Gpr::Rbp, kXmmSaves + 16 * static_cast<i32>(i - kFirstSavedXmm)); }

  // Copies highest word first. rcx counts bytes, rsi is the source.
  void push_stack_args(Gpr frame) {
    const Label next = as_.new_label(), done = as_.new_label();
    as_.mov(Size::Qword, Gpr::Rcx, field(frame, offsetof(X64EntryFrame, stack_bytes)));
    as_.mov(Size::Qword, Gpr::Rsi, field(frame, offsetof(X64EntryFrame, stack_args)));
    as_.sub(Size::Qword, Gpr::Rsp, Gpr::Rcx);
    as_.bind(next);
    as_.test(Size::Qword, Gpr::Rcx, Gpr::Rcx);
    as_.jcc(Cond::E, done);
    as_.sub(Size::Qword, Gpr::Rcx, 8);
    as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsi, Gpr::Rcx, 0));
    as_.mov(Size::Qword, Mem::at(Gpr::Rsp, Gpr::Rcx, 0), Gpr::Rax);
    as_.jmp(next);
    as_.bind(done);
  }

  void load_registers(Gpr frame) {
    for (u32 i = 0; i < 16; ++i)
      as_.movups(static_cast<Xmm>(i), field(frame, offsetof(X64EntryFrame, fpr_in) + 16 * i));
    for (u32 i = 0; i < 16; ++i) {
      const Gpr reg = static_cast<Gpr>(i);
      if (reg == Gpr::Rsp || reg == Gpr::Rbp || reg == Gpr::R14 || reg == frame) continue;
      as_.mov(Size::Qword, reg, field(frame, offsetof(X64EntryFrame, gpr_in) + 8 * i));
    }
    as_.mov(Size::Qword, frame, field(frame, offsetof(X64EntryFrame, gpr_in) + 8 * number_of(frame)));
  }

  // Only r14 is trusted. mov and lea leave the flags alone until they have been stored.
  void store_registers() {
    const Gpr frame = Gpr::R14;
    as_.mov(Size::Qword, frame, field(Gpr::R14, offsetof(VmContext, entry_fp)));
    as_.mov(Size::Qword, frame, Mem::at(frame, kFrame));
    for (u32 i = 0; i < 16; ++i) {
      if (static_cast<Gpr>(i) != frame)
        as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, gpr_out) + 8 * i), static_cast<Gpr>(i));
    }
    for (u32 i = 0; i < 16; ++i)
      as_.movups(field(frame, offsetof(X64EntryFrame, fpr_out) + 16 * i), static_cast<Xmm>(i));
    as_.mov(Size::Qword, Gpr::Rbp, field(frame, offsetof(X64EntryFrame, fp_expected)));
    as_.lea(Size::Qword, Gpr::Rsp, Mem::at(Gpr::Rbp, kBottom));
    as_.pushfq();
    as_.pop(Gpr::Rax);
    as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, flags_out)), Gpr::Rax);
    as_.cld();
    as_.mov(Size::Qword, field(frame, offsetof(X64EntryFrame, float_control_out)), 0);
    as_.stmxcsr(field(frame, offsetof(X64EntryFrame, float_control_out)));
    as_.ldmxcsr(Mem::at(Gpr::Rbp, kMxcsr));
    as_.mov(Size::Qword, Gpr::Rcx, field(frame, offsetof(X64EntryFrame, context)));
    as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rbp, kPreviousEntry));
    as_.mov(Size::Qword, field(Gpr::Rcx, offsetof(VmContext, entry_fp)), Gpr::Rax);
  }

  void enter_epilogue() {
    effect(FrameEffect::EpilogueBegin, 0, 0);
    if (windows()) {
      for (u32 i = kFirstSavedXmm; i < 16; ++i) {
        as_.movaps(static_cast<Xmm>(i), xmm_save(i));
        effect(FrameEffect::Restore, static_cast<RegIndex>(32 + i), 0);
      }
    }
    const i32 pushes = -8 * static_cast<i32>(pushed().size());
    as_.lea(Size::Qword, Gpr::Rsp, Mem::at(Gpr::Rbp, pushes));
    effect(FrameEffect::ResetToFrame, index_of(Gpr::Rbp), pushes);
    for (std::size_t i = pushed().size(); i-- > 0;) {
      as_.pop(pushed()[i]);
      effect(FrameEffect::Pop, index_of(pushed()[i]), 0);
    }
    as_.pop(Gpr::Rbp);
    effect(FrameEffect::Pop, index_of(Gpr::Rbp), 0);
    effect(FrameEffect::DropFrame, 0, 8);
    as_.ret();
    effect(FrameEffect::EpilogueEnd, 0, 0);
  }

  // Each entry: the kind, then the common part, which makes a frame and calls on_trap. It does not return.
  void traps() {
    const Label common = as_.new_label();
    for (u32 kind = 0; kind < kTrapCount; ++kind) {
      out_.trap_offset[kind] = as_.offset();
      as_.mov_imm(Gpr::R11, kind);
      as_.jmp(common);
    }
    as_.bind(common);
    as_.mov(Size::Qword, field(Gpr::R14, offsetof(VmContext, exit_fp)), Gpr::Rbp);
    as_.push(Gpr::Rbp);
    effect(FrameEffect::Push, index_of(Gpr::Rbp), 0);
    as_.mov(Size::Qword, Gpr::Rbp, Gpr::Rsp);
    effect(FrameEffect::SetFrame, index_of(Gpr::Rbp), 0);
    as_.sub(Size::Qword, Gpr::Rsp, 32);
    effect(FrameEffect::Allocate, 0, 32);
    const Gpr args[3] = {windows() ? Gpr::Rcx : Gpr::Rdi, windows() ? Gpr::Rdx : Gpr::Rsi,
                         windows() ? Gpr::R8 : Gpr::Rdx};
    as_.mov(Size::Qword, args[0], Gpr::R14);
    as_.mov(Size::Qword, args[1], Gpr::R11);
    as_.mov(Size::Qword, args[2], Mem::at(Gpr::Rbp, 8));
    out_.on_trap_field = as_.mov_abs64(Gpr::Rax);
    as_.call(Gpr::Rax);
    as_.ud2(); // the return address must lie inside this function
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
  as.mov_imm(Gpr::Rax, target);
  as.jmp(Gpr::Rax);
  as.finish();
  ASSAY_CHECK(as.ok() && out.size() <= kFarJumpBytes);
}

} // namespace assay::x64
