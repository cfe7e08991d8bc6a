// stubs_host_test.cpp - what the entry stubs of both conventions owe their C caller, shown by running them.
//
// The Windows stub calls nothing of the system, so it runs on Linux too. A piece of assembled code plays the C
// caller: it puts a canary into every register that the convention keeps, calls the stub, and stores what it finds
// afterwards.
#include "compiler/codegen/entry_frame.h"
#include "compiler/codegen/vm_context.h"
#include "compiler/target/x64/assembler.h"
#include "compiler/target/x64/stubs.h"

#include <gtest/gtest.h>

#include <cstring>

#if defined(__linux__) && defined(__x86_64__)
#include <sys/mman.h>
#include <xmmintrin.h>

namespace assay::x64 {
namespace {

constexpr Gpr kKeptBySysv[] = {Gpr::Rbx, Gpr::Rbp, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15};
constexpr Gpr kKeptByWindows[] = {Gpr::Rbx, Gpr::Rbp, Gpr::Rsi, Gpr::Rdi, Gpr::R12, Gpr::R13, Gpr::R14, Gpr::R15};

std::span<const Gpr> kept_by(Os os) {
  return os == Os::Windows ? std::span<const Gpr>(kKeptByWindows) : std::span<const Gpr>(kKeptBySysv);
}

/// Bytes in memory, written first and made executable then; several functions in one.
class Code {
public:
  void add(const std::vector<u8>& bytes, u32& at) {
    at = static_cast<u32>(bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize((bytes_.size() + 15) & ~std::size_t{15}, 0xcc);
  }
  bool publish() {
    place_ = mmap(nullptr, bytes_.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place_ == MAP_FAILED) return false;
    std::memcpy(place_, bytes_.data(), bytes_.size());
    return mprotect(place_, bytes_.size(), PROT_READ | PROT_EXEC) == 0;
  }
  u64 address(u32 offset) const { return reinterpret_cast<u64>(place_) + offset; }
  ~Code() {
    if (place_ != MAP_FAILED) munmap(place_, bytes_.size());
  }

private:
  std::vector<u8> bytes_;
  void* place_ = MAP_FAILED;
};

/// What the caller finds after the stub has returned; layout known to the assembled caller.
struct Seen {
  u64 gpr[16] = {};
  u64 xmm[16][2] = {};
  u64 sp_before = 0, sp_after = 0, flags = 0;
};

u64 canary(u32 reg) { return 0xc0ffee0000000000u + reg; }

/// void caller(EntryFrame* rdi, Seen* rsi, u64 enter rdx, const u64 (*vectors)[2] rcx), System V.
std::vector<u8> make_caller(Os os) {
  std::vector<u8> bytes;
  Assembler as;
  as.begin(bytes);
  for (Gpr reg : kKeptBySysv) as.push(reg);
  as.sub(Size::Qword, Gpr::Rsp, 56); // 16-aligned; [rsp + 40]: Seen, above 32 bytes of shadow space
  as.mov(Size::Qword, Mem::at(Gpr::Rsp, 40), Gpr::Rsi);
  as.mov(Size::Qword, Mem::at(Gpr::Rsi, offsetof(Seen, sp_before)), Gpr::Rsp);
  for (u32 i = 6; i < 16; ++i) as.movups(static_cast<Xmm>(i), Mem::at(Gpr::Rcx, static_cast<i32>(16 * i)));
  as.mov(Size::Qword, Gpr::Rax, Gpr::Rdx);
  as.mov(Size::Qword, Gpr::Rcx, Gpr::Rdi); // both conventions' first argument
  for (Gpr reg : kept_by(os)) as.mov_imm(reg, canary(number_of(reg)));
  as.call(Gpr::Rax);
  as.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rsp, 40));
  for (u32 i = 0; i < 16; ++i)
    as.mov(Size::Qword, Mem::at(Gpr::Rax, static_cast<i32>(offsetof(Seen, gpr) + 8 * i)), static_cast<Gpr>(i));
  for (u32 i = 0; i < 16; ++i)
    as.movups(Mem::at(Gpr::Rax, static_cast<i32>(offsetof(Seen, xmm) + 16 * i)), static_cast<Xmm>(i));
  as.mov(Size::Qword, Mem::at(Gpr::Rax, offsetof(Seen, sp_after)), Gpr::Rsp);
  as.pushfq();
  as.pop(Mem::at(Gpr::Rax, offsetof(Seen, flags)));
  as.cld();
  as.add(Size::Qword, Gpr::Rsp, 56);
  for (u32 i = static_cast<u32>(std::size(kKeptBySysv)); i-- > 0;) as.pop(kKeptBySysv[i]);
  as.ret();
  as.finish();
  EXPECT_TRUE(as.ok());
  return bytes;
}

/// Ruins every register but rsp and r14, sets the direction flag, flushes denormals and returns.
std::vector<u8> make_vandal() {
  std::vector<u8> bytes;
  Assembler as;
  as.begin(bytes);
  as.push(Gpr::Rax);
  as.stmxcsr(Mem::at(Gpr::Rsp));
  as.or_(Size::Dword, Mem::at(Gpr::Rsp), 0x8040); // flush to zero, denormals are zero
  as.ldmxcsr(Mem::at(Gpr::Rsp));
  as.pushfq();
  as.or_(Size::Qword, Mem::at(Gpr::Rsp), 0x400);
  as.popfq();
  as.pop(Gpr::Rax);
  for (u32 i = 0; i < 16; ++i) {
    const Gpr reg = static_cast<Gpr>(i);
    if (reg != Gpr::Rsp && reg != Gpr::R14) as.mov_imm(reg, 0xdead0000 + i);
    as.pcmpeqd(static_cast<Xmm>(i), static_cast<Xmm>(i));
  }
  as.ret();
  as.finish();
  EXPECT_TRUE(as.ok());
  return bytes;
}

class HostContract : public testing::TestWithParam<Os> {
protected:
  void SetUp() override {
    const StubCode stubs = make_stubs(GetParam());
    u32 stubs_at = 0, caller_at = 0, callee_at = 0;
    code_.add(stubs.object.code, stubs_at);
    code_.add(make_caller(GetParam()), caller_at);
    code_.add(make_vandal(), callee_at);
    ASSERT_TRUE(code_.publish());
    for (u32 i = 0; i < 16; ++i) vectors_[i][0] = 77 * i, vectors_[i][1] = ~vectors_[i][0];
    frame_.code = code_.address(callee_at);
    frame_.context = reinterpret_cast<u64>(&context_);
    context_.entry_fp = 99;
    const auto caller = reinterpret_cast<void (*)(EntryFrame*, Seen*, u64, const u64(*)[2])>(code_.address(caller_at));
    mxcsr_before_ = _mm_getcsr();
    caller(&frame_, &seen_, code_.address(stubs_at + stubs.enter_offset), vectors_);
    mxcsr_after_ = _mm_getcsr();
    _mm_setcsr(mxcsr_before_);
  }

