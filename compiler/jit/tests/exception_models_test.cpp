// exception_models_test.cpp - traps, hardware faults, host and AIR exceptions past compiled and host frames in turn,
// with the
// system's unwinder and without it: what the caller sees is the same.
#include "assay/engine.h"
#include "compiler/os/call_stack.h"
#include "compiler/os/fault_handler.h"
#include "compiler/os/unwind_registry.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>

namespace assay {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

constexpr const char* kText = R"(
tag @tagged(i64)
import @host(i64) -> i64

func @fail(i64) -> i64 {
^e(%how: i64):
  %zero = const.i64 0
  switch.i64 %how [1: ^divide, 2: ^fault, 3: ^throw, 4: ^deep], ^fine
^divide:
  %q = div_s.i64 %how, %zero
  return %q
^fault:
  %p = const.ptr 16
  %w = pload.i64 %p, 0
  return %w
^throw:
  throw @tagged(%how)
^deep:
  %r = call @fail(%how)
  %s = add.i64 %r, %how
  return %s
^fine:
  return %how
}

export func @nest(i64) -> i64 {
^e(%n: i64):
  %a = mul.i64 %n, %n
  %r = call @host(%n)
  %s = add.i64 %r, %a
  return %s
}

export func @call_fail(i64) -> i64 {
^e(%how: i64):
  %a = mul.i64 %how, %how
  %r = call @fail(%how)
  %s = add.i64 %r, %a
  return %s
}
)";
constexpr int64_t kDivide = 1, kFault = 2, kThrow = 3, kDeep = 4, kFine = 5;

/// Nested through the host `kLevels` times; the innermost host function fails in some way.
class Models : public testing::TestWithParam<ExceptionModel> {
protected:
  static constexpr int kLevels = 20;
  Models() : engine_(options()) {
    engine_.bind("host", [this](int64_t n) -> int64_t {
      const Counted counted{*this};
      return n > 0 ? (*nest_)(n - 1) : innermost_();
    });
    auto program = engine_.load_text(kText);
    EXPECT_TRUE(program) << program.error().to_string();
    program_.emplace(*program);
    nest_.emplace(program_->function<int64_t(int64_t)>("nest").value());
    call_fail_.emplace(program_->function<int64_t(int64_t)>("call_fail").value());
  }
  static EngineOptions options() {
    EngineOptions out;
    out.exceptions = GetParam();
    return out;
  }
  /// Every host frame's object was destroyed, once.
  void expect_all_destroyed() {
    EXPECT_EQ(made_, kLevels + 1);
    EXPECT_EQ(destroyed_, kLevels + 1);
    EXPECT_EQ(alive_, 0);
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    made_ = destroyed_ = 0;
  }
  struct Counted {
    explicit Counted(Models& owner) : models(owner) {
      ++models.made_;
      ++models.alive_;
    }
    ~Counted() {
      ++models.destroyed_;
      --models.alive_;
    }
    Models& models;
  };

  Engine engine_;
  std::optional<Instance> program_;
  std::optional<TypedFunction<int64_t(int64_t)>> nest_, call_fail_;
  std::function<int64_t()> innermost_;
  int made_ = 0, destroyed_ = 0, alive_ = 0;
};

TEST_P(Models, AreWhatWasAskedFor) { EXPECT_EQ(program_->exceptions(), GetParam()); }

TEST_P(Models, WithoutAFailureReturn) {
  innermost_ = [&] { return (*call_fail_)(kFine); };
  EXPECT_EQ((*nest_)(kLevels), 30 + kLevels * (kLevels + 1) * (2 * kLevels + 1) / 6);
  expect_all_destroyed();
}

TEST_P(Models, TrapsBelowHostFramesArriveTyped) {
  for (const auto& [how, kind] : {std::pair{kDivide, TrapKind::DivByZero}, std::pair{kFault, TrapKind::OutOfBounds},
                                  std::pair{kDeep, TrapKind::StackOverflow}}) {
    for (int again = 0; again < 3; ++again) {
      innermost_ = [&, asked = how] { return (*call_fail_)(asked); };
      try {
        (*nest_)(kLevels);
        FAIL() << "it returned";
      } catch (const TrapException& trap) {
        EXPECT_EQ(trap.kind(), kind);
        EXPECT_EQ(trap.position().function, program_->module().find_function("fail"));
      }
      expect_all_destroyed();
      const auto result = nest_->try_call(kLevels);
      ASSERT_TRUE(result.has_trapped());
      EXPECT_EQ(result.trap(), kind);
      expect_all_destroyed();
    }
  }
}

