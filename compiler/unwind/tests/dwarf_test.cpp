// dwarf_test.cpp - the bytes against a machine model, against readelf, and against rows computed by hand.
//
// The evaluator of call frame instructions (cfi_support.h) shares nothing with the writer. The machine model
// carries out what each frame effect says an instruction does (registers, stack memory, junk in every register
// that the body may use); after every instruction the row in force must give back the caller's registers.
#include "compiler/unwind/dwarf.h"

#include "cfi_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace assay::unwind {
namespace {

// Unified numbers.
constexpr RegIndex kRbx = 3, kRsp = 4, kRbp = 5, kR12 = 12, kR15 = 15, kXmm6 = 38, kXmm9 = 41;

u32 dwarf_of(RegIndex reg) {
  static const std::map<RegIndex, u32> numbers = {{0, 0}, {1, 2}, {2, 1}, {3, 3}, {4, 7}, {5, 6}, {6, 4}, {7, 5}};
  const auto found = numbers.find(reg);
  return found != numbers.end() ? found->second : reg < 16 ? reg : reg - 32 + 17u;
}

/// Collects functions; every instruction has four bytes here, except where the offset is given.
struct Builder {
  CodeObject object;
  u32 at = 0;

  void begin(u32 start) {
    FunctionCode function;
    function.begin = start;
    function.first_frame_op = static_cast<u32>(object.frame_ops.size());
    object.functions.push_back(function);
    at = 0;
  }
  void op(FrameEffect effect, RegIndex reg = 0, i32 value = 0, u32 length = 4) {
    at += length;
    object.frame_ops.push_back({at, effect, reg, value});
  }
  void same(FrameEffect effect, RegIndex reg = 0, i32 value = 0) { op(effect, reg, value, 0); }
  void end(u32 length) {
    FunctionCode& function = object.functions.back();
    function.end = function.begin + length;
    function.frame_op_count = static_cast<u32>(object.frame_ops.size()) - function.first_frame_op;
    object.code.resize(function.end);
  }
};

/// What the instructions do, in numbers. Register values are arbitrary; memory below sp is forgotten on each pop.
struct Machine {
  static constexpr i64 kEntrySp = 0x7000;
  std::map<RegIndex, i64> regs, callers;
  std::map<i64, i64> memory;
  RegIndex frame = kRsp;
  i64 junk = 1000;

