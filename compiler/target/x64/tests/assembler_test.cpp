// assembler_test.cpp - what the form table does not cover: labels, branches, relocation fields, mov_imm, nops,
// growth of the buffer, and what happens to operands that have no encoding.
#include "compiler/debug/disassemble.h"
#include "compiler/target/x64/assembler.h"

#include <gtest/gtest.h>

namespace assay::x64 {
namespace {

class AssemblerTest : public testing::Test {
protected:
  void SetUp() override { as_.begin(code_); }

  /// Ends the assembly and reads it back, a text an instruction.
  std::vector<std::string> read() {
    as_.finish();
    std::vector<debug::Line> lines;
    EXPECT_TRUE(debug::disassemble(Target::X64, code_, 0, lines).ok());
    std::vector<std::string> texts;
    for (const debug::Line& line : lines) texts.push_back(line.text);
    return texts;
  }
  using Texts = std::vector<std::string>;

  std::vector<u8> code_;
  Assembler as_;
};

/// Tests that read text back need the disassembler.
class AssemblerText : public AssemblerTest {
protected:
  void SetUp() override {
    if (!debug::can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
    AssemblerTest::SetUp();
  }
};

TEST(Registers, UnifiedIndexRoundTrips) {
  EXPECT_EQ(index_of(Gpr::R15), 15);
  EXPECT_EQ(index_of(Xmm::Xmm0), 32);
  EXPECT_EQ(gpr_of(index_of(Gpr::R9)), Gpr::R9);
  EXPECT_EQ(xmm_of(index_of(Xmm::Xmm14)), Xmm::Xmm14);
}

TEST(Registers, OppositeConditionsAreTheOtherOutcome) {
  EXPECT_EQ(opposite(Cond::B), Cond::Ae);
  EXPECT_EQ(opposite(Cond::G), Cond::Le);
  EXPECT_EQ(opposite(Cond::Np), Cond::P);
}

TEST(Immediates, FitsAsksForTheExactRange) {
  EXPECT_TRUE(fits_imm8(-128) && fits_imm8(127));
  EXPECT_FALSE(fits_imm8(-129) || fits_imm8(128));
  EXPECT_TRUE(fits_imm32(-2147483648LL) && fits_imm32(2147483647LL));
  EXPECT_FALSE(fits_imm32(2147483648LL) || fits_imm32(-2147483649LL));
  EXPECT_TRUE(fits_uimm32(0xffffffffu));
  EXPECT_FALSE(fits_uimm32(0x100000000u));
}

TEST_F(AssemblerTest, MovImmSetsAll64BitsByTheShortestForm) {
  struct Row {
    Gpr reg;
    u64 value;
    std::vector<u8> bytes;
  };
  const Row rows[] = {
      // mov r32, imm32 zero-extends.
      {Gpr::Rax, 0, {0xb8, 0, 0, 0, 0}},
      {Gpr::Rdi, 0x7fffffff, {0xbf, 0xff, 0xff, 0xff, 0x7f}},
      {Gpr::Rax, 0x80000000u, {0xb8, 0, 0, 0, 0x80}},
      {Gpr::R12, 0xffffffffu, {0x41, 0xbc, 0xff, 0xff, 0xff, 0xff}},
      // mov r/m64, imm32 sign-extends.
      {Gpr::Rax, ~u64{0}, {0x48, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff}},
      {Gpr::R12, 0xffffffff80000000u, {0x49, 0xc7, 0xc4, 0, 0, 0, 0x80}},
      // Neither: mov r64, imm64.
      {Gpr::Rax, 0xffffffff7fffffffu, {0x48, 0xb8, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff}},
      {Gpr::Rcx, 0x100000000u, {0x48, 0xb9, 0, 0, 0, 0, 1, 0, 0, 0}},
      {Gpr::R15, 0x8000000000000000u, {0x49, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0x80}},
  };
  for (const Row& row : rows) {
    code_.clear();
    as_.begin(code_);
    as_.mov_imm(row.reg, row.value);
    as_.finish();
    EXPECT_EQ(code_, row.bytes) << std::hex << row.value;
  }
}

TEST_F(AssemblerText, ForwardBranchesReachTheirLabel) {
  const Label label = as_.new_label();
  as_.jmp(label);
  as_.jcc(Cond::L, label);
  as_.call(label);
  as_.lea(Size::Qword, Gpr::Rax, Mem::rip(label, 2));
  as_.bind(label);
  as_.int3();
  EXPECT_EQ(read(), (Texts{"jmp 0x17", "jl 0x17", "call 0x17", "lea rax, [rip + 2]", "int3"}));
  EXPECT_TRUE(as_.ok());
}

TEST_F(AssemblerText, BackwardBranchesAreShortExactlyWhenTheyReach) {
  const Label label = as_.new_label();
  as_.bind(label);
  as_.nop(126);
  as_.jmp(label); // 128 bytes back from its end
  as_.jcc(Cond::E, label);
  as_.nop(3);
  as_.jmp(label);
  const std::vector<std::string> texts = read();
  EXPECT_EQ(texts[14], "jmp 0");
  EXPECT_EQ(texts[15], "je 0");
  EXPECT_EQ(code_[126], 0xeb);
  EXPECT_EQ(code_[128], 0x0f);
  EXPECT_EQ(code_[137], 0xe9);
  EXPECT_EQ(texts[17], "jmp 0");
}

TEST_F(AssemblerTest, RelocationFieldsAreWhereTheyAreSaidToBe) {
  EXPECT_EQ(as_.call_rel32(), 1u);
  EXPECT_EQ(as_.jmp_rel32(), 6u);
  EXPECT_EQ(as_.lea_rel32(Gpr::R9), 13u);
  EXPECT_EQ(as_.mov_abs64(Gpr::R9), 19u);
  as_.finish();
  const std::vector<u8> expected = {0xe8, 0, 0, 0,    0,    0xe9, 0, 0, 0, 0, 0x4c, 0x8d, 0x0d, 0,
                                    0,    0, 0, 0x49, 0xb9, 0,    0, 0, 0, 0, 0,    0,    0};
  EXPECT_EQ(code_, expected);
}

TEST_F(AssemblerTest, ReturnWithoutBytesToPopIsThePlainForm) {
  as_.ret(0);
  as_.ret(32);
  as_.ret(0x8010);
  as_.finish();
  EXPECT_EQ(code_, (std::vector<u8>{0xc3, 0xc2, 32, 0, 0xc2, 0x10, 0x80}));
}

TEST_F(AssemblerText, NopsFillAnyLengthExactly) {
  for (u32 bytes = 0; bytes <= 40; ++bytes) {
    code_.clear();
    as_.begin(code_);
    as_.nop(bytes);
    for (const std::string& text : read()) EXPECT_EQ(text.rfind("nop", 0) == 0 || text == "xchg ax, ax", true) << text;
    EXPECT_EQ(code_.size(), bytes);
  }
}

TEST_F(AssemblerTest, AlignmentPadsUpToTheMultipleAndNoFurther) {
  as_.align_nop(16);
  EXPECT_EQ(as_.offset(), 0u);
  as_.cld();
  as_.align_nop(16);
  EXPECT_EQ(as_.offset(), 16u);
  as_.cld();
  as_.align_int3(8);
  as_.finish();
  ASSERT_EQ(code_.size(), 24u);
  EXPECT_EQ(code_[17], 0xcc);
}

TEST_F(AssemblerText, RodataDisplacementCountsFromTheEndOfTheInstruction) {
  as_.imul(Size::Qword, Gpr::Rax, Mem::rodata(8), 0x1000); // 4 bytes follow the displacement
  as_.roundsd(Xmm::Xmm1, Mem::rodata(16), 8);              // 1 byte follows
  as_.movsd(Xmm::Xmm9, Mem::rodata(0));
  as_.finish();
  as_.resolve_rodata(0x100);
  std::vector<debug::Line> lines;
  ASSERT_TRUE(debug::disassemble(Target::X64, code_, 0, lines).ok());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text, "imul rax, qword ptr [rip + 0xfd], 0x1000"); // 0x108 - 11
  EXPECT_EQ(lines[1].text, "roundsd xmm1, qword ptr [rip + 0xfb], 8");  // 0x110 - 21
  EXPECT_EQ(lines[2].text, "movsd xmm9, qword ptr [rip + 0xe2]");       // 0x100 - 30
}

TEST_F(AssemblerTest, AppendsToWhatTheVectorHolds) {
  code_ = {1, 2, 3};
  as_.begin(code_);
  EXPECT_EQ(as_.offset(), 3u);
  as_.int3();
  as_.finish();
  EXPECT_EQ(code_, (std::vector<u8>{1, 2, 3, 0xcc}));
}

TEST_F(AssemblerTest, ALongRunOfCodeKeepsEveryByte) {
  for (u32 i = 0; i < 100000; ++i) as_.mov_abs64(Gpr::Rax, u64{i} * 0x0101010101010101u);
  as_.finish();
  ASSERT_EQ(code_.size(), 1000000u);
  for (u32 i = 0; i < 100000; ++i) {
    u64 value = 0;
    std::memcpy(&value, &code_[i * 10 + 2], 8);
    ASSERT_EQ(value, u64{i} * 0x0101010101010101u);
  }
}

TEST_F(AssemblerTest, AnAddressWithoutEncodingIsNotEmittedAndIsReported) {
  const Mem bad = Mem::at(Gpr::Rax, Gpr::Rsp, 1);
  EXPECT_FALSE(encodable(bad));
  as_.mov(Size::Qword, Gpr::Rax, bad);
  EXPECT_FALSE(as_.ok());
  as_.vfmadd213sd(Xmm::Xmm0, Xmm::Xmm1, bad);
  as_.add(Size::Dword, bad, 1000);
  as_.roundsd(Xmm::Xmm0, bad, 8);
  EXPECT_EQ(as_.offset(), 0u);
  EXPECT_FALSE(encodable(Mem::at(Gpr::Rax, Gpr::Rcx, 4)));
  as_.begin(code_);
  EXPECT_TRUE(as_.ok());
}

TEST_F(AssemblerText, StackPointerAsUnscaledIndexBecomesTheBase) {
  EXPECT_TRUE(encodable(Mem::at(Gpr::Rax, Gpr::Rsp, 0)));
  as_.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::Rcx, Gpr::Rsp, 0, 8));
  EXPECT_EQ(read(), (Texts{"mov rax, qword ptr [rsp + rcx + 8]"}));
}

TEST_F(AssemblerTest, AUsedLabelThatIsNeverBoundIsReported) {
  as_.new_label();
  as_.finish();
  EXPECT_TRUE(as_.ok()); // unused: nothing is missing
  as_.jmp(as_.new_label());
  as_.finish();
  EXPECT_FALSE(as_.ok());
}

TEST_F(AssemblerTest, LabelsBeginAgainAfterReset) {
  const Label first = as_.new_label();
  as_.bind(first);
  as_.int3();
  as_.reset_labels();
  const Label second = as_.new_label();
  EXPECT_EQ(second.id, 0u);
  EXPECT_FALSE(as_.is_bound(second));
  as_.bind(second);
  EXPECT_EQ(as_.offset_of(second), 1u);
  EXPECT_TRUE(as_.ok());
}

} // namespace
} // namespace assay::x64
