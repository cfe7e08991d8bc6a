// windows_x64_test.cpp - UNWIND_INFO by llvm-mc and by hand, epilogues from code, and random bytes.
#include "oracle/unwind/tests/support.h"
#include "oracle/unwind/windows.h"

namespace assay::oracle {
namespace {

constexpr u64 kBase = kCode - 0x1000, kData = kCode + 0x800;

// What llvm-mc makes of the source in the test below; the test compares.
const std::vector<u8> kText = {0x55, 0x53, 0x48, 0x83, 0xec, 0x30, 0x48, 0x8d, 0x6c, 0x24, 0x20, 0x0f, 0x29, 0x74, 0x24,
                               0x10, 0x90, 0x0f, 0x28, 0x74, 0x24, 0x10, 0x48, 0x8d, 0x65, 0x10, 0x5b, 0x5d, 0xc3};
const std::vector<u8> kInfo = {0x01, 0x10, 0x06, 0x25, 0x10, 0x68, 0x01, 0x00,
                               0x0b, 0x03, 0x06, 0x52, 0x02, 0x30, 0x01, 0x50};
constexpr const char* kSource = R"(
f: .seh_proc f
 pushq %rbp
 .seh_pushreg %rbp
 pushq %rbx
 .seh_pushreg %rbx
 subq $48, %rsp
 .seh_stackalloc 48
 leaq 32(%rsp), %rbp
 .seh_setframe %rbp, 32
 movaps %xmm6, 16(%rsp)
 .seh_savexmm %xmm6, 16
 .seh_endprologue
 nop
 movaps 16(%rsp), %xmm6
 leaq 16(%rbp), %rsp
 popq %rbx
 popq %rbp
 retq
 .seh_endproc
)";

struct Opened {
  std::vector<u8> code, pdata, xdata;
  CodeRange range;
  Result<std::unique_ptr<WindowsX64Tables>> tables;

