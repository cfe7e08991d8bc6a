// stubs_test.cpp - the entry stub and the trap entries: their frames on every host, what they do where they can run.
//
// A piece of assembled code plays the C caller: it puts a canary into every register that the convention keeps, calls
// the stub, and stores what it finds afterwards. Another plays a callee that ruins everything.
#include "compiler/target/a64/stubs.h"

#include "compiler/codegen/vm_context.h"
#include "compiler/os/exec_memory.h"
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/call_conv.h"

#include <gtest/gtest.h>

#include <cstring>

namespace assay::a64 {
namespace {

u32 word_at(const CodeObject& object, u32 at) {
  u32 word = 0;
  std::memcpy(&word, object.code.data() + at, 4);
  return word;
}

TEST(StubCode, EveryTrapHasItsEntryAndTheFieldLiesInTheCode) {
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    const StubCode stubs = make_stubs(os);
    ASSERT_EQ(stubs.object.functions.size(), 2u);
    EXPECT_EQ(stubs.object.host_os, os);
    const FunctionCode& traps = stubs.object.functions[1];
    for (u32 kind = 0; kind < kTrapCount; ++kind) {
      EXPECT_EQ(stubs.trap_offset[kind], traps.begin + 8 * kind);
      EXPECT_EQ(word_at(stubs.object, stubs.trap_offset[kind]), 0x52800011u | kind << 5); // mov w17, #kind
    }
    EXPECT_EQ(stubs.on_trap_field % 8, 0u);
    EXPECT_EQ(stubs.on_trap_field + 8, traps.end);
  }
}

TEST(StubCode, TheEntryFrameSavesWhatTheConventionKeeps) {
  const StubCode stubs = make_stubs(Os::Linux);
  codegen::RegSet saved = 0, restored = 0;
  for (const FrameOp& op : stubs.object.frame_of(stubs.object.functions[0])) {
    if (op.effect == FrameEffect::Save) saved |= codegen::bit(op.reg);
    if (op.effect == FrameEffect::Restore) restored |= codegen::bit(op.reg);
    if (op.effect != FrameEffect::Save) continue;
    EXPECT_GT(op.value, 0) << int{op.reg};
    EXPECT_EQ(op.value % 8, 0) << int{op.reg};
  }
  EXPECT_EQ(saved, call_conv(Os::Linux).callee_saved | codegen::bit(index_of(kLinkRegister)));
  EXPECT_EQ(restored, saved);
}

/// No word of the code writes x18: the only one that names it stores it.
TEST(StubCode, ThePlatformRegisterIsOnlyRead) {
  const StubCode stubs = make_stubs(Os::Windows);
  u32 stores = 0;
  for (u32 at = 0; at < stubs.object.functions[0].end; at += 4) {
    const u32 word = word_at(stubs.object, at);
    if ((word & 31) != 18 || (word >> 26 & 1) != 0) continue; // not register 18, or a vector
    EXPECT_EQ(word & 0xffc00000u, 0xf9000000u) << at;         // str x18, [..]
    ++stores;
  }
  EXPECT_EQ(stores, 2u); // gpr_in[18], gpr_out[18]
}

TEST(StubCode, AFarJumpLoadsTheWholeAddress) {
  std::vector<u8> bytes;
  make_far_jump(0x0123456789abcdef, bytes);
  const u32 expected[] = {0xd299bdf0, 0xf2b13570, 0xf2c8acf0, 0xf2e02470, 0xd61f0200}; // movz, movk x16; br x16
  ASSERT_EQ(bytes.size(), sizeof expected);
  EXPECT_EQ(std::memcmp(bytes.data(), expected, sizeof expected), 0);
  make_far_jump(0, bytes);
  EXPECT_EQ(bytes.size(), kFarJumpBytes);
}

#if defined(__aarch64__) && !defined(_WIN32)

/// Bytes in code memory; several functions in one.
class Code {
public:
  u32 add(const std::vector<u8>& bytes) {
    const u32 at = static_cast<u32>(bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    bytes_.resize((bytes_.size() + 15) & ~std::size_t{15}, 0);
    return at;
  }
  bool publish() {
    auto arena = os::CodeArena::create();
    if (!arena) return false;
    arena_.emplace(std::move(*arena));
    auto block = arena_->allocate(bytes_.size());
    if (!block) return false;
    block_ = *block;
    std::memcpy(block_.write, bytes_.data(), bytes_.size());
    return arena_->publish(block_).ok();
  }
  u64 address(u32 offset) const { return reinterpret_cast<u64>(block_.exec) + offset; }

private:
  std::vector<u8> bytes_;
  std::optional<os::CodeArena> arena_;
  os::CodeBlock block_;
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

/// What the caller finds after the stub has returned; layout known to the assembled caller.
struct Seen {
  u64 gpr[32] = {};
  u64 vector[32][2] = {};
  u64 sp_before = 0, sp_after = 0;
};

constexpr u64 kCanary = 0xc0ffee0000000000u;

/// void caller(A64EntryFrame* x0, Seen* x1, u64 enter x2, const u64 (*vectors)[2] x3)
void make_caller(Assembler& as) {
  as.stp(Size::X, Gpr::X29, Gpr::X30, Mem::pre(Gpr::Sp, -192));
  for (u32 i = 0; i < 10; i += 2)
    as.stp(Size::X, gpr_of(static_cast<RegIndex>(19 + i)), gpr_of(static_cast<RegIndex>(20 + i)),
           Mem::at(Gpr::Sp, 16 + 8 * i));
  for (u32 i = 0; i < 8; i += 2)
    as.stp(FSize::D, static_cast<Vreg>(8 + i), static_cast<Vreg>(9 + i), Mem::at(Gpr::Sp, 96 + 8 * i));
  as.str(Size::X, Gpr::X1, Mem::at(Gpr::Sp, 160));
  as.mov(Size::X, Gpr::X9, Gpr::Sp);
  as.str(Size::X, Gpr::X9, Mem::at(Gpr::X1, offsetof(Seen, sp_before)));
  for (u32 i = 8; i < 16; ++i) as.ldr(FSize::Q, static_cast<Vreg>(i), Mem::at(Gpr::X3, 16 * i));
  for (u32 i = 19; i < 30; ++i) as.mov_imm(gpr_of(static_cast<RegIndex>(i)), kCanary + i);
  as.blr(Gpr::X2);
  as.ldr(Size::X, Gpr::X9, Mem::at(Gpr::Sp, 160));
  for (u32 i = 19; i < 30; ++i)
    as.str(Size::X, gpr_of(static_cast<RegIndex>(i)), Mem::at(Gpr::X9, offsetof(Seen, gpr) + 8 * i));
  for (u32 i = 8; i < 16; ++i)
    as.str(FSize::Q, static_cast<Vreg>(i), Mem::at(Gpr::X9, offsetof(Seen, vector) + 16 * i));
  as.mov(Size::X, Gpr::X10, Gpr::Sp);
  as.str(Size::X, Gpr::X10, Mem::at(Gpr::X9, offsetof(Seen, sp_after)));
  for (u32 i = 0; i < 10; i += 2)
    as.ldp(Size::X, gpr_of(static_cast<RegIndex>(19 + i)), gpr_of(static_cast<RegIndex>(20 + i)),
           Mem::at(Gpr::Sp, 16 + 8 * i));
  for (u32 i = 0; i < 8; i += 2)
    as.ldp(FSize::D, static_cast<Vreg>(8 + i), static_cast<Vreg>(9 + i), Mem::at(Gpr::Sp, 96 + 8 * i));
  as.ldp(Size::X, Gpr::X29, Gpr::X30, Mem::post(Gpr::Sp, 192));
  as.ret();
}

/// Ruins every register but x28, x18 and x30, flushes denormals, and returns with sp 32 too low.
void make_vandal(Assembler& as) {
  as.mov_imm(Gpr::X9, 1u << 24); // FPCR.FZ
  as.msr(SysReg::Fpcr, Gpr::X9);
  as.sub(Size::X, Gpr::Sp, Gpr::Sp, *add_sub_imm(32));
  for (u32 i = 0; i < 30; ++i) {
    if (i != 28 && i != 18) as.mov_imm(gpr_of(static_cast<RegIndex>(i)), 0xdead0000 + i);
  }
  for (u32 i = 0; i < 32; ++i) as.movi_0(static_cast<Vreg>(i));
  as.ret();
}

u64 fpcr() {
  u64 value = 0;
  Code code;
  const u32 at = code.add(assemble([](Assembler& as) {
    as.mrs(Gpr::X0, SysReg::Fpcr);
    as.ret();
  }));
  EXPECT_TRUE(code.publish());
  value = reinterpret_cast<u64 (*)()>(code.address(at))();
  return value;
}

struct StubRun {
  explicit StubRun(void (*body)(Assembler&)) : stubs(make_stubs(Os::Linux)) {
    stubs_at = code.add(stubs.object.code);
    callee_at = code.add(assemble(body));
    caller_at = code.add(assemble(make_caller));
    EXPECT_TRUE(code.publish());
    frame.code = code.address(callee_at);
    frame.context = reinterpret_cast<u64>(&context);
    for (u32 i = 0; i < 32; ++i) {
      frame.gpr_in[i] = 0x0101010101010101u * i + 7;
      frame.fpr_in[i][0] = 0x0101010101010101u * i + 3;
      frame.fpr_in[i][1] = ~frame.fpr_in[i][0];
      vectors[i][0] = 77 * i, vectors[i][1] = ~vectors[i][0];
    }
    context.entry_fp = 1234;
  }
  void go() {
    const auto caller =
        reinterpret_cast<void (*)(A64EntryFrame*, Seen*, u64, const u64(*)[2])>(code.address(caller_at));
    caller(&frame, &seen, code.address(stubs_at + stubs.enter_offset), vectors);
  }

  StubCode stubs;
  Code code;
  u32 stubs_at = 0, callee_at = 0, caller_at = 0;
  VmContext context;
  A64EntryFrame frame;
  Seen seen;
  u64 vectors[32][2] = {};
};

TEST(EntryStub, EveryRegisterGoesInAndComesBack) {
  StubRun run([](Assembler& as) { as.ret(); });
  run.go();
  for (u32 i = 0; i < 32; ++i) {
    EXPECT_EQ(run.frame.fpr_out[i][0], run.frame.fpr_in[i][0]) << i;
    EXPECT_EQ(run.frame.fpr_out[i][1], run.frame.fpr_in[i][1]) << i;
    if (i == 16 || i >= 28) continue;
    EXPECT_EQ(run.frame.gpr_out[i], run.frame.gpr_in[i]) << i;
  }
  EXPECT_EQ(run.frame.gpr_out[28], run.frame.context);
  EXPECT_EQ(run.frame.gpr_out[29], run.frame.fp_expected);
  EXPECT_EQ(run.frame.gpr_out[31], run.frame.sp_expected);
  EXPECT_EQ(run.frame.sp_expected % 16, 0u);
  EXPECT_EQ(run.context.entry_fp, 1234u);
}

TEST(EntryStub, ContextAndEntryFrameAreKnownInside) {
  StubRun run([](Assembler& as) {
    as.mov(Size::X, Gpr::X0, kContext);
    as.ldr(Size::X, Gpr::X1, Mem::at(kContext, offsetof(VmContext, entry_fp)));
    as.mov(Size::X, Gpr::X2, kFramePointer);
    as.ret();
  });
  run.go();
  EXPECT_EQ(run.frame.gpr_out[0], run.frame.context);
  EXPECT_EQ(run.frame.gpr_out[1], run.frame.fp_expected);
  EXPECT_EQ(run.frame.gpr_out[2], run.frame.fp_expected);
}

TEST(EntryStub, StackArgumentsArePoppedByTheCallee) {
  StubRun run([](Assembler& as) {
    as.ldr(Size::X, Gpr::X0, Mem::at(Gpr::Sp, 0));
    as.ldr(Size::X, Gpr::X1, Mem::at(Gpr::Sp, 40));
    as.sub(Size::X, Gpr::X0, Gpr::X0, Gpr::X1);
    as.add(Size::X, Gpr::Sp, Gpr::Sp, *add_sub_imm(48));
    as.ret();
  });
  const u64 words[6] = {50, 1, 2, 3, 4, 8};
  run.frame.stack_args = reinterpret_cast<u64>(words);
  run.frame.stack_bytes = sizeof words;
  run.go();
  EXPECT_EQ(run.frame.gpr_out[0], 42u);
  EXPECT_EQ(run.frame.gpr_out[31], run.frame.sp_expected);
}

TEST(EntryStub, CalleeSavedRegistersSurviveACalleeThatRuinsThem) {
  StubRun run(make_vandal);
  run.go();
  for (u32 i = 19; i < 30; ++i) EXPECT_EQ(run.seen.gpr[i], kCanary + i) << i;
  for (u32 i = 8; i < 16; ++i) EXPECT_EQ(run.seen.vector[i][0], run.vectors[i][0]) << i;
  EXPECT_EQ(run.seen.sp_after, run.seen.sp_before);
}

TEST(EntryStub, WhatTheCalleeLeftIsReportedAndFloatControlPutRight) {
  const u64 before = fpcr();
  StubRun run(make_vandal);
  run.go();
  for (u32 i = 0; i < 32; ++i) {
    EXPECT_EQ(run.frame.fpr_out[i][0], 0u);
    if (i == 16 || i == 18 || i == 28 || i >= 30) continue;
    EXPECT_EQ(run.frame.gpr_out[i], 0xdead0000 + i) << i;
  }
  EXPECT_EQ(run.frame.gpr_out[31], run.frame.sp_expected - 32);
  EXPECT_EQ(run.frame.gpr_out[18], run.frame.gpr_in[18]);
  EXPECT_EQ(run.frame.float_control_in, before);
  EXPECT_EQ(run.frame.float_control_out, u64{1} << 24);
  EXPECT_EQ(fpcr(), before);
  EXPECT_EQ(run.context.entry_fp, 1234u);
}

TEST(TrapEntry, HandsOverContextKindAndReturnAddress) {
  StubRun run([](Assembler& as) {
    as.stp(Size::X, kFramePointer, kLinkRegister, Mem::pre(Gpr::Sp, -16));
    as.mov(Size::X, kFramePointer, Gpr::Sp);
    as.ldr(Size::X, kScratch, Mem::at(kContext, offsetof(VmContext, trap_entry) + 8 * 3));
    as.blr(kScratch);
    as.brk(1);
  });
  // on_trap is a piece of code that stores its arguments in the context and leaves both frames.
  Code code;
  const u32 on_trap_at = code.add(assemble([](Assembler& as) {
    as.str(Size::X, Gpr::X1, Mem::at(Gpr::X0, offsetof(VmContext, owner)));
    as.str(Size::X, Gpr::X2, Mem::at(Gpr::X0, offsetof(VmContext, host_call)));
    as.ldr(Size::X, kFramePointer, Mem::at(kFramePointer)); // the compiled function's
    as.mov(Size::X, Gpr::Sp, kFramePointer);
    as.ldp(Size::X, kFramePointer, kLinkRegister, Mem::post(Gpr::Sp, 16));
    as.ret();
  }));
  ASSERT_TRUE(code.publish());
  StubCode stubs = make_stubs(Os::Linux);
  const u64 address = code.address(on_trap_at);
  std::memcpy(stubs.object.code.data() + stubs.on_trap_field, &address, 8);
  Code traps;
  const u32 traps_at = traps.add(stubs.object.code);
  ASSERT_TRUE(traps.publish());
  run.context.trap_entry[3] = traps.address(traps_at + stubs.trap_offset[3]);
  run.go();
  EXPECT_EQ(run.context.owner, 3u);
  EXPECT_EQ(run.context.host_call, run.frame.code + 16);
  EXPECT_EQ(run.context.exit_fp, run.frame.sp_expected - 16);
  EXPECT_EQ(run.frame.gpr_out[31], run.frame.sp_expected);
}

#endif

} // namespace
} // namespace assay::a64