  Machine() {
    for (RegIndex r = 0; r < 16; ++r) callers[r] = 100 + r;
    for (RegIndex r = 32; r < 48; ++r) callers[r] = 100 + r;
    callers[kRsp] = kEntrySp + 8; // the CFA
    regs = callers;
    regs[kRsp] = kEntrySp;
    memory[kEntrySp] = 4242; // return address
  }
  void poison() { memory.erase(memory.begin(), memory.lower_bound(regs[kRsp])); }
  void carry_out(const FrameOp& op) {
    switch (op.effect) {
    case FrameEffect::Push: memory[regs[kRsp] -= 8] = regs[op.reg]; break;
    case FrameEffect::Allocate: regs[kRsp] -= op.value; break;
    case FrameEffect::SetFrame: regs[frame = op.reg] = regs[kRsp] + op.value; break;
    case FrameEffect::Save: memory[callers[kRsp] - op.value] = regs[op.reg]; break;
    case FrameEffect::EpilogueBegin: break;
    case FrameEffect::Pop: regs[op.reg] = memory.at(regs[kRsp]), regs[kRsp] += 8; break;
    case FrameEffect::Release: regs[kRsp] += op.value; break;
    case FrameEffect::ResetToFrame: regs[kRsp] = regs[frame] + op.value; break;
    case FrameEffect::Restore: regs[op.reg] = callers[op.reg]; break;
    case FrameEffect::DropFrame: break;
    case FrameEffect::SignReturn: break;
    case FrameEffect::AuthReturn: break;
    case FrameEffect::EpilogueEnd: break;
    }
  }
  void clobber(RegIndex reg) { regs[reg] = junk++; }
};

void check_row(const Machine& machine, const Row& row, bool vectors) {
  RegIndex cfa_register = 0;
  while (dwarf_of(cfa_register) != row.cfa_register) ++cfa_register;
  const i64 cfa = machine.regs.at(cfa_register) + row.cfa_offset;
  ASSERT_EQ(cfa, machine.callers.at(kRsp));
  for (const auto& [reg, value] : machine.callers) {
    if (reg == kRsp || (reg >= 32 && !vectors)) continue;
    const auto rule = row.saved.find(dwarf_of(reg));
    if (rule == row.saved.end()) {
      ASSERT_EQ(machine.regs.at(reg), value) << "register " << int{reg} << " is not where the row says";
    } else {
      ASSERT_TRUE(machine.memory.count(cfa + rule->second))
          << "register " << int{reg} << " is looked for in dead memory";
      ASSERT_EQ(machine.memory.at(cfa + rule->second), value) << "register " << int{reg};
    }
  }
  ASSERT_EQ(row.saved.at(16), -8);
  ASSERT_EQ(machine.memory.at(cfa - 8), 4242);
}

/// Carries out the ops of function `index` and asks for the row at every byte of the function.
void check_function(const CodeObject& object, u32 index, const std::vector<u8>& section, i64 section_at, bool vectors) {
  const FunctionCode& function = object.functions[index];
  Evaluator evaluator(section, section_at);
  Machine machine, kept;
  std::vector<RegIndex> saved;
  u32 next = 0;
  const auto ops = object.frame_of(function);
  for (u32 pc = 0; pc < function.end - function.begin; ++pc) {
    for (; next < ops.size() && ops[next].offset == pc; ++next) {
      const FrameOp& op = ops[next];
      if (op.effect == FrameEffect::EpilogueBegin) kept = machine;
      if (op.effect == FrameEffect::EpilogueEnd) machine = kept;
      machine.carry_out(op);
      const bool saves = op.effect == FrameEffect::Push || op.effect == FrameEffect::Save;
      if (saves && op.reg != kRbp) machine.clobber(op.reg);
    }
    machine.poison();
    Row row;
    ASSERT_TRUE(evaluator.row_at(function.begin + pc, row)) << pc;
    ASSERT_NO_FATAL_FAILURE(check_row(machine, row, vectors)) << "at offset " << pc;
  }
}

struct Shape {
  u32 pushes = 0; // of rbx, r12-r15
  i32 allocate = 0;
  u32 xmms = 0;
  u32 epilogues = 1;
  u32 body = 4; // bytes
};

void epilogue(Builder& b, const Shape& shape, const std::vector<RegIndex>& pushed, bool returns_last, u32 xmms) {
  b.same(FrameEffect::EpilogueBegin);
  for (u32 i = 0; i < xmms; ++i) b.op(FrameEffect::Restore, static_cast<RegIndex>(kXmm6 + i));
  if (shape.allocate != 0) b.op(FrameEffect::ResetToFrame, kRbp, -8 * static_cast<i32>(pushed.size()));
  for (size_t i = pushed.size(); i-- > 0;) b.op(FrameEffect::Pop, pushed[i], 0, 2);
  b.op(FrameEffect::Pop, kRbp, 0, 1);
  b.same(FrameEffect::DropFrame, 0, 8);
  b.op(FrameEffect::EpilogueEnd, 0, 0, returns_last ? 1 : 3);
}

/// The frame that compiled functions have.
void make_function(Builder& b, u32 begin, const Shape& shape) {
  std::vector<RegIndex> pushed;
  const RegIndex order[] = {kRbx, kR12, 13, 14, kR15};
  b.begin(begin);
  b.op(FrameEffect::Push, kRbp, 0, 1);
  b.op(FrameEffect::SetFrame, kRbp, 0, 3);
  for (u32 i = 0; i < shape.pushes; ++i) {
    pushed.push_back(order[i]);
    b.op(FrameEffect::Push, order[i], 0, 2);
  }
  if (shape.allocate != 0) b.op(FrameEffect::Allocate, 0, shape.allocate, 7);
  for (u32 i = 0; i < shape.xmms; ++i)
    b.op(FrameEffect::Save, static_cast<RegIndex>(kXmm6 + i), 16 + 48 + 16 * static_cast<i32>(i) + 16);
  for (u32 i = 0; i < shape.epilogues; ++i) {
    b.at += shape.body;
    epilogue(b, shape, pushed, i + 1 == shape.epilogues, shape.xmms);
  }
  b.end(b.at);
}

TEST(EhFrame, EveryRowOfAFullFrameGivesTheCallersRegistersBack) {
  Builder b;
  make_function(b, 0, {.pushes = 5, .allocate = 0x118, .xmms = 4, .epilogues = 3, .body = 9});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 256, section, {.vector_registers = true}));
  check_function(b.object, 0, section, 256, true);
}