  Code code_;
  VmContext context_;
  EntryFrame frame_;
  Seen seen_;
  u64 vectors_[16][2] = {};
  u32 mxcsr_before_ = 0, mxcsr_after_ = 0;
};

TEST_P(HostContract, CalleeSavedRegistersSurviveACalleeThatRuinsThem) {
  for (Gpr reg : kept_by(GetParam()))
    EXPECT_EQ(seen_.gpr[number_of(reg)], canary(number_of(reg))) << int{number_of(reg)};
  EXPECT_EQ(seen_.sp_after, seen_.sp_before);
  if (GetParam() != Os::Windows) return;
  for (u32 i = 6; i < 16; ++i) {
    EXPECT_EQ(seen_.xmm[i][0], vectors_[i][0]) << i;
    EXPECT_EQ(seen_.xmm[i][1], vectors_[i][1]) << i;
  }
}

TEST_P(HostContract, DirectionFlagAndFloatControlAreReportedAndPutRight) {
  EXPECT_NE(frame_.flags_out & 0x400, 0u);
  EXPECT_EQ(seen_.flags & 0x400, 0u);
  EXPECT_EQ(frame_.float_control_in & 0xffc0, mxcsr_before_ & 0xffc0);
  EXPECT_EQ(frame_.float_control_out & 0x8040, 0x8040u);
  EXPECT_EQ(mxcsr_after_ & 0xffc0, mxcsr_before_ & 0xffc0);
}

TEST_P(HostContract, WhatTheCalleeLeftIsReported) {
  for (u32 i = 0; i < 16; ++i) {
    EXPECT_EQ(frame_.fpr_out[i][1], ~u64{0});
    if (i == number_of(Gpr::Rsp) || i == number_of(Gpr::R14)) continue;
    EXPECT_EQ(frame_.gpr_out[i], 0xdead0000 + i) << i;
  }
  EXPECT_EQ(frame_.gpr_out[number_of(Gpr::Rsp)], frame_.sp_expected);
  EXPECT_NE(frame_.gpr_out[number_of(Gpr::Rbp)], frame_.fp_expected);
  EXPECT_EQ(context_.entry_fp, 99u);
}

INSTANTIATE_TEST_SUITE_P(Conventions, HostContract, testing::Values(Os::Linux, Os::Windows),
                         [](const auto& instance) { return instance.param == Os::Windows ? "windows" : "linux"; });

} // namespace
} // namespace assay::x64
#endif
