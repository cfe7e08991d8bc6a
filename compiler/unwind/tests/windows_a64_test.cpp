// windows_a64_test.cpp - compiled functions unwound at every instruction by an evaluator of .xdata, and read by LLVM.
//
// The evaluator follows Microsoft's page "ARM64 exception handling" and shares nothing with the writer.
#include "compiler/unwind/tables.h"

#include "../../codegen/tests/compile_support.h"
#include "compiler/target/a64/stubs.h"
#include "corpus_support.h"
#include "frame_truth.h"
#include "windows_image.h"

namespace assay::unwind {
namespace {

constexpr u32 kSp = 31, kLink = 30, kRegisters = 64;
constexpr i64 kSignature = i64{1} << 54;
constexpr u16 kMachine = 0xaa64;

class Unwinder {
public:
  Unwinder(const WindowsImage& image, const std::map<i64, i64>& memory) : image_(image), memory_(memory) {}

  bool unwind(u32 pc, Registers& regs) {
    u32 begin = 0, info = 0;
    if (!lookup(pc, begin, info)) return false;
    const u32 head = image_.u32_at(info), length = (head & 0x3ffff) * 4;
    EXPECT_EQ(head >> 18 & 15, 0u) << "version, X or E";
    if (pc >= begin + length) return false;
    u32 scopes = head >> 22 & 31, words = head >> 27, at = info + 4;
    if (scopes == 0 && words == 0) {
      const u32 more = image_.u32_at(at);
      scopes = more & 0xffff, words = more >> 16 & 255, at += 4;
      EXPECT_EQ(more >> 24, 0u);
    }
    codes_ = at + 4 * scopes;
    const u32 word = (pc - begin) / 4;
    const u32 prologue = instructions(0);
    if (word < prologue) return run(skip(0, prologue - word), regs);
    for (u32 i = 0; i < scopes; ++i, at += 4) {
      const u32 scope = image_.u32_at(at), first = scope & 0x3ffff, index = scope >> 22;
      EXPECT_EQ(scope >> 18 & 15, 0u);
      EXPECT_LT(index, 4 * words);
      if (word >= first && word <= first + instructions(index)) return run(skip(index, word - first), regs);
    }
    return run(0, regs);
  }

private:
  bool lookup(u32 pc, u32& begin, u32& info) const {
    bool found = false;
    for (u32 at = 0; at < image_.tables.entries.size; at += 8) {
      const u32 rva = image_.entries_rva() + at;
      if (image_.u32_at(rva) > pc) break;
      begin = image_.u32_at(rva), info = image_.u32_at(rva + 4), found = true;
    }
    EXPECT_EQ(info & 3, 0u);
    return found;
  }
  u32 byte(u32 index) const { return image_.u8_at(codes_ + index); }
  static u32 size_of_code(u32 first) {
    if (first == 0xe0) return 4;
    return (first >= 0xc0 && first < 0xe0) || first == 0xe2 ? 2 : 1;
  }
  /// Codes before end or end_c.
  u32 instructions(u32 index) const {
    u32 count = 0;
    for (; byte(index) != 0xe4 && byte(index) != 0xe5; index += size_of_code(byte(index))) ++count;
    return count;
  }
  u32 skip(u32 index, u32 count) const {
    for (; count != 0; --count) index += size_of_code(byte(index));
    return index;
  }
  i64 load(i64 address) const {
    const auto found = memory_.find(address);
    EXPECT_NE(found, memory_.end()) << "looks where nothing is saved, CFA - " << kCfa - address;
    return found == memory_.end() ? 0 : found->second;
  }
  bool run(u32 index, Registers& regs) const {
    i64& sp = regs.at[kSp];
    for (;; index += size_of_code(byte(index))) {
      const u32 code = byte(index), z = (code & 0xc0) == 0xc0 ? byte(index + 1) & 63 : code & 63;
      const u32 two = size_of_code(code) == 2 ? code << 8 | byte(index + 1) : 0;
      const auto pair = [&](u32 first, bool moves) {
        const i64 from = moves ? sp : sp + 8 * i64{z};
        regs.at[first] = load(from);
        regs.at[first + 1] = load(from + 8);
        if (moves) sp += 8 * i64{z} + 8;
      };
      if (code == 0xe4) break;
      if (code == 0xe5 || code == 0xe3) continue;
      if (code < 0x20) sp += 16 * code;
      else if (two >> 11 == 0x18) sp += 16 * (two & 0x7ff);
      else if (code == 0xe0) sp += 16 * i64{byte(index + 1) << 16 | byte(index + 2) << 8 | byte(index + 3)};
      else if (code >> 6 == 1) pair(29, false);
      else if (code >> 6 == 2) pair(29, true);
      else if (two >> 10 == 0x32) pair(19 + (two >> 6 & 15), false);
      else if (two >> 10 == 0x33) pair(19 + (two >> 6 & 15), true);
      else if (two >> 9 == 0x6c) pair(40 + (two >> 6 & 7), false);
      else if (two >> 9 == 0x6d) pair(40 + (two >> 6 & 7), true);
      else if (code == 0xe1) sp = regs.at[29];
      else if (code == 0xe2) sp = regs.at[29] - 8 * i64{byte(index + 1)};
      else if (code == 0xfc) regs.at[kLink] &= ~kSignature;
      else {
        ADD_FAILURE() << "unexpected code " << code;
        return false;
      }
    }
    regs.pc = regs.at[kLink];
    return true;
  }

