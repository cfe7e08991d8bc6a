// user_executor_test.cpp - programs in an agent, without and with an emulator; agents that die, stop, and are spoken to
// in
// nonsense; and everything that may be missing.
//
// Code in the agent must give what the oracle gives. Each program runs in an agent for this host's processor, and,
// where there are an emulator, an agent for it and code, in one under qemu-aarch64.
#include "qemu/user/user_executor.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/os/child_process.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#if !defined(_WIN32)
#include <csignal>
#include <unistd.h>

namespace assay::qemu {
namespace {

constexpr u64 kFuel = 100000;

struct Program {
  Module module;
  CodeObject object;
};

enum class Where { Here, Emulated };

class User : public testing::TestWithParam<Where> {
protected:
  static UserOptions options(u32 time_limit_ms = 10000) {
    UserOptions out;
    out.time_limit_ms = time_limit_ms;
    if (GetParam() == Where::Here) {
      out.without_emulator = true;
      out.agent = ASSAY_AGENT;
    }
    return out;
  }
  static Target target() { return GetParam() == Where::Here ? host_target() : Target::A64; }

  void SetUp() override {
#if defined(ASSAY_EMULATED)
    GTEST_SKIP() << "the emulator cannot start an agent";
#endif
    if (auto able = executor_->can(target(), Os::Linux); !able) {
      ASSERT_EQ(GetParam(), Where::Emulated) << able.error().message;
      GTEST_SKIP() << able.error().message;
    }
    CodeObject object;
    CompileOptions options;
    options.target = target();
    if (auto done = Compiler(options).compile(Module(), object); !done) GTEST_SKIP() << done.error().message;
  }

  static Program compile(std::string_view text, Os os = Os::Linux, CpuFeatures features = {}) {
    Program program;
    auto module = parse_and_verify(text);
    EXPECT_TRUE(module) << module.error().to_string();
    program.module = std::move(module).value();
    CompileOptions options;
    options.target = target();
    options.os = os;
    options.features = features;
    const auto done = Compiler(options).compile(program.module, program.object);
    EXPECT_TRUE(done) << done.error().to_string();
    return program;
  }
  Outcome run(const Program& program, std::vector<u64> args, u64 fuel = kFuel) {
    Outcome out;
    const auto loaded = executor_->load(program.module, program.object);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    if (loaded) executor_->run(program.module.find_function("main"), args, fuel, host_, out);
    return out;
  }
  /// Runs in the agent and by the oracle; they must agree. Gives the agent's Outcome.
  Outcome check(const Program& program, std::vector<u64> args, u64 fuel = kFuel) {
    const Outcome out = run(program, args, fuel);
    Outcome wanted;
    oracle::Interpreter interpreter;
    interpreter.prepare(program.module);
    interpreter.run(program.module.find_function("main"), args, fuel, host_, wanted);
    EXPECT_EQ(compare(program.module, out, wanted), Agreement::Agree)
        << first_difference(program.module, out, wanted) << " " << out.text;
    return out;
  }

  /// What starts an agent.
  static std::vector<std::string> command() {
    if (GetParam() == Where::Here) return {ASSAY_AGENT};
    return make_user_executor()->command();
  }
  /// Says it all and takes what comes until the other side closes.
  static void talk(ChildProcess& child, std::span<const u8> to_send, std::vector<u8>& got) {
    std::vector<u8> space(4096);
    for (;;) {
      std::size_t received = 0;
      if (child.transfer(to_send, space, received) != Transfer::Done) return;
      got.insert(got.end(), space.begin(), space.begin() + static_cast<std::ptrdiff_t>(received));
    }
  }

