// instance_test.cpp - in and out of compiled code: calls, traps, exceptions through its frames, and the walk over them.
//
// The object under test is compiled from AIR text; host functions are C++ with destructors to count.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/jit/instance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace assay::jit {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

class InstanceTest : public testing::Test, protected ImportHandler {
protected:
  void load(std::string_view text, Level level = Level::O0, u32 max_registers = 0) {
    auto parsed = parse_and_verify(text);
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    ASSERT_TRUE(installer_->uninstall(code_)); // of an earlier load
    module_ = std::move(parsed).value();
    CompileOptions options;
    options.level = level;
    options.max_registers = max_registers;
    Compiler compiler(options);
    const auto compiled = compiler.compile(module_, object_);
    ASSERT_TRUE(compiled) << compiled.error().to_string();
    const auto installed = installer_->install(object_, code_);
    ASSERT_TRUE(installed) << installed.error().to_string();
    const auto loaded = instance_.load(module_, code_, *this);
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    instance_.set_fuel(1000000);
  }
  ~InstanceTest() override { EXPECT_TRUE(installer_->uninstall(code_)); }

  std::vector<u64> call(std::string_view name, std::vector<u64> args) {
    const FunctionId id = module_.find_function(name);
    std::vector<u64> results(module_.results_of(module_.functions[id]).size());
    instance_.invoke(id, args, results);
    return results;
  }

  void expect_registers_back(const std::string& type, u64 seed);

  void on_import(Instance&, FunctionId import, std::span<const u64> args, std::span<u64> results) override {
    host_(module_.functions[import].name, args, results);
  }

  Module module_;
  CodeObject object_;
  Result<Installer> installer_ = Installer::create({}, (*process_stubs())->trap_entry);
  Installed code_;
  Instance instance_;
  std::function<void(std::string_view, std::span<const u64>, std::span<u64>)> host_;
};

const char* const kThroughHost = R"(
import @host(i64) -> i64
func @inner(i64) -> i64 {
^entry(%x: i64):
  %r = call @host(%x)
  %s = add.i64 %r, %x
  return %s
}
export func @outer(i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64):
  %r = call @inner(%a)
  %s = call @inner(%b)
  %t = mul.i64 %c, %d
  %u = add.i64 %r, %s
  %v = add.i64 %u, %t
  return %v
}
)";

TEST_F(InstanceTest, CallsAndHostCallsReturn) {
  load(kThroughHost);
  host_ = [](std::string_view, std::span<const u64> args, std::span<u64> results) { results[0] = args[0] * 10; };
  EXPECT_EQ(call("outer", {1, 2, 3, 4}), std::vector<u64>{11 + 22 + 12});
}

struct Counted {
  explicit Counted(int& c) : count(c) {}
  ~Counted() { ++count; }
  int& count;
};

TEST_F(InstanceTest, HostExceptionPassesThroughCompiledFramesAndDestroysHostFramesOnce) {
  load(kThroughHost);
  int destroyed = 0, depth = 0;
  host_ = [&](std::string_view, std::span<const u64> args, std::span<u64> results) {
    const Counted counted(destroyed);
    if (++depth == 20) throw std::runtime_error("deep");
    results[0] = call("outer", {args[0], 0, 0, 0})[0];
  };
  // Values that the compiler of this test may keep in callee-saved registers across the throw.
  volatile u64 seed = 17;
  const u64 a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11;
  std::string what;
  try {
    call("outer", {1, 2, 3, 4});
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "deep");
  EXPECT_EQ(destroyed, 20);
  EXPECT_EQ(a + b + c + d, 17u * 26);
  EXPECT_EQ(instance_.activation_count(), 0u);
}

TEST_F(InstanceTest, TrapPassesThroughHostFrames) {
  load("import @host()\nexport func @outer() {\n^entry():\n  call @host()\n  return\n}\n"
       "export func @bad(i32) -> i32 {\n^entry(%x: i32):\n  jump ^b\n^b:\n  %q = rem_s.i32 %x, %x\n  return %q\n}\n");
  int destroyed = 0;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    const Counted counted(destroyed);
    call("bad", {0});
  };
  for (int i = 1; i <= 100; ++i) {
    try {
      call("outer", {});
      FAIL();
    } catch (const TrapException& trap) {
      EXPECT_EQ(trap.kind(), TrapKind::DivByZero);
      EXPECT_EQ(trap.position(), (Position{module_.find_function("bad"), 1, 0}));
    }
    ASSERT_EQ(destroyed, i);
  }
  EXPECT_TRUE(instance_.frames_intact());
}

