// exceptions_test.cpp - handlers in compiled code, with real C++ exceptions and host frames in between.
#include "assay/engine.h"
#include "assay/outcome.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>

namespace assay {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

template <typename T> T take(Result<T> result) {
  EXPECT_TRUE(result) << result.error().to_string();
  return std::move(result).value();
}

/// Throws whatever the test wants; calls back; hands out handlers' results.
constexpr const char* kProgram = R"(
tag @small(i8, f32)
tag @pair(i64, f64)
import @host(i64) -> i64

func @thrower(i64) -> i64 {
^e(%n: i64):
  %b = trunc.i8.i64 %n
  %f = i2f_s.f32.i64 %n
  throw @small(%b, %f)
}

export func @call(i64) -> i64 {
^e(%n: i64):
  %r = call @host(%n)
  return %r
}

; what was caught, as a number
export func @catch(i64) -> i64, f64 {
^e(%n: i64):
  %zero = const.f64 0x0p+0
  try_call @host(%n) -> ^ok(%zero), catch @pair ^pair, catch @small ^small, catch_all ^all(%n)
^ok(%r: i64, %z: f64):
  return %r, %z
^pair(%a: i64, %b: f64):
  return %a, %b
^small(%s: i8, %f: f32):
  %w = zext.i64.i8 %s
  %g = fpromote.f64.f32 %f
  return %w, %g
^all(%exn: ptr, %k: i64):
  %minus = const.i64 -1
  %h = i2f_s.f64.i64 %k
  return %minus, %h
}

export func @catch_own(i64) -> i64, f64 {
^e(%n: i64):
  try_call @thrower(%n) -> ^ok, catch @small ^small
^ok(%r: i64):
  %z = const.f64 0x0p+0
  return %r, %z
^small(%s: i8, %f: f32):
  %w = zext.i64.i8 %s
  %g = fpromote.f64.f32 %f
  return %w, %g
}

export func @pass_on(i64) -> i64 {
^e(%n: i64):
  try_call @host(%n) -> ^ok, catch_all ^all
^ok(%r: i64):
  return %r
^all(%exn: ptr):
  rethrow %exn
}

export func @throw_out(i64) -> i64 {
^e(%n: i64):
  %r = call @thrower(%n)
  return %r
}

; catches n exceptions one after another, then rethrows the first
export func @keep(i64) -> i64 {
^e(%n: i64):
  %zero = const.i64 0
  try_call @host(%zero) -> ^none, catch_all ^first
^none(%r: i64):
  return %r
^first(%exn: ptr):
  jump ^head(%n, %exn)
^head(%k: i64, %keep: ptr):
  %z = const.i64 0
  %done = eq.i64 %k, %z
  branch %done, ^out, ^again
^again:
  try_call @host(%k) -> ^none, catch_all ^next
^next(%x: ptr):
  %one = const.i64 1
  %less = sub.i64 %k, %one
  jump ^head(%less, %keep)
^out:
  rethrow %keep
}

func @throw_on(ptr) -> i64 {
^e(%exn: ptr):
  rethrow %exn
}

; catches an exception and n others, throws the first on and catches that; tells the host; throws the first on once more
export func @keep_two(i64) -> i64 {
^e(%n: i64):
  %zero = const.i64 0
  try_call @host(%zero) -> ^none, catch_all ^first
^none(%r: i64):
  return %r
^first(%exn: ptr):
  jump ^head(%n, %exn)
^head(%k: i64, %keep: ptr):
  try_call @host(%k) -> ^none, catch_all ^next
^next(%x: ptr):
  %one = const.i64 1
  %less = sub.i64 %k, %one
  branch %less, ^head(%less, %keep), ^full
^full:
  try_call @throw_on(%keep) -> ^none, catch_all ^again
^again(%y: ptr):
  %minus = const.i64 -1
  %s = call @host(%minus)
  rethrow %keep
}
)";

class Exceptions : public testing::Test {
protected:
  Exceptions() {
    engine_.bind("host", [this](int64_t n) { return host_(n); });
    program_.emplace(take(engine_.load_text(kProgram)));
  }
  template <typename Signature> auto function(const char* name) { return take(program_->function<Signature>(name)); }
  using Caught = std::tuple<int64_t, double>;

  Engine engine_;
  std::optional<Instance> program_;
  std::function<int64_t(int64_t)> host_;
};

TEST_F(Exceptions, EachClauseTakesWhatItNames) {
  const auto f = function<Caught(int64_t)>("catch");
  host_ = [](int64_t n) { return 2 * n; };
  EXPECT_EQ(f(21), Caught(42, 0.0));
  host_ = [](int64_t n) -> int64_t { throw AirException(1, {static_cast<u64>(n), 0x3ff0000000000000u}); };
  EXPECT_EQ(f(7), Caught(7, 1.0));
  host_ = [](int64_t) -> int64_t { throw AirException(0, {0xffffff85u, 0x40000000u}); };
  EXPECT_EQ(f(7), Caught(0x85, 2.0)); // bits above the payload's types do not count
  host_ = [](int64_t) -> int64_t { throw std::runtime_error("unknown"); };
  EXPECT_EQ(f(9), Caught(-1, 9.0));
  host_ = [](int64_t) -> int64_t { throw 17; };
  EXPECT_EQ(f(10), Caught(-1, 10.0));
}

TEST_F(Exceptions, OwnExceptionsAreCaughtAndLeaveAsTypedOnes) {
  EXPECT_EQ(function<Caught(int64_t)>("catch_own")(200), Caught(200, 200.0));
  try {
    function<int64_t(int64_t)>("throw_out")(-3);
    FAIL() << "it returned";
  } catch (const AirException& e) {
    EXPECT_EQ(e.tag(), 0u);
    EXPECT_EQ(e.payload(), (std::vector<u64>{0xfd, 0xc0400000u}));
  }
}

