// stubs_test.cpp - the entry stub runs real code here: registers in and out, stack arguments, misbehaving callees.
// Linux x64 only: elsewhere the bytes are made but not run.
#include "compiler/codegen/entry_frame.h"
#include "compiler/codegen/vm_context.h"
#include "compiler/target/x64/assembler.h"
#include "compiler/target/x64/stubs.h"

#include <gtest/gtest.h>

#include <cstring>

#if defined(__linux__) && defined(__x86_64__)
#include <sys/mman.h>

namespace assay::x64 {
namespace {

/// Code in memory, written first and made executable then.
class Code {
public:
  explicit Code(const std::vector<u8>& bytes) : size_((bytes.size() + 4095) & ~std::size_t{4095}) {
    place_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memcpy(place_, bytes.data(), bytes.size());
    mprotect(place_, size_, PROT_READ | PROT_EXEC);
  }
  ~Code() { munmap(place_, size_); }
  u64 address(u32 offset = 0) const { return reinterpret_cast<u64>(place_) + offset; }

private:
  std::size_t size_;
  void* place_;
};

std::vector<u8> assemble(void (*body)(Assembler&)) {
  std::vector<u8> bytes;
  Assembler as;
  as.begin(bytes);
  body(as);
  as.finish();
  EXPECT_TRUE(as.ok());
  return bytes;
}

struct StubRun {
  explicit StubRun(void (*body)(Assembler&))
      : stubs(make_stubs(Os::Linux)), stub_code(stubs.object.code), callee(assemble(body)) {
    frame.code = callee.address();
    frame.context = reinterpret_cast<u64>(&context);
    for (u32 i = 0; i < 16; ++i) {
      frame.gpr_in[i] = 0x1111111111111111u * i + 7;
      frame.fpr_in[i][0] = 0x0101010101010101u * i + 3;
      frame.fpr_in[i][1] = ~frame.fpr_in[i][0];
    }
    context.entry_fp = 1234;
  }
  void go() { reinterpret_cast<void (*)(EntryFrame*)>(stub_code.address(stubs.enter_offset))(&frame); }

  StubCode stubs;
  Code stub_code, callee;
  VmContext context;
  EntryFrame frame;
};

TEST(EntryStub, EveryRegisterGoesInAndComesBack) {
  StubRun run([](Assembler& as) { as.ret(); });
  run.go();
  for (u32 i = 0; i < 16; ++i) {
    EXPECT_EQ(run.frame.fpr_out[i][0], run.frame.fpr_in[i][0]);
    EXPECT_EQ(run.frame.fpr_out[i][1], run.frame.fpr_in[i][1]);
    if (i == 4 || i == 5 || i == 14) continue;
    EXPECT_EQ(run.frame.gpr_out[i], run.frame.gpr_in[i]) << i;
  }
  EXPECT_EQ(run.frame.gpr_out[4], run.frame.sp_expected);
  EXPECT_EQ(run.frame.gpr_out[5], run.frame.fp_expected);
  EXPECT_EQ(run.frame.sp_expected % 16, 0u);
  EXPECT_EQ(run.context.entry_fp, 1234u);
}

TEST(EntryStub, ContextAndEntryFrameAreKnownInside) {
  StubRun run([](Assembler& as) {
    as.mov(Size::Qword, Gpr::Rax, Gpr::R14);
    as.mov(Size::Qword, Gpr::Rdx, Mem::at(Gpr::R14, offsetof(VmContext, entry_fp)));
    as.ret();
  });
  run.go();
  EXPECT_EQ(run.frame.gpr_out[0], run.frame.context);
  EXPECT_EQ(run.frame.gpr_out[2], run.frame.fp_expected);
}

TEST(EntryStub, StackArgumentsArePoppedByTheCallee) {
  StubRun run([](Assembler& as) {
    as.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsp, 8));
    as.sub(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsp, 8 + 40));
    as.ret(48);
  });
  const u64 words[6] = {50, 1, 2, 3, 4, 8};
  run.frame.stack_args = reinterpret_cast<u64>(words);
  run.frame.stack_bytes = sizeof words;
  run.go();
  EXPECT_EQ(run.frame.gpr_out[0], 42u);
  EXPECT_EQ(run.frame.gpr_out[4], run.frame.sp_expected);
}

