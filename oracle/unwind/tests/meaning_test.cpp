// meaning_test.cpp - what has a meaning in tables, what has none, and what it is called; frames with handlers.
#include "oracle/unwind/meaning.h"

#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/tests/support.h"
#include "oracle/unwind/windows.h"

namespace assay::oracle {
namespace {

FrameRule rule(std::initializer_list<SavedRegister> saved) {
  FrameRule out;
  out.caller_sp = {5, 16};
  out.return_at = {5, 8};
  for (const SavedRegister& one : saved) out.save(one.reg, one.bytes, one.at);
  return out;
}

TEST(SameRule, the_order_of_registers_does_not_matter) {
  EXPECT_TRUE(same_rule(rule({{3, 8, {5, -8}}, {12, 8, {5, -16}}}), rule({{12, 8, {5, -16}}, {3, 8, {5, -8}}})));
}

TEST(SameRule, everything_else_does) {
  const FrameRule right = rule({{3, 8, {5, -8}}});
  EXPECT_FALSE(same_rule(right, rule({})));
  EXPECT_FALSE(same_rule(right, rule({{12, 8, {5, -8}}})));
  EXPECT_FALSE(same_rule(right, rule({{3, 8, {5, -16}}})));
  EXPECT_FALSE(same_rule(right, rule({{3, 16, {5, -8}}})));
  FrameRule other = right;
  other.caller_sp.base = 4;
  EXPECT_FALSE(same_rule(right, other));
  other = right;
  other.return_at.offset += 8;
  EXPECT_FALSE(same_rule(right, other));
  other = right;
  other.return_signed = true;
  EXPECT_FALSE(same_rule(right, other));
}

/// push rbp; push rbx; sub rsp, 48; lea rbp, [rsp + 32]; movaps [rsp + 16], xmm6; nop; and back (windows_x64_test.cpp).
class OfWindows : public testing::Test {
protected:
  std::unique_ptr<WindowsX64Tables> open(const std::vector<u8>& xdata) {
    pdata_.clear();
    put(pdata_, 0x1000, 4), put(pdata_, 0x1000 + code_.size(), 4), put(pdata_, kData + 12 - kBase, 4);
    const CodeRange range{0, static_cast<u32>(code_.size())};
    auto tables = WindowsX64Tables::open({kBase, {kCode, code_}, {kData, pdata_}, {kData + 12, xdata}}, {&range, 1});
    EXPECT_TRUE(tables.ok());
    return tables ? std::move(*tables) : nullptr;
  }
  static constexpr u64 kBase = kCode - 0x1000, kData = kCode + 0x800;
  const std::vector<u8> code_ = {0x55, 0x53, 0x48, 0x83, 0xec, 0x30, 0x48, 0x8d, 0x6c, 0x24,
                                 0x20, 0x0f, 0x29, 0x74, 0x24, 0x10, 0x90, 0x0f, 0x28, 0x74,
                                 0x24, 0x10, 0x48, 0x8d, 0x65, 0x10, 0x5b, 0x5d, 0xc3};
  const std::vector<u8> info_ = {0x01, 0x10, 0x06, 0x25, 0x10, 0x68, 0x01, 0x00,
                                 0x0b, 0x03, 0x06, 0x52, 0x02, 0x30, 0x01, 0x50};
  const std::vector<u64> pcs_ = {kCode,      kCode + 1,  kCode + 2,  kCode + 6,  kCode + 11,
                                 kCode + 16, kCode + 17, kCode + 22, kCode + 26, kCode + 28};
  std::vector<u8> pdata_;
};

TEST_F(OfWindows, a_longer_prologue_means_the_same_and_is_named) {
  const auto right = open(info_);
  std::vector<u8> longer = info_;
  longer[1] = 0x18;
  EXPECT_EQ(Meaning(*right, pcs_, pcs_).first_difference(*open(longer)), 0u);
  const TableField field = right->field_at(TableRegion::Info, 1, 3);
  EXPECT_EQ(field.name, "UNWIND_INFO.SizeOfProlog");
  EXPECT_STRNE(field.why, "");
}

TEST_F(OfWindows, a_code_between_instructions_means_the_same_and_behind_one_something_else) {
  const auto right = open(info_);
  const Meaning meaning(*right, pcs_, pcs_);
  std::vector<u8> moved = info_;
  moved[10] = 0x05; // of the allocation, whose instruction ends at 6
  EXPECT_EQ(meaning.first_difference(*open(moved)), 0u);
  moved[10] = 0x07;
  EXPECT_EQ(meaning.first_difference(*open(moved)), kCode + 6);
  EXPECT_EQ(right->field_at(TableRegion::Info, 10, 0).name, "UNWIND_CODE of op 2: CodeOffset");
  EXPECT_EQ(right->field_at(TableRegion::Info, 11, 7).name, "UNWIND_CODE of op 2: OpInfo");
}

TEST_F(OfWindows, a_register_saved_elsewhere_means_something_else) {
  std::vector<u8> other = info_;
  other[6] = 0x02;
  EXPECT_EQ(Meaning(*open(info_), pcs_, pcs_).first_difference(*open(other)), kCode + 16);
}

constexpr u64 kPersonality = 0x1122334455667788, kLsda = 0x99aabbccddeeff00;

/// The section of a function of 16 bytes whose frame has a personality routine.
std::vector<u8> personal_section(u32 augmentation_size, u64 lsda) {
  std::vector<u8> out;
  put(out, 36, 4), put(out, 0, 4), put(out, {1, 'z', 'P', 'L', 'R', 0, 1, 0x78, 16, augmentation_size, 0});
  put(out, kPersonality, 8), put(out, {0, 0x1b, 0x0c, 7, 8, 0x90, 1});
  out.resize(40);
  put(out, 28, 4), put(out, 44, 4), put(out, 0u - (0x100u + 48), 4), put(out, 16, 4), put(out, {8}), put(out, lsda, 8);
  out.resize(72);
  put(out, 0, 4);
  return out;
}

TEST(DwarfHandlers, frames_that_name_what_they_should_are_read) {
  const std::vector<u8> section = personal_section(11, kLsda), code(16, 0x90);
  const CodeRange range{0, 16};
  const DwarfHandlers handlers{kPersonality, kLsda};
  auto tables = DwarfTables::open(Target::X64, {kCode + 0x100, section}, {kCode, code}, {&range, 1}, handlers);
  ASSERT_TRUE(tables.ok()) << tables.error().message;
  EXPECT_TRUE((*tables)->lint().ok()) << (*tables)->lint().error().message;
  FrameRule found;
  ASSERT_TRUE((*tables)->rule_at(kCode, false, found).ok());
  EXPECT_EQ(found.caller_sp.offset, 8);
}

TEST(DwarfHandlers, wrong_sizes_and_other_routines_or_data_are_refused) {
  const std::vector<u8> code(16, 0x90);
  const CodeRange range{0, 16};
  const auto opens = [&](const std::vector<u8>& section, DwarfHandlers handlers) {
    return DwarfTables::open(Target::X64, {kCode + 0x100, section}, {kCode, code}, {&range, 1}, handlers).ok();
  };
  EXPECT_FALSE(opens(personal_section(10, kLsda), {kPersonality, kLsda}));
  EXPECT_FALSE(opens(personal_section(12, kLsda), {kPersonality, kLsda}));
  EXPECT_FALSE(opens(personal_section(11, kLsda), {kPersonality + 1, kLsda}));
  EXPECT_FALSE(opens(personal_section(11, kLsda), {kPersonality, kLsda + 1}));
  EXPECT_FALSE(opens(personal_section(11, kLsda), {}));
}

} // namespace
} // namespace assay::oracle
