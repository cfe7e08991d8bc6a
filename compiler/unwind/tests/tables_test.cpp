// tables_test.cpp - what every writer relies on is checked at the one door: malformed objects and places are refused,
// with words, and leave no bytes behind.
#include "compiler/unwind/tables.h"

#include <gtest/gtest.h>

namespace assay::unwind {
namespace {

constexpr UnwindFormat kFormats[] = {UnwindFormat::EhFrame, UnwindFormat::Windows, UnwindFormat::AppleCompact};

/// Two functions of 32 bytes; the first has a frame with rbp.
CodeObject sound() {
  CodeObject object;
  object.target = Target::X64;
  object.code.assign(64, 0x90);
  for (u32 i = 0; i < 2; ++i) {
    FunctionCode function;
    function.begin = i * 32;
    function.end = function.begin + 32;
    object.functions.push_back(function);
  }
  object.frame_ops = {{1, FrameEffect::Push, 5, 0}, {4, FrameEffect::SetFrame, 5, 0}};
  object.functions[0].frame_op_count = 2;
  return object;
}

constexpr UnwindPlace kPlace{64, 4096, 0, 0};

void expect_refused(const CodeObject& object, const UnwindPlace& place, ErrorKind kind, std::string_view words) {
  for (const UnwindFormat format : kFormats) {
    UnwindTables out;
    out.bytes = {1, 2, 3};
    const Result<void> result = write_tables(format, object, place, out);
    ASSERT_FALSE(result.ok()) << words;
    EXPECT_EQ(result.error().kind, kind);
    EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
    EXPECT_TRUE(out.bytes.empty());
  }
}

TEST(Tables, a_sound_object_is_taken_by_each_format) {
  for (const UnwindFormat format : kFormats) {
    UnwindTables out;
    const Result<void> result = write_tables(format, sound(), kPlace, out);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_FALSE(out.bytes.empty());
  }
}

TEST(Tables, functions_must_be_sorted_disjoint_and_inside_the_code) {
  for (const auto spoil : {+[](CodeObject& o) { o.functions[1].begin = 31; }, // overlaps
                           +[](CodeObject& o) { o.functions[1].end = 32; },   // empty
                           +[](CodeObject& o) { o.functions[1].end = 65; },   // beyond the code
                           +[](CodeObject& o) { o.functions[1].begin = 40, o.functions[1].end = 36; }}) {
    CodeObject object = sound();
    spoil(object);
    expect_refused(object, kPlace, ErrorKind::BadInput, "functions are not sorted");
  }
}

TEST(Tables, frame_effects_must_be_there_sorted_and_inside_their_function) {
  CodeObject missing = sound();
  missing.functions[1].first_frame_op = 2;
  missing.functions[1].frame_op_count = 1;
  expect_refused(missing, kPlace, ErrorKind::BadInput, "frame effects outside of the object");
  CodeObject wrapping = sound();
  wrapping.functions[1].first_frame_op = 0xffffffff;
  wrapping.functions[1].frame_op_count = 2;
  expect_refused(wrapping, kPlace, ErrorKind::BadInput, "frame effects outside of the object");
  CodeObject unsorted = sound();
  unsorted.frame_ops[0].offset = 5;
  expect_refused(unsorted, kPlace, ErrorKind::BadInput, "frame effects are not sorted");
  CodeObject outside = sound();
  outside.frame_ops[1].offset = 33;
  expect_refused(outside, kPlace, ErrorKind::BadInput, "frame effects are not sorted");
}

TEST(Tables, the_place_must_be_aligned_behind_the_code_and_near) {
  expect_refused(sound(), {68, 4096, 0, 0}, ErrorKind::BadInput, "unaligned");
  expect_refused(sound(), {64, 4098, 0, 0}, ErrorKind::BadInput, "unaligned");
  expect_refused(sound(), {56, 4096, 0, 0}, ErrorKind::BadInput, "on top of the code");
  expect_refused(sound(), {64, 4096, 8, 0}, ErrorKind::BadInput, "a handler inside the code");
  expect_refused(sound(), {u64{1} << 31, 4096, 0, 0}, ErrorKind::Unsupported, "2 GiB");
}

TEST(Tables, only_those_of_windows_have_handlers) {
  UnwindPlace place = kPlace;
  place.handler_at = 128;
  for (const UnwindFormat format : kFormats) {
    for (const Target target : {Target::X64, Target::A64}) {
      CodeObject object = sound();
      object.target = target;
      object.frame_ops.clear();
      object.functions[0].frame_op_count = 0;
      UnwindTables out;
      const bool taken = write_tables(format, object, place, out).ok();
      EXPECT_EQ(taken, format == UnwindFormat::Windows);
    }
  }
}

} // namespace
} // namespace assay::unwind