TEST_P(Models, AirExceptionsBelowHostFramesArriveTyped) {
  innermost_ = [&] { return (*call_fail_)(kThrow); };
  try {
    (*nest_)(kLevels);
    FAIL() << "it returned";
  } catch (const AirException& exception) {
    EXPECT_EQ(exception.tag(), 0u);
    EXPECT_EQ(exception.payload(), std::vector<u64>{kThrow});
  }
  expect_all_destroyed();
}

TEST_P(Models, HostExceptionsArriveAsTheSameObject) {
  const std::exception* thrown = nullptr;
  struct Noted : std::runtime_error {
    explicit Noted(const std::exception** where) : std::runtime_error("noted") { *where = this; }
  };
  innermost_ = [&]() -> int64_t { throw Noted(&thrown); };
  for (int again = 0; again < 100; ++again) {
    try {
      (*nest_)(kLevels);
      FAIL() << "it returned";
    } catch (const Noted& exception) {
      EXPECT_EQ(&exception, thrown);
    }
    expect_all_destroyed();
  }
}

TEST_P(Models, AHostFunctionMayCatchAndGoOn) {
  innermost_ = [&]() -> int64_t {
    int64_t caught = 0;
    for (const int64_t how : {kDivide, kFault, kThrow, kDeep}) {
      try {
        (*call_fail_)(how);
      } catch (const std::exception&) {
        ++caught;
      }
    }
    return caught;
  };
  EXPECT_EQ((*nest_)(1), 5);
}

TEST_P(Models, HandlersInCompiledCodeWorkOrAreRefusedWhenLoaded) {
  const auto loaded = engine_.load_text(
      "import @host(i64) -> i64\nexport func @f(i64) -> i64 {\n^e(%n: i64):\n  try_call @host(%n) -> ^ok, catch_all ^all(%n)\n"
      "^ok(%r: i64):\n  return %r\n^all(%exn: ptr, %k: i64):\n  return %k\n}\n");
  if (GetParam() == ExceptionModel::Defer) {
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().kind, ErrorKind::Unsupported);
    EXPECT_NE(loaded.error().message.find("deferred"), std::string::npos);
  } else {
    ASSERT_TRUE(loaded.ok());
    innermost_ = []() -> int64_t { throw 1; };
    EXPECT_EQ(loaded->function<int64_t(int64_t)>("f").value()(0), 0);
  }
}

TEST_P(Models, OnlyUnwindTellsTheUnwinder) {
  std::vector<u64> stack;
  innermost_ = [&] {
    stack = os::call_stack();
    return int64_t{0};
  };
  (*nest_)(2);
  u64 compiled = 0, known = 0;
  for (const u64 address : stack) {
    if (!os::in_code_range(address - 1)) continue;
    ++compiled;
    known += os::unwinder_finds(reinterpret_cast<const u8*>(address - 1));
  }
  if (GetParam() == ExceptionModel::Unwind) {
    EXPECT_EQ(compiled, 9u) << "three times the way in, the function, and the way out";
    EXPECT_EQ(known, compiled);
  } else {
    EXPECT_EQ(known, 0u);
  }
}

/// The addresses lead to the functions, in their order, and beyond them to the frames of whoever called in.
TEST_P(Models, TheSystemsCallStackPassesCompiledFrames) {
  if (GetParam() == ExceptionModel::Defer) GTEST_SKIP() << "skipped: frames are not registered in this model";
  std::vector<u64> stack;
  innermost_ = [&] {
    stack = os::call_stack();
    return int64_t{0};
  };
  const std::vector<u64> outside = os::call_stack();
  (*nest_)(kLevels);
  std::vector<bool> is_compiled;
  for (const u64 address : stack) is_compiled.push_back(os::in_code_range(address - 1));
  u64 runs = 0;
  for (std::size_t i = 1; i < is_compiled.size(); ++i) runs += is_compiled[i] && !is_compiled[i - 1];
  EXPECT_EQ(runs, kLevels + 1u);
  ASSERT_GT(outside.size(), 3u);
  // All but this very function's frame is the same.
  EXPECT_TRUE(std::equal(outside.rbegin(), outside.rend() - 2, stack.rbegin()));
}

INSTANTIATE_TEST_SUITE_P(All, Models, testing::Values(ExceptionModel::Unwind, ExceptionModel::Defer),
                         [](const auto& chosen) {
                           return chosen.param == ExceptionModel::Unwind ? "Unwind" : "Defer";
                         });

TEST(ExceptionModel, IsUnwindWhereItWorks) {
  Engine engine;
  const auto program = engine.load_text("export func @f() {\n^e:\n  return\n}\n");
  ASSERT_TRUE(program);
  EXPECT_EQ(program->exceptions(), ExceptionModel::Unwind);
}

#else
TEST(ExceptionModel, OnThisHost) { GTEST_SKIP() << "skipped: no code for this host"; }
#endif

} // namespace
} // namespace assay
