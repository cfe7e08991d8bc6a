// dwarf_a64_test.cpp - the same for ARM64: a machine model, readelf, and rows computed by hand.
//
// What is odd there: the CFA is sp itself at entry, the return address is a register until it is saved, saved vector
// registers have numbers beyond 63, and return addresses may be signed.
#include "compiler/unwind/dwarf.h"

#include "cfi_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace assay::unwind {
namespace {

// Unified numbers.
constexpr RegIndex kX19 = 19, kFp = 29, kLink = 30, kSp = 31, kD8 = 40;

u32 dwarf_of(RegIndex reg) { return reg < 32 ? reg : 64u + (reg - 32u); }

struct Builder {
  CodeObject object;
  u32 at = 0;

  Builder() { object.target = Target::A64; }
  void begin(u32 start) {
    FunctionCode function;
    function.begin = start;
    function.first_frame_op = static_cast<u32>(object.frame_ops.size());
    object.functions.push_back(function);
    at = 0;
  }
  /// The effect of the next instruction.
  void op(FrameEffect effect, RegIndex reg = 0, i32 value = 0) {
    at += 4;
    same(effect, reg, value);
  }
  void same(FrameEffect effect, RegIndex reg = 0, i32 value = 0) {
    object.frame_ops.push_back({at, effect, reg, value});
  }
  void body(u32 instructions) { at += 4 * instructions; }
  void end() {
    FunctionCode& function = object.functions.back();
    function.end = function.begin + at;
    function.frame_op_count = static_cast<u32>(object.frame_ops.size()) - function.first_frame_op;
    object.code.resize(function.end);
  }
};

struct Shape {
  i32 frame_bytes = 96;     // a multiple of 16
  u32 ints = 2, floats = 2; // pairs are stored, so even
  u32 epilogues = 1;
  u32 body = 3;
  bool sign = false;
  i32 popped = 0; // bytes of stack arguments
};

void epilogue(Builder& b, const Shape& shape) {
  b.same(FrameEffect::EpilogueBegin);
  b.op(FrameEffect::ResetToFrame, kFp, 0);
  for (u32 i = 0; i < shape.floats; i += 2) {
    b.op(FrameEffect::Restore, static_cast<RegIndex>(kD8 + i));
    b.same(FrameEffect::Restore, static_cast<RegIndex>(kD8 + i + 1));
  }
  for (u32 i = 0; i < shape.ints; i += 2) {
    b.op(FrameEffect::Restore, static_cast<RegIndex>(kX19 + i));
    b.same(FrameEffect::Restore, static_cast<RegIndex>(kX19 + i + 1));
  }
  b.op(FrameEffect::Restore, kFp);
  b.same(FrameEffect::Restore, kLink);
  b.same(FrameEffect::Release, 0, shape.frame_bytes);
  b.same(FrameEffect::DropFrame, 0, 0);
  if (shape.sign) b.op(FrameEffect::AuthReturn);
  if (shape.popped != 0) b.op(FrameEffect::Release, 0, shape.popped);
  b.op(FrameEffect::EpilogueEnd);
}

/// [paciasp] stp x29, x30, [sp, #-n]!; mov x29, sp; stp pairs; body; the mirror of it, as often as wanted.
void make_function(Builder& b, u32 start, const Shape& shape) {
  b.begin(start);
  if (shape.sign) b.op(FrameEffect::SignReturn);
  b.op(FrameEffect::Allocate, 0, shape.frame_bytes);
  b.same(FrameEffect::Save, kFp, shape.frame_bytes);
  b.same(FrameEffect::Save, kLink, shape.frame_bytes - 8);
  b.op(FrameEffect::SetFrame, kFp, 0);
  i32 at = shape.frame_bytes - 16;
  const auto save = [&](u32 first, u32 count) {
    for (u32 i = 0; i < count; i += 2, at -= 16) {
      b.op(FrameEffect::Save, static_cast<RegIndex>(first + i), at);
      b.same(FrameEffect::Save, static_cast<RegIndex>(first + i + 1), at - 8);
    }
  };
  save(kX19, shape.ints);
  save(kD8, shape.floats);
  for (u32 i = 0; i < shape.epilogues; ++i) {
    b.body(shape.body);
    epilogue(b, shape);
  }
  b.end();
}

/// What the instructions do, in numbers. Memory below sp is forgotten.
struct Machine {
  static constexpr i64 kEntrySp = 0x7000, kSignature = i64{1} << 55;
  std::map<RegIndex, i64> regs, callers;
  std::map<i64, i64> memory;
  i64 junk = 1000000;

