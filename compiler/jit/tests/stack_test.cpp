// stack_test.cpp - how deep compiled code may go: on a thread's own stack, a small one, and one that the embedder made.
#include "assay/engine.h"

#include <gtest/gtest.h>

#include <vector>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__GLIBC__)
#include <ucontext.h>
#endif

namespace assay {
namespace {

#if !defined(_WIN32) && (defined(__x86_64__) || defined(__aarch64__))

// @f(n): n levels of calls.
constexpr const char* kLevels = R"(export func @f(i64) -> i64 {
^entry(%n: i64):
  branch %n, ^more, ^end(%n)
^more:
  %one = const.i64 1
  %m = sub.i64 %n, %one
  %r = call @f(%m)
  %s = add.i64 %r, %n
  jump ^end(%s)
^end(%x: i64):
  return %x
}
)";

using Levels = TypedFunction<int64_t(int64_t)>;

class StackTest : public testing::TestWithParam<Level> {
protected:
  static Levels load(u64 stack_bytes) {
    EngineOptions options;
    options.level = GetParam();
    options.stack_bytes = stack_bytes;
    auto program = Engine(options).load_text(kLevels);
    EXPECT_TRUE(program) << program.error().to_string();
    return program->function<int64_t(int64_t)>("f").value();
  }
};
INSTANTIATE_TEST_SUITE_P(EveryLevel, StackTest, testing::Values(Level::O0, Level::O2),
                         [](const auto& p) { return p.param == Level::O0 ? "O0" : "O2"; });

/// A hundred levels fit, and a million trap, here.
void expect_bounded(const Levels& f) {
  const auto few = f.try_call(100), many = f.try_call(1'000'000);
  ASSERT_TRUE(few.ok());
  EXPECT_EQ(few.value(), 5050);
  ASSERT_TRUE(many.has_trapped());
  EXPECT_EQ(many.trap(), TrapKind::StackOverflow);
}

/// On a thread with so much stack.
void expect_bounded_on_thread(std::size_t stack_bytes, Levels f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, stack_bytes), 0);
  pthread_t thread;
  const auto body = [](void* given) -> void* {
    expect_bounded(*static_cast<Levels*>(given));
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &f), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_P(StackTest, OfTheThreadBoundsWhatMayGoFurther) { expect_bounded_on_thread(1 << 20, load(u64{1} << 40)); }

// It has less than what is left to the host elsewhere.
TEST_P(StackTest, OfASmallThreadHasRoomForCompiledCode) { expect_bounded_on_thread(192 * 1024, load(1 << 20)); }

#if defined(__GLIBC__)

ucontext_t outside, inside;
Levels* on_fiber = nullptr;

TEST_P(StackTest, OfAFiberIsAsDeepAsTheEmbedderSays) {
  constexpr std::size_t kBytes = 512 * 1024;
  std::vector<char> memory(kBytes); // far from the thread's stack
  Levels f = load(kBytes / 2);
  on_fiber = &f;
  ASSERT_EQ(getcontext(&inside), 0);
  inside.uc_stack.ss_sp = memory.data();
  inside.uc_stack.ss_size = kBytes;
  inside.uc_link = &outside;
  makecontext(
      &inside, +[] { expect_bounded(*on_fiber); }, 0);
  ASSERT_EQ(swapcontext(&outside, &inside), 0);
}

#endif
#endif

} // namespace
} // namespace assay
