// dwarf_test.cpp - .eh_frame by hand, by llvm-mc, and of random bytes.
#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/tests/support.h"

namespace assay::oracle {
namespace {

// push rbp; mov rbp, rsp; push rbx; 8 bytes of body; pop rbx; pop rbp; ret; one more byte of body
constexpr u32 kLength = 0x11;

std::vector<u8> section(u64 at, std::initializer_list<u32> program) {
  std::vector<u8> out;
  put(out, 20, 4), put(out, 0, 4);
  put(out, {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0});
  const u64 fde = out.size();
  put(out, 0, 4), put(out, fde + 4, 4);
  put(out, kCode - (at + fde + 8), 4), put(out, kLength, 4);
  put(out, {0});
  put(out, program);
  while (out.size() % 8 != 0) out.push_back(0);
  const u32 length = static_cast<u32>(out.size() - fde - 4);
  std::memcpy(out.data() + fde, &length, 4);
  put(out, 0, 4);
  return out;
}

constexpr u64 kSection = kCode + 0x100;
std::vector<u8> good() {
  return section(kSection, {0x41, 0x0e, 16,   0x86, 2,    0x43, 0x0d, 6, 0x41, 0x83, 3,
                            0x48, 0x0a, 0x41, 0xc3, 0x41, 0xc6, 0x0c, 7, 8,    0x41, 0x0b});
}

struct Opened {
  std::vector<u8> bytes;
  std::vector<u8> code = std::vector<u8>(kLength, 0x90);
  CodeRange range{0, kLength};
  Result<std::unique_ptr<DwarfTables>> tables;
  explicit Opened(std::vector<u8> b, Target target = Target::X64)
      : bytes(std::move(b)), tables(DwarfTables::open(target, {kSection, bytes}, {kCode, code}, {&range, 1})) {}
};

TEST(Dwarf, KnowsTheCallerAtEachInstruction) {
  const Opened opened(good());
  ASSERT_TRUE(opened.tables) << opened.tables.error().message;
  struct At {
    u32 pc;
    i64 sp;
    bool from_rbp, rbp_saved, rbx_saved;
  };
  for (const At& at : {At{0, 8, false, false, false}, At{1, 16, false, true, false}, At{4, 16, true, true, false},
                       At{5, 16, true, true, true}, At{12, 16, true, true, true}, At{14, 16, true, true, false},
                       At{15, 8, false, false, false}, At{16, 16, true, true, true}}) {
    FrameRule rule;
    ASSERT_TRUE((*opened.tables)->rule_at(kCode + at.pc, false, rule)) << at.pc;
    EXPECT_EQ(rule.caller_sp.base, at.from_rbp ? 5 : 4) << at.pc;
    EXPECT_EQ(rule.caller_sp.offset, at.sp) << at.pc;
    EXPECT_EQ(rule.return_at.offset, at.sp - 8) << at.pc;
    ASSERT_EQ(rule.find(5) != nullptr, at.rbp_saved) << at.pc;
    ASSERT_EQ(rule.find(3) != nullptr, at.rbx_saved) << at.pc;
    EXPECT_TRUE(!at.rbx_saved || rule.find(3)->at.offset == at.sp - 24) << at.pc;
  }
  EXPECT_TRUE((*opened.tables)->lint()) << (*opened.tables)->lint().error().message;
}

TEST(Dwarf, ARowIsLookedUpByTheCallForAReturnAddress) {
  const Opened opened(good());
  ASSERT_TRUE(opened.tables);
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + kLength, true, rule));
  EXPECT_EQ(rule.caller_sp.offset, 16);
  EXPECT_FALSE((*opened.tables)->rule_at(kCode + kLength, false, rule));
  EXPECT_FALSE((*opened.tables)->rule_at(kCode, true, rule));
}

TEST(Dwarf, ARuleHoldsUpToTheNextRow) {
  const Opened opened(good());
  ASSERT_TRUE(opened.tables);
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + 6, false, rule));
  EXPECT_EQ(rule.until, kCode + 13);
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + kLength - 1, false, rule));
  EXPECT_EQ(rule.until, kCode + kLength);
  EXPECT_GT(expect_rules_hold(**opened.tables, kCode, kCode + kLength), 20u);
}

