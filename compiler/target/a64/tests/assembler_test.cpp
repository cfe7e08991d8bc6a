// assembler_test.cpp - what the form table does not cover: labels, relocations, read-only data, constants, padding,
// growth of the buffer, and operands that have no encoding. Distances: ranges_test.cpp.
#include "compiler/debug/disassemble.h"
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/tests/canonical.h"

#include <gtest/gtest.h>

#include <functional>

namespace assay::a64 {
namespace {

class AssemblerTest : public testing::Test {
protected:
  void SetUp() override { as_.begin(code_); }
  u32 word(u32 at) const {
    u32 value = 0;
    std::memcpy(&value, code_.data() + at, 4);
    return value;
  }
  /// Emits with `emit` alone; expects that this is refused and leaves no instruction.
  void expect_refused(const char* what, const std::function<void()>& emit) {
    code_.clear();
    as_.begin(code_);
    emit();
    EXPECT_FALSE(as_.ok()) << what;
    as_.finish();
    EXPECT_EQ(code_.size(), 0u) << what;
  }
  /// The same, expecting one instruction.
  void expect_taken(const char* what, const std::function<void()>& emit) {
    code_.clear();
    as_.begin(code_);
    emit();
    EXPECT_TRUE(as_.ok()) << what;
    as_.finish();
    EXPECT_EQ(code_.size(), 4u) << what;
  }