TEST(EhFrame, RandomFramesGiveTheCallersRegistersBackAtEveryByte) {
  std::mt19937 random(1);
  const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
  for (u32 round = 0; round < 200; ++round) {
    Builder b;
    const u32 functions = 1 + below(4);
    for (u32 i = 0; i < functions; ++i) {
      Shape shape{
          .pushes = below(6), .allocate = static_cast<i32>(8 * below(40)), .xmms = 0, .epilogues = 1 + below(3)};
      const u32 bodies[] = {1, 30, 63, 64, 255, 256, 300};
      shape.body = bodies[below(7)];
      if (shape.allocate >= 200) shape.xmms = below(5);
      make_function(b, b.object.functions.empty() ? 0 : (b.object.functions.back().end + 15) & ~15u, shape);
    }
    // From some effect on the rows are in their general forms.
    auto& ops = b.object.frame_ops;
    const u32 short_rows = below(2) == 0 ? static_cast<u32>(ops.size()) : below(static_cast<u32>(ops.size()));
    for (u32 i = short_rows; i < ops.size(); ++i) ops[i].plain = true;
    const i64 section_at = below(2) == 0 ? 4096 : -8192;
    const bool vectors = below(2) == 0;
    const EhFrameShape shape = below(2) == 0 ? EhFrameShape::OneSection : EhFrameShape::UnitPerFunction;
    std::vector<u8> section;
    std::vector<u32> fdes;
    ASSERT_TRUE(write_eh_frame(b.object, section_at, section, {shape, vectors}, &fdes));
    for (u32 i = 0; i < functions; ++i) {
      // A unit is read from its own CIE, 24 bytes before the FDE.
      const u32 skip = shape == EhFrameShape::UnitPerFunction ? fdes[i] - 24 : 0;
      const std::vector<u8> part(section.begin() + skip, section.end());
      ASSERT_NO_FATAL_FAILURE(check_function(b.object, i, part, section_at + skip, vectors)) << "round " << round;
    }
  }
}

TEST(EhFrame, AFrameWithoutFramePointerCountsFromTheStackPointer) {
  Builder b;
  b.begin(0);
  b.op(FrameEffect::Push, kRbx, 0, 1);
  b.op(FrameEffect::Allocate, 0, 400, 7);
  b.at += 20;
  b.same(FrameEffect::EpilogueBegin);
  b.op(FrameEffect::Release, 0, 400, 7);
  b.op(FrameEffect::Pop, kRbx, 0, 1);
  b.op(FrameEffect::EpilogueEnd, 0, 0, 1);
  b.end(b.at);
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 64, section));
  check_function(b.object, 0, section, 64, false);
}

TEST(EhFrame, EveryGeneralRegisterHasItsOwnNumber) {
  Builder b;
  b.begin(0);
  for (RegIndex reg = 0; reg < 16; ++reg)
    if (reg != kRsp) b.op(FrameEffect::Push, reg, 0, 2);
  b.end(b.at + 4);
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 64, section));
  check_function(b.object, 0, section, 64, false);
}

// The frame register need not point at the saved one, and pushes may follow a reset of rsp.
TEST(EhFrame, AFrameRegisterAtADistanceAndAPushAfterAReset) {
  Builder b;
  b.begin(0);
  b.op(FrameEffect::Push, kRbp);
  b.op(FrameEffect::Allocate, 0, 96);
  b.op(FrameEffect::SetFrame, kRbp, 64);
  b.op(FrameEffect::Push, kRbx);
  b.op(FrameEffect::Allocate, 0, 56);
  b.op(FrameEffect::ResetToFrame, kRbp, -72); // to where rbx was pushed
  b.op(FrameEffect::Push, kR12);
  b.end(b.at + 4);
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 64, section));
  check_function(b.object, 0, section, 64, false);
}

