// engine_test.cpp - the embedding API: types, signatures, errors, exceptions, ownership.
#include "assay/engine.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

template <typename T> T take(Result<T> result) {
  EXPECT_TRUE(result) << result.error().to_string();
  return std::move(result).value();
}

class EngineTest : public testing::TestWithParam<Level> {
protected:
  static EngineOptions options() {
    EngineOptions out;
    out.level = GetParam();
    return out;
  }
  Engine engine_{options()};
};
INSTANTIATE_TEST_SUITE_P(Levels, EngineTest, testing::Values(Level::O0, Level::O2),
                         [](const auto& p) { return p.param == Level::O0 ? "O0" : "O2"; });

TEST_P(EngineTest, EveryTypeGoesInAndOut) {
  std::tuple<int8_t, uint16_t, int32_t, uint64_t, float, double, void*> seen;
  engine_.bind("see", [&](int8_t a, uint16_t b, int32_t c, uint64_t d, float e, double f, void* g) {
    seen = {a, b, c, d, e, f, g};
    return std::tuple(g, f, e, d, c, b, a);
  });
  const Instance program = take(engine_.load_text(
      "import @see(i8, i16, i32, i64, f32, f64, ptr) -> ptr, f64, f32, i64, i32, i16, i8\n"
      "export func @f(i8, i16, i32, i64, f32, f64, ptr) -> ptr, f64, f32, i64, i32, i16, i8 {\n"
      "^entry(%a: i8, %b: i16, %c: i32, %d: i64, %e: f32, %f: f64, %g: ptr):\n"
      "  %1, %2, %3, %4, %5, %6, %7 = call @see(%a, %b, %c, %d, %e, %f, %g)\n  return %1, %2, %3, %4, %5, %6, %7\n}\n"));
  using Out = std::tuple<void*, double, float, uint64_t, int32_t, uint16_t, int8_t>;
  const auto f = take(program.function<Out(int8_t, uint16_t, int32_t, uint64_t, float, double, void*)>("f"));
  int here = 0;
  EXPECT_EQ(f(-1, 65535, -5, ~u64{0}, 1.5f, -2.5, &here), Out(&here, -2.5, 1.5f, ~u64{0}, -5, 65535, -1));
  EXPECT_EQ(seen, (std::tuple<int8_t, uint16_t, int32_t, uint64_t, float, double, void*>(-1, 65535, -5, ~u64{0}, 1.5f,
                                                                                         -2.5, &here)));
}

TEST_P(EngineTest, WrongSignaturesAreErrorsThatShowBoth) {
  const Instance program =
      take(engine_.load_text("export func @f(i32) -> i64 {\n^entry(%x: i32):\n  %y = zext.i64.i32 %x\n  return %y\n}\n"
                             "func @private() {\n^entry():\n  return\n}\n"));
  const auto wrong = program.function<int32_t(int32_t)>("f");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "@f has type (i32) -> i64, asked for as (i32) -> i32");
  EXPECT_FALSE((program.function<int64_t(int32_t, int32_t)>("f")));
  EXPECT_FALSE(program.function<void()>("private"));
  EXPECT_FALSE(program.function<void()>("absent"));
  EXPECT_TRUE(program.function<uint64_t(unsigned)>("f"));
}

TEST_P(EngineTest, WhatNobodyCanCallIsNotNeeded) {
  const Instance nothing = take(engine_.load_text("global @g : i32 = 7\nfunc @f() {\n^e:\n  return\n}\n"));
  EXPECT_EQ(take(nothing.global<int32_t>("g")), 7);
  const Instance copied =
      take(engine_.load_text("func @divide(i32) -> i32 {\n^e(%x: i32):\n  %y = div_s.i32 %x, %x\n  return %y\n}\n"
                             "export func @f(i32) -> i32 {\n^e(%x: i32):\n  %y = call @divide(%x)\n  return %y\n}\n"));
  const auto f = take(copied.function<int32_t(int32_t)>("f"));
  EXPECT_EQ(f(5), 1);
  const auto trapped = f.try_call(0);
  ASSERT_TRUE(trapped.has_trapped());
  EXPECT_EQ(trapped.position().function, 0u); // though that has no code of its own
}

TEST_P(EngineTest, ImportsMustBeBoundWithTheirType) {
  const char* const text = "import @h(i64) -> f64\nexport func @f() {\n^entry():\n  return\n}\n";
  const auto unbound = engine_.load_text(text);
  ASSERT_FALSE(unbound);
  EXPECT_EQ(unbound.error().message, "import @h(i64) -> f64 is not bound");
  engine_.bind("h", [](int32_t) { return 0.0; });
  const auto mistyped = engine_.load_text(text);
  ASSERT_FALSE(mistyped);
  EXPECT_EQ(mistyped.error().message, "import @h(i64) -> f64 is bound to a function of type (i32) -> f64");
  engine_.bind("h", [](int64_t) { return 0.0; });
  EXPECT_TRUE(engine_.load_text(text));
}

TEST_P(EngineTest, BadTextIsAnErrorWithItsPlace) {
  const auto bad = engine_.load_text("export func @f() {\n^entry():\n  retrun\n}\n", "x.air");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().line, 3u);
}

