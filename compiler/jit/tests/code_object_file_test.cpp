// code_object_file_test.cpp - written and read back it is the same; whatever is wrong with a file is an Error.
#include "compiler/jit/code_object_file.h"

#include <gtest/gtest.h>

#include <cstring>

namespace assay::jit {
namespace {

CodeObject sample() {
  CodeObject object;
  object.target = Target::X64;
  object.os = Os::Windows;
  object.code.assign(64, 0x90);
  object.rodata = {1, 2, 3};
  object.relocs = {{5, RelocKind::Rel32, 1, -4}, {40, RelocKind::Abs64, 0, 0}};
  object.functions = {{0, 0, 20, 0, 2, 16, true}, {1, 32, 64, 2, 1, 8, false}};
  object.function_entry = {0, 1};
  object.frame_ops = {
      {1, FrameEffect::Push, 5, 0}, {4, FrameEffect::SetFrame, 5, 0}, {3, FrameEffect::Allocate, 0, 32}};
  object.positions = {{9, {0, 0, 1}}, {44, {1, 2, 3}, 1}};
  object.inlined_calls = {{{1, 0, 4}, kNone}, {{0, 1, 0}, 0}};
  object.faults = {{50, TrapKind::OutOfBounds, {1, 0, 7}}};
  object.names = {"log", "main"};
  return object;
}

std::vector<u8> bytes_of(const CodeObject& object) {
  std::vector<u8> out;
  serialise(object, out);
  return out;
}

/// The checksum of the altered body, so that the checks behind it are reached.
void fix_checksum(std::vector<u8>& file) {
  u64 hash = 0xcbf29ce484222325u;
  for (size_t i = 28; i < file.size(); ++i) hash = (hash ^ file[i]) * 0x100000001b3u;
  for (int i = 0; i < 8; ++i) file[20 + i] = static_cast<u8>(hash >> (8 * i));
}

TEST(CodeObjectFile, ReadBackIsTheSame) {
  const CodeObject object = sample();
  const std::vector<u8> file = bytes_of(object);
  auto read = deserialise(file);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(bytes_of(*read), file);
  EXPECT_EQ(read->names, object.names);
  EXPECT_EQ(read->relocs[0].addend, -4);
  EXPECT_EQ(read->position_at(44)->position, (Position{1, 2, 3}));
  EXPECT_EQ(read->position_at(44)->inlined_at, 1u);
  EXPECT_EQ(read->os, Os::Windows);
}

TEST(CodeObjectFile, AnEmptyObjectIsFine) {
  auto read = deserialise(bytes_of(CodeObject{}));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_TRUE(read->code.empty());
}

TEST(CodeObjectFile, EveryCutIsAnError) {
  const std::vector<u8> file = bytes_of(sample());
  for (size_t size = 0; size < file.size(); ++size) ASSERT_FALSE(deserialise(std::span(file).first(size))) << size;
}

TEST(CodeObjectFile, EveryChangedByteIsAnError) {
  const std::vector<u8> file = bytes_of(sample());
  for (size_t at = 0; at < file.size(); ++at) {
    std::vector<u8> changed = file;
    changed[at] ^= 0x41;
    ASSERT_FALSE(deserialise(changed)) << at;
  }
}

TEST(CodeObjectFile, WhatPassesTheChecksumIsStillValidated) {
  const std::vector<u8> file = bytes_of(sample());
  int accepted = 0;
  for (size_t at = 28; at < file.size(); ++at) {
    for (const u8 value : {0, 1, 3, 0x7f, 0xff}) {
      std::vector<u8> changed = file;
      changed[at] = value;
      fix_checksum(changed);
      auto read = deserialise(changed);
      if (!read) continue;
      ++accepted;
      ASSERT_TRUE(validate(*read)) << at;
    }
  }
  EXPECT_GT(accepted, 0) << "changes in code bytes are no errors";
}

TEST(CodeObjectFile, CountsAreCheckedBeforeMemoryIsTaken) {
  std::vector<u8> file = bytes_of(CodeObject{});
  std::memset(file.data() + 35, 0xff, 4); // the number of code bytes
  fix_checksum(file);
  EXPECT_FALSE(deserialise(file));
}

TEST(CodeObjectFile, AnotherVersionIsNamed) {
  std::vector<u8> file = bytes_of(sample());
  file[8] = 99;
  const auto read = deserialise(file);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("version 99, expected 5"), std::string::npos);
}

TEST(CodeObjectFile, InvalidObjectsAreNamed) {
  const auto refuse = [](auto&& change, std::string_view what) {
    CodeObject object = sample();
    change(object);
    const auto read = deserialise(bytes_of(object));
    ASSERT_FALSE(read) << what;
    EXPECT_NE(read.error().message.find(what), std::string::npos) << read.error().message;
  };
  refuse([](CodeObject& o) { o.functions[1].begin = 16; }, "range");
  refuse([](CodeObject& o) { o.functions[1].end = 65; }, "range");
  refuse([](CodeObject& o) { o.functions[1].frame_op_count = 2; }, "frame description");
  refuse([](CodeObject& o) { o.function_entry[0] = 2; }, "entry of a function");
  refuse([](CodeObject& o) { o.function_entry[0] = kNone; }, "function of a relocation"); // something refers to it
  refuse([](CodeObject& o) { o.relocs[1].offset = 57; }, "place of a relocation");
  refuse([](CodeObject& o) { o.relocs[0].function = 2; }, "function of a relocation");
  refuse([](CodeObject& o) { o.positions[1].offset = 9; }, "order of positions");
  refuse([](CodeObject& o) { o.positions[1].inlined_at = 2; }, "inlined call of a position");
  refuse([](CodeObject& o) { o.inlined_calls[1].inlined_at = 1; }, "order of inlined calls");
  refuse([](CodeObject& o) { o.inlined_calls[0].position.function = 2; }, "function of an inlined call");
  refuse([](CodeObject& o) { o.faults[0].position.function = 9; }, "fault site");
  refuse([](CodeObject& o) { o.names.pop_back(); }, "names");
  refuse([](CodeObject& o) { o.alignment = 32; }, "alignment");
  refuse([](CodeObject& o) { o.relocs[0].kind = RelocKind::Branch26; }, "kind of a relocation");
}

TEST(CodeObjectFile, AFunctionThatNothingRefersToMayBeLeftOut) {
  CodeObject object = sample();
  object.function_entry.push_back(kNone);
  object.names.push_back("copied everywhere");
  const auto read = deserialise(bytes_of(object));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->has(2));
}