// Registers restored by moves, the return address moved, then the CFA counted from rsp while the arguments move.
TEST(EhFrame, ATailCallThatMovesItsReturnAddressHasTheRowsItsEffectsSay) {
  Builder b;
  b.begin(0);
  b.op(FrameEffect::Push, kRbp, 0, 1);
  b.op(FrameEffect::SetFrame, kRbp, 0, 3);
  b.op(FrameEffect::Push, kRbx, 0, 1);
  b.op(FrameEffect::Allocate, 0, 72, 4);
  b.same(FrameEffect::EpilogueBegin);
  b.op(FrameEffect::Restore, kRbx);
  b.op(FrameEffect::Restore, kRbp, 0, 12);
  b.same(FrameEffect::DropFrame, 0, 80 + 16 - 32);
  b.op(FrameEffect::Release, 0, 80 + 8 - 32, 8);
  b.op(FrameEffect::EpilogueEnd, 0, 0, 5);
  b.end(b.at + 4);
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 64, section));
  Evaluator evaluator(section, 64);
  struct Expected {
    u32 pc;
    u32 reg;
    i64 offset;
    bool rbx;
    bool rbp;
  };
  for (const Expected& e : {Expected{9, 6, 16, true, true},
                            {13, 6, 16, false, true},
                            {24, 6, 16, false, true},
                            {25, 7, 64, false, false},
                            {33, 7, 8, false, false},
                            {38, 6, 16, true, true}}) {
    Row row;
    ASSERT_TRUE(evaluator.row_at(e.pc, row));
    EXPECT_EQ(row.cfa_register, e.reg) << e.pc;
    EXPECT_EQ(row.cfa_offset, e.offset) << e.pc;
    EXPECT_EQ(row.saved.count(3), e.rbx ? 1u : 0u) << e.pc;
    EXPECT_EQ(row.saved.count(6), e.rbp ? 1u : 0u) << e.pc;
  }
}

TEST(EhFrame, LongFunctionsAdvanceByTwoAndFourByteDeltas) {
  Builder b;
  make_function(b, 0, {.pushes = 1, .allocate = 24, .epilogues = 2, .body = 70000});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 262144, section));
  Evaluator evaluator(section, 262144);
  const FunctionCode& f = b.object.functions[0];
  Row body, last;
  ASSERT_TRUE(evaluator.row_at(69000, body));
  EXPECT_EQ(body.cfa_register, 6u);
  EXPECT_EQ(body.cfa_offset, 16);
  ASSERT_TRUE(evaluator.row_at(f.end - 1, last)); // the ret
  EXPECT_EQ(last.cfa_register, 7u);
  EXPECT_EQ(last.cfa_offset, 8);
}

TEST(EhFrame, TheSectionEndsInAZeroWordAndEveryUnitHasItsOwn) {
  Builder b;
  make_function(b, 0, {.pushes = 1, .allocate = 24});
  make_function(b, 64, {.pushes = 2});
  std::vector<u8> one, units;
  std::vector<u32> fdes;
  ASSERT_TRUE(write_eh_frame(b.object, 128, one, {}, &fdes));
  EXPECT_EQ(fdes, (std::vector<u32>{24, 24 + 4 + Evaluator(one, 0).u32_at(24)}));
  EXPECT_EQ(Evaluator(one, 0).u32_at(static_cast<u32>(one.size()) - 4), 0u);
  ASSERT_TRUE(write_eh_frame(b.object, 128, units, {.shape = EhFrameShape::UnitPerFunction}, &fdes));
  ASSERT_EQ(fdes.size(), 2u);
  const Evaluator reader(units, 0);
  for (u32 fde : fdes) {
    EXPECT_EQ(reader.u32_at(fde - 24), 20u);                    // its CIE
    EXPECT_EQ(reader.u32_at(fde + 4), 28u);                     // points back to it
    EXPECT_EQ(reader.u32_at(fde + 4 + reader.u32_at(fde)), 0u); // its terminator
  }
}

TEST(EhFrame, VectorRulesAppearOnlyWhenAskedFor) {
  Builder b;
  make_function(b, 0, {.pushes = 0, .allocate = 0x100, .xmms = 4});
  std::vector<u8> plain, full;
  ASSERT_TRUE(write_eh_frame(b.object, 256, plain));
  ASSERT_TRUE(write_eh_frame(b.object, 256, full, {.vector_registers = true}));
  Row row;
  const u32 body = 4 + 7 + 16;
  ASSERT_TRUE(Evaluator(plain, 256).row_at(body, row));
  EXPECT_EQ(row.saved.count(dwarf_of(kXmm9)), 0u);
  row = {};
  ASSERT_TRUE(Evaluator(full, 256).row_at(body, row));
  EXPECT_EQ(row.saved.at(dwarf_of(kXmm9)), -(16 + 48 + 48 + 16));
}