TEST_F(InstanceTest, TrapComesBackAsAValueWhenNoHostFrameLiesBetween) {
  load(
      "import @host()\nexport func @bad(i32) {\n^entry(%x: i32):\n  branch %x, ^t, ^r\n^t:\n  trap user5\n^r:\n  return\n}\n"
      "export func @outer() {\n^entry():\n  call @host()\n  return\n}\n");
  int destroyed = 0;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    const Counted counted(destroyed);
    call("bad", {1});
  };
  TrapValue trap;
  const FunctionId bad = module_.find_function("bad"), outer = module_.find_function("outer");
  EXPECT_TRUE(instance_.try_invoke(bad, std::vector<u64>{0}, {}, trap));
  for (int i = 1; i < 10; ++i) {
    ASSERT_FALSE(instance_.try_invoke(bad, std::vector<u64>{1}, {}, trap));
    EXPECT_EQ(trap.kind, TrapKind::User5);
    EXPECT_EQ(trap.position, (Position{bad, 1, 0}));
    EXPECT_EQ(instance_.activation_count(), 0u);
    EXPECT_THROW(instance_.try_invoke(outer, {}, {}, trap), TrapException) << "a host frame lies between";
    EXPECT_EQ(destroyed, i);
    EXPECT_THROW(call("bad", {1}), TrapException);
  }
}

TEST_F(InstanceTest, WhoCatchesWhatLeavesTheOutermostCallEndsIt) {
  load("import @host()\nexport func @outer(i32) {\n^entry(%x: i32):\n  branch %x, ^t, ^c\n^t:\n  trap user5\n^c:\n"
       "  call @host()\n  return\n}\n");
  bool throws = false;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    EXPECT_EQ(instance_.activation_count(), 1u);
    if (throws) throw 17;
  };
  const FunctionId outer = module_.find_function("outer");
  const auto enter = [&](u64 arg, TrapValue& trap) {
    EntryFrame frame;
    instance_.place(outer, {&arg, 1}, frame);
    return instance_.try_enter_outermost(outer, frame, trap);
  };
  for (int i = 0; i < 10; ++i) {
    TrapValue trap;
    throws = false;
    EXPECT_TRUE(enter(0, trap));
    EXPECT_EQ(instance_.activation_count(), 0u);
    EXPECT_FALSE(enter(1, trap));
    EXPECT_EQ(trap.kind, TrapKind::User5);
    EXPECT_EQ(instance_.activation_count(), 0u);
    throws = true;
    EXPECT_THROW(static_cast<void>(enter(0, trap)), int);
    instance_.end_outermost();
    EXPECT_EQ(instance_.activation_count(), 0u);
    EXPECT_EQ(instance_.context().entry_fp, 0u);
  }
}

TEST_F(InstanceTest, HostMayCatchATrapAndTheRunGoesOn) {
  load(
      "import @host() -> i64\nexport func @outer() -> i64 {\n^entry():\n  %a = call @host()\n  %b = call @host()\n  %c = add.i64 %a, %b\n"
      "  return %c\n}\nexport func @bad() {\n^entry():\n  trap user7\n}\n");
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64> results) {
    try {
      call("bad", {});
    } catch (const TrapException&) {
      results[0] = 21;
    }
  };
  EXPECT_EQ(call("outer", {}), std::vector<u64>{42});
}