TEST_F(Exceptions, WithAnUnknownTagOrPayloadOnlyCatchAllTakesIt) {
  const auto f = function<Caught(int64_t)>("catch");
  host_ = [](int64_t) -> int64_t { throw AirException(99, {}); };
  EXPECT_EQ(f(1), Caught(-1, 1.0));
  host_ = [](int64_t) -> int64_t { throw AirException(1, {1}); };
  EXPECT_EQ(f(2), Caught(-1, 2.0));
}

TEST_F(Exceptions, TagsOfAnotherModuleDoNotMatch) {
  const Instance other =
      take(engine_.load_text("tag @other(i8, f32)\nfunc @t() {\n^e:\n  %a = const.i8 1\n  %b = const.f32 0x0p+0\n"
                             "  throw @other(%a, %b)\n}\nexport func @go() {\n^e:\n  call @t()\n  return\n}\n"));
  const auto go = take(other.function<void()>("go"));
  host_ = [&](int64_t) -> int64_t {
    go();
    return 0;
  };
  EXPECT_EQ(function<Caught(int64_t)>("catch")(5), Caught(-1, 5.0));
}

TEST_F(Exceptions, TrapsPassEveryHandler) {
  host_ = [](int64_t) -> int64_t { throw TrapException(TrapKind::User3, {0, 0, 0}); };
  EXPECT_THROW(function<Caught(int64_t)>("catch")(1), TrapException);
}

/// Cannot be mistaken for another: it knows its address, and is never copied.
struct Unique : std::exception {
  explicit Unique(const void** where) { *where = this; }
  Unique(const Unique&) = delete;
};

TEST_F(Exceptions, RethrowThrowsTheSameObjectThroughHostFramesWhoseDestructorsRunOnce) {
  const void* thrown = nullptr;
  int destroyed = 0, depth = 0;
  struct Counter {
    int& count;
    ~Counter() { ++count; }
  };
  const auto pass_on = function<int64_t(int64_t)>("pass_on");
  host_ = [&](int64_t n) -> int64_t {
    const Counter counter{destroyed};
    if (++depth == 10) throw Unique(&thrown);
    return pass_on(n);
  };
  try {
    pass_on(1);
    FAIL() << "it returned";
  } catch (const Unique& e) {
    EXPECT_EQ(&e, thrown);
  }
  EXPECT_EQ(destroyed, 10);
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST_F(Exceptions, AHeldExceptionLivesUntilItIsThrownOn) {
  int alive = 0;
  struct Counted {
    Counted(int& alive_now, int64_t number) : count(&alive_now), which(number) { ++*count; }
    Counted(const Counted& other) : count(other.count), which(other.which) { ++*count; }
    ~Counted() { --*count; }
    int* count;
    int64_t which;
  };
  host_ = [&](int64_t n) -> int64_t { throw Counted(alive, n); };
  try {
    function<int64_t(int64_t)>("keep")(100);
    FAIL() << "it returned";
  } catch (const Counted& e) {
    EXPECT_EQ(e.which, 0);
    EXPECT_EQ(alive, 1) << "the others were let go when the call ended";
  }
  EXPECT_EQ(alive, 0);
}

TEST_F(Exceptions, OnlyTheLatestAreHeld) {
  bool first_was_held = false;
  host_ = [&](int64_t n) -> int64_t {
    if (n >= 0) throw n;
    first_was_held = true;
    return 0;
  };
  // As many as can be held, then one more.
  EXPECT_THROW(function<int64_t(int64_t)>("keep_two")(kHeldExceptions - 1), TrapException);
  EXPECT_TRUE(first_was_held);
}

TEST_F(Exceptions, ManyInARowLeaveNothingBehind) {
  const auto f = function<Caught(int64_t)>("catch");
  host_ = [](int64_t n) -> int64_t { throw AirException(1, {static_cast<u64>(n), 0}); };
  for (int64_t i = 0; i < 20000; ++i) ASSERT_EQ(f(i), Caught(i, 0.0));
}

/// 1.8 MB on x64, so that fields of 20 and of 16 bits are too small for its length: on Windows on ARM64 it is
/// fragments.
TEST(ExceptionsOfLargeFunctions, LeaveFromTheLastInstruction) {
  std::string text = "tag @oops(i64)\nglobal @g : i64 = 0\nexport func @big(i64) -> i64 {\n^e(%v: i64):\n";
  for (u32 i = 0; i < 260'000; ++i) text += "  global_set.i64 @g, %v\n";
  text +=
      "  throw @oops(%v)\n}\n"
      "export func @main(i64) -> i64 {\n^e(%n: i64):\n  try_call @big(%n) -> ^ok, catch @oops ^caught\n"
      "^ok(%r: i64):\n  return %r\n^caught(%p: i64):\n  %two = const.i64 2\n  %d = mul.i64 %p, %two\n  return %d\n}\n";
  EngineOptions options;
  options.level = Level::O0;
  const Instance instance = take(Engine(options).load_text(text));
  const auto main = take(instance.function<int64_t(int64_t)>("main"));
  const auto big = take(instance.function<int64_t(int64_t)>("big"));
  EXPECT_EQ(main(21), 42);
  try {
    big(7);
    FAIL() << "it returned";
  } catch (const AirException& exception) {
    EXPECT_EQ(exception.payload()[0], 7u);
  }
}

#else
TEST(Exceptions, OnThisHost) { GTEST_SKIP() << "skipped: no code for this host"; }
#endif

} // namespace
} // namespace assay