  const WindowsImage& image_;
  const std::map<i64, i64>& memory_;
  u32 codes_ = 0;
};

/// `at_end`: the last instruction of an epilogue, where sp may be beside the CFA by the size of stack arguments.
void check_at(const WindowsImage& image, u32 pc, const FrameTruth& truth, i64 stray, bool at_end) {
  std::map<i64, i64> memory = truth.memory();
  Registers regs = truth.registers(kSp, kRegisters, stray);
  if (truth.signs) {
    if (truth.saved.count(kLink) != 0) memory.at(kCfa - truth.saved.at(kLink)) |= kSignature;
    else regs.at[kLink] |= kSignature;
  }
  ASSERT_TRUE(Unwinder(image, memory).unwind(pc, regs));
  ASSERT_EQ(regs.pc, callers(kLink));
  ASSERT_EQ(regs.at[kSp], at_end ? kCfa - truth.depth : kCfa);
  for (u32 r = 0; r < kRegisters; ++r) {
    const bool kept = (r >= 19 && r < 30) || (r >= 40 && r < 48);
    ASSERT_TRUE(!kept || regs.at[r] == callers(r)) << "register " << r << " is " << regs.at[r];
  }
  ASSERT_FALSE(testing::Test::HasFailure());
}

/// Every instruction, or of long bodies those around effects and fragments.
u32 check_object(const CodeObject& object) {
  const WindowsImage image(object);
  u32 checked = 0;
  for (const FunctionCode& function : object.functions) {
    std::vector<u32> boundaries, ends;
    std::vector<u32> marks = {0};
    for (const FrameOp& op : object.frame_of(function)) {
      marks.push_back(op.offset);
      if (op.effect == FrameEffect::EpilogueEnd) ends.push_back(op.offset - 4);
    }
    for (u32 at = image.entries_rva(); at < image.entries_rva() + image.tables.entries.size; at += 8)
      marks.push_back(image.u32_at(at) - WindowsImage::kCode - function.begin);
    std::sort(marks.begin(), marks.end());
    for (u32 at = 0; at < function.end - function.begin; at += 4) {
      const auto next = std::lower_bound(marks.begin(), marks.end(), at);
      const bool near = (next != marks.end() && *next - at < 0x100) || (next != marks.begin() && at - next[-1] < 0x100);
      if (near || at % 0x1000 == 0) boundaries.push_back(at);
    }
    follow(object, function, 0, boundaries, [&](u32 offset, const FrameTruth& truth, Part part) {
      const bool at_end = std::binary_search(ends.begin(), ends.end(), offset);
      for (const i64 stray : {0, 48, -64}) {
        if (stray != 0 && part != Part::Body) continue;
        ASSERT_NO_FATAL_FAILURE(check_at(image, WindowsImage::kCode + function.begin + offset, truth, stray, at_end))
            << "function " << function.function << " offset " << offset << " stray " << stray;
      }
      ++checked;
    });
    if (testing::Test::HasFatalFailure()) return 0;
  }
  return checked;
}

TEST(WindowsA64, EveryInstructionOfTheCorpusUnwinds) {
  for (const bool sign : {false, true}) {
    u32 checked = 0;
    for (const std::string& text : corpus_programs()) {
      const auto module = parse_and_verify(text);
      if (!module) continue;
      for (const u32 kind : {0, 1, 2, 3}) {
        CompileOptions options;
        options.target = Target::A64;
        options.os = options.host_os = Os::Windows;
        options.level = kind == 0 ? Level::O0 : Level::O2;
        options.features.sign_return = sign;
        // Rows in their general forms, all or from one on.
        if (kind >= 2) options.passes.decision_limits[4] = kind == 2 ? 0 : 9;
        CodeObject object;
        if (!Compiler(options).compile(*module, object)) continue;
        checked += check_object(object);
        if (HasFatalFailure()) return;
      }
    }
    EXPECT_GT(checked, 10000u);
  }
}

TEST(WindowsA64, EveryInstructionOfTheStubsUnwinds) {
  EXPECT_GT(check_object(a64::make_stubs(Os::Windows).object), 100u);
}

/// stp x29, x30; mov x29, sp; two pairs; add x29; sub sp; a body; the mirrored epilogue, as often as wanted.
CodeObject hand_made(u32 epilogues, u32 body_bytes, i32 allocated = 0x1230) {
  CodeObject object;
  object.target = Target::A64;
  object.os = object.host_os = Os::Windows;
  using E = FrameEffect;
  object.frame_ops = {
      {4, E::SignReturn, 30, 0},      {8, E::Allocate, 0, 16},  {8, E::Save, 29, 16},  {8, E::Save, 30, 8},
      {12, E::SetFrame, 29, 0},       {20, E::Allocate, 0, 16}, {20, E::Save, 19, 32}, {20, E::Save, 20, 24},
      {24, E::Allocate, 0, 16},       {24, E::Save, 40, 48},    {24, E::Save, 41, 40}, {28, E::SetFrame, 29, 32},
      {36, E::Allocate, 0, allocated}};
  u32 at = 36;
  const auto op = [&](u32 bytes, E effect, RegIndex reg, i32 value) {
    object.frame_ops.push_back({at += bytes, effect, reg, value});
  };
  for (u32 i = 0; i < epilogues; ++i) {
    op(body_bytes, E::EpilogueBegin, 0, 0);
    op(4, E::ResetToFrame, 29, -32);
    op(4, E::Restore, 40, 0), op(0, E::Restore, 41, 0), op(0, E::Release, 0, 16);
    op(4, E::Restore, 19, 0), op(0, E::Restore, 20, 0), op(0, E::Release, 0, 16);
    op(4, E::Restore, 29, 0), op(0, E::Restore, 30, 0), op(0, E::DropFrame, 0, 0);
    op(4, E::AuthReturn, 30, 0);
    op(4, E::EpilogueEnd, 0, 0);
  }
  object.code.resize(at + 4 * body_bytes);
  FunctionCode function;
  function.end = static_cast<u32>(object.code.size());
  function.frame_op_count = static_cast<u32>(object.frame_ops.size());
  object.functions.push_back(function);
  return object;
}

TEST(WindowsA64, HandMadeFramesUnwind) {
  EXPECT_GT(check_object(hand_made(1, 8)), 20u);
  EXPECT_GT(check_object(hand_made(40, 4)), 200u) << "an extended header";
  EXPECT_GT(check_object(hand_made(2, 8, 0x10)), 20u);
  EXPECT_GT(check_object(hand_made(2, 8, 0x1000000)), 20u);
  EXPECT_GT(check_object(hand_made(2, 8, 0x30000000)), 20u) << "too large for a code";
}

TEST(WindowsA64, FunctionsAboveOneMebibyteAreFragments) {
  for (const u32 body :
       {0x100000 - 36 - 8, 0x100000 - 36 - 12, 0x180000}) { // epilogues at, across, and behind a boundary
    const CodeObject object = hand_made(2, body);
    EXPECT_GT(check_object(object), 600u);
    const WindowsImage image(object);
    EXPECT_GE(image.tables.entries.size / 8, object.code.size() / 0x100000);
    if (HasFailure()) return;
  }
}

/// Two functions, of which the second catches what its call throws.
CodeObject one_that_catches() {
  const auto module =
      parse_and_verify("import @host()\nexport func @plain() {\n^e:\n  call @host()\n  return\n}\n"
                       "export func @catching() {\n^e:\n  try_call @host() -> ^ok, catch_all ^all\n^ok:\n  return\n"
                       "^all(%x: ptr):\n  return\n}\n");
  EXPECT_TRUE(module) << module.error().to_string();
  CompileOptions options;
  options.target = Target::A64;
  options.os = options.host_os = Os::Windows;
  CodeObject object;
  EXPECT_TRUE(Compiler(options).compile(*module, object));
  return object;
}

TEST(WindowsA64, OnlyFunctionsThatCatchNameTheHandler) {
  const CodeObject object = one_that_catches();
  constexpr u64 kHandlerAt = 0x1230, kData = 0x1122334455667788;
  UnwindPlace place{0x1000, 0x4000, kHandlerAt, kData};
  UnwindTables tables;
  ASSERT_TRUE(write_tables(UnwindFormat::Windows, object, place, tables));
  ASSERT_EQ(tables.entries.size, 8 * object.functions.size());
  const auto u32_at = [&](u32 at) {
    u32 value = 0;
    std::memcpy(&value, tables.bytes.data() + at, 4);
    return value;
  };
  u32 with_handler = 0;
  for (u32 i = 0; i < object.functions.size(); ++i) {
    const u32 info = u32_at(tables.entries.at + 8 * i + 4) - static_cast<u32>(place.code_rva + place.tables_at);
    const bool catches = object.names[object.functions[i].function] == "catching";
    const u32 head = u32_at(info);
    EXPECT_EQ(head >> 20 & 1, catches ? 1u : 0u);
    if (!catches) continue;
    ++with_handler;
    const u32 behind = info + 4 + 4 * (head >> 22 & 31) + 4 * (head >> 27);
    EXPECT_EQ(u32_at(behind), place.code_rva + kHandlerAt);
    EXPECT_EQ(u32_at(behind + 4) | u64{u32_at(behind + 8)} << 32, kData);
  }
  EXPECT_EQ(with_handler, 1u);
  place.handler_at = u64{1} << 31;
  EXPECT_FALSE(write_tables(UnwindFormat::Windows, object, place, tables)) << "a field has 32 bits";
}

TEST(WindowsA64, LlvmReadsTheCodesComputedByHand) {
  const WindowsImage image(hand_made(2, 8));
  const std::string text = image.read_by("llvm-readobj-14 --unwind", kMachine);
  if (text.empty()) GTEST_SKIP() << "no llvm-readobj-14";
  EXPECT_TRUE(has_rows(text, {
                                 "FunctionLength: 132",
                                 "ExceptionData: No",
                                 "EpiloguePacked: No",
                                 "EpilogueScopes: 2",
                                 "0xc123 ; sub sp, #4656",
                                 "0xe3 ; nop", // mov x16
                                 "0xe204 ; add fp, sp, #32",
                                 "0xda01 ; stp d8, d9, [sp, #-16]!",
                                 "0xcc01 ; stp x19, x20, [sp, #-16]!",
                                 "0xe3 ; nop",
                                 "0xe1 ; mov fp, sp",
                                 "0x81 ; stp x29, x30, [sp, #-16]!", // 0xfc comes next, which LLVM 14 does not know
                                 "0xe4 ; end",
                                 "StartOffset: 11",
                                 "EpilogueStartIndex: 14",
                                 "0xe204 ; sub sp, fp, #32",
                                 "0xda01 ; ldp d8, d9, [sp], #16",
                                 "0xcc01 ; ldp x19, x20, [sp], #16",
                                 "0x81 ; ldp x29, x30, [sp], #16",
                                 "0xe4 ; end",
                                 "StartOffset: 19",
                                 "EpilogueStartIndex: 14",
                             }));
}

} // namespace
} // namespace assay::unwind
