// assembler_forms_test.cpp - every row of assembler_forms.def and every alias, over all registers in every field (31 in
// both its meanings), boundary immediates and addressing modes, against two second opinions: Capstone reads the
// instructions back, and another assembler makes the same bytes of the same text.
//
// The expected text comes from the row's mnemonic and the operands alone; it knows no encoding.
#include "compiler/debug/disassemble.h"
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/tests/canonical.h"
#include "compiler/target/a64/tests/other_assembler.h"
#include "compiler/target/a64/tests/sweep_other.h"

#include <gtest/gtest.h>

namespace assay::a64 {
namespace {

class Sweep : public test::OtherShapes {
public:
  Sweep() {
    as_.begin(code);
#define FORM(shape, function, mnemonic, bits, wide, sizes) \
  shape(mnemonic, Sizes{#sizes}, [this](const auto&... operands) { as_.function(operands...); });
#include "compiler/target/a64/assembler_forms.def"
#undef FORM
    aliases();
    as_.finish();
    encodable_all = as_.ok();
  }
};

const Sweep& sweep() {
  static const Sweep all;
  return all;
}

u32 word_at(const std::vector<u8>& code, u32 offset) { return test::read_at<u32>(code, offset); }

/// Instructions that Capstone before version 5 cannot name.
bool unknown_to_capstone(const std::string& text) { return text.rfind("udf", 0) == 0; }

TEST(AssemblerForms, EveryFormReadsBackAsItsTableRowSays) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
  const Sweep& all = sweep();
  ASSERT_TRUE(all.encodable_all);
  std::vector<debug::Line> lines;
  ASSERT_TRUE(debug::disassemble(Target::A64, all.code, 0, lines).ok());
  ASSERT_EQ(lines.size() * 4, all.code.size());
  u32 failures = 0;
  for (const test::Case& one : all.cases) {
    const std::string& text = lines[one.offset / 4].text;
    const std::string expected = test::canonical(one.text_for_reader());
    const bool same = test::canonical(text) == expected || (unknown_to_capstone(expected) && text[0] == '.');
    EXPECT_TRUE(same) << "expected at " << one.offset << ": " << expected << "\n   found: " << test::canonical(text)
                      << "\n   that is: " << text;
    if (!same && ++failures == 20) break;
  }
  EXPECT_GT(all.cases.size(), 20000u);
  RecordProperty("instructions", static_cast<int>(all.cases.size()));
}

TEST(AssemblerForms, AnotherAssemblerMakesTheSameBytesOfTheSameText) {
  if (test::other_assembler().empty()) GTEST_SKIP() << "neither llvm-mc nor aarch64-linux-gnu-as is on this host";
  const Sweep& all = sweep();
  std::vector<std::string> texts;
  std::vector<u32> offsets;
  for (const test::Case& one : all.cases) {
    if (one.is_page && !test::other_takes_pages()) continue;
    texts.push_back(one.text_for_assembler());
    offsets.push_back(one.offset);
  }
  std::vector<u8> theirs;
  const std::string stem = testing::TempDir() + "assay_a64_" + std::to_string(reinterpret_cast<std::uintptr_t>(&texts));
  ASSERT_TRUE(test::assemble(stem, texts, theirs)) << test::other_assembler() << " refused a text";
  ASSERT_EQ(theirs.size(), texts.size() * 4);
  u32 failures = 0;
  for (u32 i = 0; i < texts.size(); ++i) {
    const u32 ours = word_at(all.code, offsets[i]), other = word_at(theirs, 4 * i);
    EXPECT_EQ(ours, other) << texts[i] << std::hex << "\nours: " << ours << "\ntheirs: " << other;
    if (ours != other && ++failures == 20) break;
  }
  std::printf("compared %zu instructions with %s\n", texts.size(), test::other_assembler().c_str());
}

} // namespace
} // namespace assay::a64