  Machine() {
    for (RegIndex r = 0; r < 64; ++r) callers[r] = 100 + r;
    callers[kSp] = kEntrySp;
    regs = callers;
  }
  void carry_out(const FrameOp& op) {
    switch (op.effect) {
    case FrameEffect::Allocate: regs[kSp] -= op.value; break;
    case FrameEffect::SetFrame: regs[op.reg] = regs[kSp] + op.value; break;
    case FrameEffect::Save: memory[kEntrySp - op.value] = regs[op.reg]; break;
    case FrameEffect::ResetToFrame: regs[kSp] = regs[op.reg] + op.value; break;
    case FrameEffect::Restore: regs[op.reg] = saved_value(op.reg); break;
    case FrameEffect::Release: regs[kSp] += op.value; break;
    case FrameEffect::SignReturn: regs[kLink] |= kSignature; break;
    case FrameEffect::AuthReturn: regs[kLink] &= ~kSignature; break;
    default: break;
    }
  }
  i64 saved_value(RegIndex reg) const { return reg == kLink && signs ? callers.at(reg) | kSignature : callers.at(reg); }
  void poison() { memory.erase(memory.begin(), memory.lower_bound(regs[kSp])); }
  bool signs = false;
};

void check_row(const Machine& machine, const Row& row) {
  const i64 cfa = machine.regs.at(static_cast<RegIndex>(row.cfa_register)) + row.cfa_offset;
  ASSERT_EQ(cfa, Machine::kEntrySp);
  for (const auto& [reg, value] : machine.callers) {
    const bool kept = (reg >= kX19 && reg <= kLink) || (reg >= kD8 && reg < kD8 + 8);
    if (!kept) continue;
    const auto rule = row.saved.find(dwarf_of(reg));
    i64 found = 0;
    if (rule == row.saved.end()) {
      found = machine.regs.at(reg);
    } else {
      ASSERT_TRUE(machine.memory.count(cfa + rule->second))
          << "register " << int{reg} << " is looked for in dead memory";
      found = machine.memory.at(cfa + rule->second);
    }
    if (reg == kLink && row.signed_return) {
      ASSERT_NE(found & Machine::kSignature, 0) << "said to be signed";
      found &= ~Machine::kSignature;
    }
    ASSERT_EQ(found, value) << "register " << int{reg};
  }
}

/// Carries out the ops of function `index`, ruins what was saved, and asks for the row at every instruction.
void check_function(const CodeObject& object, u32 index, const std::vector<u8>& section, i64 section_at, bool signs) {
  const FunctionCode& function = object.functions[index];
  Evaluator evaluator(section, section_at);
  Machine machine, kept;
  machine.signs = signs;
  u32 next = 0;
  const auto ops = object.frame_of(function);
  for (u32 pc = 0; pc < function.end - function.begin; pc += 4) {
    for (; next < ops.size() && ops[next].offset == pc; ++next) {
      const FrameOp& op = ops[next];
      if (op.effect == FrameEffect::EpilogueBegin) kept = machine;
      if (op.effect == FrameEffect::EpilogueEnd) machine = kept;
      machine.carry_out(op);
      if (op.effect == FrameEffect::Save && op.reg != kFp) machine.regs[op.reg] = machine.junk++;
    }
    machine.poison();
    Row row;
    ASSERT_TRUE(evaluator.row_at(function.begin + pc, row)) << pc;
    ASSERT_NO_FATAL_FAILURE(check_row(machine, row)) << "at offset " << pc;
  }
}

TEST(EhFrameA64, EveryRowOfAFullFrameGivesTheCallersRegistersBack) {
  for (const bool sign : {false, true}) {
    Builder b;
    make_function(b, 0, {.frame_bytes = 0x130, .ints = 10, .floats = 8, .epilogues = 3, .body = 9, .sign = sign});
    std::vector<u8> section;
    ASSERT_TRUE(write_eh_frame(b.object, 4096, section));
    check_function(b.object, 0, section, 4096, sign);
  }
}

TEST(EhFrameA64, RandomFramesGiveTheCallersRegistersBackAtEveryInstruction) {
  std::mt19937 random(1);
  const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
  for (u32 round = 0; round < 200; ++round) {
    Builder b;
    const bool sign = below(2) == 0;
    for (u32 i = 0; i < 3; ++i) {
      Shape shape{.ints = 2 * below(6), .floats = 2 * below(5), .epilogues = 1 + below(3), .sign = sign};
      const u32 bodies[] = {1, 30, 63, 64, 255, 256, 300};
      shape.body = bodies[below(7)];
      const i32 popped[] = {0, 16, 512, 4096}; // stack arguments: sp ends above the CFA
      shape.popped = popped[below(4)];
      shape.frame_bytes = static_cast<i32>(16 + 8 * (shape.ints + shape.floats) + 16 * below(300));
      make_function(b, i == 0 ? 0 : (b.object.functions.back().end + 15) & ~15u, shape);
    }
    // From some effect on the rows are in their general forms.
    auto& ops = b.object.frame_ops;
    const u32 short_rows = below(2) == 0 ? static_cast<u32>(ops.size()) : below(static_cast<u32>(ops.size()));
    for (u32 i = short_rows; i < ops.size(); ++i) ops[i].plain = true;
    const i64 section_at = below(2) == 0 ? 65536 : -8192;
    const bool vectors = below(2) == 0; // makes no difference here
    const EhFrameShape shape = below(2) == 0 ? EhFrameShape::OneSection : EhFrameShape::UnitPerFunction;
    std::vector<u8> section;
    std::vector<u32> fdes;
    ASSERT_TRUE(write_eh_frame(b.object, section_at, section, {shape, vectors}, &fdes));
    for (u32 i = 0; i < 3; ++i) {
      const u32 skip = shape == EhFrameShape::UnitPerFunction ? fdes[i] - 24 : 0;
      const std::vector<u8> part(section.begin() + skip, section.end());
      ASSERT_NO_FATAL_FAILURE(check_function(b.object, i, part, section_at + skip, sign)) << "round " << round;
    }
  }
}

TEST(EhFrameA64, EveryRegisterHasItsOwnNumber) {
  Builder b;
  b.begin(0);
  b.op(FrameEffect::Allocate, 0, 1024);
  for (RegIndex reg = 0; reg < 64; ++reg) {
    if (reg != kSp) b.op(FrameEffect::Save, reg, 1024 - 8 * reg);
  }
  b.body(1);
  b.end();
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 4096, section));
  Row row;
  ASSERT_TRUE(Evaluator(section, 4096).row_at(b.at - 4, row));
  EXPECT_EQ(row.cfa_register, 31u);
  EXPECT_EQ(row.cfa_offset, 1024);
  for (RegIndex reg = 0; reg < 64; ++reg) {
    if (reg != kSp) {
      EXPECT_EQ(row.saved.at(dwarf_of(reg)), 8 * reg - 1024) << int{reg};
    }
  }
}