TEST_F(InstanceTest, ExceptionsCrossFramesThatSaveEveryRegister) {
  std::string text = "import @host(i64) -> i64\nexport func @outer(i64) -> i64 {\n^entry(%v0: i64):\n";
  for (int i = 1; i < 20; ++i) text += "  %v" + std::to_string(i) + " = mul.i64 %v" + std::to_string(i - 1) + ", %v0\n";
  text += "  %h = call @host(%v0)\n  %s0 = add.i64 %h, %v0\n";
  for (int i = 1; i < 20; ++i)
    text += "  %s" + std::to_string(i) + " = add.i64 %s" + std::to_string(i - 1) + ", %v" + std::to_string(i) + "\n";
  text += "  return %s19\n}\n";
  load(text);
  int thrown = 0;
  host_ = [&](std::string_view, std::span<const u64> args, std::span<u64> results) {
    if (args[0] == 1) throw std::logic_error("one");
    results[0] = 0;
    try {
      call("outer", {1});
    } catch (const std::logic_error&) {
      ++thrown;
    }
  };
  EXPECT_EQ(call("outer", {2}), std::vector<u64>{(u64{1} << 21) - 2});
  EXPECT_EQ(thrown, 1);
}

/// @outer has many values of the type go round a loop in which it calls the host.
std::string with_many_live_values(const std::string& type) {
  const std::string add = type == "f64" ? "fadd" : "add";
  std::string parameters = "%p: i64", first = "%n", next = "%r", body = "  %r = sub.i64 %p, %one\n";
  for (int i = 0; i < 8; ++i) {
    const std::string n = std::to_string(i), other = std::to_string((i + 1) % 8);
    parameters += ", %p" + n + ": " + type;
    first += ", %x";
    next += ", %r" + n;
    body += "  %r" + n + " = " + add + "." + type + " %p" + n + ", %p" + other + "\n";
  }
  return "tag @t(i64)\nimport @host(i64) -> i64\nexport func @throws(i64) {\n^e(%n: i64):\n  throw @t(%n)\n}\n"
         "export func @outer(i64, " +
         type + ") -> " + type + ", " + type + " {\n^e(%n: i64, %x: " + type + "):\n  jump ^head(" + first +
         ")\n^head(" + parameters + "):\n  %one = call @host(%p)\n" + body + "  branch %r, ^head(" + next +
         "), ^out\n^out:\n  return %r0, %r7\n}\n";
}

/// What @outer keeps in registers, where its convention has some that calls keep, while a host function that it called
/// catches, is as it was.
void InstanceTest::expect_registers_back(const std::string& type, u64 seed) {
  load(with_many_live_values(type), Level::O2);
  const std::vector<u64> args{3, seed};
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64> results) { results[0] = 1; };
  const std::vector<u64> expected = call("outer", args);
  for (const bool air : {false, true}) {
    int depth = 0, caught = 0, destroyed = 0;
    host_ = [&](std::string_view, std::span<const u64>, std::span<u64> results) {
      const Counted counted(destroyed);
      results[0] = 1;
      if (depth == 2 && air) call("throws", {7});
      if (depth == 2) throw std::runtime_error("thrown");
      ++depth;
      try {
        EXPECT_EQ(call("outer", args), expected);
      } catch (const std::exception&) {
        ++caught;
      }
      --depth;
    };
    EXPECT_EQ(call("outer", args), expected);
    EXPECT_EQ(caught, 9);
    EXPECT_EQ(destroyed, 3 + 9 + 9);
  }
}

TEST_F(InstanceTest, IntegersInRegistersAreBackWhereAHostFunctionCatches) { expect_registers_back("i64", 5); }

/// What the system does when a handler has been found, without any code of ours.
bool system_restores_vectors() {
#if defined(_WIN32) && (defined(__aarch64__) || defined(_M_ARM64))
  volatile bool again = false;
  CONTEXT context, now;
  RtlCaptureContext(&context); // and on from here
  if (again) {
    RtlCaptureContext(&now);
    return now.V[8].Low == 0x1234;
  }
  again = true;
  context.V[8].Low = 0x1234;
  RtlRestoreContext(&context, nullptr);
#endif
  return true;
}

TEST_F(InstanceTest, FloatsInRegistersAreBackWhereAHostFunctionCatches) {
  if (!system_restores_vectors())
    GTEST_SKIP() << "skipped: this system's RtlRestoreContext, by which it goes on in a handler, does not restore d8";
  expect_registers_back("f64", 0x3ff8000000000000); // 1.5
}

