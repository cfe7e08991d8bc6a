// native_executor_test.cpp - compiled programs give the oracle's Outcome, and nothing stays of them.
//
// Programs are AIR text, compiled at every level. Defective code is in native_defects_test.cpp.
#include "native_support.h"
#include "qemu/tests/throws.h"

#include <fstream>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace assay::qemu {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

TEST_F(NativeExecutorTest, ReturnsWhatTheOracleReturns) {
  const Program program =
      compile("export func @f(i32, i64, f64, i8) -> i64, f64, i8 {\n^entry(%a: i32, %b: i64, %c: f64, %d: i8):\n"
              "  %e = sext.i64.i32 %a\n  %f = add.i64 %b, %e\n  %g = fadd.f64 %c, %c\n  %h = add.i8 %d, %d\n"
              "  return %f, %g, %h\n}\n");
  const Outcome out = check(program, "f", {0xffffffff, 43, 0x3ff0000000000000, 0x81});
  EXPECT_EQ(out.values, (std::vector<u64>{42, 0x4000000000000000, 2}));
}

std::string many(u32 count) {
  const char* const types[] = {"i32", "f64", "i8", "i64", "f32", "i16"};
  std::string params, names, list;
  for (u32 i = 0; i < count; ++i) {
    const std::string comma = i == 0 ? "" : ", ";
    params += comma + types[i % 6];
    names += comma + "%p" + std::to_string(i) + ": " + types[i % 6];
    list += comma + "%p" + std::to_string(i);
  }
  return "import @id(" + params + ") -> " + params + "\nexport func @f(" + params + ") -> " + params + " {\n^entry(" +
         names + "):\n  return " + list + "\n}\nexport func @g(" + params + ") -> " + params + " {\n^entry(" + names +
         "):\n  tail_call @id(" + list + ")\n}\n";
}

TEST_F(NativeExecutorTest, ManyArgumentsAndResultsTravelOnTheStack) {
  for (const Os os : {Os::Linux, Os::Windows}) {
    const Program program = compile(many(40), os);
    std::vector<u64> args;
    for (u32 i = 0; i < 40; ++i)
      args.push_back((0x8182838485868788u + i) & bit_mask(program.module.params_of(program.module.functions[1])[i]));
    EXPECT_EQ(check(program, "f", args).values, args) << name_of(os);
    EXPECT_EQ(check(program, "g", args).values, args) << name_of(os);
    EXPECT_EQ(check(program, "id", args).values, args) << name_of(os);
  }
}

TEST_F(NativeExecutorTest, EachRunStartsAfresh) {
  const Program program = compile(
      "memory 100 200000\ndata 0 \"\\05\"\nglobal @g : i32 = 7\nexport func @f() -> i64, i32, i32 {\n^entry():\n"
      "  %z = const.i32 0\n  %one = const.i32 1\n  %a = load.i64 %z, 0\n  %b = global_get.i32 @g\n"
      "  %c = memory_grow.i32 %one\n  %n = const.i64 -1\n  store.i64 %z, 0, %n\n  store.i64 %z, 65600, %n\n"
      "  global_set.i32 @g, %z\n  return %a, %b, %c\n}\n");
  for (int i = 0; i < 3; ++i) {
    const Outcome out = check(program, "f", {});
    EXPECT_EQ(out.values, (std::vector<u64>{5, 7, 0}));
    EXPECT_EQ(out.memory.size(), 65636u);
    EXPECT_EQ(out.globals, std::vector<u64>{0});
  }
}

TEST_F(NativeExecutorTest, TrapsTellTheirPosition) {
  const Program program =
      compile("func @inner(i32) -> i32 {\n^entry(%x: i32):\n  %one = const.i32 1\n  jump ^next\n^next:\n"
              "  %q = div_u.i32 %one, %x\n  return %q\n}\n"
              "export func @f(i32) -> i32 {\n^entry(%x: i32):\n  %q = call @inner(%x)\n  return %q\n}\n");
  const Outcome out = check(program, "f", {0});
  EXPECT_EQ(out.kind, OutcomeKind::Trapped);
  EXPECT_EQ(to_string(program.module, out), "trapped div_by_zero at @inner ^b1 #0");
}

TEST_F(NativeExecutorTest, ThrownAndDirectTrapsAreTheSameOutcome) {
  const Program program =
      compile("global @g : i32 = 1\nfunc @inner(i32) -> i32 {\n^entry(%x: i32):\n  global_set.i32 @g, %x\n"
              "  %q = div_u.i32 %x, %x\n  return %q\n}\n"
              "export func @f(i32) -> i32 {\n^entry(%x: i32):\n  %q = call @inner(%x)\n  return %q\n}\n");
  for (const u32 one_in : {1u, 0x7fffffffu}) {
    executor_ = make({.throw_traps_one_in = one_in});
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(check(program, "f", {0}).trap, TrapKind::DivByZero);
      EXPECT_EQ(check(program, "f", {3}).values, std::vector<u64>{1});
    }
  }
}

