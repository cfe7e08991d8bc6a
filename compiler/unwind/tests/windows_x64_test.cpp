// windows_x64_test.cpp - compiled functions unwound at every instruction by an evaluator of UNWIND_INFO, and read by
// others.
//
// The evaluator follows Microsoft's page "x64 exception handling" and shares nothing with the writer. It runs twice: as
// Windows does it, seeing the end of an epilogue in a jump out of the function, and without that, as Wine does it.
#include "compiler/unwind/tables.h"

#include "../../codegen/tests/compile_support.h"
#include "compiler/target/x64/stubs.h"
#include "corpus_support.h"
#include "frame_truth.h"
#include "windows_image.h"

namespace assay::unwind {
namespace {

constexpr u32 kRsp = 4, kXmm = 32, kRegisters = 48;
constexpr u16 kMachine = 0x8664;

struct Entry {
  u32 begin = 0, end = 0, info = 0;
};

class Unwinder {
public:
  Unwinder(const WindowsImage& image, const std::map<i64, i64>& memory, bool jumps_end)
      : image_(image), memory_(memory), jumps_end_(jumps_end) {}

  bool unwind(u32 pc, Registers& regs) {
    Entry entry;
    if (!lookup(pc, entry)) return false;
    u32 info = entry.info;
    const u32 flags = image_.u8_at(info) >> 3;
    u32 offset = pc - entry.begin;
    if ((flags & 4) != 0 || offset >= image_.u8_at(info + 1)) {
      if (epilogue(pc, entry, image_.u8_at(info + 3) & 15, regs)) return true;
      offset = 1000;
    }
    i64 base = regs.at[kRsp];
    const u32 frame = image_.u8_at(info + 3) & 15;
    if (frame != 0 && (offset == 1000 || reached_frame(info, offset)))
      base = regs.at[frame] - 16 * (image_.u8_at(info + 3) >> 4);
    for (;; offset = 1000) {
      codes(info, offset, base, regs);
      if (image_.u8_at(info) >> 3 != 4) break;
      const u32 chained = info + 4 + 2 * ((image_.u8_at(info + 2) + 1) & ~1u);
      info = image_.u32_at(chained + 8);
    }
    regs.pc = load(regs.at[kRsp]);
    regs.at[kRsp] += 8;
    return true;
  }

private:
  bool lookup(u32 pc, Entry& out) const {
    for (u32 at = 0; at < image_.tables.entries.size; at += 12) {
      const u32 rva = image_.entries_rva() + at;
      out = {image_.u32_at(rva), image_.u32_at(rva + 4), image_.u32_at(rva + 8)};
      if (pc >= out.begin && pc < out.end) return true;
    }
    return false;
  }
  u32 primary_of(Entry entry) const {
    while (image_.u8_at(entry.info) >> 3 == 4) {
      const u32 at = entry.info + 4 + 2 * ((image_.u8_at(entry.info + 2) + 1) & ~1u);
      entry = {image_.u32_at(at), image_.u32_at(at + 4), image_.u32_at(at + 8)};
    }
    return entry.begin;
  }
  i64 load(i64 address) const {
    const auto found = memory_.find(address);
    EXPECT_NE(found, memory_.end()) << "looks where nothing is saved, CFA - " << kCfa - address;
    return found == memory_.end() ? 0 : found->second;
  }
  bool reached_frame(u32 info, u32 offset) const {
    for (u32 i = 0; i < image_.u8_at(info + 2); ++i)
      if ((image_.u8_at(info + 5 + 2 * i) & 15) == 3) return offset >= image_.u8_at(info + 4 + 2 * i);
    return false;
  }
  void codes(u32 info, u32 offset, i64 base, Registers& regs) const {
    const u32 count = image_.u8_at(info + 2);
    u32 before = 255;
    for (u32 i = 0; i < count; ++i) {
      const u32 at = info + 4 + 2 * i, code_offset = image_.u8_at(at);
      const u32 op = image_.u8_at(at + 1) & 15, number = image_.u8_at(at + 1) >> 4;
      const bool undo = code_offset <= offset;
      EXPECT_LE(code_offset, before);
      EXPECT_LE(code_offset, image_.u8_at(info + 1));
      before = code_offset;
      if (op == 0) {
        if (undo) regs.at[number] = load(regs.at[kRsp]), regs.at[kRsp] += 8;
      } else if (op == 1) {
        if (undo) regs.at[kRsp] += number == 0 ? 8 * i64{image_.u16_at(at + 2)} : i64{image_.u32_at(at + 2)};
        i += number == 0 ? 1 : 2;
      } else if (op == 2) {
        if (undo) regs.at[kRsp] += 8 * number + 8;
      } else if (op == 3) {
        if (undo) regs.at[kRsp] = regs.at[image_.u8_at(info + 3) & 15] - 16 * (image_.u8_at(info + 3) >> 4);
      } else if (op == 4 || op == 8) {
        if (undo) regs.at[number + (op == 8 ? kXmm : 0)] = load(base + (op == 8 ? 16 : 8) * i64{image_.u16_at(at + 2)});
        i += 1;
      } else if (op == 5 || op == 9) {
        if (undo) regs.at[number + (op == 9 ? kXmm : 0)] = load(base + i64{image_.u32_at(at + 2)});
        i += 2;
      } else {
        ADD_FAILURE() << "unexpected code " << op;
        return;
      }
    }
  }
  bool epilogue(u32 pc, const Entry& entry, u32 frame, Registers& regs) const {
    Registers done = regs;
    std::vector<u32> popped;
    const auto at = [&](u32 i) { return image_.u8_at(pc + i); };
    if (at(0) == 0x48 && (at(1) == 0x81 || at(1) == 0x83) && at(2) == 0xc4) {
      done.at[kRsp] += at(1) == 0x83 ? static_cast<i8>(at(3)) : static_cast<i32>(image_.u32_at(pc + 3));
      pc += at(1) == 0x83 ? 4 : 7;
    } else if ((at(0) & 0xfe) == 0x48 && at(1) == 0x8d && (at(2) & 0x38) == 0x20 && (at(2) >> 6) % 3 != 0) {
      const u32 reg = (at(2) & 7) | (at(0) & 1) << 3;
      if (reg != frame || frame == 0) return false;
      const bool near = at(2) >> 6 == 1;
      done.at[kRsp] = done.at[reg] + (near ? static_cast<i8>(at(3)) : static_cast<i32>(image_.u32_at(pc + 3)));
      pc += near ? 4 : 7;
    }
    for (;;) {
      const u32 rex = (at(0) & 0xf0) == 0x40 ? 1 : 0;
      if ((at(rex) & 0xf8) != 0x58) break;
      const u32 reg = (at(rex) & 7) | (rex != 0 ? (at(0) & 1u) << 3 : 0);
      popped.push_back(reg);
      pc += 1 + rex;
    }
    bool ends = at(0) == 0xc3 || at(0) == 0xc2;
    if (at(0) == 0xe9 || at(0) == 0xeb) {
      const u32 target =
          at(0) == 0xe9 ? pc + 5 + image_.u32_at(pc + 1) : pc + 2 + static_cast<u32>(static_cast<i8>(at(1)));
      Entry other;
      const bool inside = target >= entry.begin && target < entry.end;
      const bool same = lookup(target, other) && primary_of(other) == primary_of(entry);
      ends = jumps_end_ && !inside && !same;
    }
    if (jumps_end_ && (at(0) & 0xf8) == 0x48 && at(1) == 0xff && (at(2) & 0x38) == 0x20) ends = true;
    if (!ends) return false;
    regs = done;
    for (const u32 reg : popped) regs.at[reg] = load(regs.at[kRsp]), regs.at[kRsp] += 8;
    regs.pc = load(regs.at[kRsp]);
    regs.at[kRsp] += 8;
    return true;
  }