  std::unique_ptr<RemoteExecutor> executor_ = make_user_executor(options());
  TestHost host_;
};
INSTANTIATE_TEST_SUITE_P(Agents, User, testing::Values(Where::Here, Where::Emulated),
                         [](const auto& p) { return p.param == Where::Here ? "here" : "emulated"; });

const char* const kAdd = "export func @main(i64, i64) -> i64 {\n^entry(%a: i64, %b: i64):\n  %r = add.i64 %a, %b\n"
                         "  return %r\n}\n";
const char* const kEverything = R"(
memory 65536
data 16 "\01\02hello"
global @count : i64 = 5
import @log(i64)
import @throw_it()
func @helper(i64, i64, i64, i64, i64, i64, i64, i64, i64, i32, f64) -> i64, f64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i32, %k: f64):
  call @log(%i)
  %w = zext.i64.i32 %j
  %s = add.i64 %a, %w
  return %s, %k
}
export func @main(i64) -> i64, f64 {
^entry(%x: i64):
  %one = const.i64 1
  %narrow = trunc.i32.i64 %x
  %f = const.f64 0x1.8p+1
  %r, %k = call @helper(%x, %one, %one, %one, %one, %one, %one, %one, %x, %narrow, %f)
  %at = const.i32 17
  %byte = load8_u.i64 %at, 1
  %sum = add.i64 %r, %byte
  global_set.i64 @count, %sum
  store.i64 %at, 100, %sum
  %zero = const.i64 0
  %is = eq.i64 %x, %zero
  branch %is, ^throw, ^divide
^throw:
  call @throw_it()
  return %zero, %f
^divide:
  %less = sub.i64 %x, %one
  %q = div_s.i64 %sum, %less
  return %q, %k
}
)";

TEST_P(User, TheAgentSaysWhatItIs) {
  EXPECT_EQ(executor_->name(), "qemu");
  EXPECT_EQ(executor_->runner(), "agent on " + std::string(assay::name_of(target())));
  const Target other = target() == Target::X64 ? Target::A64 : Target::X64;
  EXPECT_FALSE(executor_->can(other, Os::Linux));
}

TEST_P(User, ResultsTrapsExceptionsCallsAndMemoryAreTheOracles) {
  const Program program = compile(kEverything);
  EXPECT_EQ(check(program, {7}).kind, OutcomeKind::Returned);
  EXPECT_EQ(check(program, {1}).kind, OutcomeKind::Trapped);
  EXPECT_EQ(check(program, {0}).kind, OutcomeKind::ThrewHost);
  EXPECT_EQ(executor_->starts(), 1u);
}

// Packed stack arguments; frames whose return addresses are signed, walked and unwound; landing pads.
TEST_P(User, EveryConventionAndProtectionGivesTheOraclesOutcome) {
  CpuFeatures guarded;
  guarded.sign_return = guarded.bti = target() == Target::A64;
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    for (const CpuFeatures& features : {CpuFeatures(), guarded}) {
      const Program program = compile(kEverything, os, features);
      EXPECT_EQ(check(program, {7}).kind, OutcomeKind::Returned);
      EXPECT_EQ(check(program, {1}).kind, OutcomeKind::Trapped);
      EXPECT_EQ(check(program, {0}).kind, OutcomeKind::ThrewHost);
    }
  }
}

TEST_P(User, ManyProgramsInOneProcessEachRunAsTheyAre) {
  for (u64 i = 0; i < 300; ++i) {
    const Program program = compile("export func @main() -> i64 {\n^entry():\n  %r = const.i64 " +
                                    std::to_string(i * 0x123456789) + "\n  return %r\n}\n");
    const Outcome out = run(program, {});
    ASSERT_EQ(out.kind, OutcomeKind::Returned) << out.text;
    ASSERT_EQ(out.values[0], i * 0x123456789);
  }
  EXPECT_EQ(executor_->starts(), 1u);
}

TEST_P(User, AnnouncedRunsComeInOneGo) {
  const Program program = compile(kAdd);
  ASSERT_TRUE(executor_->load(program.module, program.object));
  std::vector<std::vector<u64>> args;
  std::vector<RunRequest> requests;
  for (u64 i = 0; i < 100; ++i) args.push_back({i, 1000});
  for (const auto& a : args) requests.push_back({0, a, kFuel});
  executor_->expect(requests);
  Outcome out;
  for (u64 i = 0; i < 100; ++i) {
    executor_->run(0, args[i], kFuel, host_, out);
    ASSERT_EQ(out.values, std::vector<u64>{1000 + i});
  }
}

TEST_P(User, EndlessRecursionIsATrapAndTheAgentLives) {
  const Program program = compile("export func @main(i64) -> i64 {\n^entry(%x: i64):\n  %r = call @main(%x)\n"
                                  "  return %r\n}\n");
  const Outcome out = run(program, {1});
  EXPECT_EQ(out.kind, OutcomeKind::Trapped);
  EXPECT_EQ(out.trap, TrapKind::StackOverflow);
  EXPECT_EQ(check(compile(kAdd), {40, 2}).values[0], 42u);
  EXPECT_EQ(executor_->starts(), 1u);
}