/// The same for ARM64, whose instructions are words.
CodeObject sample_a64() {
  CodeObject object = sample();
  object.target = Target::A64;
  object.alignment = 4096;
  object.relocs = {{4, RelocKind::Branch26, 1, 0}, {40, RelocKind::Lea, 0, 0}, {48, RelocKind::Abs64, 1, 0}};
  object.frame_ops = {
      {4, FrameEffect::Allocate, 0, 32}, {8, FrameEffect::Save, 40, 16}, {4, FrameEffect::SetFrame, 29, 0}};
  object.positions = {{8, {0, 0, 1}}, {44, {1, 2, 3}}};
  object.faults = {{52, TrapKind::OutOfBounds, {1, 0, 7}}};
  return object;
}

TEST(CodeObjectFile, Arm64CodeReadBackIsTheSame) {
  const std::vector<u8> file = bytes_of(sample_a64());
  auto read = deserialise(file);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->alignment, 4096u);
  EXPECT_EQ(bytes_of(*read), file);
}

TEST(CodeObjectFile, WhatIsNotAtAWordIsNoArm64Code) {
  const auto refuse = [](auto&& change, std::string_view what) {
    CodeObject object = sample_a64();
    change(object);
    const auto done = validate(object);
    ASSERT_FALSE(done) << what;
    EXPECT_NE(done.error().message.find(what), std::string::npos) << done.error().message;
  };
  refuse([](CodeObject& o) { o.code.push_back(0); }, "size");
  refuse([](CodeObject& o) { o.functions[0].end = 18; }, "range");
  refuse([](CodeObject& o) { o.frame_ops[1].offset = 6; }, "frame effect");
  refuse([](CodeObject& o) { o.relocs[0].offset = 6; }, "place of a relocation");
  refuse([](CodeObject& o) { o.relocs[0].kind = RelocKind::Rel32; }, "kind of a relocation");
  refuse([](CodeObject& o) { o.relocs[1].offset = 60; }, "place of a relocation");
  refuse([](CodeObject& o) { o.positions[0].offset = 9; }, "positions");
  refuse([](CodeObject& o) { o.faults[0].offset = 53; }, "fault sites");
}

} // namespace
} // namespace assay::jit