TEST_F(InstanceTest, WalkListsTheFramesOfEveryActivation) {
  load(kThroughHost);
  std::vector<std::vector<Position>> stacks;
  host_ = [&](std::string_view, std::span<const u64> args, std::span<u64>) {
    instance_.walk(stacks.emplace_back());
    if (args[0] != 0) call("outer", {args[0] - 1, 0, 0, 0});
  };
  call("inner", {1});
  const FunctionId inner = module_.find_function("inner"), outer = module_.find_function("outer");
  ASSERT_EQ(stacks.size(), 3u);
  EXPECT_EQ(stacks[0], (std::vector<Position>{{inner, 0, 0}}));
  EXPECT_EQ(stacks[1], (std::vector<Position>{{inner, 0, 0}, {outer, 0, 0}, {inner, 0, 0}}));
  EXPECT_EQ(stacks[2], (std::vector<Position>{{inner, 0, 0}, {outer, 0, 1}, {inner, 0, 0}}));
  EXPECT_TRUE(instance_.frames_intact());
}

TEST_F(InstanceTest, WalkOfAnotherModuleInTheSamePlaceGivesItsOwnPositions) {
  std::vector<Position> stack;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    stack.clear();
    instance_.walk(stack);
  };
  const std::string head = "import @note(i64)\n",
                    f = "export func @f(i64) {\n^e(%x: i64):\n  call @note(%x)\n  return\n}\n";
  const std::string g = "export func @g(i64) {\n^e(%x: i64):\n  jump ^b\n^b:\n  call @note(%x)\n  return\n}\n";
  for (const auto& [text, name, block] :
       {std::tuple{head + f, "f", 0u}, std::tuple{head + g, "g", 1u}, std::tuple{head + f, "f", 0u}}) {
    load(text);
    call(name, {1});
    call(name, {1});
    EXPECT_EQ(stack, (std::vector<Position>{{1, block, 0}}));
  }
}

TEST_F(InstanceTest, WalkStopsWhenThereAreAsManyAsAskedFor) {
  load(
      "import @note(i64)\nexport func @down(i64) {\n^e(%n: i64):\n  branch %n, ^more, ^end\n^more:\n  %one = const.i64 1\n"
      "  %less = sub.i64 %n, %one\n  call @down(%less)\n  return\n^end:\n  call @note(%n)\n  return\n}\n");
  std::vector<Position> all, some(3), none(7);
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    instance_.walk(all);
    instance_.walk(some, 103);
    instance_.walk(none, 7);
  };
  call("down", {200});
  ASSERT_EQ(all.size(), 201u);
  EXPECT_EQ(all.front(), (Position{1, 2, 0}));
  EXPECT_EQ(all.back(), (Position{1, 1, 2}));
  ASSERT_EQ(some.size(), 103u);
  EXPECT_TRUE(std::equal(some.begin() + 3, some.end(), all.begin()));
  EXPECT_EQ(none.size(), 7u);
  EXPECT_TRUE(instance_.frames_intact());
}

const char* const kThrows = R"(
tag @a(i8, i64)
import @host(i64)
func @thrower(i64) -> i64 {
^e(%n: i64):
  %b = trunc.i8.i64 %n
  throw @a(%b, %n)
}
export func @leaves(i64) -> i64 {
^e(%n: i64):
  %one = const.i64 1
  %r = call @thrower(%n)
  %s = add.i64 %r, %one
  return %s
}
)";

/// Its handler rethrows.
const char* const kRethrows = R"(
tag @a(i8, i64)
import @host(i64)
export func @again(i64) {
^e(%n: i64):
  %one = const.i64 1
  try_call @host(%n) -> ^ok, catch_all ^hx
^ok:
  return
^hx(%exn: ptr):
  rethrow %exn
}
)";

struct Seen {
  static void note(void* with, const Instance& instance, const Thrown& thrown) {
    Seen& seen = *static_cast<Seen*>(with);
    ++seen.count;
    seen.again = thrown.again;
    seen.tag = thrown.tag;
    seen.payload.assign(thrown.payload.begin(), thrown.payload.end());
    seen.frames.clear();
    instance.walk(seen.frames);
    EXPECT_TRUE(instance.unwinder_finds(seen.frames));
  }
  u32 count = 0;
  bool again = false;
  TagId tag = kNone;
  std::vector<u64> payload;
  std::vector<Position> frames;
};