  static std::vector<u8> entry(u64 length) {
    std::vector<u8> out;
    put(out, kCode - kBase, 4), put(out, kCode - kBase + length, 4), put(out, kData + 12 - kBase, 4);
    return out;
  }
  Opened(std::vector<u8> c, std::vector<u8> x) : Opened(c, entry(c.size()), std::move(x)) {}
  Opened(std::vector<u8> c, std::vector<u8> p, std::vector<u8> x)
      : code(std::move(c)), pdata(std::move(p)), xdata(std::move(x)), range{0, static_cast<u32>(code.size())},
        tables(WindowsX64Tables::open({kBase, {kCode, code}, {kData, pdata}, {kData + 12, xdata}}, {&range, 1})) {}
};

TEST(WindowsX64, TheBytesAreThoseOfLlvm) {
  std::map<std::string, std::vector<u8>> sections;
  if (!assemble("x86_64-windows", kSource, "win64.o", {".text", ".xdata"}, sections))
    GTEST_SKIP() << "no llvm-mc or llvm-readobj";
  EXPECT_EQ(sections[".text"], kText);
  EXPECT_EQ(sections[".xdata"], kInfo);
}

/// The whole function as a machine with a stack would have it: what the caller's registers are at each instruction.
TEST(WindowsX64, KnowsTheCallerAtEachInstruction) {
  const Opened opened(kText, kInfo);
  ASSERT_TRUE(opened.tables) << opened.tables.error().message;
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
  constexpr u64 kEntry = kStack + 1024; // rsp at the entry, where the return address is
  struct At {
    u32 pc;
    i64 depth; // entry rsp - rsp
    bool rbp_set, rbp_saved, rbx_saved, xmm_saved;
  };
  for (const At& at :
       {At{0, 0, false, false, false, false}, At{1, 8, false, true, false, false}, At{2, 16, false, true, true, false},
        At{6, 64, false, true, true, false}, At{11, 64, true, true, true, false}, At{16, 64, true, true, true, true},
        At{22, 64, true, true, true, false}, At{26, 16, true, true, true, false}, At{27, 8, true, true, false, false},
        At{28, 0, false, false, false, false}}) {
    Situation s(Target::X64, kEntry - static_cast<u64>(at.depth));
    const RegisterFile before = s.file;
    if (at.rbp_set) s.file.value[5][0] = kEntry - 64 + 32;
    FrameRule rule;
    ASSERT_TRUE((*opened.tables)->rule_at(kCode + at.pc, false, rule)) << at.pc;
    ASSERT_TRUE(unwind(rule, Target::X64, s.region(), s.file)) << at.pc;
    EXPECT_EQ(s.file.pc, Situation::word_at(kEntry)) << at.pc;
    EXPECT_EQ(s.file.value[4][0], kEntry + 8) << at.pc;
    EXPECT_EQ(s.file.value[5][0], at.rbp_saved ? Situation::word_at(kEntry - 8) : before.value[5][0]) << at.pc;
    EXPECT_EQ(s.file.value[3][0], at.rbx_saved ? Situation::word_at(kEntry - 16) : before.value[3][0]) << at.pc;
    if (at.pc == 16) { // in the body
      EXPECT_EQ(s.file.value[38][0], Situation::word_at(kEntry - 48));
      EXPECT_EQ(s.file.value[38][1], Situation::word_at(kEntry - 40));
    }
  }
}

/// Whether the code from `at` on counts as the end of an epilogue, seen from the return address.
bool is_epilogue(std::vector<u8> code, u32 at) {
  const Opened opened(std::move(code), kInfo);
  FrameRule rule;
  return opened.tables && (*opened.tables)->rule_at(kCode + at, false, rule) && rule.caller_sp.base == 4 &&
         rule.caller_sp.offset == 8;
}

TEST(WindowsX64, RecognisesTheEndsThatMicrosoftLists) {
  const auto with = [](std::initializer_list<u32> end) {
    std::vector<u8> code(kText.begin(), kText.end() - 1);
    put(code, end);
    code.resize(code.size() + 8, 0x90);
    return code;
  };
  const u32 at = static_cast<u32>(kText.size() - 1);
  EXPECT_TRUE(is_epilogue(with({0xc3}), at));
  EXPECT_TRUE(is_epilogue(with({0xf3, 0xc3}), at));
  EXPECT_TRUE(is_epilogue(with({0xc2, 16, 0}), at));
  EXPECT_TRUE(is_epilogue(with({0xe9, 0, 1, 0, 0}), at));       // out of the function
  EXPECT_FALSE(is_epilogue(with({0xe9, 0, 0, 0, 0}), at));      // within
  EXPECT_TRUE(is_epilogue(with({0xff, 0x25, 0, 0, 0, 0}), at)); // jmp [rip]
  EXPECT_TRUE(is_epilogue(with({0x48, 0xff, 0xe0}), at));       // rex.w jmp rax
  EXPECT_FALSE(is_epilogue(with({0xff, 0xe0}), at));            // jmp rax
  EXPECT_FALSE(is_epilogue(with({0x90, 0xc3}), at));
}

TEST(WindowsX64, TheStrictReaderTiesCodesToInstructions) {
  const auto lint = [](std::vector<u8> code, std::vector<u8> info) {
    const Opened opened(std::move(code), std::move(info));
    return opened.tables && (*opened.tables)->lint();
  };
  EXPECT_TRUE(lint(kText, kInfo));
  for (u32 bit = 0; bit < 8 * kInfo.size(); ++bit) {
    std::vector<u8> info = kInfo;
    info[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    EXPECT_FALSE(lint(kText, info)) << "byte " << bit / 8 << " bit " << bit % 8;
  }
  std::vector<u8> more = kInfo;
  put(more, 0, 4);
  EXPECT_FALSE(lint(kText, more));
  // mov rbp, rsp where lea rbp, [rsp + 32] is described
  std::vector<u8> code = kText;
  code[9] = 0x89;
  EXPECT_FALSE(lint(code, kInfo));
}

TEST(WindowsX64, EachFlippedBitOfTheTableIsObjectedTo) {
  const std::vector<u8> right = Opened::entry(kText.size());
  for (u32 bit = 0; bit < 8 * right.size(); ++bit) {
    std::vector<u8> pdata = right;
    pdata[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    const Opened opened(kText, pdata, kInfo);
    EXPECT_FALSE(opened.tables && (*opened.tables)->lint()) << "byte " << bit / 8 << " bit " << bit % 8;
  }
}

// kInfo with a handler: its address, and eight bytes of data.
std::vector<u8> with_handler() {
  std::vector<u8> info = kInfo;
  info[0] |= 1 << 3; // UNW_FLAG_EHANDLER
  put(info, 0x2345, 4);
  put(info, 0x1122334455667788, 8);
  return info;
}

TEST(WindowsX64, TheHandlerMustBeTheOneThatIsExpected) {
  const auto lint = [](const std::vector<u8>& info, u64 handler) {
    const std::vector<u8> pdata = Opened::entry(kText.size());
    const CodeRange range{0, static_cast<u32>(kText.size())};
    const WindowsImage image{kBase, {kCode, kText}, {kData, pdata}, {kData + 12, info}, handler, 0x1122334455667788};
    const auto tables = WindowsX64Tables::open(image, {&range, 1});
    FrameRule rule;
    return tables && (*tables)->lint() && (*tables)->rule_at(kCode + 16, false, rule) && rule.find(38) != nullptr;
  };
  const std::vector<u8> right = with_handler();
  EXPECT_TRUE(lint(right, kBase + 0x2345));
  EXPECT_TRUE(lint(kInfo, kBase + 0x2345)) << "no function must have one";
  EXPECT_FALSE(lint(right, kBase + 0x2344));
  EXPECT_FALSE(lint(right, 0)) << "none may have one";
  for (u32 bit = 0; bit < 8 * right.size(); ++bit) {
    std::vector<u8> info = right;
    info[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    EXPECT_FALSE(lint(info, kBase + 0x2345)) << "byte " << bit / 8 << " bit " << bit % 8;
  }
  std::vector<u8> cut = right;
  cut.resize(cut.size() - 4);
  EXPECT_FALSE(lint(cut, kBase + 0x2345));
}

TEST(WindowsX64, NoBytesDoHarm) {
  std::mt19937_64 random(2);
  for (u32 round = 0; round < 30000; ++round) {
    std::vector<u8> code = kText, info = kInfo, pdata = Opened::entry(kText.size());
    if (round % 2 == 0) info.resize(4 + random() % 40);
    for (u64 i = 1 + random() % 8; i > 0; --i) info[random() % info.size()] = static_cast<u8>(random());
    if (round % 3 == 0) code[random() % code.size()] = static_cast<u8>(random());
    if (round % 5 == 0) pdata[random() % pdata.size()] = static_cast<u8>(random());
    const Opened opened(std::move(code), std::move(pdata), std::move(info));
    if (!opened.tables) continue;
    static_cast<void>((*opened.tables)->lint());
    std::vector<u64> named;
    static_cast<void>((*opened.tables)->boundaries(named));
    FrameRule rule;
    Situation s(Target::X64, kStack + 100);
    for (u32 pc = 0; pc < kText.size(); ++pc) {
      if ((*opened.tables)->rule_at(kCode + pc, false, rule))
        static_cast<void>(unwind(rule, Target::X64, s.region(), s.file));
    }
  }
}

} // namespace
} // namespace assay::oracle