TEST(EntryStub, ACalleeThatLosesStackFrameAndFlagsIsSurvivedAndSeen) {
  StubRun run([](Assembler& as) {
    as.pop(Gpr::Rax);
    as.sub(Size::Qword, Gpr::Rsp, 24);
    as.xor_(Size::Dword, Gpr::Rbp, Gpr::Rbp);
    as.xor_(Size::Dword, Gpr::Rbx, Gpr::Rbx);
    as.pushfq();
    as.or_(Size::Qword, Mem::at(Gpr::Rsp), 0x400);
    as.popfq();
    as.jmp(Gpr::Rax);
  });
  run.go();
  EXPECT_NE(run.frame.gpr_out[4], run.frame.sp_expected);
  EXPECT_EQ(run.frame.gpr_out[5], 0u);
  EXPECT_EQ(run.frame.gpr_out[3], 0u);
  EXPECT_NE(run.frame.flags_out & 0x400, 0u);
}

TEST(TrapEntry, HandsOverContextKindAndReturnAddress) {
  StubRun run([](Assembler& as) {
    as.push(Gpr::Rbp);
    as.mov(Size::Qword, Gpr::Rbp, Gpr::Rsp);
    as.call(Mem::at(Gpr::R14, offsetof(VmContext, trap_entry) + 8 * 3));
    as.ud2();
  });
  // on_trap is a piece of code that stores its arguments behind the context and leaves both frames.
  std::vector<u8> recorder = assemble([](Assembler& as) {
    as.mov(Size::Qword, Mem::at(Gpr::Rdi, offsetof(VmContext, owner)), Gpr::Rsi);
    as.mov(Size::Qword, Mem::at(Gpr::Rdi, offsetof(VmContext, host_call)), Gpr::Rdx);
    as.mov(Size::Qword, Gpr::Rsp, Gpr::Rbp);
    as.pop(Gpr::Rbp); // the compiled function's
    as.mov(Size::Qword, Gpr::Rsp, Gpr::Rbp);
    as.pop(Gpr::Rbp);
    as.ret();
  });
  const Code on_trap(recorder);
  StubCode stubs = make_stubs(Os::Linux);
  const u64 address = on_trap.address();
  std::memcpy(stubs.object.code.data() + stubs.on_trap_field, &address, 8);
  const Code code(stubs.object.code);
  run.context.trap_entry[3] = code.address(stubs.trap_offset[3]);
  run.go();
  EXPECT_EQ(run.context.owner, 3u);
  EXPECT_GT(run.context.host_call, run.frame.code);
  EXPECT_LT(run.context.host_call, run.frame.code + 32);
  EXPECT_EQ(run.context.exit_fp, run.frame.sp_expected - 16);
  EXPECT_EQ(run.frame.gpr_out[4], run.frame.sp_expected);
}

TEST(StubCode, WindowsStubsKeepTheirRegistersToo) {
  const StubCode stubs = make_stubs(Os::Windows);
  ASSERT_EQ(stubs.object.functions.size(), 2u);
  u32 pushes = 0, saves = 0;
  for (const FrameOp& op : stubs.object.frame_of(stubs.object.functions[0])) {
    pushes += op.effect == FrameEffect::Push ? 1 : 0;
    saves += op.effect == FrameEffect::Save ? 1 : 0;
  }
  EXPECT_EQ(pushes, 8u); // rbp rbx rsi rdi r12-r15
  EXPECT_EQ(saves, 10u); // xmm6-15
}

} // namespace
} // namespace assay::x64
#endif