TEST_F(InstanceTest, ObserverSeesTheThrowBeforeItFlies) {
  for (const ExceptionModel model : {ExceptionModel::Unwind, ExceptionModel::Defer}) {
    ASSERT_TRUE(installer_->uninstall(code_));
    InstallOptions options;
    options.exceptions = model;
    installer_ = Installer::create(options, (*process_stubs())->trap_entry);
    load(kThrows);
    EXPECT_THROW(call("leaves", {0x1ff}), AirException) << "nobody observes";
    Seen seen;
    instance_.observe_throws(&Seen::note, &seen);
    EXPECT_THROW(call("leaves", {0x1ff}), AirException);
    EXPECT_EQ(seen.count, 1u);
    EXPECT_FALSE(seen.again);
    EXPECT_EQ(seen.tag, 0u);
    EXPECT_EQ(seen.payload, (std::vector<u64>{0xff, 0x1ff}));
    EXPECT_EQ(seen.frames, (std::vector<Position>{{1, 0, 1}, {2, 0, 1}}));
    EXPECT_TRUE(instance_.frames_intact());
    instance_.observe_throws(nullptr, nullptr);
    EXPECT_THROW(call("leaves", {1}), AirException);
    EXPECT_EQ(seen.count, 1u);
  }
}

TEST_F(InstanceTest, ObserverIsToldWhatARethrownExceptionIsToThisModule) {
  load(kRethrows);
  Seen seen;
  instance_.observe_throws(&Seen::note, &seen);
  const int other_module = 0;
  host_ = [&](std::string_view, std::span<const u64> args, std::span<u64>) {
    switch (args[0]) {
    case 0: throw AirException(0, {1, 2});
    case 1: throw AirException(0, {1, 2}, &other_module);
    case 2: throw AirException(0, {1});
    case 3: throw AirException(1, {});
    default: throw std::runtime_error("x");
    }
  };
  for (u64 n = 0; n < 5; ++n) {
    EXPECT_ANY_THROW(call("again", {n}));
    EXPECT_EQ(seen.count, n + 1);
    EXPECT_TRUE(seen.again);
    EXPECT_EQ(seen.tag, n == 0 ? 0 : kNone) << n;
    EXPECT_EQ(seen.payload, n == 0 ? (std::vector<u64>{1, 2}) : std::vector<u64>()) << n;
    EXPECT_EQ(seen.frames, (std::vector<Position>{{1, 2, 0}}));
  }
}

TEST_F(InstanceTest, UnwinderFindsTheFramesOfAllActivationsAndNoOthers) {
  load(kThroughHost);
  u32 depth = 0;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64> results) {
    if (++depth < 3) results[0] = call("outer", {1, 2, 3, 4})[0];
    if (depth != 3 || results[0] != 0) return;
    std::vector<Position> frames;
    instance_.walk(frames);
    ASSERT_EQ(frames.size(), 6u);
    EXPECT_TRUE(instance_.unwinder_finds(frames));
    EXPECT_FALSE(instance_.unwinder_finds(std::span(frames).first(frames.size() - 1)));
    ++frames[1].inst;
    EXPECT_FALSE(instance_.unwinder_finds(frames));
    --frames[1].inst;
    frames.push_back({});
    EXPECT_FALSE(instance_.unwinder_finds(frames));
  };
  call("outer", {1, 2, 3, 4});
  EXPECT_EQ(depth, 4u + 2u);
}

TEST_F(InstanceTest, NestingBeyondTheLimitTrapsStackOverflow) {
  load(kThroughHost);
  u32 deepest = 0;
  host_ = [&](std::string_view, std::span<const u64>, std::span<u64>) {
    deepest = std::max(deepest, instance_.activation_count());
    call("outer", {0, 0, 0, 0});
  };
  try {
    call("outer", {0, 0, 0, 0});
    FAIL();
  } catch (const TrapException& trap) {
    EXPECT_EQ(trap.kind(), TrapKind::StackOverflow);
  }
  EXPECT_LE(deepest, kMaxActivations);
  EXPECT_GT(deepest, 100u);
}

