// compact_test.cpp - __unwind_info by hand, encodings by llvm-mc, and random bytes.
#include "oracle/unwind/compact.h"
#include "oracle/unwind/tests/support.h"

namespace assay::oracle {
namespace {

constexpr u64 kBase = kCode - 0x1000, kInfoAt = kCode + 0x800;

/// A section with one compressed page: functions of 0x40 bytes each, an encoding each.
std::vector<u8> section(const std::vector<u32>& encodings) {
  std::vector<u8> out;
  const u32 count = static_cast<u32>(encodings.size());
  for (const u32 word : {1u, 28u, count, 28 + 4 * count, 0u, 28 + 4 * count, 2u}) put(out, word, 4);
  for (const u32 encoding : encodings) put(out, encoding, 4);
  const u32 page = 28 + 4 * count + 24;
  for (const u32 word : {0x1000u, page, page, 0x1000 + 0x40 * count, 0u, page}) put(out, word, 4);
  put(out, 3, 4), put(out, 12, 2), put(out, count, 2), put(out, 12 + 4 * count, 2), put(out, 0, 2);
  for (u32 i = 0; i < count; ++i) put(out, i << 24 | 0x40 * i, 4);
  return out;
}

struct Opened {
  std::vector<u8> info, code;
  std::vector<CodeRange> ranges;
  Result<std::unique_ptr<CompactTables>> tables = Error{};
  Opened(Target target, std::vector<u8> bytes, u32 functions, std::vector<u8> c = {})
      : info(std::move(bytes)), code(std::move(c)) {
    code.resize(0x40 * functions);
    for (u32 i = 0; i < functions; ++i) ranges.push_back({0x40 * i, 0x40 * i + 0x40});
    tables = CompactTables::open(target, {kBase, {kCode, code}, {kInfoAt, info}, {}}, ranges);
  }
  FrameRule rule(u64 pc) const {
    FrameRule out;
    const auto done = tables ? (*tables)->rule_at(kCode + pc, false, out) : Result<void>(tables.error());
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    return out;
  }
};

TEST(Compact, ReadsFramesOfX64) {
  // rbx, r12 at rbp - 16, rbp - 8; nothing saved
  const Opened opened(Target::X64, section({0x01020011, 0x01000000}), 2);
  ASSERT_TRUE(opened.tables) << opened.tables.error().message;
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
  const FrameRule rule = opened.rule(0x10);
  EXPECT_EQ(rule.caller_sp.base, 5);
  EXPECT_EQ(rule.caller_sp.offset, 16);
  EXPECT_EQ(rule.return_at.offset, 8);
  EXPECT_EQ(rule.find(5)->at.offset, 0);
  EXPECT_EQ(rule.find(3)->at.offset, -16);
  EXPECT_EQ(rule.find(12)->at.offset, -8);
  EXPECT_EQ(opened.rule(0x40).saved_count, 1);
}

TEST(Compact, ARuleHoldsUpToTheNextEntry) {
  const Opened opened(Target::X64, section({0x01020011, 0x01000000}), 2);
  ASSERT_TRUE(opened.tables);
  EXPECT_EQ(opened.rule(0x10).until, kCode + 0x40);
  EXPECT_EQ(opened.rule(0x41).until, kCode + 0x80);
  EXPECT_GT(expect_rules_hold(**opened.tables, kCode, kCode + 0x80), 1000u);
}

TEST(Compact, ReadsFramelessFunctionsOfX64) {
  // 4 words, rbx and r12; indirect: sub rsp, 0x1000 and 2 words, rbp (the sixth of six)
  std::vector<u8> code(0x43, 0x90);
  put(code, {0x00, 0x10, 0, 0});
  const Opened opened(Target::X64, section({0x02040800, 0x03034405}), 2, code);
  ASSERT_TRUE(opened.tables);
  const FrameRule rule = opened.rule(0);
  EXPECT_EQ(rule.caller_sp.base, 4);
  EXPECT_EQ(rule.caller_sp.offset, 32);
  EXPECT_EQ(rule.return_at.offset, 24);
  EXPECT_EQ(rule.find(3)->at.offset, 8);
  EXPECT_EQ(rule.find(12)->at.offset, 16);
  const FrameRule indirect = opened.rule(0x40);
  EXPECT_EQ(indirect.caller_sp.offset, 0x1000 + 16);
  EXPECT_EQ(indirect.find(5)->at.offset, 0x1000);
}

TEST(Compact, ReadsFramesOfArm64) {
  const Opened opened(Target::A64, section({0x04000101, 0x02003000}), 2); // x19, x20, d8, d9; 48 bytes without a frame
  ASSERT_TRUE(opened.tables);
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
  const FrameRule rule = opened.rule(0);
  EXPECT_EQ(rule.caller_sp.base, 29);
  EXPECT_EQ(rule.caller_sp.offset, 16);
  EXPECT_EQ(rule.find(19)->at.offset, -8);
  EXPECT_EQ(rule.find(20)->at.offset, -16);
  EXPECT_EQ(rule.find(40)->at.offset, -24);
  EXPECT_EQ(rule.find(41)->at.offset, -32);
  const FrameRule leaf = opened.rule(0x40);
  EXPECT_EQ(leaf.caller_sp.base, 31);
  EXPECT_EQ(leaf.caller_sp.offset, 48);
  EXPECT_EQ(leaf.return_in, 30);
}

TEST(Compact, NamesWhatIsMalformed) {
  FrameRule rule;
  const auto says = [&](u32 encoding, Target target, std::string_view part) {
    const Opened opened(target, section({encoding}), 1);
    ASSERT_TRUE(opened.tables);
    const auto done = (*opened.tables)->rule_at(kCode, false, rule);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find(part), std::string::npos) << done.error().message;
  };
  says(0, Target::X64, "mode 0");
  says(0x04000000, Target::X64, "no section of FDEs");
  says(0x0102000e, Target::X64, "not saved in an RBP frame");
  says(0x02011000, Target::X64, "smaller");
  says(0x020a1bff, Target::X64, "permutation");
  says(0x02001001, Target::A64, "without a frame");
  says(0x07000000, Target::A64, "mode 7");
}

std::string meaning(const Opened& opened) {
  std::string out;
  FrameRule rule;
  for (u64 pc = 0; pc < 0x80; pc += 4) {
    if (!opened.tables || !(*opened.tables)->rule_at(kCode + pc, false, rule)) {
      out += "error,";
      continue;
    }
    out += std::to_string(rule.caller_sp.base) + ":" + std::to_string(rule.caller_sp.offset);
    for (const u32 r : {3, 12, 13, 14, 15}) {
      if (const SavedRegister* s = rule.find(static_cast<RegIndex>(r)))
        out += ";" + std::to_string(r) + "@" + std::to_string(s->at.offset);
    }
  }
  return out;
}

TEST(Compact, EachFlippedBitChangesTheMeaningOrIsObjectedTo) {
  const std::vector<u8> right = section({0x01020011, 0x01000000});
  const std::string expected = meaning(Opened(Target::X64, right, 2));
  for (u32 bit = 0; bit < 8 * right.size(); ++bit) {
    std::vector<u8> bytes = right;
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    const Opened opened(Target::X64, bytes, 2);
    EXPECT_TRUE(!opened.tables || !(*opened.tables)->lint() || meaning(opened) != expected)
        << "byte " << bit / 8 << " bit " << bit % 8;
  }
}

TEST(Compact, NoBytesDoHarm) {
  std::mt19937_64 random(4);
  for (u32 round = 0; round < 30000; ++round) {
    std::vector<u8> bytes = section({static_cast<u32>(random()), 0x03034405});
    for (u64 i = random() % 6; i > 0; --i) bytes[random() % bytes.size()] = static_cast<u8>(random());
    if (round % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    const Opened opened(round % 2 == 0 ? Target::X64 : Target::A64, std::move(bytes), 2);
    if (!opened.tables) continue;
    static_cast<void>((*opened.tables)->lint());
    std::vector<u64> named;
    static_cast<void>((*opened.tables)->boundaries(named));
    FrameRule rule;
    for (u64 pc = 0; pc < 0x80; pc += 4) static_cast<void>((*opened.tables)->rule_at(kCode + pc, false, rule));
  }
}

/// The encoding that llvm-mc gives the only function of a source; 0: no tools here.
u32 encoding_of(const std::string& triple, const std::string& source) {
  std::map<std::string, std::vector<u8>> sections;
  if (!assemble(triple, source, "macho.o", {"__compact_unwind"}, sections)) return 0;
  u32 out = 0;
  const std::vector<u8>& bytes = sections["__compact_unwind"];
  if (bytes.size() >= 16) std::memcpy(&out, bytes.data() + 12, 4);
  return out;
}

TEST(Compact, MeansWhatLlvmMeans) {
  const u32 a64 = encoding_of("arm64-apple-macos11", R"(
 .section __TEXT,__text,regular,pure_instructions
_f: .cfi_startproc
 stp d9, d8, [sp, #-48]!
 stp x20, x19, [sp, #16]
 stp x29, x30, [sp, #32]
 add x29, sp, #32
 .cfi_def_cfa w29, 16
 .cfi_offset w30, -8
 .cfi_offset w29, -16
 .cfi_offset w19, -24
 .cfi_offset w20, -32
 .cfi_offset b8, -40
 .cfi_offset b9, -48
 ret
 .cfi_endproc
)");
  if (a64 == 0) GTEST_SKIP() << "no llvm-mc or llvm-readobj";
  const Opened arm(Target::A64, section({a64}), 1);
  FrameRule rule = arm.rule(0);
  EXPECT_EQ(rule.find(19)->at.offset, -24 + 16);
  EXPECT_EQ(rule.find(20)->at.offset, -32 + 16);
  EXPECT_EQ(rule.find(40)->at.offset, -40 + 16);
  EXPECT_EQ(rule.find(41)->at.offset, -48 + 16);
  const u32 x64 = encoding_of("x86_64-apple-macos11", R"(
 .section __TEXT,__text,regular,pure_instructions
_f: .cfi_startproc
 pushq %rbp
 .cfi_def_cfa_offset 16
 .cfi_offset %rbp, -16
 movq %rsp, %rbp
 .cfi_def_cfa_register %rbp
 pushq %r15
 pushq %rbx
 .cfi_offset %rbx, -32
 .cfi_offset %r15, -24
 retq
 .cfi_endproc
)");
  const Opened intel(Target::X64, section({x64}), 1);
  rule = intel.rule(0);
  EXPECT_EQ(rule.find(3)->at.offset, -32 + 16);
  EXPECT_EQ(rule.find(15)->at.offset, -24 + 16);
  EXPECT_EQ(rule.find(5)->at.offset, 0);
}

} // namespace
} // namespace assay::oracle
