// remote_executor_test.cpp - runners that fail in each way: every failure is reported, none is a hang or a crash of
// ours.
//
// The runners here are shell scripts that print frames prepared by the test. One that works is in qemu/unicorn/tests/.
#include "qemu/remote/remote_executor.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#if !defined(_WIN32)
#include <unistd.h>

namespace assay::qemu {
namespace {

namespace fs = std::filesystem;

class Runner : public testing::Test {
protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("assay-remote-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    module_ = parse_and_verify("export func @f(i64) -> i64 {\n^entry(%x: i64):\n  return %x\n}\n").value();
    CompileOptions options;
    options.target = Target::X64; // what the runners say that they run
    options.os = options.host_os = Os::Linux;
    ASSERT_TRUE(Compiler(options).compile(module_, object_));
    protocol::encode_hello({"fake", {{Target::X64, ""}, {Target::A64, "its self-test failed"}}}, hello_);
    Outcome outcome;
    outcome.values = {42};
    outcome.value_types = {Type::I64};
    protocol::encode_result(2, outcome, result_); // 1 is the program's serial
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The path of a file with these bytes.
  std::string file(const std::string& name, const std::vector<u8>& bytes) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  /// A runner that says hello, then does as the script says.
  std::unique_ptr<RemoteExecutor> runner(const std::string& script, u32 limit_ms = 10000) {
    return plain("cat " + file("hello", hello_) + "; " + script, limit_ms);
  }
  static std::unique_ptr<RemoteExecutor> plain(const std::string& script, u32 limit_ms = 10000) {
    RemoteOptions options;
    options.name = "fake";
    options.command = {"/bin/sh", "-c", script};
    options.time_limit_ms = limit_ms;
    return std::make_unique<RemoteExecutor>(options);
  }
  Outcome run(RemoteExecutor& executor) {
    Outcome out;
    const auto loaded = executor.load(module_, object_);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    if (loaded) executor.run(0, std::vector<u64>{42}, 10, host_, out);
    return out;
  }

  fs::path folder_;
  Module module_;
  CodeObject object_;
  TestHost host_;
  std::vector<u8> hello_, result_;
};

TEST_F(Runner, AnswerIsTheOutcome) {
  const auto executor = runner("cat " + file("result", result_) + "; exec sleep 10");
  EXPECT_EQ(to_string(module_, run(*executor)), "returned 42");
  EXPECT_EQ(executor->runner(), "fake");
}

TEST_F(Runner, ProcessorThatItDoesNotNameIsUnsupported) {
  hello_.clear();
  protocol::encode_hello({"fake", {{Target::X64, ""}}}, hello_);
  const auto executor = runner("exec sleep 10");
  EXPECT_TRUE(executor->can(Target::X64, Os::Linux));
  const auto able = executor->can(Target::A64, Os::Linux);
  ASSERT_FALSE(able);
  EXPECT_EQ(able.error().message, "fake does not run a64 code");
}

TEST_F(Runner, DeathIsACrashWithTheSignalAndANewRunnerIsStarted) {
  const auto executor = runner("kill -SEGV $$");
  for (u64 i = 1; i <= 3; ++i) {
    const Outcome out = run(*executor);
    EXPECT_EQ(out.kind, OutcomeKind::Crashed);
    EXPECT_EQ(out.text, "fake died: signal SIGSEGV");
    EXPECT_GE(executor->starts(), i);
  }
}

TEST_F(Runner, SilenceIsAHang) {
  const auto executor = runner("exec sleep 100", 300);
  const Outcome out = run(*executor);
  EXPECT_EQ(out.kind, OutcomeKind::Hung);
  EXPECT_EQ(out.text, "fake gave no answer within 300 ms");
  EXPECT_EQ(executor->runner_process(), 0u);
}

TEST_F(Runner, WorkThatTakesLongerThanTheLimitIsNoHangUntilItHasHadThatOfAProcessorAgain) {
  // Works until this many milliseconds from now have passed.
  const auto work = [](const std::string& ms) {
    return "now() { echo $(($(date +%s%N) / 1000000)); }; end=$(($(now) + " + ms +
           ")); while [ $(now) -lt $end ]; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done; ";
  };
  const auto slow = runner(work("700") + "cat " + file("result", result_) + "; exec sleep 10", 500);
  EXPECT_EQ(to_string(module_, run(*slow)), "returned 42");
  const auto endless = runner(work("100000"), 300);
  EXPECT_EQ(run(*endless).kind, OutcomeKind::Hung);
}

TEST_F(Runner, GarbageIsACrash) {
  const auto executor = runner("printf 'garbage of some length, more than a header'; exec sleep 10");
  const Outcome out = run(*executor);
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_NE(out.text.find("answered nonsense"), std::string::npos) << out.text;
}

TEST_F(Runner, AnAnswerThatDoesNotFitTheModuleIsACrash) {
  Outcome outcome; // returned, without the value
  std::vector<u8> bytes;
  protocol::encode_result(2, outcome, bytes);
  const auto executor = runner("cat " + file("result", bytes) + "; exec sleep 10");
  const Outcome out = run(*executor);
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_NE(out.text.find("answered nonsense"), std::string::npos) << out.text;
}

TEST_F(Runner, AnAnswerNobodyAskedForIsACrash) {
  const auto executor = runner("cat " + file("hello", hello_) + "; exec sleep 10");
  EXPECT_EQ(run(*executor).kind, OutcomeKind::Crashed);
}

TEST_F(Runner, RefusalIsACrashWithTheReason) {
  std::vector<u8> bytes;
  protocol::encode_refused(1, {ErrorKind::Unsupported, "no room"}, bytes);
  const auto executor = runner("cat " + file("refused", bytes) + "; exec sleep 10");
  const Outcome out = run(*executor);
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_EQ(out.text, "fake refused: no room");
}

TEST_F(Runner, OneThatCannotBeStartedIsUnsupportedWithTheReason) {
#if defined(ASSAY_EMULATED)
  GTEST_SKIP() << "skipped: the emulator starts a program in a process of its own, which does not tell that there is none";
#endif
  RemoteOptions options;
  options.name = "fake";
  options.command = {"/nonexistent/runner"};
  const RemoteExecutor executor(options);
  const auto able = executor.can(Target::X64, Os::Linux);
  ASSERT_FALSE(able);
  EXPECT_EQ(able.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(able.error().message.find("/nonexistent/runner"), std::string::npos);
}

TEST_F(Runner, OneThatSaysNoHelloIsUnsupported) {
  EXPECT_FALSE(plain("exit 0")->can(Target::X64, Os::Linux));
  EXPECT_FALSE(plain("echo something else entirely, long enough")->can(Target::X64, Os::Linux));
  EXPECT_FALSE(plain("exec sleep 100", 200)->can(Target::X64, Os::Linux));
}

TEST_F(Runner, WhatTheRunnerCannotDoIsUnsupportedWithItsReason) {
  const auto executor = runner("exec sleep 10");
  EXPECT_TRUE(executor->can(Target::X64, Os::Linux));
  const auto able = executor->can(Target::A64, Os::Linux);
  ASSERT_FALSE(able);
  EXPECT_EQ(able.error().message, "fake: its self-test failed");
}

} // namespace
} // namespace assay::qemu
#endif