TEST_P(EngineTest, TrapsAreExceptionsOrValues) {
  const Instance program = take(engine_.load_text(
      "export func @f(i32) {\n^entry(%x: i32):\n  branch %x, ^bad, ^good\n^bad:\n  trap user9\n^good:\n  return\n}\n"));
  const auto f = take(program.function<void(int32_t)>("f"));
  EXPECT_NO_THROW(f(0));
  EXPECT_THROW(f(1), TrapException);
  EXPECT_TRUE(f.try_call(0).ok());
  const auto result = f.try_call(1);
  ASSERT_TRUE(result.has_trapped());
  EXPECT_EQ(result.trap(), TrapKind::User9);
  EXPECT_EQ(result.position(), (Position{0, 1, 0}));
}

TEST_P(EngineTest, HostExceptionsAreExceptionsOrValues) {
  engine_.bind("h", [] { throw std::out_of_range("far"); });
  const Instance program =
      take(engine_.load_text("import @h()\nexport func @f() {\n^entry():\n  call @h()\n  return\n}\n"));
  const auto f = take(program.function<void()>("f"));
  EXPECT_THROW(f(), std::out_of_range);
  const auto result = f.try_call();
  EXPECT_FALSE(result.ok() || result.has_trapped());
  EXPECT_THROW(std::rethrow_exception(result.exception()), std::out_of_range);
}

TEST_P(EngineTest, FuelIsABudget) {
  const Instance program = take(engine_.load_text("export func @f() {\n^entry():\n  fuel 10\n  return\n}\n"));
  const auto f = take(program.function<void()>("f"));
  f();
  program.set_fuel(25);
  f();
  f();
  EXPECT_EQ(program.fuel(), 5u);
  EXPECT_EQ(f.try_call().trap(), TrapKind::OutOfFuel);
  EXPECT_EQ(program.fuel(), 0u);
}

TEST_P(EngineTest, GlobalsAndMemoryAreSharedWithTheHost) {
  const Instance program = take(engine_.load_text(
      "memory 16\nglobal @g : f64 = 0x1p+1\nexport func @f() -> f64 {\n^entry():\n  %z = const.i32 8\n"
      "  %a = load.f64 %z, 0\n  %b = global_get.f64 @g\n  %c = fadd.f64 %a, %b\n"
      "  global_set.f64 @g, %c\n  return %c\n}\n"));
  const double one = 1;
  std::memcpy(program.memory().data() + 8, &one, 8);
  ASSERT_TRUE(program.set_global("g", 4.0));
  EXPECT_EQ(take(program.function<double()>("f"))(), 5.0);
  EXPECT_EQ(take(program.global<double>("g")), 5.0);
  EXPECT_FALSE(program.global<int64_t>("g"));
  EXPECT_FALSE(program.global<double>("absent"));
  program.reset();
  EXPECT_EQ(take(program.global<double>("g")), 2.0);
}

TEST_P(EngineTest, InstancesDoNotShareState) {
  const char* const text =
      "memory 8\nglobal @g : i32 = 0\nexport func @f() -> i32 {\n^entry():\n  %one = const.i32 1\n  %a = global_get.i32 @g\n"
      "  %b = add.i32 %a, %one\n  global_set.i32 @g, %b\n  return %b\n}\n";
  const Instance a = take(engine_.load_text(text)), b = take(engine_.load_text(text));
  EXPECT_EQ(take(a.function<int32_t()>("f"))(), 1);
  EXPECT_EQ(take(a.function<int32_t()>("f"))(), 2);
  EXPECT_EQ(take(b.function<int32_t()>("f"))(), 1);
}

TEST_P(EngineTest, AFunctionKeepsEverythingAlive) {
  std::optional<TypedFunction<int64_t(int64_t)>> f;
  auto alive = std::make_shared<int>(0);
  {
    Engine engine(options());
    engine.bind("h", [alive](int64_t x) { return x + 1; });
    const Instance program = take(engine.load_text(
        "import @h(i64) -> i64\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  %r = call @h(%x)\n  return %r\n}\n"));
    f = take(program.function<int64_t(int64_t)>("f"));
  }
  EXPECT_EQ((*f)(41), 42);
  EXPECT_EQ(alive.use_count(), 2);
  f.reset();
  EXPECT_EQ(alive.use_count(), 1) << "the last handle releases engine, code and bound functions";
}

TEST_P(EngineTest, RecursionThroughTheHostWorks) {
  std::optional<TypedFunction<int64_t(int64_t)>> f;
  engine_.bind("again", [&](int64_t n) { return (*f)(n); });
  const Instance program = take(engine_.load_text(
      "import @again(i64) -> i64\nexport func @f(i64) -> i64 {\n^entry(%n: i64):\n"
      "  branch %n, ^more, ^end(%n)\n^more:\n  %one = const.i64 1\n  %m = sub.i64 %n, %one\n"
      "  %r = call @again(%m)\n  %s = add.i64 %r, %n\n  jump ^end(%s)\n^end(%x: i64):\n  return %x\n}\n"));
  f = take(program.function<int64_t(int64_t)>("f"));
  EXPECT_EQ((*f)(100), 5050);
  EXPECT_EQ(f->try_call(1000).trap(), TrapKind::StackOverflow);
}

TEST_P(EngineTest, ThousandsOfInstancesComeAndGo) {
  for (int i = 0; i < 2000; ++i) {
    const Instance program =
        take(engine_.load_text("memory 100\nexport func @f() -> i32 {\n^entry():\n  %r = const.i32 " +
                               std::to_string(i) + "\n  return %r\n}\n"));
    ASSERT_EQ(take(program.function<int32_t()>("f"))(), i);
  }
}

#endif

} // namespace
} // namespace assay