TEST_F(NativeExecutorTest, OutOfFuelLeavesNoFuel) {
  const Program program = compile("export func @f() {\n^entry():\n  jump ^loop\n^loop:\n  fuel 7\n  jump ^loop\n}\n");
  const Outcome out = check(program, "f", {}, 1000);
  EXPECT_EQ(out.trap, TrapKind::OutOfFuel);
  EXPECT_EQ(out.fuel_left, 0u);
}

TEST_F(NativeExecutorTest, EndlessRecursionTrapsStackOverflow) {
  const Program program = compile(
      "export func @f(i64) -> i64 {\n^entry(%x: i64):\n  %r = call @f(%x)\n  %s = add.i64 %r, %x\n  return %s\n}\n");
  ASSERT_TRUE(executor_->load(program.module, program.object));
  Outcome out;
  for (int i = 0; i < 3; ++i) {
    executor_->run(0, std::vector<u64>{1}, kFuel, host_, out);
    ASSERT_EQ(to_string(program.module, out), "trapped stack_overflow at @f ^b0 #0");
  }
}

const char* const kHostCalls = R"(
import @log(i8, f32) -> i64
import @call_back(i64) -> i64
import @throw_x()
func @leaf(i64) {
^entry(%x: i64):
  %a = trunc.i8.i64 %x
  %b = const.f32 0x1p+0
  %r = call @log(%a, %b)
  return
}
export func @callee(i64) -> i64 {
^entry(%x: i64):
  %one = const.i64 1
  %y = sub.i64 %x, %one
  call @leaf(%y)
  %zero = const.i64 0
  %done = le_s.i64 %y, %zero
  branch %done, ^end, ^more
^more:
  %r = call @call_back(%y)
  jump ^end
^end:
  return %y
}
export func @throws(i64) -> i64 {
^entry(%x: i64):
  %r = call @callee(%x)
  call @throw_x()
  return %r
}
)";

TEST_F(NativeExecutorTest, HostCallsAreRecordedWithTheCallStackThroughReentry) {
  const Program program = compile(kHostCalls);
  const Outcome out = check(program, "callee", {3});
  ASSERT_EQ(out.trace.size(), 5u);
  EXPECT_EQ(out.trace.back().frame_count, 4u) << "leaf and callee, three activations deep";
  EXPECT_EQ(trace_to_string(program.module, out).empty(), false);
}

TEST_F(NativeExecutorTest, ThrowsAreRecordedAmongHostCallsWithTheCallStack) {
  const Program program = compile(kThrows);
  EXPECT_EQ(trace_to_string(program.module, check(program, "through_host", {5})), kThroughHostTrace);
  EXPECT_EQ(trace_to_string(program.module, check(program, "thrower", {0})),
            "throw @bad(0, -0x0p+0) at @thrower ^b2 #1\n");
  EXPECT_EQ(trace_to_string(program.module, check(program, "host", {1})),
            "@throw_x(1) at @host ^b0 #0\nrethrow host exception at @host ^b2 #0\n");
}

TEST_F(NativeExecutorTest, StopsRecordingFramesOfThrowsPastTheLimit) {
  const Program program = compile(kThrows);
  EXPECT_EQ(check(program, "many", {300}).frames.size(), 301u * 302 / 2 - 1);
  Outcome out;
  executor_->run(program.find("many"), std::vector<u64>{800}, kFuel, host_, out);
  EXPECT_EQ(out.kind, OutcomeKind::Returned) << out.text;
  EXPECT_EQ(out.frames.size(), kMaxRecordedFrames + 1);
}

TEST_F(NativeExecutorTest, HostExceptionsComeOutWithTheirText) {
  const Program program = compile(kHostCalls);
  const Outcome out = check(program, "throws", {2});
  EXPECT_EQ(to_string(program.module, out), "threw host \"throw_x\"");
}

TEST_F(NativeExecutorTest, TrapsPassThroughHostFramesOfReentry) {
  const Program program =
      compile("import @call_back(i64)\nexport func @t(i64) {\n^entry(%x: i64):\n  trap user3\n}\n"
              "export func @f() {\n^entry():\n  %x = const.i64 1\n  call @call_back(%x)\n  return\n}\n");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(check(program, "f", {}).trap, TrapKind::User3);
}

// ---- life time ------------------------------------------------------------------------------------------

const char* const kStore = "memory 64\nexport func @f(i64) {\n^entry(%x: i64):\n  store.i64 %x, 0, %x\n  return\n}\n";

