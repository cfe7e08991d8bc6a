// limits_test.cpp - memory that a process may have, locks that go with their process, writes that fail instead of
// killing.
#include "fuzz/os/limits.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>
#ifndef _WIN32
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace assay::fuzz {
namespace {

namespace fs = std::filesystem;

class Limits : public testing::Test {
protected:
  void SetUp() override {
    if (!can_fork()) GTEST_SKIP() << "this system cannot fork a process";
    path_ = (fs::temp_directory_path() / ("assay-limits-" + std::to_string(process_id()))).string();
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  static WorkerStatus wait(Worker worker) {
    for (int i = 0; i < 20000; ++i) {
      const WorkerStatus status = poll_worker(worker);
      if (status.state != WorkerStatus::Running) return status;
      sleep_ms(1);
    }
    kill_worker(worker);
    return {};
  }
  static int end_of(const std::function<int()>& body) {
    auto worker = start_worker(body);
    EXPECT_TRUE(worker.ok());
    return worker ? wait(*worker).code : -1;
  }
  std::string path_;
};

TEST_F(Limits, memory_beyond_the_limit_ends_the_process_with_its_own_status) {
#if defined(__SANITIZE_ADDRESS__) || !defined(__linux__)
  GTEST_SKIP() << "no such limit here";
#else
  if (end_of([] { return limit_memory(u64{1} << 40) ? 0 : 1; }) != 0)
    GTEST_SKIP() << "the emulator underneath keeps no limit of memory";
  const auto take = [](std::size_t mib) {
    return end_of([mib] {
      if (!limit_memory(u64{256} << 20)) return 1;
      std::vector<std::unique_ptr<char[]>> all;
      for (std::size_t i = 0; i < mib; ++i) all.emplace_back(new char[1 << 20]);
      return 0;
    });
  };
  EXPECT_EQ(take(32), 0);
  EXPECT_EQ(take(1024), kOutOfMemoryStatus);
#endif
}

TEST_F(Limits, memory_in_use_is_known) {
  auto worker = start_worker([] {
    std::vector<char> taken(64 << 20, 'x');
    sleep_ms(30000);
    return static_cast<int>(taken[5]);
  });
  ASSERT_TRUE(worker.ok());
  u64 most = 0;
  for (int i = 0; i < 5000 && most < (u64{60} << 20); ++i) {
    most = std::max(most, resident_bytes(*worker));
    sleep_ms(1);
  }
  kill_worker(*worker);
#ifdef __linux__
  EXPECT_GE(most, u64{60} << 20);
#endif
}

TEST_F(Limits, lock_is_held_by_one_process_until_it_ends) {
  auto worker = start_worker([this] {
    const auto lock = FileLock::take(path_);
    std::ofstream(path_ + ".ready") << "x";
    sleep_ms(30000);
    return lock.ok() ? 0 : 1;
  });
  ASSERT_TRUE(worker.ok());
  while (!fs::exists(path_ + ".ready")) sleep_ms(1);
  const auto refused = FileLock::take(path_);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("another campaign uses it (process "), std::string::npos)
      << refused.error().message;
  kill_worker(*worker);
  fs::remove(path_ + ".ready");
  EXPECT_TRUE(FileLock::take(path_).ok()) << "it went with its process";
}

TEST_F(Limits, lock_is_not_its_workers) {
  auto lock = FileLock::take(path_);
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(end_of([this] { return FileLock::take(path_).ok() ? 1 : 0; }), 0);
}

TEST_F(Limits, stopped_worker_is_told_to_go_on) {
#ifndef _WIN32
  auto worker = start_worker([] {
    sleep_ms(100);
    return 7;
  });
  ASSERT_TRUE(worker.ok());
  kill(static_cast<pid_t>(worker->process), SIGSTOP);
  std::string stopped;
  WorkerStatus status;
  for (int i = 0; i < 10000 && status.state == WorkerStatus::Running; ++i) {
    status = poll_worker(*worker);
    if (status.state == WorkerStatus::Running && !status.what.empty()) stopped = status.what;
    sleep_ms(1);
  }
  EXPECT_EQ(stopped, "signal SIGSTOP");
  EXPECT_EQ(status.code, 7);
#endif
}

TEST_F(Limits, write_beyond_a_limit_fails_and_kills_nobody) {
#ifndef _WIN32
  const auto write = [this] {
    const rlimit limit{100, 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    const std::string text(500, 'x');
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
    return written ? 1 : 0;
  };
  EXPECT_EQ(end_of([&] {
              ignore_write_signals();
              return write();
            }),
            0);
  EXPECT_NE(end_of(write), 0) << "what happens otherwise";
#endif
}

} // namespace
} // namespace assay::fuzz