TEST(Dwarf, AppliesARule) {
  const Opened opened(good());
  ASSERT_TRUE(opened.tables);
  Situation s(Target::X64, kStack + 16);
  s.file.value[5][0] = kStack + 64;
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + 8, false, rule));
  ASSERT_TRUE(unwind(rule, Target::X64, s.region(), s.file));
  EXPECT_EQ(s.file.pc, Situation::word_at(kStack + 72));
  EXPECT_EQ(s.file.value[4][0], kStack + 80);
  EXPECT_EQ(s.file.value[5][0], Situation::word_at(kStack + 64));
  EXPECT_EQ(s.file.value[3][0], Situation::word_at(kStack + 56));
  EXPECT_EQ(s.file.value[12][0], 0x1000u + 12);
}

TEST(Dwarf, MemoryThatIsNotThereIsAnErrorAndChangesNothing) {
  const Opened opened(good());
  ASSERT_TRUE(opened.tables);
  Situation s(Target::X64, kStack);
  s.file.value[5][0] = kStack + 4096 - 16; // the return address is there, rbx too, but below sp nothing is
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + 8, false, rule));
  const Region above{kStack + 4096 - 16, std::span<const u8>(s.stack).subspan(4096 - 16)};
  EXPECT_FALSE(unwind(rule, Target::X64, above, s.file));
  EXPECT_EQ(s.file.value[5][0], kStack + 4096 - 16);
}

TEST(Dwarf, AnOffsetBelowZeroNeedsTheSignedForm) {
  const Opened opened(section(kSection, {0x41, 0x13, 2, 0x41, 0x0e, 8}));
  ASSERT_TRUE(opened.tables);
  FrameRule rule;
  ASSERT_TRUE((*opened.tables)->rule_at(kCode + 1, false, rule));
  EXPECT_EQ(rule.caller_sp.offset, -16);
  const Opened unsigned_form(section(kSection, {0x41, 0x0e, 0xf0, 0xff, 0xff, 0xff, 0x0f}));
  ASSERT_TRUE(unsigned_form.tables);
  ASSERT_TRUE((*unsigned_form.tables)->rule_at(kCode + 1, false, rule));
  EXPECT_EQ(rule.caller_sp.offset, 0xfffffff0);
}

TEST(Dwarf, NamesWhatIsMalformedAndWhere) {
  const auto says = [](const Opened& opened, u64 pc, std::string_view part) {
    FrameRule rule;
    const std::string message = !opened.tables ? opened.tables.error().message
                                               : (*opened.tables)->rule_at(kCode + pc, false, rule).error().message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_NE(message.find("byte 0x"), std::string::npos) << message;
  };
  says(Opened(section(kSection, {0x0f, 1, 0})), 1, "not read here"); // an expression
  says(Opened(section(kSection, {0x3f})), 1, "no call frame instruction");
  says(Opened(section(kSection, {0x0b})), 1, "no state was remembered");
  says(Opened(section(kSection, {0x04, 0xff, 0xff, 0xff, 0x7f})), 1, "beyond the function's end");
  says(Opened(section(kSection, {0x05, 99, 1})), 1, "no register has column 99");
  std::vector<u8> bytes = good();
  bytes[24] = 0xff, bytes[25] = 0xff;
  says(Opened(bytes), 1, "longer than the section");
  bytes = good();
  bytes[8] = 9;
  says(Opened(bytes), 1, "CIE version");
}

TEST(Dwarf, TheStrictReaderObjects) {
  const auto lint = [](std::initializer_list<u32> program) {
    const Opened opened(section(kSection, program));
    return !opened.tables             ? opened.tables.error().message
           : (*opened.tables)->lint() ? std::string()
                                      : (*opened.tables)->lint().error().message;
  };
  EXPECT_EQ(lint({0x41, 0x0e, 16}), "");
  EXPECT_NE(lint({0x02, 1, 0x0e, 16}), "");              // advance_loc1 where advance_loc would do
  EXPECT_NE(lint({0x41, 0x0e, 0x90, 0}), "");            // a long number
  EXPECT_NE(lint({0x41, 0x0e, 8}), "");                  // holds already
  EXPECT_NE(lint({0x41, 0x0e, 16, 0x40, 0x0e, 24}), ""); // an advance by nothing
  EXPECT_NE(lint({0x41, 0x80, 2}), "");                  // rax, which no callee keeps
  EXPECT_NE(lint({0x41, 0, 0x0e, 16}), "");              // behind padding
  EXPECT_NE(lint({0x51, 0x0e, 16}), "");                 // at the function's end
  std::vector<u8> bytes = good();
  put(bytes, 0, 4);
  const Opened more(bytes);
  ASSERT_TRUE(more.tables);
  EXPECT_FALSE((*more.tables)->lint());
}