/// Executable ones, none of which may be writable.
u32 code_mappings() {
  u32 count = 0;
#if defined(_WIN32)
  MEMORY_BASIC_INFORMATION at = {};
  for (const u8* next = nullptr; VirtualQuery(next, &at, sizeof at) != 0;
       next = static_cast<const u8*>(at.BaseAddress) + at.RegionSize) {
    if (at.State != MEM_COMMIT || at.Type == MEM_IMAGE) continue; // program and libraries are images
    EXPECT_EQ(at.Protect & (PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY), 0u) << at.BaseAddress;
    count += (at.Protect & (PAGE_EXECUTE | PAGE_EXECUTE_READ)) != 0;
  }
#else
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t rights = line.find(' ') + 1;
    EXPECT_FALSE(line[rights + 1] == 'w' && line[rights + 2] == 'x') << line;
    count += line[rights + 2] == 'x';
  }
#endif
  return count;
}

class Strategies : public NativeExecutorTest, public testing::WithParamInterface<int> {
protected:
  static NativeOptions options() {
    NativeOptions out;
    if (GetParam() == 0) return out;
    out.install.one_at_a_time = false;
    out.install.verify_unwind = true;
    out.install.strategy = GetParam() == 1 ? os::MemoryStrategy::Protect : os::MemoryStrategy::DualMap;
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Memory, Strategies, testing::Values(0, 1, 2));

TEST_P(Strategies, ThousandsOfLoadsLeaveNoMapping) {
  const Program a = compile(kHostCalls), b = compile(kStore);
  ASSERT_TRUE(executor_->load(a.module, a.object)); // so that the fixture's own executor has an executable mapping
  const u32 before = code_mappings();
  {
    executor_ = make(options());
    Outcome out;
    for (int i = 0; i < 3000; ++i) {
      ASSERT_TRUE(executor_->load(a.module, a.object));
      executor_->run(a.find("throws"), std::vector<u64>{1}, kFuel, host_, out);
      ASSERT_EQ(out.kind, OutcomeKind::ThrewHost);
      ASSERT_TRUE(executor_->load(b.module, b.object));
      executor_->run(0, std::vector<u64>{100}, kFuel, host_, out);
      ASSERT_EQ(out.trap, TrapKind::OutOfBounds);
    }
    EXPECT_LE(code_mappings(), before + 2);
    executor_.reset();
  }
  EXPECT_EQ(code_mappings(), before - 1) << "the fixture's own executor is gone, too";
}

TEST_F(NativeExecutorTest, CodeOfAnotherTargetIsRefused) {
  Program program = compile(kStore);
  const Target other = host_target() == Target::X64 ? Target::A64 : Target::X64;
  program.object.target = other;
  EXPECT_FALSE(executor_->load(program.module, program.object));
  EXPECT_FALSE(executor_->can(other, Os::Linux));
  EXPECT_TRUE(executor_->can(host_target(), Os::Windows));
}

constexpr std::string_view kManyFrames =
    "import @log(i64)\nexport func @loop(i64) {\n^e(%n: i64):\n  jump ^head(%n)\n^head(%i: i64):\n  branch %i, ^body, ^end\n"
    "^body:\n  call @log(%i)\n  %one = const.i64 1\n  %less = sub.i64 %i, %one\n  jump ^head(%less)\n^end:\n  return\n}\n"
    "export func @down(i64) {\n^e(%n: i64):\n  call @log(%n)\n  branch %n, ^more, ^end\n^more:\n  %one = const.i64 1\n"
    "  %less = sub.i64 %n, %one\n  call @down(%less)\n  return\n^end:\n  return\n}\n";

TEST_F(NativeExecutorTest, DeepCallStacksAreRecordedAsByTheOracle) {
  const Program program = compile(kManyFrames);
  EXPECT_EQ(check(program, "down", {700}).frames.size(), 701u * 702 / 2);
}

TEST_F(NativeExecutorTest, StopsRecordingFramesPastTheLimitAndAgreesWithNoRunWithinIt) {
  const Program program = compile(kManyFrames);
  const Outcome most = check(program, "loop", {kMaxRecordedFrames});
  EXPECT_EQ(most.frames.size(), kMaxRecordedFrames);
  Outcome out;
  executor_->run(program.find("loop"), std::vector<u64>{u64{kMaxRecordedFrames} + 1000}, kFuel, host_, out);
  EXPECT_EQ(out.frames.size(), kMaxRecordedFrames + 1);
  EXPECT_EQ(compare(program.module, out, most), Agreement::Differ);
  executor_->run(program.find("down"), std::vector<u64>{3000}, kFuel, host_, out);
  EXPECT_EQ(out.kind, OutcomeKind::Returned);
  EXPECT_EQ(out.frames.size(), kMaxRecordedFrames + 1);
}

#endif

} // namespace
} // namespace assay::qemu
