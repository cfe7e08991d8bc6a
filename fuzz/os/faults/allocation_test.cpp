// allocation_test.cpp - each allocation of C++ in turn fails: from a program to its code, in the registry of frames,
// and from an Engine to a call whose exception passes compiled frames.
//
// Whichever it is, the caller gets an error or std::bad_alloc, nothing ends the process, every byte is given back,
// and the same compiler then makes the same code as before.
#include "assay/compiler.h"
#include "assay/engine.h"
#include "assay/verify.h"
#if !defined(_WIN32)
#include "compiler/os/frame_leaves.h"
#endif
#include "fuzz/os/faults/allocation_hooks.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

namespace assay {
namespace {

using faults::allowed;
using faults::live;

constexpr const char* kProgram = R"(tag @bad(i64)
export func @main(i64) -> i64 {
^entry(%n: i64):
  try_call @work(%n) -> ^ok, catch @bad ^caught
^ok(%v: i64):
  return %v
^caught(%p: i64):
  return %p
}
func @work(i64) -> i64 {
^entry(%n: i64):
  %zero = const.i64 0
  jump ^loop(%n, %zero)
^loop(%i: i64, %sum: i64):
  %more = add.i64 %sum, %i
  %one = const.i64 1
  %next = sub.i64 %i, %one
  branch %next, ^loop(%next, %more), ^done
^done:
  throw @bad(%more)
}
)";

/// From text to machine code: how many bytes of it, -1 with an error, -2 where memory ran out.
i64 text_to_code(Compiler& compiler, CodeObject& object) {
  try {
    const auto module = parse_and_verify(kProgram, "<test>");
    if (!module || !compiler.compile(*module, object)) return -1;
    return static_cast<i64>(object.code.size());
  } catch (const std::bad_alloc&) {
    return -2;
  }
}

/// With a compiler of its own, given back in the end.
i64 whole_life(Level level) {
  try {
    CompileOptions options;
    options.level = level;
    Compiler compiler(options);
    CodeObject object;
    return text_to_code(compiler, object);
  } catch (const std::bad_alloc&) {
    return -2;
  }
}

class Allocation : public testing::TestWithParam<Level> {};
INSTANTIATE_TEST_SUITE_P(Levels, Allocation, testing::Values(Level::O0, Level::O2),
                         [](const auto& chosen) { return chosen.param == Level::O0 ? "O0" : "O2"; });

TEST_P(Allocation, each_may_fail_and_nothing_leaks) {
  const i64 size = whole_life(GetParam()); // what is made once and kept is made now
  ASSERT_GT(size, 0);
  u32 failed = 0;
  for (long long n = 0;; ++n) {
    // What grows once was made for the process to keep; what is lost is lost again.
    long long lost = 1;
    i64 result = 0;
    bool reached = true;
    for (u32 time = 0; time < 3 && lost != 0; ++time) {
      const long long before = live;
      allowed = n;
      result = whole_life(GetParam());
      reached = allowed == 0;
      allowed = -1;
      lost = live - before;
    }
    ASSERT_EQ(lost, 0) << "allocation " << n << " fails: something is not given back";
    ASSERT_TRUE(result == size || result < 0) << "allocation " << n << " fails: other code";
    failed += result != size;
    if (!reached) break;
  }
  EXPECT_GT(failed, 50u);
  std::printf("%u allocations failed in turn\n", failed);
}

TEST_P(Allocation, compiler_that_ran_out_of_memory_goes_on) {
  CompileOptions options;
  options.level = GetParam();
  Compiler compiler(options);
  CodeObject object;
  const i64 size = text_to_code(compiler, object);
  const auto code = object.code;
  ASSERT_GT(size, 0);
  for (long long n = 0; n < 2000; ++n) {
    Compiler other(options);
    allowed = n;
    const i64 result = text_to_code(other, object);
    allowed = -1;
    ASSERT_EQ(text_to_code(other, object), size) << "after allocation " << n << " failed";
    ASSERT_EQ(object.code, code) << "after allocation " << n << " failed";
    if (result == size) break;
  }
}

constexpr i64 kNoMemory = -1, kThrown = -2;

/// Loads into the engine, which must not throw, and calls; the result, or how memory ran out.
i64 load_and_call(Engine& engine) {
  const auto instance = engine.load_text(kProgram);
  if (!instance) {
    EXPECT_EQ(instance.error().message, "out of memory");
    EXPECT_EQ(instance.error().kind, ErrorKind::Io);
    return kNoMemory;
  }
  try {
    const auto main = instance->function<i64(i64)>("main");
    return main ? (*main)(10) : kNoMemory;
  } catch (const std::bad_alloc&) {
    return kThrown;
  }
}

TEST_P(Allocation, engine_that_ran_out_of_memory_goes_on) {
  constexpr i64 kSum = 55;
  EngineOptions options;
  options.level = GetParam();
  {
    Engine first(options); // what is made once and kept is made now
    ASSERT_EQ(load_and_call(first), kSum);
  }
  u32 refused = 0;
  for (long long n = 0;; ++n) {
    long long lost = 1;
    i64 result = 0;
    for (u32 time = 0; time < 3 && lost != 0; ++time) { // what grows once is kept, what is lost is lost again
      const long long before = live;
      {
        Engine engine(options);
        allowed = n;
        result = load_and_call(engine);
        allowed = -1;
        ASSERT_EQ(load_and_call(engine), kSum) << "after allocation " << n << " failed";
      }
      lost = live - before;
    }
    ASSERT_EQ(lost, 0) << "allocation " << n << " fails: something is not given back";
    if (result == kSum) break;
    ASSERT_LT(result, 0) << "allocation " << n << " fails: another result";
    ++refused;
  }
  EXPECT_GT(refused, 50u);
  std::printf("%u allocations failed in turn\n", refused);
}

#if !defined(_WIN32)
/// Libgcc's calls, counted.
int tables = 0;
void add_table(void*, void*) { ++tables; }
void* remove_table(const void*) {
  --tables;
  return nullptr;
}

/// A section with one entry for 16 bytes at `code`, which lies before it.
void put_section(u8* section, const u8* code) {
  const u8 cie[24] = {20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};
  std::memcpy(section, cie, sizeof cie);
  const u32 fde[6] = {16, 28, static_cast<u32>(code - (section + 32)), 16, 0, 0};
  std::memcpy(section + 24, fde, sizeof fde);
}

TEST(FrameLeaves, an_addition_that_finds_no_memory_has_not_happened) {
  constexpr u64 kPlace = 128, kSection = 64, kPlaces = 200;
  std::vector<u8> memory(kPlaces * kPlace);
  const auto run = [&](long long n) {
    os::FrameLeaves leaves({add_table, remove_table});
    u32 refused = 0;
    for (u64 i = 0; i < kPlaces; ++i) {
      u8* const code = memory.data() + (i * 7 % kPlaces) * kPlace;
      put_section(code + kSection, code);
      allowed = n;
      try {
        EXPECT_TRUE(leaves.add(code + kSection, 48));
        allowed = -1;
        EXPECT_TRUE(leaves.remove(code, code) && leaves.add(code + kSection, 48));
      } catch (const std::bad_alloc&) {
        allowed = -1;
        EXPECT_FALSE(leaves.remove(code, code)) << "after allocation " << n << " failed";
        ++refused;
      }
      if (i % 50 == 49) leaves.forget(memory.data(), 0);
    }
    return refused;
  };
  for (long long n = 0, refused = 1; refused != 0; ++n) {
    const long long before = live;
    refused = run(n);
    ASSERT_EQ(live, before) << "allocation " << n << " fails: something is not given back";
    ASSERT_EQ(tables, 0);
  }
}
#endif

} // namespace
} // namespace assay