TEST_F(InstanceTest, ResetRestoresMemoryGlobalsAndSize) {
  load(
      "memory 10 200000\ndata 2 \"hi\"\nglobal @g : i16 = 5\nexport func @f() -> i32 {\n^entry():\n  %one = const.i32 1\n  %z = const.i32 0\n"
      "  %n = const.i16 -1\n  store.i16 %one, 1, %n\n  global_set.i16 @g, %n\n  %r = memory_grow.i32 %one\n  return %r\n}\n");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(call("f", {}), std::vector<u64>{0});
    EXPECT_EQ(instance_.memory().size(), 65546u);
    EXPECT_EQ(instance_.globals()[0], 0xffffu);
    instance_.reset();
    EXPECT_EQ(instance_.memory().size(), 10u);
    EXPECT_EQ(instance_.memory().base()[2], 'h');
    EXPECT_EQ(instance_.globals()[0], 5u);
  }
}

TEST_F(InstanceTest, GrowthBeyondTheMaximumIsRefusedWithMinusOne) {
  load(
      "memory 65536 131072\nexport func @f(i64) -> i64, i64 {\n^entry(%n: i64):\n  %r = memory_grow.i64 %n\n  %s = memory_size.i64\n"
      "  return %r, %s\n}\n");
  EXPECT_EQ(call("f", {2}), (std::vector<u64>{~u64{0}, 1}));
  EXPECT_EQ(call("f", {~u64{0}}), (std::vector<u64>{~u64{0}, 1}));
  EXPECT_EQ(call("f", {1}), (std::vector<u64>{1, 2}));
  EXPECT_EQ(call("f", {1}), (std::vector<u64>{~u64{0}, 2}));
}

TEST_F(InstanceTest, RuntimeArithmeticIsThereForProcessorsWithoutIt) {
  load(
      "export func @f(f64, f64, f64, f32) -> f64, f64, f64, f64, f64, f32 {\n^entry(%a: f64, %b: f64, %c: f64, %d: f32):\n"
      "  %1 = fma.f64 %a, %b, %c\n  %2 = fceil.f64 %a\n  %3 = ffloor.f64 %a\n  %4 = ftrunc.f64 %a\n  %5 = fnearest.f64 %a\n"
      "  %6 = fnearest.f32 %d\n  return %1, %2, %3, %4, %5, %6\n}\n");
  const auto bits = [](double x) {
    u64 out;
    std::memcpy(&out, &x, 8);
    return out;
  };
  EXPECT_EQ(call("f", {bits(2.5), bits(2), bits(1), 0xc0200000}), // -2.5f
            (std::vector<u64>{bits(6), bits(3), bits(2), bits(2), bits(2), 0xc0000000}));
}

TEST_F(InstanceTest, RuntimeFusedMultiplyAddRoundsOnce) {
  load(
      "export func @f(f64, f64, f64) -> f64 {\n^e(%a: f64, %b: f64, %c: f64):\n  %r = fma.f64 %a, %b, %c\n  return %r\n}\n");
  // (1 + 2^-52)^2 + 2^53 is just above a tie, and a tie when the sum is rounded to 64 bits first.
  EXPECT_EQ(call("f", {0x3ff0000000000001, 0x3ff0000000000001, 0x4340000000000000}),
            std::vector<u64>{0x4340000000000001});
}

TEST_F(InstanceTest, TableCallsReachTheirFunctions) {
  load("table [@a, null, @b]\nfunc @a() -> i32 {\n^entry():\n  %r = const.i32 1\n  return %r\n}\n"
       "func @b() -> i32 {\n^entry():\n  %r = const.i32 2\n  return %r\n}\n"
       "export func @f(i32) -> i32 {\n^entry(%i: i32):\n  %r = call_indirect () -> i32 %i()\n  return %r\n}\n");
  EXPECT_EQ(call("f", {0}), std::vector<u64>{1});
  EXPECT_EQ(call("f", {2}), std::vector<u64>{2});
  EXPECT_THROW(call("f", {1}), TrapException);
  EXPECT_THROW(call("f", {3}), TrapException);
}

#endif

} // namespace
} // namespace assay::jit