TEST_P(User, CodeThatCrashesIsAResultAndTheAgentLives) {
  Program program = compile(kAdd);
  const FunctionCode& f = program.object.functions[0];
  const std::vector<u8> before = program.object.code;
  for (u32 at = f.begin; at < f.end; ++at) program.object.code[at] = target() == Target::X64 ? 0xcc : 0;
  EXPECT_EQ(run(program, {1, 2}).kind, OutcomeKind::Crashed);
  program.object.code = before;
  EXPECT_EQ(check(program, {1, 2}).values[0], 3u);
  EXPECT_EQ(executor_->starts(), 1u);
}

TEST_P(User, AKilledAgentIsACrashAndIsReplaced) {
  const Program program = compile(kAdd);
  EXPECT_EQ(check(program, {40, 2}).values[0], 42u);
  ASSERT_EQ(kill(static_cast<pid_t>(executor_->runner_process()), SIGKILL), 0);
  const Outcome out = run(program, {40, 2});
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_EQ(out.text, "qemu died: signal SIGKILL");
  EXPECT_EQ(check(program, {40, 2}).values[0], 42u);
  EXPECT_EQ(executor_->starts(), 2u);
}

TEST_P(User, AStoppedAgentIsAHangAndIsReplaced) {
  executor_ = make_user_executor(options(1500));
  const Program program = compile(kAdd);
  EXPECT_EQ(check(program, {40, 2}).values[0], 42u);
  ASSERT_EQ(kill(static_cast<pid_t>(executor_->runner_process()), SIGSTOP), 0);
  const Outcome out = run(program, {40, 2});
  EXPECT_EQ(out.kind, OutcomeKind::Hung);
  EXPECT_EQ(out.text, "qemu gave no answer within 1500 ms");
  EXPECT_EQ(check(program, {40, 2}).values[0], 42u);
  EXPECT_EQ(executor_->starts(), 2u);
}

TEST_P(User, GarbageOnThePipeEndsTheAgentWithARefusal) {
  auto child = ChildProcess::start(command(), 10000);
  ASSERT_TRUE(child) << child.error().message;
  const std::string garbage = "this is no frame, and longer than the header of one would be";
  std::vector<u8> got;
  talk(*child, {reinterpret_cast<const u8*>(garbage.data()), garbage.size()}, got);
  EXPECT_EQ(child->end(5000), "exit status 3");
  protocol::FrameBuffer frames;
  const auto space = frames.space(got.size());
  std::copy(got.begin(), got.end(), space.begin());
  frames.filled(got.size());
  protocol::Frame frame;
  ASSERT_TRUE(*frames.next(frame));
  EXPECT_EQ(frame.type, protocol::MessageType::Hello);
  ASSERT_TRUE(*frames.next(frame));
  EXPECT_EQ(frame.type, protocol::MessageType::Refused);
}

TEST(UserOptions, WhatIsMissingIsNamed) {
  const auto reason = [](const UserOptions& options) {
    const auto able = make_user_executor(options)->can(Target::A64, Os::Linux);
    EXPECT_FALSE(able);
    return able ? std::string() : able.error().message;
  };
  EXPECT_EQ(reason({.emulator = "/nonexistent/qemu"}), "the emulator /nonexistent/qemu cannot be run");
  EXPECT_EQ(reason({.agent = "/nonexistent/agent", .emulator = ASSAY_AGENT}),
            "the agent /nonexistent/agent cannot be run");
  const char* const path = std::getenv("PATH");
  const std::string before = path == nullptr ? "" : path;
  setenv("PATH", "/nonexistent", 1);
  EXPECT_EQ(reason({}), "there is no qemu-aarch64 in the PATH (package qemu-user)");
  setenv("PATH", before.c_str(), 1);
  setenv("ASSAY_AGENT_A64", "/nonexistent/other", 1);
  EXPECT_EQ(reason({.emulator = ASSAY_AGENT}), "the agent /nonexistent/other cannot be run");
  unsetenv("ASSAY_AGENT_A64");
}

} // namespace
} // namespace assay::qemu
#endif
