// process_test.cpp - workers report how they ended, and share memory with their parent.
#include "fuzz/os/process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <new>

namespace assay::fuzz {
namespace {

WorkerStatus wait_for(Worker& worker) {
  WorkerStatus status;
  do {
    sleep_ms(1);
    status = poll_worker(worker);
  } while (status.state == WorkerStatus::Running);
  return status;
}

class Process : public testing::Test {
protected:
  void SetUp() override {
    if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
  }
};

TEST_F(Process, exit_status_of_a_worker_is_reported) {
  auto worker = start_worker([] { return 3; });
  ASSERT_TRUE(worker.ok());
  const WorkerStatus status = wait_for(*worker);
  EXPECT_EQ(status.state, WorkerStatus::Exited);
  EXPECT_EQ(status.code, 3);
}

TEST_F(Process, signal_that_ends_a_worker_is_named) {
  auto worker = start_worker([] {
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
    return 0;
  });
  ASSERT_TRUE(worker.ok());
  const WorkerStatus status = wait_for(*worker);
  EXPECT_EQ(status.state, WorkerStatus::Killed);
  EXPECT_EQ(status.what, "signal SIGABRT");
}

TEST_F(Process, shared_memory_shows_what_a_worker_wrote) {
  auto memory = SharedMemory::create(64);
  ASSERT_TRUE(memory.ok());
  auto* cell = new (memory->data()) std::atomic<u32>(0);
  auto worker = start_worker([&] {
    cell->store(42);
    return 0;
  });
  ASSERT_TRUE(worker.ok());
  wait_for(*worker);
  EXPECT_EQ(cell->load(), 42u);
}

TEST_F(Process, capture_keeps_what_a_worker_wrote_to_the_error_stream) {
  auto capture = ErrorCapture::begin();
  ASSERT_TRUE(capture.ok());
  auto worker = start_worker([] {
    std::fprintf(stderr, "from the worker\n");
    return 0;
  });
  ASSERT_TRUE(worker.ok());
  wait_for(*worker);
  std::fprintf(stderr, "from the parent\n");
  EXPECT_EQ(capture->end(), "from the worker\nfrom the parent\n");
  EXPECT_EQ(capture->end(), "");
}

TEST(ProcessAlone, error_stream_is_shown_again_after_a_capture) {
  testing::internal::CaptureStderr();
  auto capture = ErrorCapture::begin();
  ASSERT_TRUE(capture.ok());
  std::fprintf(stderr, "kept\n");
  EXPECT_EQ(capture->end(), "kept\n");
  std::fprintf(stderr, "shown\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "shown\n");
}

TEST_F(Process, killed_worker_is_gone) {
  auto worker = start_worker([] {
    for (;;) sleep_ms(1000);
    return 0;
  });
  ASSERT_TRUE(worker.ok());
  EXPECT_EQ(poll_worker(*worker).state, WorkerStatus::Running);
  kill_worker(*worker);
  EXPECT_EQ(worker->process, 0);
}

TEST(ProcessAlone, cpu_time_grows_with_work) {
  const double before = cpu_seconds();
  volatile u64 sum = 0;
  while (cpu_seconds() - before < 0.01) sum = sum + 1;
  EXPECT_GT(sum, 0u);
}

TEST_F(Process, companion_answers_and_tells_how_it_died) {
  auto companion = Companion::start([](std::string_view question) {
    if (question != "die") return std::string(question) + "!";
    std::signal(SIGABRT, SIG_DFL);
    std::fputs("last words\n", stderr);
    std::abort();
  });
  ASSERT_TRUE(companion.ok()) << companion.error().to_string();
  std::string answer;
  const std::string large(1 << 20, 'x'); // more than a socket holds
  for (const std::string& question : {std::string("a"), std::string(), large}) {
    ASSERT_TRUE(companion->ask(question));
    ASSERT_EQ(companion->answer(10'000, answer), Companion::Reply::Ready);
    EXPECT_EQ(answer, question + "!");
  }
  ASSERT_TRUE(companion->ask("die"));
  EXPECT_EQ(companion->answer(10'000, answer), Companion::Reply::Died);
  EXPECT_EQ(companion->end(), "signal SIGABRT");
  std::string words = companion->words();
#ifdef ASSAY_EMULATED // the emulator adds words of its own
  words.resize(std::min(words.size(), words.find("qemu: ")));
#endif
  EXPECT_EQ(words, "last words\n");
}

TEST_F(Process, companion_that_is_late_can_be_ended) {
  auto companion = Companion::start([](std::string_view) {
    sleep_ms(60'000);
    return std::string();
  });
  ASSERT_TRUE(companion.ok());
  std::string answer;
  ASSERT_TRUE(companion->ask("wait"));
  EXPECT_EQ(companion->answer(20, answer), Companion::Reply::Late);
}

} // namespace
} // namespace assay::fuzz
