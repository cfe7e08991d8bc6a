// relocate_test.cpp - each kind of field, filled in for where the code runs, and refused where it does not reach.
#include "compiler/codegen/relocate.h"

#include "compiler/target/a64/assembler.h"

#include <gtest/gtest.h>

#include <cstring>

namespace assay::codegen {
namespace {

constexpr u64 kBase = 0x7f0012345000;

/// Functions at 0 and at `second`; code of that size and 64 bytes.
CodeObject two_functions(Target target, u32 second = 64) {
  CodeObject object;
  object.target = target;
  object.code.assign(second + 64, 0);
  object.functions = {{0, 0, 64, 0, 0, 0, false}, {1, second, second + 64, 0, 0, 0, false}};
  object.function_entry = {0, 1};
  return object;
}

template <typename T> T read(const std::vector<u8>& code, u32 at) {
  T value = 0;
  std::memcpy(&value, code.data() + at, sizeof value);
  return value;
}

/// What a branch or an address sequence of A64 at `at` leads to, worked out from the words.
i64 branch_target(u32 word, i64 at) { return at + (static_cast<i64>(u64{word} << 38) >> 36); }

i64 signed21(u32 word) {
  const u64 bits = u64{word >> 5 & 0x7ffff} << 2 | (word >> 29 & 3);
  return static_cast<i64>(bits << 43) >> 43;
}

i64 lea_target(u32 first, u32 second, i64 at) {
  const bool by_page = first >> 31 != 0;
  const i64 base = by_page ? (at & ~i64{0xfff}) + signed21(first) * 4096 : at + signed21(first);
  if (second == 0xd503201f) return base;
  const i64 amount = i64{second >> 10 & 0xfff} << ((second >> 22 & 1) * 12);
  return (second >> 30 & 1) != 0 ? base - amount : base + amount;
}

TEST(Relocate, Rel32IsRelativeToTheEndOfTheField) {
  CodeObject object = two_functions(Target::X64);
  object.relocs = {{10, RelocKind::Rel32, 1, 0}, {70, RelocKind::Rel32, 0, -4}};
  std::vector<u8> code = object.code;
  ASSERT_TRUE(relocate(object, code.data(), kBase));
  EXPECT_EQ(read<i32>(code, 10), 64 - 14);
  EXPECT_EQ(read<i32>(code, 70), -74 - 4);
}

TEST(Relocate, AFunctionThatWasLeftOutIsRefused) {
  CodeObject object = two_functions(Target::X64);
  object.relocs = {{10, RelocKind::Rel32, 1, 0}};
  object.function_entry[1] = kNone;
  std::vector<u8> code = object.code;
  EXPECT_FALSE(relocate(object, code.data(), kBase));
}

TEST(Relocate, Abs64IsTheAddressWhereItRuns) {
  CodeObject object = two_functions(Target::X64);
  object.relocs = {{8, RelocKind::Abs64, 1, 3}, {80, RelocKind::Abs64, 0, -1}};
  std::vector<u8> code = object.code;
  ASSERT_TRUE(relocate(object, code.data(), kBase));
  EXPECT_EQ(read<u64>(code, 8), kBase + 64 + 3);
  EXPECT_EQ(read<u64>(code, 80), kBase - 1);
}

TEST(Relocate, Branch26LeadsToTheEntryAndKeepsTheInstruction) {
  CodeObject object = two_functions(Target::A64);
  object.relocs = {{12, RelocKind::Branch26, 1, 0}, {100, RelocKind::Branch26, 0, 0}};
  std::vector<u8> code = object.code;
  a64::Assembler as;
  std::vector<u8> words;
  as.begin(words);
  as.bl_rel26();
  as.b_rel26();
  as.finish();
  std::memcpy(code.data() + 12, words.data(), 4);
  std::memcpy(code.data() + 100, words.data() + 4, 4);
  ASSERT_TRUE(relocate(object, code.data(), kBase));
  EXPECT_EQ(read<u32>(code, 12) >> 26, 0x25u); // bl
  EXPECT_EQ(branch_target(read<u32>(code, 12), 12), 64);
  EXPECT_EQ(read<u32>(code, 100) >> 26, 0x05u); // b
  EXPECT_EQ(branch_target(read<u32>(code, 100), 100), 0);
}

/// A lea in the first function of the second's entry, so far away.
i64 lea_over(u32 distance, u64 base, bool& done) {
  CodeObject object = two_functions(Target::A64, distance);
  object.alignment = 4096;
  object.relocs = {{8, RelocKind::Lea, 1, 0}};
  std::vector<u8> code;
  a64::Assembler as;
  as.begin(code);
  as.nops(2);
  as.lea_rel(a64::Gpr::X7);
  as.finish();
  code.resize(object.code.size());
  done = relocate(object, code.data(), base).ok();
  EXPECT_EQ(read<u32>(code, 8) & 31, 7u);
  const i64 at = static_cast<i64>(base) + 8;
  return lea_target(read<u32>(code, 8), read<u32>(code, 12), at) - static_cast<i64>(base);
}

TEST(Relocate, LeaGivesTheAddressAtEveryDistance) {
  for (const u32 distance : {64u, 1u << 16, (1u << 20) - 16, 1u << 20, 1u << 21, 20u << 20, 64u << 20}) {
    bool done = false;
    EXPECT_EQ(lea_over(distance, kBase, done), i64{distance});
    EXPECT_TRUE(done) << distance;
  }
}

TEST(Relocate, WhatDoesNotReachIsUnsupported) {
  CodeObject object = two_functions(Target::A64, 1u << 27);
  object.relocs = {{0, RelocKind::Branch26, 1, 0}};
  std::vector<u8> code = object.code;
  const auto far = relocate(object, code.data(), kBase);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().kind, ErrorKind::Unsupported);
  object.relocs = {{4, RelocKind::Branch26, 1, 0}};
  EXPECT_TRUE(relocate(object, code.data(), kBase));
  object.relocs = {{4, RelocKind::Branch26, 1, 2}}; // between two instructions
  EXPECT_FALSE(relocate(object, code.data(), kBase));
  object = two_functions(Target::X64);
  object.relocs = {{4, RelocKind::Rel32, 0, -0x7fffffff}};
  EXPECT_FALSE(relocate(object, code.data(), kBase));
}

TEST(Relocate, CodeThatGoesByPagesMustLieAtOne) {
  CodeObject object = two_functions(Target::A64);
  object.alignment = 4096;
  std::vector<u8> code = object.code;
  EXPECT_TRUE(relocate(object, code.data(), kBase));
  EXPECT_FALSE(relocate(object, code.data(), kBase + 16));
  object.alignment = 16;
  EXPECT_TRUE(relocate(object, code.data(), kBase + 16));
  EXPECT_FALSE(relocate(object, code.data(), kBase + 8));
}

} // namespace
} // namespace assay::codegen
