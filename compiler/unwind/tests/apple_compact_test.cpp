// apple_compact_test.cpp - encodings evaluated in every body and at every call, and compared with LLVM's for equal
// frames.
#include "compiler/unwind/tables.h"

#include "../../codegen/tests/compile_support.h"
#include "compiler/target/a64/stubs.h"
#include "compiler/target/x64/stubs.h"
#include "corpus_support.h"
#include "frame_truth.h"

#include "cfi_support.h"

namespace assay::unwind {
namespace {

constexpr u32 kRva = 0x4000;

u32 word_at(const std::vector<u8>& bytes, u32 at) {
  return bytes.at(at) | bytes.at(at + 1) << 8 | bytes.at(at + 2) << 16 | static_cast<u32>(bytes.at(at + 3)) << 24;
}

UnwindTables tables_of(const CodeObject& object) {
  UnwindTables tables;
  const auto done =
      write_tables(UnwindFormat::AppleCompact, object, {(object.code.size() + 15) & ~u64{15}, kRva}, tables);
  EXPECT_TRUE(done) << done.error().to_string();
  return tables;
}

/// Looks up as the system does: the last index row, then the last page row, not behind the pc. 0 when there is none.
u32 encoding_at(const UnwindTables& tables, u32 pc) {
  const u32 at = tables.entries.at;
  const auto word = [&](u32 offset) { return word_at(tables.bytes, at + offset); };
  EXPECT_EQ(word(0), 1u);
  const u32 index = word(20), rows = word(24);
  for (u32 i = 0; i + 1 < rows; ++i) {
    if (pc < word(index + 12 * i) || pc >= word(index + 12 * i + 12)) continue;
    const u32 page = word(index + 12 * i + 4), entries = page + (word(page + 4) & 0xffff), count = word(page + 4) >> 16;
    EXPECT_EQ(word(page), 2u);
    u32 found = 0;
    for (u32 j = 0; j < count && word(entries + 8 * j) <= pc; ++j) found = word(entries + 8 * j + 4);
    return found;
  }
  return 0;
}

/// The caller's registers as compact_unwind_encoding.h defines them; false in DWARF mode.
bool unwind_x64(u32 encoding, const std::map<i64, i64>& memory, Registers& regs) {
  if (encoding >> 24 != 1) return false;
  constexpr u32 kRegs[] = {0, 3, 12, 13, 14, 15};
  const i64 rbp = regs.at[5];
  i64 slot = rbp - 8 * static_cast<i64>(encoding >> 16 & 255);
  for (u32 bits = encoding & 0x7fff; bits != 0; bits >>= 3, slot += 8)
    if ((bits & 7) != 0) regs.at[kRegs[bits & 7]] = memory.at(slot);
  regs.at[5] = memory.at(rbp);
  regs.at[4] = rbp + 16;
  regs.pc = memory.at(rbp + 8);
  return true;
}
bool unwind_a64(u32 encoding, const std::map<i64, i64>& memory, Registers& regs) {
  if (encoding >> 24 != 4) return false;
  const i64 fp = regs.at[29];
  i64 slot = fp - 8;
  for (u32 i = 0; i < 9; ++i) {
    if ((encoding >> (i < 5 ? i : i + 3) & 1) == 0) continue;
    const u32 first = i < 5 ? 19 + 2 * i : 40 + 2 * (i - 5);
    regs.at[first] = memory.at(slot);
    regs.at[first + 1] = memory.at(slot - 8);
    slot -= 16;
  }
  regs.at[29] = memory.at(fp);
  regs.pc = memory.at(fp + 8);
  regs.at[31] = fp + 16;
  return true;
}

struct Count {
  u32 checked = 0, functions = 0, dwarf = 0;
};

void check_truth(const CodeObject& object, u32 encoding, const FrameTruth& truth, const std::string& where) {
  const bool a64 = object.target == Target::A64;
  const u32 registers = a64 ? 64 : 48, sp = a64 ? 31 : 4;
  std::map<i64, i64> memory = truth.memory();
  if (!a64) memory[kCfa - 8] = kReturn;
  Registers regs = truth.registers(sp, registers, 32);
  ASSERT_TRUE(a64 ? unwind_a64(encoding, memory, regs) : unwind_x64(encoding, memory, regs)) << where;
  ASSERT_EQ(regs.pc, a64 ? callers(30) : kReturn) << where;
  ASSERT_EQ(regs.at[sp], kCfa) << where;
  for (u32 r = 0; r < registers; ++r)
    ASSERT_TRUE(r == sp || (a64 && r == 30) || regs.at[r] == callers(r)) << where << " register " << r;
}

/// Bodies, and calls wherever they are.
void check_object(const CodeObject& object, Count& count) {
  const UnwindTables tables = tables_of(object);
  for (const FunctionCode& function : object.functions) {
    const u32 encoding = encoding_at(tables, kRva + function.begin);
    ++count.functions;
    if (encoding >> 24 == (object.target == Target::A64 ? 3u : 4u)) {
      ++count.dwarf;
      const u32 fde = encoding & 0xffffff; // an FDE for this function
      ASSERT_NE(word_at(tables.bytes, fde + 4), 0u);
      const u32 field = fde + 8;
      const u32 tables_at = (static_cast<u32>(object.code.size()) + 15) & ~15u;
      ASSERT_EQ(tables_at + field + word_at(tables.bytes, field), function.begin);
      continue;
    }
    std::vector<u32> offsets;
    for (const PcPosition& site : object.positions)
      if (site.offset > function.begin && site.offset < function.end) offsets.push_back(site.offset - function.begin);
    for (const FrameOp& op : object.frame_of(function)) offsets.push_back(op.offset);
    std::sort(offsets.begin(), offsets.end());
    const i64 depth = object.target == Target::A64 ? 0 : 8;
    follow(object, function, depth, offsets, [&](u32 offset, const FrameTruth& truth, Part part) {
      const bool call = object.position_at(function.begin + offset) != nullptr;
      if (offset == function.end - function.begin || (part != Part::Body && !call)) return;
      ++count.checked;
      check_truth(object, encoding, truth,
                  "function " + std::to_string(function.function) + " offset " + std::to_string(offset));
    });
  }
}

Count check_corpus(Target target) {
  Count count;
  for (const std::string& text : corpus_programs()) {
    const auto module = parse_and_verify(text);
    if (!module) continue;
    for (const Level level : {Level::O0, Level::O2}) {
      CompileOptions options;
      options.target = target;
      options.os = options.host_os = Os::Apple;
      options.level = level;
      CodeObject object;
      if (!Compiler(options).compile(*module, object)) continue;
      check_object(object, count);
      if (testing::Test::HasFatalFailure()) return count;
    }
  }
  return count;
}

TEST(AppleCompact, EveryX64FunctionOfTheCorpusHasAnEncodingThatIsTrueAtItsCalls) {
  const Count count = check_corpus(Target::X64);
  EXPECT_GT(count.checked, 1000u);
  EXPECT_EQ(count.dwarf, 0u);
}

TEST(AppleCompact, EveryA64FunctionOfTheCorpusHasAnEncodingThatIsTrueAtItsCalls) {
  const Count count = check_corpus(Target::A64);
  EXPECT_GT(count.checked, 1000u);
  EXPECT_EQ(count.dwarf, 0u);
}

TEST(AppleCompact, StubsAreEncoded) {
  Count count;
  check_object(x64::make_stubs(Os::Apple).object, count);
  EXPECT_EQ(count.dwarf, 0u);
  check_object(a64::make_stubs(Os::Apple).object, count);
  EXPECT_EQ(count.functions, 4u);
}

/// push rbp; mov rbp, rsp; three pushes; sub rsp. Or stp x29, x30; mov x29, sp; two pairs.
CodeObject hand_made(Target target) {
  CodeObject object;
  object.target = target;
  object.os = object.host_os = Os::Apple;
  object.code.resize(64);
  using E = FrameEffect;
  if (target == Target::X64) {
    object.frame_ops = {{1, E::Push, 5, 0},  {4, E::SetFrame, 5, 0}, {5, E::Push, 3, 0},
                        {7, E::Push, 12, 0}, {9, E::Push, 15, 0},    {13, E::Allocate, 0, 24}};
  } else {
    object.frame_ops = {{4, E::Allocate, 0, 16}, {4, E::Save, 29, 16},     {4, E::Save, 30, 8},
                        {8, E::SetFrame, 29, 0}, {12, E::Allocate, 0, 16}, {12, E::Save, 19, 24},
                        {12, E::Save, 20, 32},   {16, E::Allocate, 0, 16}, {16, E::Save, 40, 40},
                        {16, E::Save, 41, 48}};
  }
  FunctionCode function;
  function.end = 64;
  function.frame_op_count = static_cast<u32>(object.frame_ops.size());
  object.functions.push_back(function);
  return object;
}

/// The same frames in assembly. LLVM takes the x64 registers in the order of the directives: from the lowest place on.
const char* const kAssembly[] = {
    "_f:\n.cfi_startproc\npush %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\nmov %rsp, %rbp\n"
    ".cfi_def_cfa_register %rbp\npush %rbx\npush %r12\npush %r15\nsub $24, %rsp\n.cfi_offset %r15, -40\n"
    ".cfi_offset %r12, -32\n.cfi_offset %rbx, -24\nnop\nret\n.cfi_endproc\n",
    "_f:\n.cfi_startproc\nstp x29, x30, [sp, #-16]!\nmov x29, sp\nstp x20, x19, [sp, #-16]!\nstp d9, d8, [sp, "
    "#-16]!\n.cfi_def_cfa w29, 16\n.cfi_offset w30, -8\n.cfi_offset w29, -16\n.cfi_offset w19, -24\n"
    ".cfi_offset w20, -32\n.cfi_offset b8, -40\n.cfi_offset b9, -48\nnop\nret\n.cfi_endproc\n"};

void compare_with_llvm(Target target) {
  const bool a64 = target == Target::A64;
  if (run_and_read("llvm-mc-14 --version 2>/dev/null").empty() ||
      run_and_read("llvm-objdump-14 --version 2>/dev/null").empty())
    GTEST_SKIP() << "no llvm-mc-14 and llvm-objdump-14";
  const std::string stem = testing::TempDir() + "assay_compact_" + (a64 ? "a64" : "x64");
  std::ofstream(stem + ".s") << kAssembly[a64 ? 1 : 0];
  const std::string triple = a64 ? "arm64-apple-macos11" : "x86_64-apple-macos11";
  const std::string text = run_and_read("llvm-mc-14 -filetype=obj -triple " + triple + " " + stem + ".s -o " + stem +
                                        ".o && llvm-objdump-14 --macho --unwind-info " + stem + ".o 2>&1");
  for (const char* suffix : {".s", ".o"}) std::remove((stem + suffix).c_str());
  const std::string label = "compact encoding:";
  const auto found = text.find(label);
  ASSERT_NE(found, std::string::npos) << text;
  const u32 theirs = static_cast<u32>(std::strtoul(text.c_str() + found + label.size(), nullptr, 16));
  EXPECT_EQ(encoding_at(tables_of(hand_made(target)), kRva), theirs) << text;
}

TEST(AppleCompact, X64EncodingIsTheOneThatLlvmChooses) { compare_with_llvm(Target::X64); }
TEST(AppleCompact, A64EncodingIsTheOneThatLlvmChooses) { compare_with_llvm(Target::A64); }

/// A Mach-O file with one segment and our sections in it.
std::string mach_o(const UnwindTables& tables) {
  std::string out;
  const auto put = [&](u64 value, u32 size) {
    for (u32 i = 0; i < size; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  };
  const auto name = [&](const char* text) {
    std::string padded(text);
    padded.resize(16, '\0');
    out += padded;
  };
  const u32 command = 72 + 80, data = 32 + command;
  for (const u32 value : {0xfeedfacfu, 0x01000007u, 3u, 2u, 1u, command, 0u, 0u}) put(value, 4); // x86-64, executable
  put(0x19, 4), put(command, 4), name("__TEXT");
  put(0, 8), put(0x100000, 8), put(0, 8), put(data + tables.entries.size, 8);
  for (const u32 value : {5u, 5u, 1u, 0u}) put(value, 4);
  name("__unwind_info"), name("__TEXT");
  put(0x80000, 8), put(tables.entries.size, 8);
  for (const u32 value : {data, 2u, 0u, 0u, 0u, 0u, 0u, 0u}) put(value, 4);
  out.append(reinterpret_cast<const char*>(tables.bytes.data()) + tables.entries.at, tables.entries.size);
  return out;
}

TEST(AppleCompact, LlvmReadsTheSectionOfManyPages) {
  if (run_and_read("llvm-objdump-14 --version 2>/dev/null").empty()) GTEST_SKIP() << "no llvm-objdump-14";
  CodeObject object = hand_made(Target::X64);
  for (u32 i = 1; i < 1200; ++i) {
    FunctionCode next = object.functions[0];
    next.begin = 64 * i, next.end = 64 * i + 64;
    if (i == 700) next.frame_op_count = 1; // a push only: no encoding has that
    object.functions.push_back(next);
  }
  object.code.resize(64 * 1200);
  const UnwindTables tables = tables_of(object);
  const std::string path = testing::TempDir() + "assay_compact_pages";
  const std::string file = mach_o(tables);
  std::ofstream(path, std::ios::binary).write(file.data(), static_cast<std::streamsize>(file.size()));
  const std::string text = run_and_read("llvm-objdump-14 --macho --unwind-info " + path + " 2>&1");
  std::remove(path.c_str());
  char dwarf[64];
  std::snprintf(dwarf, sizeof dwarf, "[189]: function offset=0x%08x, encoding=0x04%06x", kRva + 64 * 700,
                encoding_at(tables, kRva + 64 * 700) & 0xffffff);
  EXPECT_TRUE(
      has_rows(text, {
                         "Version: 0x1",
                         "Number of common encodings in array: 0x0",
                         "Number of indices in array: 0x4",
                         "[0]: function offset=0x00004000, 2nd level page offset=0x0000004c, LSDA offset=0x0000004c",
                         "[1]: function offset=0x0000bfc0, 2nd level page offset=0x0000104c, LSDA offset=0x0000004c",
                         "[3]: function offset=0x00016c00, 2nd level page offset=0x00000000, LSDA offset=0x0000004c",
                         "[510]: function offset=0x0000bf80, encoding=0x01030055",
                         "[0]: function offset=0x0000bfc0, encoding=0x01030055",
                         dwarf,
                         "[177]: function offset=0x00016bc0, encoding=0x01030055",
                     }));
}

} // namespace
} // namespace assay::unwind