  const WindowsImage& image_;
  const std::map<i64, i64>& memory_;
  bool jumps_end_;
};

void check_at(const WindowsImage& image, u32 pc, const FrameTruth& truth, i64 stray) {
  std::map<i64, i64> memory = truth.memory();
  memory[kCfa - 8] = kReturn;
  for (const bool jumps_end : {true, false}) {
    Registers regs = truth.registers(kRsp, kRegisters, stray);
    ASSERT_TRUE(Unwinder(image, memory, jumps_end).unwind(pc, regs));
    ASSERT_EQ(regs.pc, kReturn);
    ASSERT_EQ(regs.at[kRsp], kCfa);
    for (u32 r = 0; r < kRegisters; ++r)
      ASSERT_TRUE(r == kRsp || regs.at[r] == callers(r)) << "register " << r << " is " << regs.at[r];
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

std::vector<debug::Line> lines_of(const CodeObject& object, const FunctionCode& function) {
  std::vector<debug::Line> lines;
  EXPECT_TRUE(
      debug::disassemble(Target::X64, {object.code.data() + function.begin, function.end - function.begin}, 0, lines));
  return lines;
}

u32 chained = 0; // infos seen that refer to another one

void check_entries(const WindowsImage& image) {
  u32 last = 0;
  for (u32 at = image.entries_rva(); at < image.entries_rva() + image.tables.entries.size; at += 12) {
    EXPECT_LE(last, image.u32_at(at));
    EXPECT_LT(image.u32_at(at), last = image.u32_at(at + 4));
    EXPECT_EQ(image.u32_at(at + 8) % 4, 0u);
    chained += image.u8_at(image.u32_at(at + 8)) >> 3 == 4;
  }
}

/// Every instruction of every function; how many.
u32 check_object(const CodeObject& object) {
  const WindowsImage image(object);
  check_entries(image);
  u32 checked = 0;
  for (const FunctionCode& function : object.functions) {
    std::vector<u32> boundaries;
    const auto lines = lines_of(object, function);
    for (const debug::Line& line : lines) boundaries.push_back(line.offset);
    u32 index = 0;
    follow(object, function, 8, boundaries, [&](u32 offset, const FrameTruth& truth, Part part) {
      for (const i64 stray : {0, 48, -64}) {
        if (stray != 0 && part != Part::Body) continue;
        ASSERT_NO_FATAL_FAILURE(check_at(image, WindowsImage::kCode + function.begin + offset, truth, stray))
            << "function " << function.function << " offset " << offset << ": " << lines[index].text << " stray "
            << stray;
      }
      ++index;
      ++checked;
    });
    if (testing::Test::HasFatalFailure()) return 0;
  }
  return checked;
}

/// Every program of the corpus that compiles for this convention.
template <typename Visit> void each_program(Os os, Visit&& visit) {
  for (const std::string& text : corpus_programs()) {
    const auto module = parse_and_verify(text);
    if (!module) continue;
    for (const u32 kind : {0, 1, 2, 3}) {
      CompileOptions options;
      options.target = Target::X64;
      options.os = options.host_os = os;
      options.level = kind == 0 ? Level::O0 : Level::O2;
      // Rows in their general forms, all or from one on.
      if (kind >= 2) options.passes.decision_limits[4] = kind == 2 ? 0 : 9;
      CodeObject object;
      if (!Compiler(options).compile(*module, object)) continue;
      visit(object);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(WindowsX64, EveryInstructionOfTheCorpusUnwinds) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  for (const Os os : {Os::Windows, Os::Linux, Os::Apple}) {
    u32 checked = 0;
    each_program(os, [&](const CodeObject& object) { checked += check_object(object); });
    EXPECT_GT(checked, 10000u);
    EXPECT_GT(chained, 0u) << "no body goes on behind a tail call";
    if (HasFatalFailure()) return;
  }
}

TEST(WindowsX64, EveryInstructionOfTheStubsUnwinds) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  for (const Os os : {Os::Windows, Os::Linux}) EXPECT_GT(check_object(x64::make_stubs(os).object), 100u);
}

/// A function of a made-up frame: what a writer makes of it is read by others.
CodeObject hand_made() {
  CodeObject object;
  object.os = Os::Windows;
  const u8 code[] = {
      0x55,                                     // push rbp
      0x48, 0x89, 0xe5,                         // mov rbp, rsp
      0x53,                                     // push rbx
      0x41, 0x54,                               // push r12
      0x41, 0x55,                               // push r13
      0x48, 0x83, 0xec, 0x28,                   // sub rsp, 40
      0x48, 0x81, 0xec, 0x00, 0x00, 0x10, 0x00, // sub rsp, 1 MiB
      0x0f, 0x29, 0x75, 0xd0,                   // movaps [rbp - 48], xmm6
      0x44, 0x0f, 0x29, 0x55, 0xc0,             // movaps [rbp - 64], xmm10
      0x90,                                     // nop
      0x44, 0x0f, 0x28, 0x55, 0xc0,             // movaps xmm10, [rbp - 64]
      0x0f, 0x28, 0x75, 0xd0,                   // movaps xmm6, [rbp - 48]
      0x48, 0x8d, 0x65, 0xe8,                   // lea rsp, [rbp - 24]
      0x41, 0x5d, 0x41, 0x5c, 0x5b, 0x5d, 0xc3, // pops, ret
  };
  object.code.assign(std::begin(code), std::end(code));
  using E = FrameEffect;
  object.frame_ops = {
      {1, E::Push, 5, 0},
      {4, E::SetFrame, 5, 0},
      {5, E::Push, 3, 0},
      {7, E::Push, 12, 0},
      {9, E::Push, 13, 0},
      {13, E::Allocate, 0, 40},
      {20, E::Allocate, 0, 1 << 20},
      {24, E::Save, 38, 64},
      {29, E::Save, 42, 80},
      {30, E::EpilogueBegin, 0, 0},
      {35, E::Restore, 42, 0},
      {39, E::Restore, 38, 0},
      {43, E::ResetToFrame, 5, -24},
      {45, E::Pop, 13, 0},
      {47, E::Pop, 12, 0},
      {48, E::Pop, 3, 0},
      {49, E::Pop, 5, 0},
      {49, E::DropFrame, 0, 8},
      {50, E::EpilogueEnd, 0, 0},
  };
  FunctionCode function;
  function.end = static_cast<u32>(object.code.size());
  function.frame_op_count = static_cast<u32>(object.frame_ops.size());
  object.functions.push_back(function);
  return object;
}

TEST(WindowsX64, LlvmReadsTheCodesComputedByHand) {
  const WindowsImage image(hand_made());
  const std::string text = image.read_by("llvm-readobj-14 --unwind", kMachine);
  if (text.empty()) GTEST_SKIP() << "no llvm-readobj-14";
  EXPECT_TRUE(has_rows(text,
                       {
                           "Version: 1",
                           "Flags [ (0x0)",
                           "PrologSize: 29",
                           "FrameRegister: RBP (0x5)",
                           "FrameOffset: 0x4",
                       }))
      << text;
  EXPECT_TRUE(has_rows(text, {
                                 "0x1D: SAVE_XMM128 reg=XMM10, offset=0x0",
                                 "0x18: SAVE_XMM128 reg=XMM6, offset=0x10",
                                 "0x14: ALLOC_LARGE size=1048576",
                                 "0x0D: SET_FPREG reg=RBP, offset=0x40",
                                 "0x0D: ALLOC_SMALL size=40",
                                 "0x09: PUSH_NONVOL reg=R13",
                                 "0x07: PUSH_NONVOL reg=R12",
                                 "0x05: PUSH_NONVOL reg=RBX",
                                 "0x01: PUSH_NONVOL reg=RBP",
                             }));
  EXPECT_EQ(text.find("rror"), std::string::npos) << text;
}

TEST(WindowsX64, BinutilsReadsTheCodesComputedByHand) {
  const WindowsImage image(hand_made());
  const std::string text = image.read_by("x86_64-w64-mingw32-objdump -p", kMachine);
  if (text.empty()) GTEST_SKIP() << "no x86_64-w64-mingw32-objdump";
  EXPECT_TRUE(has_rows(text, {
                                 "Version: 1, Flags: none",
                                 "Nbr codes: 13, Prologue size: 0x1d, Frame offset: 0x4, Frame reg: rbp",
                                 "pc+0x1d: save xmm10 at rsp + 0x0",
                                 "pc+0x18: save xmm6 at rsp + 0x10",
                                 "pc+0x14: alloc large area: rsp = rsp - 0x100000",
                                 "pc+0x0d: FPReg: rbp = rsp + 0x40 (info = 0x0)",
                                 "pc+0x0d: alloc small area: rsp = rsp - 0x28",
                                 "pc+0x09: push r13",
                                 "pc+0x07: push r12",
                                 "pc+0x05: push rbx",
                                 "pc+0x01: push rbp",
                             }));
}

/// Two functions, of which the second catches what its call throws.
CodeObject one_that_catches() {
  const auto module =
      parse_and_verify("import @host()\nexport func @plain() {\n^e:\n  call @host()\n  return\n}\n"
                       "export func @catching() {\n^e:\n  try_call @host() -> ^ok, catch_all ^all\n^ok:\n  return\n"
                       "^all(%x: ptr):\n  return\n}\n");
  EXPECT_TRUE(module) << module.error().to_string();
  CompileOptions options;
  options.target = Target::X64;
  options.os = options.host_os = Os::Windows;
  CodeObject object;
  EXPECT_TRUE(Compiler(options).compile(*module, object));
  return object;
}

TEST(WindowsX64, OnlyFunctionsThatCatchNameTheHandler) {
  const CodeObject object = one_that_catches();
  constexpr u64 kHandlerAt = 0x1230, kData = 0x1122334455667788;
  UnwindPlace place{0x1000, 0x4000, kHandlerAt, kData};
  UnwindTables tables;
  ASSERT_TRUE(write_tables(UnwindFormat::Windows, object, place, tables));
  ASSERT_EQ(tables.entries.size, 12 * object.functions.size());
  u32 with_handler = 0;
  for (u32 i = 0; i < object.functions.size(); ++i) {
    const auto u32_at = [&](u32 at) {
      u32 value = 0;
      std::memcpy(&value, tables.bytes.data() + at, 4);
      return value;
    };
    const u32 info = u32_at(tables.entries.at + 12 * i + 8) - static_cast<u32>(place.code_rva + place.tables_at);
    const bool catches = object.names[object.functions[i].function] == "catching";
    EXPECT_EQ(tables.bytes[info] >> 3, catches ? 1 : 0);
    if (!catches) continue;
    ++with_handler;
    const u32 behind = info + 4 + 2 * ((tables.bytes[info + 2] + 1u) & ~1u);
    EXPECT_EQ(u32_at(behind), place.code_rva + kHandlerAt);
    EXPECT_EQ(u32_at(behind + 4) | u64{u32_at(behind + 8)} << 32, kData);
  }
  EXPECT_EQ(with_handler, 1u);
  place.handler_at = u64{1} << 31;
  EXPECT_FALSE(write_tables(UnwindFormat::Windows, object, place, tables)) << "a field has 32 bits";
  place.handler_at = kHandlerAt;
  EXPECT_FALSE(write_tables(UnwindFormat::EhFrame, object, place, tables));
}

/// The system disassembles from a return address, and asks no handler in an epilogue.
TEST(WindowsX64, NoCallThatCatchesIsFollowedByAnEpilogue) {
  const CodeObject object = one_that_catches();
  ASSERT_EQ(object.call_sites.size(), 1u);
  EXPECT_EQ(object.code[object.call_sites[0].offset], 0x90);
}

TEST(WindowsX64, HandMadeFrameUnwinds) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  EXPECT_EQ(check_object(hand_made()), 18u); // instructions
}

} // namespace
} // namespace assay::unwind