/// What a reader can tell apart: all rules, or that there are none.
std::string meaning(const Opened& opened) {
  if (!opened.tables) return "refused";
  std::string out;
  for (u32 pc = 0; pc < kLength; ++pc) {
    FrameRule rule;
    if (!(*opened.tables)->rule_at(kCode + pc, false, rule)) {
      out += "error,";
      continue;
    }
    out += std::to_string(rule.caller_sp.base) + ":" + std::to_string(rule.caller_sp.offset) + ":" +
           std::to_string(rule.return_at.offset);
    for (const u32 r : {3, 5, 12, 13, 14, 15}) {
      if (const SavedRegister* s = rule.find(static_cast<RegIndex>(r))) out += ";" + std::to_string(s->at.offset);
    }
    out += ",";
  }
  return out;
}

TEST(Dwarf, EachFlippedBitChangesTheMeaningOrIsObjectedTo) {
  const std::string right = meaning(Opened(good()));
  for (u32 bit = 0; bit < 8 * good().size(); ++bit) {
    std::vector<u8> bytes = good();
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    const Opened opened(bytes);
    const bool objected = !opened.tables || !(*opened.tables)->lint();
    EXPECT_TRUE(objected || meaning(opened) != right) << "byte " << bit / 8 << " bit " << bit % 8;
  }
}

TEST(Dwarf, NoBytesDoHarm) {
  std::mt19937_64 random(1);
  for (u32 round = 0; round < 30000; ++round) {
    std::vector<u8> bytes = good();
    if (round % 2 == 0) {
      bytes.resize(random() % 120);
      for (u8& byte : bytes) byte = static_cast<u8>(random());
      if (round % 4 == 0 && bytes.size() >= 4) bytes[0] = 20, bytes[1] = bytes[2] = bytes[3] = 0;
    } else {
      for (u64 i = 1 + random() % 6; i > 0; --i) bytes[random() % bytes.size()] = static_cast<u8>(random());
    }
    const Target target = round % 3 == 0 ? Target::A64 : Target::X64;
    const Opened opened(std::move(bytes), target);
    if (!opened.tables) continue;
    static_cast<void>((*opened.tables)->lint());
    FrameRule rule;
    Situation s(target, kStack + 100);
    for (u32 pc = 0; pc < kLength; ++pc) {
      if ((*opened.tables)->rule_at(kCode + pc, false, rule))
        static_cast<void>(unwind(rule, target, s.region(), s.file));
    }
  }
}

// A section by llvm-mc, without relocation: the FDE's first field is zero, so the code begins where that field lies.
struct ByLlvm {
  std::map<std::string, std::vector<u8>> sections;
  std::vector<u8> code;
  CodeRange range;
  Result<std::unique_ptr<DwarfTables>> tables = Error{};
  bool here = false;

  ByLlvm(Target target, const std::string& triple, const std::string& name, const std::string& source) {
    here = assemble(triple, source, name, {".eh_frame", ".text"}, sections);
    if (!here) return;
    std::vector<u8>& frame = sections[".eh_frame"];
    u32 cie = 0, length = 0;
    std::memcpy(&cie, frame.data(), 4);
    const u32 fde = cie + 4;
    std::memcpy(&length, frame.data() + fde + 12, 4);
    put(frame, 0, 4);
    code = sections[".text"];
    range = {0, length};
    tables = DwarfTables::open(target, {kCode - fde - 8, frame}, {kCode, code}, {&range, 1});
  }
};

constexpr const char* kX64Source = R"(
f: .cfi_startproc
 pushq %rbp
 .cfi_def_cfa_offset 16
 .cfi_offset %rbp, -16
 movq %rsp, %rbp
 .cfi_def_cfa_register %rbp
 pushq %r15
 .cfi_offset %r15, -24
 pushq %rbx
 .cfi_offset %rbx, -32
 nop
 .cfi_remember_state
 popq %rbx
 .cfi_restore %rbx
 popq %r15
 .cfi_restore %r15
 popq %rbp
 .cfi_def_cfa %rsp, 8
 .cfi_restore %rbp
 ret
 .cfi_restore_state
 .fill 300, 1, 0x90
 .cfi_def_cfa_offset 24
 ud2
 .cfi_endproc
)";