  std::vector<u8> code_;
  Assembler as_;
};

/// Tests that read text back need the disassembler.
class AssemblerText : public AssemblerTest {
protected:
  using Texts = std::vector<std::string>;
  void SetUp() override {
    if (!debug::can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
    AssemblerTest::SetUp();
  }
  Texts read() {
    as_.finish();
    std::vector<debug::Line> lines;
    EXPECT_TRUE(debug::disassemble(Target::A64, code_, 0, lines).ok());
    Texts texts;
    for (const debug::Line& line : lines) texts.push_back(line.text);
    return texts;
  }
};

constexpr Gpr x0 = Gpr::X0, x1 = Gpr::X1, x2 = Gpr::X2, sp = Gpr::Sp, zr = Gpr::Zr;
constexpr Size W = Size::W, X = Size::X;

#define REFUSED(...) expect_refused(#__VA_ARGS__, [&] { as_.__VA_ARGS__; })
#define TAKEN(...) expect_taken(#__VA_ARGS__, [&] { as_.__VA_ARGS__; })

TEST_F(AssemblerTest, FieldsThatMeanTheZeroRegisterRefuseTheStackPointer) {
  const LogicalImm mask = *logical_imm(X, 0xff);
  const AddSubImm one = *add_sub_imm(1);
  REFUSED(add(X, sp, x0, x1));
  REFUSED(add(X, x0, sp, x1));
  REFUSED(add(X, x0, x1, sp));
  REFUSED(adds(X, sp, x0, one));
  REFUSED(subs(X, sp, x0, x1, Extend::Uxtx));
  REFUSED(add(X, x0, x0, sp, Extend::Uxtx));
  REFUSED(cmp(X, sp, x0));
  REFUSED(and_(X, x0, sp, mask));
  REFUSED(ands(X, sp, x0, mask));
  REFUSED(tst(X, sp, mask));
  REFUSED(orr(X, sp, x0, x1));
  REFUSED(madd(X, x0, x1, x2, sp));
  REFUSED(csel(X, x0, sp, x1, Cond::Eq));
  REFUSED(ccmp(X, x0, sp, 0, Cond::Eq));
  REFUSED(ccmp(X, sp, 1u, 0, Cond::Eq));
  REFUSED(movz(X, sp, 1));
  REFUSED(mov_imm(sp, 1));
  REFUSED(mov_imm(zr, 0x123456789));
  REFUSED(ldr(X, sp, Mem::at(x0)));
  REFUSED(ldp(X, x0, sp, Mem::at(x1)));
  REFUSED(cbz(X, sp, as_.new_label()));
  REFUSED(tbz(sp, 1, as_.new_label()));
  REFUSED(adr(sp, as_.new_label()));
  REFUSED(ldr(X, sp, as_.new_label()));
  REFUSED(br(sp));
  REFUSED(fmov(X, sp, Vreg::V0));
  REFUSED(scvtf(FSize::D, Vreg::V0, X, sp));
  REFUSED(mrs(sp, SysReg::Nzcv));
}

TEST_F(AssemblerTest, FieldsThatMeanTheStackPointerRefuseTheZeroRegister) {
  const AddSubImm one = *add_sub_imm(1);
  const LogicalImm mask = *logical_imm(X, 0xff);
  REFUSED(add(X, zr, x0, one));
  REFUSED(add(X, x0, zr, one));
  REFUSED(subs(X, x0, zr, one));
  REFUSED(cmp(X, zr, one));
  REFUSED(add(X, zr, x0, x1, Extend::Uxtx));
  REFUSED(sub(X, x0, zr, x1, Extend::Uxtx));
  REFUSED(orr(X, zr, x0, mask));
  REFUSED(ldr(X, x0, Mem::at(zr)));
  REFUSED(stp(X, x0, x1, Mem::at(zr)));
  TAKEN(subs(X, zr, sp, one));
  TAKEN(add(X, sp, sp, zr, Extend::Uxtx));
  TAKEN(and_(X, sp, zr, mask));
}

TEST_F(AssemblerTest, AmountsBeyondTheWidthAreRefused) {
  REFUSED(add(W, x0, x1, x2, Shift::Lsl, 32));
  REFUSED(add(X, x0, x1, x2, Shift::Lsl, 64));
  REFUSED(add(X, x0, x1, x2, Shift::Ror, 1)); // only logical instructions rotate
  TAKEN(eor(X, x0, x1, x2, Shift::Ror, 63));
  REFUSED(add(X, x0, x1, x2, Extend::Uxtb, 5));
  REFUSED(movz(W, x0, 1, 32));
  REFUSED(movk(X, x0, 1, 8));
  REFUSED(movk(X, x0, 1, 64));
  REFUSED(lsl(W, x0, x1, 32));
  REFUSED(lsr(X, x0, x1, 64));
  REFUSED(asr(W, x0, x1, 40));
  REFUSED(ror(W, x0, x1, 32));
  REFUSED(ubfx(W, x0, x1, 31, 2));
  REFUSED(ubfx(X, x0, x1, 0, 0));
  REFUSED(bfi(X, x0, x1, 64, 1));
  REFUSED(sbfiz(X, x0, x1, 1, 64));
  TAKEN(ubfx(X, x0, x1, 63, 1));
  REFUSED(tbz(x0, 64, as_.new_label()));
  REFUSED(ccmp(X, x0, 32u, 0, Cond::Eq));
  REFUSED(ccmp(X, x0, x1, 16, Cond::Eq));
  REFUSED(fccmp(FSize::D, Vreg::V0, Vreg::V1, 16, Cond::Eq));
  REFUSED(hint(128));
  REFUSED(adrp(x0, 1 << 20));
}

TEST_F(AssemblerTest, ABitmaskOf64BitsIsRefusedByA32BitForm) {
  const LogicalImm wide = *logical_imm(X, 0xffffffff), narrow = *logical_imm(X, 0xff00ff00ff00ff00);
  REFUSED(and_(W, x0, x1, wide));
  REFUSED(ands(W, x0, x1, wide));
  REFUSED(tst(W, x0, wide));
  TAKEN(and_(X, x0, x1, wide));
  TAKEN(and_(W, x0, x1, narrow));
}

TEST_F(AssemblerTest, AccessesWithoutAnEncodingAreRefused) {
  REFUSED(ldr(X, x0, Mem::at(x1, 32768)));
  REFUSED(ldr(X, x0, Mem::at(x1, 257)));
  REFUSED(ldrb(x0, Mem::at(x1, x2, Extend::Uxtw, 1)));
  REFUSED(ldp(X, x0, x1, Mem::at(x2, 512)));
  REFUSED(ldp(X, x0, x1, Mem::at(x2, 4)));
  REFUSED(ldp(X, x0, x0, Mem::at(x2))); // two loads of one register
  REFUSED(ldp(FSize::D, Vreg::V3, Vreg::V3, Mem::at(x2)));
  TAKEN(stp(X, x0, x0, Mem::at(x2)));
  REFUSED(ldr(X, x0, Mem::pre(x0, 8))); // write-back into the register transferred
  REFUSED(str(X, x0, Mem::post(x0, 8)));
  REFUSED(ldp(X, x1, x0, Mem::post(x0, 16)));
  TAKEN(ldr(X, x0, Mem::at(x0, 8)));
  TAKEN(ldr(FSize::D, Vreg::V0, Mem::pre(x0, 8)));
}

TEST_F(AssemblerTest, QuadRegistersAreRefusedOutsideLoadsAndStores) {
  REFUSED(fadd(FSize::Q, Vreg::V0, Vreg::V1, Vreg::V2));
  REFUSED(scvtf(FSize::Q, Vreg::V0, X, x0));
  REFUSED(ldr_const(FSize::Q, Vreg::V0, 1));
  TAKEN(ldr(FSize::Q, Vreg::V0, Mem::at(sp, 16)));
}

TEST_F(AssemblerTest, ConditionAliasesRefuseAlways) {
  REFUSED(cset(X, x0, Cond::Al));
  REFUSED(csetm(X, x0, Cond::Al));
  REFUSED(cinc(X, x0, x1, Cond::Al));
  REFUSED(cneg(X, x0, x1, Cond::Al));
  TAKEN(csel(X, x0, x1, x2, Cond::Al));
}

TEST_F(AssemblerText, BranchesReachTheirLabelsForwardAndBackward) {
  const Label behind = as_.new_label(), ahead = as_.new_label();
  as_.bind(behind);
  as_.b(ahead);
  as_.b(Cond::Lt, ahead);
  as_.cbz(X, x1, ahead);
  as_.tbnz(x1, 33, ahead);
  as_.bl(ahead);
  as_.adr(x0, ahead);
  as_.ldr(FSize::D, Vreg::V1, ahead);
  as_.b(behind);
  as_.b(Cond::Al, behind);
  as_.tbz(x1, 1, behind);
  as_.lea(x2, behind);
  as_.bind(ahead);
  as_.nop();
  EXPECT_EQ(read(), (Texts{"b #0x2c", "b.lt #0x2c", "cbz x1, #0x2c", "tbnz x1, #0x21, #0x2c", "bl #0x2c",
                           "adr x0, #0x2c", "ldr d1, #0x2c", "b #0", "b #0", "tbz w1, #1, #0", "adr x2, #0", "nop"}));
  EXPECT_TRUE(as_.ok());
}

TEST_F(AssemblerTest, AnUnboundLabelIsNotOkOnlyIfUsed) {
  as_.new_label();
  as_.finish();
  EXPECT_TRUE(as_.ok());
  code_.clear();
  as_.begin(code_);
  as_.b(as_.new_label());
  EXPECT_TRUE(as_.ok());
  as_.finish();
  EXPECT_FALSE(as_.ok());
}

TEST_F(AssemblerTest, LabelsBeginAgainAtZeroForTheNextFunction) {
  const Label first = as_.new_label();
  as_.tbz(x0, 1, first);
  as_.bind(first);
  as_.reset_labels();
  const Label second = as_.new_label();
  EXPECT_EQ(second.id, first.id);
  EXPECT_FALSE(as_.is_bound(second));
  as_.tbz(x0, 1, second);
  as_.bind(second);
  as_.finish();
  EXPECT_TRUE(as_.ok());
  EXPECT_EQ(word(4), 0x36080020u);
}

TEST_F(AssemblerTest, RelocationsAreWhereTheyAreSaidToBe) {
  as_.nop();
  EXPECT_EQ(as_.bl_rel26(), 4u);
  EXPECT_EQ(as_.b_rel26(), 8u);
  EXPECT_EQ(as_.lea_rel(Gpr::X5), 12u);
  as_.finish();
  ASSERT_EQ(code_.size(), 20u);
  EXPECT_TRUE(patch_rel26(code_.data() + 4, 0x40));
  EXPECT_TRUE(patch_rel26(code_.data() + 8, -8));
  EXPECT_EQ(word(4), 0x94000010u);
  EXPECT_EQ(word(8), 0x17fffffeu);
  EXPECT_EQ(word(12) & 0x9f00001fu, 0x10000005u);
  REFUSED(lea_rel(zr)); // the add would write sp
}

TEST_F(AssemblerText, ReadOnlyDataNearbyIsLoadedWithoutAnAddress) {
  as_.lea_rodata(x0, 0);
  as_.ldr_rodata(X, x1, 8);
  as_.ldr_rodata(W, x2, 16);
  as_.ldr_rodata(FSize::S, Vreg::V3, x0, 20);
  as_.ldr_rodata(FSize::D, Vreg::V4, x0, 24);
  as_.ldr_rodata(FSize::Q, Vreg::V5, x0, 32);
  as_.finish();
  as_.resolve_rodata(0x1000);
  EXPECT_EQ(read(), (Texts{"adr x0, #0x1000", "nop", "ldr x1, #0x1008", "nop", "ldr w2, #0x1010", "nop",
                           "ldr s3, #0x1014", "nop", "ldr d4, #0x1018", "nop", "ldr q5, #0x1020", "nop"}));
  EXPECT_TRUE(as_.ok());
  EXPECT_FALSE(as_.needs_page_alignment());
}

TEST_F(AssemblerText, ReadOnlyDataBeyondOneMebibyteIsLoadedByPage) {
  as_.lea_rodata(x0, 0x20);
  as_.ldr_rodata(X, x1, 0x1f8);
  as_.ldr_rodata(FSize::D, Vreg::V4, x2, 0xff8);
  as_.ldr_rodata(FSize::Q, Vreg::V5, x2, 0x20);
  as_.finish();
  as_.resolve_rodata(0x200010);
  EXPECT_EQ(read(), (Texts{"adr x0, #0x30", "add x0, x0, #0x200, lsl #12", "adrp x1, #0x200000", "ldr x1, [x1, #0x208]",
                           "adrp x2, #0x201000", "ldr d4, [x2, #8]", "adrp x2, #0x200000", "ldr q5, [x2, #0x30]"}));
  EXPECT_TRUE(as_.ok());
  EXPECT_TRUE(as_.needs_page_alignment());
}

TEST_F(AssemblerText, ConstantsGoBehindTheCode) {
  as_.ldr_const(X, x0, 0x1122334455667788);
  as_.ldr_const(W, x1, 0xaabbccdd);
  as_.ldr_const(FSize::D, Vreg::V2, 0x3ff8000000000000);
  as_.ret();
  as_.flush_pool();
  as_.ret();
  const Texts texts = read();
  EXPECT_EQ(texts[0], "ldr x0, #0x10");
  EXPECT_EQ(texts[1], "ldr w1, #0x18");
  EXPECT_EQ(texts[2], "ldr d2, #0x20");
  EXPECT_EQ(word(0x10), 0x55667788u);
  EXPECT_EQ(word(0x14), 0x11223344u);
  EXPECT_EQ(word(0x18), 0xaabbccddu);
  EXPECT_EQ(word(0x24), 0x3ff80000u);
  EXPECT_EQ(texts.back(), "ret");
  EXPECT_EQ(code_.size(), 0x2cu);
  EXPECT_TRUE(as_.ok());
}

TEST_F(AssemblerTest, FinishPlacesPendingConstants) {
  as_.ldr_const(X, x0, 7);
  as_.finish();
  EXPECT_EQ(code_.size(), 16u);
  EXPECT_EQ(word(8), 7u);
  EXPECT_EQ(word(0), 0x58000040u);
}

TEST_F(AssemblerText, MovImmEmitsTheShortestSequence) {
  as_.mov_imm(x0, 0);
  as_.mov_imm(x1, 0xffff000000000000);
  as_.mov_imm(x2, 0x12345678);
  as_.mov_imm(x0, 0xffffffffffff1234);
  Texts texts = read();
  for (std::string& text : texts) text = test::canonical(text); // disassemblers differ in how they call a move
  EXPECT_EQ(texts, (Texts{"const w0 0", "const x1 -281474976710656", "const w2 22136", "movk w2 4660 lsl 16",
                          "const x0 -60876"}));
}

TEST_F(AssemblerTest, AlignmentPadsUpToTheMultipleAndNoFurther) {
  as_.align_nop(16);
  EXPECT_EQ(as_.offset(), 0u);
  as_.ret();
  as_.align_nop(8);
  as_.align_udf(32);
  as_.align_udf(32);
  as_.nops(3);
  as_.finish();
  ASSERT_EQ(code_.size(), 44u);
  EXPECT_EQ(word(4), 0xd503201fu);
  EXPECT_EQ(word(8), 0u);
  EXPECT_EQ(word(28), 0u);
  EXPECT_EQ(word(40), 0xd503201fu);
}

TEST_F(AssemblerTest, BeginAppendsOnAWordBoundary) {
  code_.assign(5, 0xee);
  as_.begin(code_);
  EXPECT_EQ(as_.offset(), 8u);
  as_.ret();
  as_.finish();
  ASSERT_EQ(code_.size(), 12u);
  EXPECT_EQ(code_[4], 0xee);
  EXPECT_EQ(word(8), 0xd65f03c0u);
}

TEST_F(AssemblerTest, FixUpsSurviveGrowthOfTheBuffer) {
  const Label end = as_.new_label();
  as_.b(end);
  for (u32 i = 0; i < 10000; ++i) as_.movz(X, x0, static_cast<u16>(i));
  as_.bind(end);
  as_.finish();
  EXPECT_TRUE(as_.ok());
  ASSERT_EQ(code_.size(), 40004u);
  EXPECT_EQ(word(0), 0x14000000u | 10001u);
  for (u32 i = 0; i < 10000; ++i) ASSERT_EQ(word(4 + 4 * i), 0xd2800000u | i << 5);
}

TEST_F(AssemblerTest, RefusalIsForgottenByTheNextBegin) {
  as_.movz(X, sp, 1);
  EXPECT_FALSE(as_.ok());
  as_.begin(code_);
  EXPECT_TRUE(as_.ok());
}

} // namespace
} // namespace assay::a64