TEST(EhFrameA64, LongFunctionsAdvanceByLargeDeltas) {
  Builder b;
  make_function(b, 0, {.epilogues = 2, .body = 70000});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, 1 << 20, section));
  Evaluator evaluator(section, 1 << 20);
  Row body, last;
  ASSERT_TRUE(evaluator.row_at(4 * 69000, body));
  EXPECT_EQ(body.cfa_register, 29u);
  EXPECT_EQ(body.cfa_offset, 96);
  ASSERT_TRUE(evaluator.row_at(b.at - 4, last)); // the ret
  EXPECT_EQ(last.cfa_register, 31u);
  EXPECT_EQ(last.cfa_offset, 0);
  EXPECT_TRUE(last.saved.empty());
}

TEST(EhFrameA64, ReadelfReadsTheRowsComputedByHand) {
  Builder b;
  make_function(b, 0x20, {.frame_bytes = 64, .ints = 2, .floats = 2, .epilogues = 2, .body = 2});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, -0x1000, section)); // section at address 0, code at 0x1000
  const std::string text = readelf_frames(section, 183);
  if (text.empty()) GTEST_SKIP() << "no objcopy and readelf that can do this on this host";
  EXPECT_TRUE(has_rows(text, {
                                 "LOC CFA x19 x20 x29 ra v8 v9",
                                 "0000000000001020 sp+0 u u u u u u",
                                 "0000000000001024 sp+64 u u c-64 c-56 u u",  // stp x29, x30
                                 "0000000000001028 x29+64 u u c-64 c-56 u u", // mov x29, sp
                                 "000000000000102c x29+64 c-48 c-40 c-64 c-56 u u",
                                 "0000000000001030 x29+64 c-48 c-40 c-64 c-56 c-32 c-24",
                                 "0000000000001040 x29+64 c-48 c-40 c-64 c-56 u u", // body, mov sp, x29, ldp d8, d9
                                 "0000000000001044 x29+64 u u c-64 c-56 u u",
                                 "0000000000001048 sp+0 u u u u u u", // ldp x29, x30
                                 "000000000000104c x29+64 c-48 c-40 c-64 c-56 c-32 c-24",
                             }));
  EXPECT_EQ(text.find("arning"), std::string::npos) << text;
}

TEST(EhFrameA64, SigningTheReturnAddressIsOneInstructionEachWay) {
  Builder b;
  make_function(b, 0, {.sign = true});
  std::vector<u8> section;
  ASSERT_TRUE(write_eh_frame(b.object, -0x1000, section));
  const u32 fde = 24;
  const std::vector<u8> instructions(section.begin() + fde + 17, section.end());
  // advance 1 instruction, negate_ra_state; and once more before the ret.
  EXPECT_EQ(instructions[0], 0x41);
  EXPECT_EQ(instructions[1], 0x2d);
  EXPECT_EQ(std::count(instructions.begin(), instructions.end(), 0x2d), 2);
}

} // namespace
} // namespace assay::unwind
