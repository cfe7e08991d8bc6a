// windows_a64_test.cpp - .xdata of ARM64 by llvm-mc and by hand, and random bytes.
#include "oracle/unwind/tests/support.h"
#include "oracle/unwind/windows.h"

namespace assay::oracle {
namespace {

constexpr u64 kBase = kCode - 0x1000, kData = kCode + 0x800;

const std::vector<u8> kText = words({0xa9bf7bfd, 0x910003fd, 0xa9bf53f3, 0x6dbf27e8, 0xd11003ff, 0xd503201f, 0x911003ff,
                                     0x6cc127e8, 0xa8c153f3, 0xa8c17bfd, 0xd65f03c0, 0xd503201f});
const std::vector<u8> kInfo = {0x0c, 0x00, 0x40, 0x20, 0x06, 0x00, 0x00, 0x02, 0xc0, 0x40, 0xda, 0x01,
                               0x22, 0xe1, 0x81, 0xe4, 0xc0, 0x40, 0xda, 0x01, 0x22, 0x81, 0xe4, 0xe3};
constexpr const char* kSource = R"(
f: .seh_proc f
 stp x29, x30, [sp, #-16]!
 .seh_save_fplr_x 16
 mov x29, sp
 .seh_set_fp
 stp x19, x20, [sp, #-16]!
 .seh_save_regp_x x19, 16
 stp d8, d9, [sp, #-16]!
 .seh_save_fregp_x d8, 16
 sub sp, sp, #1024
 .seh_stackalloc 1024
 .seh_endprologue
 nop
 .seh_startepilogue
 add sp, sp, #1024
 .seh_stackalloc 1024
 ldp d8, d9, [sp], #16
 .seh_save_fregp_x d8, 16
 ldp x19, x20, [sp], #16
 .seh_save_regp_x x19, 16
 ldp x29, x30, [sp], #16
 .seh_save_fplr_x 16
 .seh_endepilogue
 ret
 nop
 .seh_endproc
)";

struct Opened {
  std::vector<u8> code, pdata, xdata;
  CodeRange range;
  Result<std::unique_ptr<WindowsA64Tables>> tables;

  static std::vector<u8> entry() {
    std::vector<u8> out;
    put(out, kCode - kBase, 4), put(out, kData + 8 - kBase, 4);
    return out;
  }
  Opened(std::vector<u8> c, std::vector<u8> x) : Opened(std::move(c), entry(), std::move(x)) {}
  Opened(std::vector<u8> c, std::vector<u8> p, std::vector<u8> x)
      : code(std::move(c)), pdata(std::move(p)), xdata(std::move(x)), range{0, static_cast<u32>(code.size())},
        tables(WindowsA64Tables::open({kBase, {kCode, code}, {kData, pdata}, {kData + 8, xdata}}, {&range, 1})) {}
};

TEST(WindowsA64, TheBytesAreThoseOfLlvm) {
  std::map<std::string, std::vector<u8>> sections;
  if (!assemble("aarch64-windows", kSource, "wina64.o", {".text", ".xdata"}, sections))
    GTEST_SKIP() << "no llvm-mc or llvm-readobj";
  EXPECT_EQ(sections[".text"], kText);
  EXPECT_EQ(sections[".xdata"], kInfo);
}

TEST(WindowsA64, KnowsTheCallerAtEachInstruction) {
  const Opened opened(kText, kInfo);
  ASSERT_TRUE(opened.tables) << opened.tables.error().message;
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
  constexpr u64 kEntry = kStack + 2048; // sp at the entry
  struct At {
    u32 word;
    i64 depth;
    bool fp_set, record, x19, d8;
  };
  for (const At& at :
       {At{0, 0, false, false, false, false}, At{1, 16, false, true, false, false}, At{2, 16, true, true, false, false},
        At{3, 32, true, true, true, false}, At{4, 48, true, true, true, true}, At{5, 1072, true, true, true, true},
        At{6, 1072, true, true, true, true}, At{7, 48, true, true, true, true}, At{8, 32, true, true, true, false},
        At{9, 16, true, true, false, false}, At{10, 0, false, false, false, false},
        At{11, 1072, true, true, true, true}}) {
    Situation s(Target::A64, kEntry - static_cast<u64>(at.depth));
    if (at.fp_set) s.file.value[29][0] = kEntry - 16;
    const RegisterFile before = s.file;
    FrameRule rule;
    ASSERT_TRUE((*opened.tables)->rule_at(kCode + 4 * u64{at.word}, false, rule)) << at.word;
    ASSERT_TRUE(unwind(rule, Target::A64, s.region(), s.file)) << at.word;
    EXPECT_EQ(s.file.pc, at.record ? Situation::word_at(kEntry - 8) : before.value[30][0]) << at.word;
    EXPECT_EQ(s.file.value[31][0], kEntry) << at.word;
    EXPECT_EQ(s.file.value[29][0], at.record ? Situation::word_at(kEntry - 16) : before.value[29][0]) << at.word;
    EXPECT_EQ(s.file.value[19][0], at.x19 ? Situation::word_at(kEntry - 32) : before.value[19][0]) << at.word;
    EXPECT_EQ(s.file.value[20][0], at.x19 ? Situation::word_at(kEntry - 24) : before.value[20][0]) << at.word;
    EXPECT_EQ(s.file.value[40][0], at.d8 ? Situation::word_at(kEntry - 48) : before.value[40][0]) << at.word;
  }
}

// paciasp; stp x19, x20, [sp, -48]!; stp x21, x22, [sp, 16]; stp x29, x30, [sp, 32]; add x29, sp, 32; nop; and back.
// One epilogue that ends the function, with save_next.
const std::vector<u8> kSignedText = words({0xd503233f, 0xa9bd53f3, 0xa9015bf5, 0xa9027bfd, 0x910083fd, 0xd503201f,
                                           0xd10083bf, 0xa9427bfd, 0xa9415bf5, 0xa8c353f3, 0xd50323bf, 0xd65f03c0});
const std::vector<u8> kSignedInfo = {0x0c, 0x00, 0x20, 0x10, 0xe2, 0x04, 0x44, 0xe6, 0x26, 0xfc, 0xe4, 0xe4};

TEST(WindowsA64, SaveNextSignaturesAndAnEpilogueAtTheEnd) {
  const Opened opened(kSignedText, kSignedInfo);
  ASSERT_TRUE(opened.tables) << opened.tables.error().message;
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
  const bool signed_at[] = {false, true, true, true, true, true, true, true, true, true, true, false};
  const bool x21[] = {false, false, false, true, true, true, true, true, true, false, false, false};
  for (u32 word = 0; word < 12; ++word) {
    FrameRule rule;
    ASSERT_TRUE((*opened.tables)->rule_at(kCode + 4 * word, false, rule)) << word;
    EXPECT_EQ(rule.return_signed, signed_at[word]) << word;
    EXPECT_EQ(rule.find(21) != nullptr, x21[word]) << word;
    EXPECT_TRUE(!x21[word] || word >= 5 || rule.find(22)->at.offset == 24) << word; // from sp
  }
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + 20, false, rule));
  EXPECT_EQ(rule.caller_sp.base, 29);
  EXPECT_EQ(rule.caller_sp.offset, 16);
  EXPECT_EQ(rule.find(20)->at.offset, -24);
  EXPECT_EQ(rule.return_at.offset, 8);
}

TEST(WindowsA64, TheStrictReaderTiesCodesToInstructions) {
  for (const auto& [text, right] : {std::pair{kText, kInfo}, std::pair{kSignedText, kSignedInfo}}) {
    for (u32 bit = 0; bit < 8 * right.size(); ++bit) {
      std::vector<u8> info = right;
      info[bit / 8] ^= static_cast<u8>(1u << bit % 8);
      const Opened opened(text, info);
      EXPECT_FALSE(opened.tables && (*opened.tables)->lint()) << "byte " << bit / 8 << " bit " << bit % 8;
    }
  }
  std::vector<u8> code = kText;
  code[2 * 4] ^= 1; // stp x18, x20
  const Opened opened(code, kInfo);
  ASSERT_TRUE(opened.tables);
  EXPECT_FALSE((*opened.tables)->lint());
}

// kInfo with a handler: its address, and eight bytes of data.
TEST(WindowsA64, TheHandlerMustBeTheOneThatIsExpected) {
  const auto lint = [](const std::vector<u8>& info, u64 handler) {
    const std::vector<u8> pdata = Opened::entry();
    const CodeRange range{0, static_cast<u32>(kText.size())};
    const WindowsImage image{kBase, {kCode, kText}, {kData, pdata}, {kData + 8, info}, handler, 0x1122334455667788};
    const auto tables = WindowsA64Tables::open(image, {&range, 1});
    return tables && (*tables)->lint().ok();
  };
  std::vector<u8> right = kInfo;
  right[2] |= 1 << 4; // X
  put(right, 0x2345, 4), put(right, 0x1122334455667788, 8);
  EXPECT_TRUE(lint(right, kBase + 0x2345));
  EXPECT_TRUE(lint(kInfo, kBase + 0x2345)) << "no function must have one";
  EXPECT_FALSE(lint(right, kBase + 0x2344));
  EXPECT_FALSE(lint(right, 0)) << "none may have one";
  for (std::size_t at = kInfo.size(); at < right.size(); ++at) {
    std::vector<u8> info = right;
    info[at] ^= 1;
    EXPECT_FALSE(lint(info, kBase + 0x2345)) << at;
  }
  right.resize(right.size() - 4);
  EXPECT_FALSE(lint(right, kBase + 0x2345));
}

TEST(WindowsA64, RefusesWhatItDoesNotRead) {
  std::vector<u8> packed = Opened::entry();
  packed[4] |= 1;
  EXPECT_FALSE(Opened(kText, packed, kInfo).tables);
  for (const u8 reserved : {0xdf, 0xe7, 0xe8, 0xf0, 0xfb, 0xfd, 0xff}) {
    std::vector<u8> info = kInfo;
    info[12] = reserved;
    const Opened opened(kText, info);
    FrameRule rule;
    EXPECT_FALSE(opened.tables && (*opened.tables)->rule_at(kCode + 20, false, rule)) << u32{reserved};
  }
}

TEST(WindowsA64, NoBytesDoHarm) {
  std::mt19937_64 random(3);
  for (u32 round = 0; round < 30000; ++round) {
    std::vector<u8> code = round % 2 == 0 ? kText : kSignedText, info = round % 2 == 0 ? kInfo : kSignedInfo;
    std::vector<u8> pdata = Opened::entry();
    if (round % 4 == 0) info.resize(4 + random() % 40);
    for (u64 i = 1 + random() % 8; i > 0; --i) info[random() % info.size()] = static_cast<u8>(random());
    if (round % 5 == 0) pdata[random() % pdata.size()] = static_cast<u8>(random());
    const Opened opened(std::move(code), std::move(pdata), std::move(info));
    if (!opened.tables) continue;
    static_cast<void>((*opened.tables)->lint());
    FrameRule rule;
    Situation s(Target::A64, kStack + 96);
    for (u32 pc = 0; pc < kText.size(); pc += 4) {
      if ((*opened.tables)->rule_at(kCode + pc, false, rule))
        static_cast<void>(unwind(rule, Target::A64, s.region(), s.file));
    }
  }
}

} // namespace
} // namespace assay::oracle
