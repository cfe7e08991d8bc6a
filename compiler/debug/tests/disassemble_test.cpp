// disassemble_test.cpp - text, offsets and the handling of bytes that are no instruction.
#include "compiler/debug/disassemble.h"

#include <gtest/gtest.h>

namespace assay::debug {
namespace {

class Disassemble : public testing::Test {
protected:
  void SetUp() override {
    if (!can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
  }
  std::vector<Line> lines_;
};

TEST_F(Disassemble, X64LinesCarryOffsetLengthAndText) {
  const u8 code[] = {0x55, 0x48, 0x89, 0xe5, 0xc3}; // push rbp; mov rbp, rsp; ret
  ASSERT_TRUE(disassemble(Target::X64, code, 0x1000, lines_).ok());
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_EQ(lines_[1].text, "mov rbp, rsp");
  EXPECT_EQ(lines_[1].offset, 1u);
  EXPECT_EQ(lines_[1].length, 3u);
  EXPECT_EQ(lines_[2].text, "ret");
}

TEST_F(Disassemble, BranchTargetsAreRelativeToTheAddressGiven) {
  const u8 code[] = {0xeb, 0x02}; // jmp +2
  ASSERT_TRUE(disassemble(Target::X64, code, 0x1000, lines_).ok());
  EXPECT_EQ(lines_.at(0).text, "jmp 0x1004");
}

TEST_F(Disassemble, A64IsDecoded) {
  const u8 code[] = {0xc0, 0x03, 0x5f, 0xd6}; // ret
  ASSERT_TRUE(disassemble(Target::A64, code, 0, lines_).ok());
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].text, "ret");
}

TEST_F(Disassemble, BytesThatDecodeToNothingAreShownAndSkipped) {
  const u8 code[] = {0x06, 0xc3}; // no instruction in 64-bit mode; ret
  ASSERT_TRUE(disassemble(Target::X64, code, 0, lines_).ok());
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_EQ(lines_[0].text, ".byte 0x06");
  EXPECT_EQ(lines_[1].text, "ret");
}

TEST_F(Disassemble, ATruncatedA64InstructionIsShownAsBytes) {
  const u8 code[] = {0xc0, 0x03, 0x5f};
  ASSERT_TRUE(disassemble(Target::A64, code, 0, lines_).ok());
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].text, ".byte 0xc0, 0x03, 0x5f");
}

TEST_F(Disassemble, NoBytesGiveNoLines) {
  lines_.push_back({});
  ASSERT_TRUE(disassemble(Target::X64, {}, 0, lines_).ok());
  EXPECT_TRUE(lines_.empty());
}

} // namespace
} // namespace assay::debug
