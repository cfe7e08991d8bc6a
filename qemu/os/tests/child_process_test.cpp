// child_process_test.cpp - starting, talking to and ending programs of the system that every Unix has.
#include "qemu/os/child_process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#if !defined(_WIN32)
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace assay::qemu {
namespace {

ChildProcess shell(const std::string& script, u32 limit_ms = 5000) {
  auto child = ChildProcess::start(std::vector<std::string>{"/bin/sh", "-c", script}, limit_ms);
  EXPECT_TRUE(child.ok()) << child.error().to_string();
  return std::move(*child);
}

/// All that comes until the other side is gone or silent.
std::string read_all(ChildProcess& child, Transfer& how) {
  std::string out;
  std::vector<u8> space(4096);
  for (;;) {
    std::span<const u8> nothing;
    std::size_t got = 0;
    how = child.transfer(nothing, space, got);
    if (how != Transfer::Done) return out;
    out.append(space.begin(), space.begin() + static_cast<std::ptrdiff_t>(got));
  }
}

TEST(ChildProcess, SaysWhatItWrites) {
  ChildProcess child = shell("printf hello; exit 3");
  Transfer how = Transfer::Done;
  EXPECT_EQ(read_all(child, how), "hello");
  EXPECT_EQ(how, Transfer::Closed);
}

TEST(ChildProcess, TellsHowItEnded) {
  Transfer how = Transfer::Done;
  ChildProcess exits = shell("exit 3");
  read_all(exits, how);
  EXPECT_EQ(exits.end(5000), "exit status 3");
  ChildProcess dies = shell("kill -ABRT $$");
  read_all(dies, how);
  EXPECT_EQ(dies.end(5000), "signal SIGABRT");
  ChildProcess runs = shell("exec sleep 100");
  EXPECT_EQ(runs.end(), "");
}

TEST(ChildProcess, SilenceTimesOut) {
  ChildProcess child = shell("exec sleep 100", 60);
  Transfer how = Transfer::Done;
  const auto start = std::chrono::steady_clock::now();
  read_all(child, how);
  EXPECT_EQ(how, Transfer::TimedOut);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(ChildProcess, MuchCanGoBothWaysAtOnce) {
  ChildProcess child = shell("exec cat");
  const std::vector<u8> bytes(8 << 20, 'x');
  std::span<const u8> to_send(bytes);
  std::vector<u8> space(1 << 16);
  std::size_t back = 0;
  while (back < bytes.size()) {
    std::size_t got = 0;
    ASSERT_EQ(child.transfer(to_send, space, got), Transfer::Done);
    back += got;
  }
  EXPECT_TRUE(to_send.empty());
}

TEST(ChildProcess, WritingToOneThatIsGoneIsNoSignal) {
  ChildProcess child = shell("exit 0");
  Transfer how = Transfer::Done;
  read_all(child, how);
  const std::vector<u8> bytes(100);
  std::span<const u8> to_send(bytes);
  std::size_t got = 0;
  EXPECT_EQ(child.transfer(to_send, {}, got), Transfer::Closed);
}

TEST(ChildProcess, OneThatRefusesToReadTimesOut) {
  ChildProcess child = shell("exec sleep 100", 100);
  const std::vector<u8> bytes(16 << 20);
  std::span<const u8> to_send(bytes);
  std::vector<u8> space(16);
  Transfer how = Transfer::Done;
  std::size_t got = 0;
  while (how == Transfer::Done) how = child.transfer(to_send, space, got);
  EXPECT_EQ(how, Transfer::TimedOut);
  EXPECT_FALSE(to_send.empty());
}

TEST(ChildProcess, MissingProgramIsAnErrorWithItsName) {
#if defined(ASSAY_EMULATED)
  GTEST_SKIP() << "skipped: the emulator starts a program in a process of its own, which does not tell that there is none";
#endif
  const auto child = ChildProcess::start(std::vector<std::string>{"/nonexistent/program"}, 100);
  ASSERT_FALSE(child.ok());
  EXPECT_NE(child.error().message.find("/nonexistent/program"), std::string::npos);
  EXPECT_FALSE(can_execute("/nonexistent/program"));
  EXPECT_TRUE(can_execute("/bin/sh"));
}

TEST(ChildProcess, AForkedCopyNeitherOwnsNorEndsIt) {
  ChildProcess child = shell("exec cat");
  EXPECT_TRUE(child.is_ours());
  const pid_t copy = fork();
  if (copy == 0) {
    const bool ours = child.is_ours();
    static_cast<void>(child.end());
    _exit(ours ? 1 : 0);
  }
  int status = 0;
  waitpid(copy, &status, 0);
  EXPECT_EQ(status, 0);
  const std::vector<u8> bytes(10, 'y');
  std::span<const u8> to_send(bytes);
  std::vector<u8> space(16);
  std::size_t got = 0;
  while (got == 0) ASSERT_EQ(child.transfer(to_send, space, got), Transfer::Done);
  EXPECT_EQ(space[0], 'y');
}

TEST(ChildProcess, DroppingItEndsIt) {
  u64 id = 0;
  {
    const ChildProcess child = shell("exec sleep 100");
    id = child.process_id();
    EXPECT_EQ(kill(static_cast<pid_t>(id), 0), 0);
  }
  EXPECT_NE(kill(static_cast<pid_t>(id), 0), 0);
}

} // namespace
} // namespace assay::qemu
#endif