TEST(EhFrame, AnObjectWithoutFunctionsIsATerminator) {
  std::vector<u8> section = {1, 2, 3};
  ASSERT_TRUE(write_eh_frame(CodeObject{}, 16, section));
  EXPECT_EQ(section, (std::vector<u8>{0, 0, 0, 0}));
}

TEST(EhFrame, ASectionOutOfReachIsRefused) {
  Builder b;
  make_function(b, 0, {});
  std::vector<u8> section;
  EXPECT_FALSE(write_eh_frame(b.object, i64{1} << 31, section));
  EXPECT_FALSE(write_eh_frame(b.object, -(i64{1} << 31), section));
  EXPECT_TRUE(section.empty());
  EXPECT_TRUE(write_eh_frame(b.object, -(i64{1} << 30), section));
}

TEST(EhFrame, ReadelfReadsTheRowsComputedByHand) {
  Builder b;
  make_function(b, 0x20, {.pushes = 2, .allocate = 0x20, .epilogues = 2, .body = 6});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, -0x1000, section)); // section at address 0, code at 0x1000
  const std::string text = readelf_frames(section, 62);
  if (text.empty()) GTEST_SKIP() << "no objcopy and readelf that can do this on this host";
  const std::vector<std::string> rows = {
      "LOC CFA rbx rbp r12 ra",
      "0000000000001020 rsp+8 u u u c-8",
      "0000000000001021 rsp+16 u c-16 u c-8",    // push rbp
      "0000000000001024 rbp+16 u c-16 u c-8",    // mov rbp, rsp
      "0000000000001026 rbp+16 c-24 c-16 u c-8", // push rbx
      "0000000000001028 rbp+16 c-24 c-16 c-32 c-8",
      "000000000000103b rbp+16 c-24 c-16 u c-8", // sub, 6 bytes of body, lea, pop r12
      "000000000000103d rbp+16 u c-16 u c-8",
      "000000000000103e rsp+8 u u u c-8",           // pop rbp
      "0000000000001041 rbp+16 c-24 c-16 c-32 c-8", // the body again
      "000000000000104d rbp+16 c-24 c-16 u c-8",
      "000000000000104f rbp+16 u c-16 u c-8",
      "0000000000001050 rsp+8 u u u c-8",
  };
  EXPECT_TRUE(has_rows(text, rows));
  EXPECT_NE(text.find("zR"), std::string::npos);
  EXPECT_NE(text.find("ZERO terminator"), std::string::npos) << text;
  EXPECT_EQ(text.find("arning"), std::string::npos) << text;
}

TEST(Dwarf, ReadelfFindsPersonalityAndLanguageSpecificData) {
  Builder b;
  make_function(b, 0, {.pushes = 2, .allocate = 0x20, .epilogues = 1, .body = 6});
  EhFrameOptions options;
  options.personality = 0x1122334455667788;
  options.lsda = 0x0a0b0c0d0e0f0102;
  std::vector<u8> section, plain;
  ASSERT_TRUE(write_eh_frame(b.object, -0x1000, section, options));
  ASSERT_TRUE(write_eh_frame(b.object, -0x1000, plain));
  EXPECT_EQ(section.size(), plain.size() + 16 + 8); // CIE and FDE, each padded to a multiple of 8
  const std::string text = readelf_frames(section, 62);
  if (text.empty()) GTEST_SKIP() << "no objcopy and readelf that can do this on this host";
  EXPECT_NE(text.find("zPLR"), std::string::npos) << text;
  EXPECT_TRUE(has_rows(text, {"LOC CFA rbx rbp r12 ra", "0000000000001000 rsp+8 u u u c-8"})) << text;
  EXPECT_EQ(text.find("arning"), std::string::npos) << text;
  const auto holds = [&](u64 value) {
    const u8* bytes = reinterpret_cast<const u8*>(&value);
    return std::search(section.begin(), section.end(), bytes, bytes + 8) != section.end();
  };
  EXPECT_TRUE(holds(options.personality));
  EXPECT_TRUE(holds(options.lsda));
}

} // namespace
} // namespace assay::unwind
