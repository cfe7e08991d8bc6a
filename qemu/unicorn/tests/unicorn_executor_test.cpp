// unicorn_executor_test.cpp - emulated programs give the oracle's Outcome; defective code gives a finding; a worker
// that is
// killed, stopped or missing is reported.
//
// Skipped, with the reason, where there is no worker.
#include "qemu/tests/throws.h"
#include "qemu/unicorn/tests/support.h"

#include <chrono>
#include <cstring>

#if !defined(_WIN32)
#include <csignal>
#include <thread>

namespace assay::qemu {
namespace {

TEST_F(Unicorn, ReturnsWhatTheOracleReturns) {
  const Program program =
      compile("export func @f(i32, i64, f64, i8) -> i64, f64, i8 {\n^entry(%a: i32, %b: i64, %c: f64, %d: i8):\n"
              "  %e = sext.i64.i32 %a\n  %f = add.i64 %b, %e\n  %g = fadd.f64 %c, %c\n  %h = add.i8 %d, %d\n"
              "  return %f, %g, %h\n}\n");
  const Outcome out = check(program, "f", {0xffffffff, 43, 0x3ff0000000000000, 0x81});
  EXPECT_EQ(out.values, (std::vector<u64>{42, 0x4000000000000000, 2}));
}

std::string many(u32 count) {
  const char* const types[] = {"i32", "f64", "i8", "i64", "f32", "i16"};
  std::string params, names, list;
  for (u32 i = 0; i < count; ++i) {
    const std::string comma = i == 0 ? "" : ", ";
    params += comma + types[i % 6];
    names += comma + "%p" + std::to_string(i) + ": " + types[i % 6];
    list += comma + "%p" + std::to_string(i);
  }
  return "import @id(" + params + ") -> " + params + "\nexport func @f(" + params + ") -> " + params + " {\n^entry(" +
         names + "):\n  return " + list + "\n}\nexport func @g(" + params + ") -> " + params + " {\n^entry(" + names +
         "):\n  tail_call @id(" + list + ")\n}\n";
}

TEST_F(Unicorn, ManyArgumentsAndResultsTravelOnTheStackInEveryConvention) {
  for (const Os os : {Os::Linux, Os::Windows}) {
    for (const Os host : {Os::Linux, Os::Windows}) {
      const Program program = compile(many(40), os, host);
      std::vector<u64> args;
      for (u32 i = 0; i < 40; ++i)
        args.push_back((0x8182838485868788u + i) & bit_mask(program.module.params_of(program.module.functions[1])[i]));
      for (const char* name : {"f", "g", "id"})
        EXPECT_EQ(check(program, name, args).values, args) << name_of(os) << name_of(host) << name;
    }
  }
}

TEST_F(Unicorn, EachRunStartsAfresh) {
  const Program program = compile(
      "memory 100 200000\ndata 0 \"\\05\"\nglobal @g : i32 = 7\nexport func @f() -> i64, i32, i32 {\n^entry():\n"
      "  %z = const.i32 0\n  %one = const.i32 1\n  %a = load.i64 %z, 0\n  %b = global_get.i32 @g\n"
      "  %c = memory_grow.i32 %one\n  %n = const.i64 -1\n  store.i64 %z, 0, %n\n  store.i64 %z, 65600, %n\n"
      "  global_set.i32 @g, %z\n  return %a, %b, %c\n}\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(check(program, "f", {}).values, (std::vector<u64>{5, 7, 0}));
}

TEST_F(Unicorn, MemoriesOfManySizesFollowEachOther) {
  for (const char* size : {"16", "100000 30000000", "40000000", "200", "0 100000000", "17000000", "1"}) {
    const Program program = compile(
        "memory " + std::string(size) +
        "\nexport func @f(i64) -> i8, i32 {\n^entry(%x: i64):\n  %one = const.i8 1\n"
        "  %p = const.i32 5\n  %old = memory_grow.i32 %p\n  store.i8 %x, 0, %one\n  %r = load.i8 %x, 0\n  return %r, %old\n}\n");
    for (const u64 at : {u64{0}, u64{15}, u64{16}, u64{327695}, u64{39999999}, u64{100000000}, ~u64{0}})
      check(program, "f", {at});
  }
}

TEST_F(Unicorn, TrapsTellTheirPosition) {
  const Program program =
      compile("func @inner(i32) -> i32 {\n^entry(%x: i32):\n  %one = const.i32 1\n  jump ^next\n^next:\n"
              "  %q = div_u.i32 %one, %x\n  return %q\n}\n"
              "export func @f(i32) -> i32 {\n^entry(%x: i32):\n  %q = call @inner(%x)\n  return %q\n}\n");
  EXPECT_EQ(to_string(program.module, check(program, "f", {0})), "trapped div_by_zero at @inner ^b1 #0");
}

TEST_F(Unicorn, EndlessRecursionTrapsStackOverflow) {
  const Program program = compile(
      "export func @f(i64) -> i64 {\n^entry(%x: i64):\n  %r = call @f(%x)\n  %s = add.i64 %r, %x\n  return %s\n}\n");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(to_string(program.module, run(program, "f", {1})), "trapped stack_overflow at @f ^b0 #0");
}

const char* const kHostCalls = R"(
import @log(i8, f32) -> i64
import @call_back(i64) -> i64
import @throw_x()
func @leaf(i64) {
^entry(%x: i64):
  %a = trunc.i8.i64 %x
  %b = const.f32 0x1p+0
  %r = call @log(%a, %b)
  return
}
export func @callee(i64) -> i64 {
^entry(%x: i64):
  %one = const.i64 1
  %y = sub.i64 %x, %one
  call @leaf(%y)
  %zero = const.i64 0
  %done = le_s.i64 %y, %zero
  branch %done, ^end, ^more
^more:
  %r = call @call_back(%y)
  jump ^end
^end:
  return %y
}
export func @throws(i64) -> i64 {
^entry(%x: i64):
  %r = call @callee(%x)
  call @throw_x()
  return %r
}
)";

TEST_F(Unicorn, HostCallsAreRecordedWithTheCallStackThroughReentry) {
  for (const Os host : {Os::Linux, Os::Windows}) {
    const Program program = compile(kHostCalls, host, host);
    const Outcome out = check(program, "callee", {3});
    ASSERT_EQ(out.trace.size(), 5u);
    EXPECT_EQ(out.trace.back().frame_count, 4u) << "leaf and callee, three activations deep";
  }
}

TEST_F(Unicorn, ThrowsAreRecordedAmongHostCallsWithTheCallStack) {
  for (const Os host : {Os::Linux, Os::Windows}) {
    const Program program = compile(kThrows, host, host);
    EXPECT_EQ(trace_to_string(program.module, check(program, "through_host", {5})), kThroughHostTrace);
    EXPECT_EQ(trace_to_string(program.module, check(program, "host", {1})),
              "@throw_x(1) at @host ^b0 #0\nrethrow host exception at @host ^b2 #0\n");
  }
}

TEST_F(Unicorn, StopsRecordingFramesOfThrowsPastTheLimit) {
  const Program program = compile(kThrows);
  EXPECT_EQ(check(program, "many", {100}).frames.size(), 101u * 102 / 2 - 1);
  const Outcome out = run(program, "many", {800});
  EXPECT_EQ(out.kind, OutcomeKind::Returned) << out.text;
  EXPECT_EQ(out.frames.size(), kMaxRecordedFrames + 1);
}

TEST_F(Unicorn, ValuesSurviveHostCallsThatCallBack) {
  const Program program =
      compile("import @call_back(i64) -> i64\nexport func @callee(i64) -> i64 {\n^e(%x: i64):\n  %two = const.i64 2\n"
              "  %r = mul.i64 %x, %two\n  return %r\n}\nexport func @f(i64, i64, f64, f64) -> i64, f64 {\n"
              "^e(%a: i64, %b: i64, %c: f64, %d: f64):\n  %r = call @call_back(%a)\n  %s = call @call_back(%b)\n"
              "  %t = add.i64 %r, %s\n  %u = add.i64 %t, %a\n  %v = fadd.f64 %c, %d\n  return %u, %v\n}\n");
  EXPECT_EQ(check(program, "f", {3, 5, 0x3ff0000000000000, 0x4000000000000000}).values,
            (std::vector<u64>{19, 0x4008000000000000}));
}

TEST_F(Unicorn, HostExceptionsComeOutWithTheirText) {
  const Program program = compile(kHostCalls);
  EXPECT_EQ(to_string(program.module, check(program, "throws", {2})), "threw host \"throw_x\"");
}

TEST_F(Unicorn, TrapsPassThroughHostFramesOfReentry) {
  const Program program =
      compile("import @call_back(i64)\nexport func @t(i64) {\n^entry(%x: i64):\n  trap user3\n}\n"
              "export func @f() {\n^entry():\n  %x = const.i64 1\n  call @call_back(%x)\n  return\n}\n");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(check(program, "f", {}).trap, TrapKind::User3);
}

TEST_F(Unicorn, RunsAnnouncedAnswerAsRunsAskedFor) {
  const Program program =
      compile("export func @f(i64) -> i64 {\n^entry(%x: i64):\n  %q = div_s.i64 %x, %x\n  return %q\n}\n");
  const std::vector<u64> values = {5, 0, 7, 9, 11};
  std::vector<RunRequest> requests;
  for (const u64& value : values) requests.push_back({0, {&value, 1}, kFuel});
  Outcome out;
  // As announced; and with a run in the middle that was not.
  for (const bool astray : {false, true, true}) {
    ASSERT_TRUE(executor_->load(program.module, program.object));
    executor_->expect(requests);
    for (size_t i = 0; i < values.size(); ++i) {
      if (astray && i == 3) {
        executor_->run(0, std::vector<u64>{0}, kFuel, host_, out);
        EXPECT_EQ(out.kind, OutcomeKind::Trapped);
      }
      executor_->run(0, requests[i].args, kFuel, host_, out);
      EXPECT_EQ(out.kind, values[i] == 0 ? OutcomeKind::Trapped : OutcomeKind::Returned) << i;
    }
  }
  EXPECT_EQ(executor_->starts(), 1u);
}

// ---- defective code: the marker is loaded with a 10-byte mov, which is overwritten ---------------------------------

constexpr u64 kMarker = 0x1122334455667788u;
const char* const kDefect =
    "memory 64\nglobal @g : i64 = 1\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n  %m = const.i64 0x1122334455667788\n"
    "  store.i64 %x, 0, %m\n  global_set.i64 @g, %m\n  %r = add.i64 %m, %x\n  return %r\n}\n";

/// Puts `bytes` over the mov of the marker; gives their offset.
u32 patch(CodeObject& object, std::initializer_list<u8> bytes) {
  u8 wanted[8];
  std::memcpy(wanted, &kMarker, 8);
  auto& code = object.code;
  const auto at = std::search(code.begin(), code.end(), wanted, wanted + 8) - 2;
  std::fill(at, at + 10, u8{0x90});
  std::copy(bytes.begin(), bytes.end(), at);
  return static_cast<u32>(at - code.begin());
}

class UnicornDefect : public Unicorn {
protected:
  Outcome run_patched(std::initializer_list<u8> bytes, u64 arg = 0) {
    Program program = compile(kDefect);
    patch(program.object, bytes);
    const Outcome first = run(program, "f", {arg});
    const Outcome again = run(program, "f", {arg});
    EXPECT_EQ(first.text, again.text);
    EXPECT_EQ(first.kind, again.kind);
    check(compile(kDefect), "f", {8}); // as good as new
    EXPECT_EQ(executor_->starts(), 1u) << "the emulator itself did not survive";
    return first;
  }
  void expect_crash(std::initializer_list<u8> bytes, std::string_view text) {
    const Outcome out = run_patched(bytes);
    EXPECT_EQ(out.kind, OutcomeKind::Crashed);
    EXPECT_NE(out.text.find(text), std::string::npos) << out.text;
  }
  void expect_breach(std::initializer_list<u8> bytes, std::string_view text) {
    const Outcome out = run_patched(bytes);
    EXPECT_EQ(out.kind, OutcomeKind::Breached) << out.text;
    EXPECT_NE(out.text.find(text), std::string::npos) << out.text;
  }
};

TEST_F(UnicornDefect, UndefinedInstructionIsACrash) { expect_crash({0x0f, 0x0b}, "invalid instruction at code+0x"); }
TEST_F(UnicornDefect, BreakpointIsACrash) { expect_crash({0xcc}, "processor exception at code+0x"); }
TEST_F(UnicornDefect, HaltIsACrash) { expect_crash({0xf4}, "stops the processor at code+0x"); }
TEST_F(UnicornDefect, DivisionFaultAtNoSiteIsACrash) {
  expect_crash({0x31, 0xc9, 0xf7, 0xf1}, "processor exception");
} // xor ecx,ecx; div ecx
TEST_F(UnicornDefect, WildJumpIsACrash) {
  expect_crash({0x31, 0xc0, 0xff, 0xe0}, "jump to unmapped memory");
} // xor eax,eax; jmp rax
TEST_F(UnicornDefect, JumpToDataIsACrash) {
  expect_crash({0x41, 0xff, 0xe6}, "jump to memory that is not code");
} // jmp r14
TEST_F(UnicornDefect, WildReadIsACrashAtItsInstruction) {
  Program program = compile(kDefect);
  const u32 at = patch(program.object, {0x90, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0}); // nop; mov rax, [16]
  char text[100];
  std::snprintf(text, sizeof text, "read of unmapped memory at code+0x%x, address 0x10", at + 1);
  EXPECT_EQ(run(program, "f", {0}).text, text);
}
TEST_F(UnicornDefect, WriteToItsOwnCodeIsACrash) {
  expect_crash({0xc6, 0x05, 0, 0, 0, 0, 1}, "write to read-only memory");
} // mov byte [rip], 1
TEST_F(UnicornDefect, LostStackPointerIsACrash) { expect_crash({0x48, 0x31, 0xe4}, "at code+0x"); } // xor rsp, rsp

TEST_F(UnicornDefect, EndlessLoopIsHungAfterItsWork) {
  options_.limits.work = 1 << 20;
  executor_ = make_unicorn_executor(options_);
  EXPECT_EQ(run_patched({0xeb, 0xfe}).kind, OutcomeKind::Hung);
}

TEST_F(UnicornDefect, ClobberedCalleeSavedRegisterIsABreach) {
  expect_breach({0x31, 0xdb}, "callee-saved register rbx: 0x0");
} // xor ebx, ebx
TEST_F(UnicornDefect, ClobberedContextRegisterIsABreachOrACrash) {
  EXPECT_GE(run_patched({0x45, 0x31, 0xf6}).kind, OutcomeKind::Crashed); // xor r14d, r14d
}
TEST_F(UnicornDefect, SetDirectionFlagIsABreach) { expect_breach({0xfd}, "direction flag"); } // std
TEST_F(UnicornDefect, ChangedRoundingModeIsABreach) {
  expect_breach({0x68, 0x80, 0x7f, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x58}, "MXCSR"); // push 0x7f80; ldmxcsr [rsp]; pop rax
}
TEST_F(UnicornDefect, WriteJustBelowTheMemoryIsABreach) {
  expect_breach({0x49, 0x8b, 0x06, 0x88, 0x40, 0xfd},
                "linear memory"); // mov rax, [r14 + memory_base]; mov [rax - 3], al
}
TEST_F(UnicornDefect, WriteNextToTheGlobalsIsABreach) {
  expect_breach({0x49, 0x8b, 0x46, static_cast<u8>(offsetof(VmContext, globals)), 0x88, 0x40, 0x09}, "globals");
}
TEST_F(UnicornDefect, WriteToTheContextIsABreach) {
  expect_breach({0x41, 0xc6, 0x46, static_cast<u8>(offsetof(VmContext, table)), 1},
                "context"); // mov byte [r14 + table], 1
}
TEST_F(UnicornDefect, WriteToTheCallersFrameIsABreach) {
  expect_breach({0xc6, 0x45, 0x18, 1}, "a word of the caller's frame"); // mov byte [rbp + 24], 1
}

TEST_F(Unicorn, ReturnWithAnotherStackPointerIsABreach) {
  Program program = compile("export func @f() {\n^entry():\n  return\n}\n");
  program.object.code = {0xc2, 0x10, 0x00}; // ret 16
  program.object.positions.clear();
  program.object.frame_ops.clear();
  program.object.functions = {{0, 0, 3, 0, 0, 0, false}};
  program.object.function_entry = {0};
  const Outcome out = run(program, "f", {});
  EXPECT_EQ(out.kind, OutcomeKind::Breached);
  EXPECT_EQ(out.text, "stack pointer, off by: 0x10, expected 0x0");
}

TEST_F(Unicorn, MisalignedHostCallIsABreach) {
  Program program = compile("import @log()\nexport func @f() {\n^entry():\n  call @log()\n  return\n}\n");
  // call [r14 + host_call] at the very entry, where the return address has misaligned the stack
  constexpr u32 offset = offsetof(VmContext, host_call);
  program.object.code = {0x41, 0xff, 0x96, offset & 0xff, offset >> 8, 0, 0, 0xc3};
  program.object.relocs.clear();
  program.object.positions.clear();
  program.object.frame_ops.clear();
  program.object.functions = {{1, 0, 8, 0, 0, 0, false}};
  program.object.function_entry = {0, 0};
  const Outcome out = run(program, "f", {});
  EXPECT_EQ(out.kind, OutcomeKind::Breached);
  EXPECT_NE(out.text.find("not aligned"), std::string::npos) << out.text;
}

TEST_F(Unicorn, FaultAtASiteIsItsTrap) {
  Program program = compile(kDefect);
  const u32 at = patch(program.object, {0x90, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}); // nop; mov rax, [0]
  program.object.faults = {{at + 1, TrapKind::OutOfBounds, {0, 0, 5}}};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(to_string(program.module, run(program, "f", {0})), "trapped out_of_bounds at @f ^b0 #5");
  program = compile(kDefect);
  patch(program.object, {0x31, 0xc9, 0xf7, 0xf1}); // xor ecx, ecx; div ecx
  program.object.faults = {{at + 2, TrapKind::DivByZero, {0, 0, 6}}};
  EXPECT_EQ(to_string(program.module, run(program, "f", {0})), "trapped div_by_zero at @f ^b0 #6");
}

TEST_F(Unicorn, NeverRunsCodeOfTheProgramBefore) {
  for (u32 i = 0; i < 300; ++i) {
    const Program program =
        compile("export func @f() -> i64 {\n^e():\n  %a = const.i64 " + std::to_string(i) + "\n  return %a\n}\n");
    ASSERT_EQ(run(program, "f", {}).values, std::vector<u64>{i});
  }
}

TEST_F(Unicorn, ServesMoreProgramsThanOneEmulatorCan) {
  std::string body;
  for (int i = 0; i < 3000; ++i) {
    const std::string now = std::to_string(i), next = std::to_string(i + 1);
    body += "  %v" + next + " = mul.i64 %v" + now + ", %v" + now + "\n";
  }
  const Program large = compile("export func @f(i64) -> i64 {\n^e(%v0: i64):\n" + body + "  return %v3000\n}\n");
  ASSERT_GT(large.object.code.size(), 8192u);
  const size_t loads = (16u << 20) / large.object.code.size(); // the emulator is replaced at least three times
  for (size_t i = 0; i < loads; ++i) ASSERT_EQ(run(large, "f", {i % 2}).values, std::vector<u64>{i % 2});
  EXPECT_EQ(executor_->starts(), 1u);
}

// ---- a worker that fails -------------------------------------------------------------------------------

const char* const kLong =
    "export func @f() -> i64 {\n^e():\n  %z = const.i64 0\n  jump ^loop(%z)\n^loop(%i: i64):\n  %one = const.i64 1\n"
    "  %j = add.i64 %i, %one\n  %n = const.i64 1000000000000\n  %more = lt_u.i64 %j, %n\n  branch %more, ^loop(%j), ^end\n"
    "^end:\n  return %j\n}\n";

/// Sends the worker a signal while it is running a program that takes long.
Outcome run_and_signal(RemoteExecutor& executor, const Program& program, int signal) {
  TestHost host;
  Outcome out;
  EXPECT_TRUE(executor.load(program.module, program.object));
  std::thread killer([process = executor.runner_process(), signal] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(static_cast<pid_t>(process), signal);
  });
  executor.run(0, {}, kFuel, host, out);
  killer.join();
  return out;
}

class UnicornWorker : public Unicorn {
protected:
  void SetUp() override {
    options_.limits.work = u64{1} << 60;
    options_.time_limit_ms = 3000;
    executor_ = make_unicorn_executor(options_);
    Unicorn::SetUp();
  }
};

TEST_F(UnicornWorker, KilledInTheMiddleIsReportedAndRestarted) {
  const Program program = compile(kLong);
  for (u64 i = 1; i <= 2; ++i) {
    const Outcome out = run_and_signal(*executor_, program, SIGKILL);
    EXPECT_EQ(out.kind, OutcomeKind::Crashed);
    EXPECT_EQ(out.text, "unicorn died: signal SIGKILL");
    check(compile(kDefect), "f", {8});
    EXPECT_EQ(executor_->starts(), i + 1);
  }
}

TEST_F(UnicornWorker, AbortedIsReportedWithItsSignal) {
  EXPECT_EQ(run_and_signal(*executor_, compile(kLong), SIGABRT).text, "unicorn died: signal SIGABRT");
  check(compile(kDefect), "f", {8});
}

TEST_F(UnicornWorker, StoppedIsHungAfterTheDeadline) {
  const Outcome out = run_and_signal(*executor_, compile(kLong), SIGSTOP);
  EXPECT_EQ(out.kind, OutcomeKind::Hung);
  EXPECT_EQ(out.text, "unicorn gave no answer within 3000 ms");
  check(compile(kDefect), "f", {8});
}

TEST_F(UnicornWorker, DeathIsChargedToTheRunThatWasUnderWay) {
  const Program program =
      compile("export func @f(i64) -> i64 {\n^e(%n: i64):\n  %z = const.i64 0\n  jump ^loop(%z)\n^loop(%i: i64):\n"
              "  %one = const.i64 1\n  %j = add.i64 %i, %one\n  %more = lt_u.i64 %j, %n\n"
              "  branch %more, ^loop(%j), ^end\n^end:\n  return %j\n}\n");
  const std::vector<u64> values = {5, u64{1} << 50, 7};
  std::vector<RunRequest> requests;
  for (const u64& value : values) requests.push_back({0, {&value, 1}, kFuel});
  ASSERT_TRUE(executor_->load(program.module, program.object));
  executor_->expect(requests);
  Outcome out;
  executor_->run(0, requests[0].args, kFuel, host_, out);
  EXPECT_EQ(out.values, std::vector<u64>{5});
  kill(static_cast<pid_t>(executor_->runner_process()), SIGKILL);
  executor_->run(0, requests[1].args, kFuel, host_, out);
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  executor_->run(0, requests[2].args, kFuel, host_, out);
  EXPECT_EQ(out.values, std::vector<u64>{7});
}

TEST(UnicornMissing, IsUnsupportedWithThePath) {
  UnicornOptions options;
  options.worker = "/nonexistent/worker";
  const auto executor = make_unicorn_executor(options);
  const auto able = executor->can(Target::X64, Os::Linux);
  ASSERT_FALSE(able);
  EXPECT_EQ(able.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(able.error().message.find("/nonexistent/worker"), std::string::npos);
}

} // namespace
} // namespace assay::qemu
#endif