TEST(Dwarf, AgreesWithReadelfAboutWhatLlvmWrote) {
  const ByLlvm object(Target::X64, "x86_64-linux-gnu", "x64.o", kX64Source);
  if (!object.here) GTEST_SKIP() << "no llvm-mc or llvm-readobj";
  ASSERT_TRUE(object.tables) << object.tables.error().message;
  const std::string text = temporary("x64.rows");
  if (!run("readelf --debug-dump=frames-interp " + temporary("x64.o") + " > " + text)) GTEST_SKIP() << "no readelf";
  // "   LOC           CFA      rbx   rbp   r15   ra" and rows under it, for the FDE; "u": unspecified.
  std::istringstream lines(read_file(text));
  std::vector<std::string> columns;
  u32 rows = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words_of(line);
    std::vector<std::string> row;
    for (std::string word; words_of >> word;) row.push_back(word);
    if (row.empty()) continue;
    if (row[0] == "LOC") columns = row;
    if (columns.size() < 5 || row.size() != columns.size() || row[0] == "LOC") continue;
    ++rows;
    const u64 pc = kCode + std::stoull(row[0], nullptr, 16);
    FrameRule rule;
    ASSERT_TRUE((*object.tables)->rule_at(pc, false, rule));
    const std::string cfa = (rule.caller_sp.base == 5 ? "rbp+" : "rsp+") + std::to_string(rule.caller_sp.offset);
    EXPECT_EQ(cfa, row[1]);
    for (std::size_t i = 2; i < row.size(); ++i) {
      const i64 cfa_offset = rule.caller_sp.offset;
      std::string ours = "u";
      const RegIndex reg = columns[i] == "rbx" ? 3 : columns[i] == "rbp" ? 5 : 15;
      if (columns[i] == "ra") ours = "c" + std::to_string(rule.return_at.offset - cfa_offset);
      else if (const SavedRegister* s = rule.find(reg)) ours = "c" + std::to_string(s->at.offset - cfa_offset);
      EXPECT_EQ(ours, row[i]) << row[0] << " " << columns[i];
    }
  }
  EXPECT_GE(rows, 8u);
}

TEST(Dwarf, ReadsSignedReturnAddressesAsLlvmWritesThem) {
  const ByLlvm object(Target::A64, "aarch64-linux-gnu", "a64.o", R"(
f: .cfi_startproc
 paciasp
 .cfi_negate_ra_state
 stp x29, x30, [sp, #-32]!
 .cfi_def_cfa_offset 32
 .cfi_offset w30, -24
 .cfi_offset w29, -32
 stp d8, d9, [sp, #16]
 .cfi_offset b8, -16
 .cfi_offset b9, -8
 ldp x29, x30, [sp], #32
 .cfi_def_cfa_offset 0
 .cfi_restore w30
 .cfi_restore w29
 autiasp
 .cfi_negate_ra_state
 ret
 .cfi_endproc
)");
  if (!object.here) GTEST_SKIP() << "no llvm-mc or llvm-readobj";
  ASSERT_TRUE(object.tables) << object.tables.error().message;
  const bool signed_at[] = {false, true, true, true, true, false};
  for (u32 i = 0; i < 6; ++i) {
    FrameRule rule;
    ASSERT_TRUE((*object.tables)->rule_at(kCode + 4 * i, false, rule));
    EXPECT_EQ(rule.return_signed, signed_at[i]) << i;
    EXPECT_EQ(rule.return_in, i == 2 || i == 3 ? kNoRegister : 30) << i;
    EXPECT_EQ(rule.find(40) != nullptr, i >= 3) << i;
  }
  FrameRule rule;
  ASSERT_TRUE((*object.tables)->rule_at(kCode + 12, false, rule));
  Situation s(Target::A64, kStack + 64);
  s.stack[64 + 8 + 7] = 0x7f; // the upper byte of the return address: a signature
  ASSERT_TRUE(unwind(rule, Target::A64, s.region(), s.file));
  EXPECT_EQ(s.file.pc, plain_address(Situation::word_at(kStack + 72)));
  EXPECT_EQ(s.file.value[40][0], Situation::word_at(kStack + 80));
  EXPECT_EQ(s.file.value[31][0], kStack + 96);
}

} // namespace
} // namespace assay::oracle
