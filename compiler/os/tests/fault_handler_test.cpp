// fault_handler_test.cpp - faults become traps, results or the former handler's business; endless runs end.
//
// Machine code is a few hand-assembled bytes or words each, one table a processor.
#include "compiler/os/exec_memory.h"
#include "compiler/os/fault_handler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace assay::os {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

#if defined(_WIN32)
constexpr int kBreakpointSignal = 5; // has no name there
#else
constexpr int kBreakpointSignal = SIGTRAP;
#endif

using Bytes = std::vector<u8>;

#if defined(__x86_64__)
const Bytes kReturn{0xc3};
const Bytes kUndefined{0x90, 0x0f, 0x0b}; // nop; ud2
constexpr u64 kUndefinedAt = 1;
const Bytes kBreak{0xcc};
#if defined(_WIN32)                                   // the first argument is in rcx, elsewhere in rdi
const Bytes kLoad{0x48, 0x8b, 0x01, 0xc3};            // mov rax, [rcx]; ret
const Bytes kJump{0xff, 0xe1};                        // jmp rcx
const Bytes kFaultSite{0x90, 0x48, 0x8b, 0x01, 0xc3}; // nop; mov rax, [rcx]; ret
#else
const Bytes kLoad{0x48, 0x8b, 0x07, 0xc3};            // mov rax, [rdi]; ret
const Bytes kJump{0xff, 0xe7};                        // jmp rdi
const Bytes kFaultSite{0x90, 0x48, 0x8b, 0x07, 0xc3}; // nop; mov rax, [rdi]; ret
#endif
const Bytes kPushForEver{0xe8, 0xfb, 0xff, 0xff, 0xff}; // call itself
const Bytes kLoop{0xeb, 0xfe};                          // jmp self
// What a trap entry is "called" with goes back to the caller: pop rax; ret.
const Bytes kTrapEntry{0x58, 0xc3};
constexpr u32 kFaultAt = 1;
#else
Bytes words(std::initializer_list<u32> list) {
  Bytes out(4 * list.size());
  std::memcpy(out.data(), list.begin(), out.size());
  return out;
}
const Bytes kReturn = words({0xd65f03c0});
const Bytes kUndefined = words({0xd503201f, 0}); // nop; udf #0
constexpr u64 kUndefinedAt = 4;
const Bytes kBreak = words({0xd4200000});
const Bytes kLoad = words({0xf9400000, 0xd65f03c0});        // ldr x0, [x0]; ret
const Bytes kJump = words({0xd61f0000});                    // br x0
const Bytes kPushForEver = words({0xa9bf7bfd, 0x17ffffff}); // stp x29, x30, [sp, #-16]!; b there
const Bytes kLoop = words({0x14000000});                    // b self
// What a trap entry is "called" with goes back to the caller: mov x0, x30; ldp x29, x30, [sp], #16; ret.
const Bytes kTrapEntry = words({0xaa1e03e0, 0xa8c17bfd, 0xd65f03c0});
// stp x29, x30, [sp, #-16]!; ldr x0, [x0]; ldp x29, x30, [sp], #16; ret
const Bytes kFaultSite = words({0xa9bf7bfd, 0xf9400000, 0xa8c17bfd, 0xd65f03c0});
constexpr u32 kFaultAt = 4;
#endif

class Code {
public:
  explicit Code(const Bytes& bytes) : arena_(BumpArena::create(4096).value()) {
    block_ = *arena_.allocate(bytes.size());
    std::memcpy(block_.write, bytes.data(), bytes.size());
    EXPECT_TRUE(arena_.publish(block_));
    range_.begin = reinterpret_cast<u64>(block_.exec);
    range_.end = range_.begin + bytes.size();
    EXPECT_TRUE(add_code_range(range_));
  }
  ~Code() { remove_code_range(range_); }
  u64 call(u64 a = 0) {
    u64 (*function)(u64) = nullptr;
    std::memcpy(&function, &block_.exec, sizeof function);
    return function(a);
  }
  CodeRange& range() { return range_; }
  u64 address(u64 offset) const { return range_.begin + offset; }

private:
  BumpArena arena_;
  CodeBlock block_;
  CodeRange range_;
};

GuardedEnd run(Code& code, Fault& fault, u32 limit_ms = 0, u64 a = 0) {
  return run_guarded([&] { code.call(a); }, limit_ms, fault);
}

TEST(RunGuarded, FinishesWhenNothingHappens) {
  Code code(kReturn);
  Fault fault;
  EXPECT_EQ(run(code, fault), GuardedEnd::Finished);
}

TEST(RunGuarded, InvalidInstructionIsAFaultAtItsOffset) {
  Code code(kUndefined);
  Fault fault;
  ASSERT_EQ(run(code, fault), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, SIGILL);
  EXPECT_TRUE(fault.in_code);
  EXPECT_EQ(fault.code_offset, kUndefinedAt);
  EXPECT_EQ(to_string(fault), "SIGILL at code+0x" + std::to_string(kUndefinedAt));
}

TEST(RunGuarded, BreakpointIsAFault) {
  Code code(kBreak);
  Fault fault;
  ASSERT_EQ(run(code, fault), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, kBreakpointSignal);
}

TEST(RunGuarded, WildAccessTellsTheAddress) {
  Code code(kLoad);
  Fault fault;
  ASSERT_EQ(run(code, fault, 0, 0x10), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, SIGSEGV);
  EXPECT_EQ(fault.address, 0x10u);
  EXPECT_EQ(to_string(fault), "SIGSEGV at code+0x0, address 0x10");
}

#if defined(__x86_64__)
TEST(RunGuarded, DivideErrorIsAFault) {
  Code code({0x31, 0xc0, 0x31, 0xd2, 0xf7, 0xf0, 0xc3}); // xor eax,eax; xor edx,edx; div eax; ret
  Fault fault;
  ASSERT_EQ(run(code, fault), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, SIGFPE);
}
#endif

TEST(RunGuarded, WildJumpIsAFaultOutsideCode) {
  Code code(kJump);
  Fault fault;
  ASSERT_EQ(run(code, fault, 0, 0x40), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, SIGSEGV);
  EXPECT_FALSE(fault.in_code);
  EXPECT_EQ(fault.pc, 0x40u);
}

TEST(RunGuarded, StackOverflowIsAFault) {
  Code code(kPushForEver);
  Fault fault;
  EXPECT_EQ(run(code, fault), GuardedEnd::Faulted);
}

TEST(RunGuarded, EndlessLoopEndsInTime) {
  Code code(kLoop);
  Fault fault;
  ASSERT_EQ(run(code, fault, 50), GuardedEnd::TimedOut);
  EXPECT_TRUE(fault.timed_out);
  EXPECT_TRUE(fault.in_code);
}

TEST(RunGuarded, ManyShortRunsAreNotStopped) {
  Code code(kReturn);
  Fault fault;
  const u32 limit_ms = 500; // much more than any of them is kept waiting by a busy machine, much less than all take
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(3 * limit_ms)) {
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(run(code, fault, limit_ms), GuardedEnd::Finished);
  }
}

TEST(RunGuarded, FaultsAgainAndAgain) {
  Code code(kUndefined);
  Fault fault;
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(run(code, fault), GuardedEnd::Faulted);
}

TEST(RunGuarded, ExceptionsPassThrough) {
  Fault fault;
  EXPECT_THROW(static_cast<void>(run_guarded([] { throw std::runtime_error("x"); }, 10, fault)), std::runtime_error);
  Code code(kUndefined);
  EXPECT_EQ(run(code, fault), GuardedEnd::Faulted) << "the scope of the thrown run must be gone";
}

TEST(RunGuarded, InnermostScopeTakesTheFault) {
  Code code(kUndefined);
  Fault outer, inner;
  const auto end = run_guarded([&] { EXPECT_EQ(run(code, inner, 5), GuardedEnd::Faulted); }, 1000, outer);
  EXPECT_EQ(end, GuardedEnd::Finished);
  EXPECT_EQ(outer.signal, 0);
}

TEST(RunGuarded, AbortIsAFault) {
  Fault fault;
  ASSERT_EQ(run_guarded([] { std::abort(); }, 0, fault), GuardedEnd::Faulted);
  EXPECT_EQ(fault.signal, SIGABRT);
}

TEST(RunGuarded, WorksOnEveryThread) {
  std::atomic<int> faults{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Code crash(kUndefined), hang(kLoop);
      Fault fault;
      for (int i = 0; i < 50; ++i) faults += run(crash, fault) == GuardedEnd::Faulted;
      faults += run(hang, fault, 30) == GuardedEnd::TimedOut;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(faults, 4 * 51);
}

TEST(FaultSite, GoesToTheTrapEntryWithAReturnAddressBehindThePc) {
  Code entry(kTrapEntry), code(kFaultSite);
  const FaultSite site{kFaultAt, TrapKind::OutOfBounds, {}};
  u64 entries[kTrapCount] = {};
  entries[static_cast<u32>(TrapKind::OutOfBounds)] = entry.address(0);
  code.range().faults = &site;
  code.range().fault_count = 1;
  code.range().trap_entries = entries;
  EXPECT_EQ(code.call(0x10), code.address(kFaultAt + kFaultReturn));
  u64 value = 5;
  EXPECT_EQ(code.call(reinterpret_cast<u64>(&value)), 5u);
}

#if !defined(_WIN32) // there handlers of frames come before any other
sigjmp_buf former_jump;
void former_handler(int) { siglongjmp(former_jump, 1); }

TEST(Chain, FaultsElsewhereGoToTheFormerHandler) {
#if defined(ASSAY_EMULATED)
  GTEST_SKIP() << "the emulator cannot start this program again";
#endif
  testing::FLAGS_gtest_death_test_style = "threadsafe"; // a fresh process, without handlers of ours
  // In a child, because the handlers are installed once a process: there they come after this test's own.
  EXPECT_EXIT(
      {
        struct sigaction action {};
        action.sa_handler = former_handler;
        action.sa_flags = SA_NODEFER;
        sigaction(SIGSEGV, &action, nullptr);
        CodeRange range;
        static_cast<void>(add_code_range(range));
        if (sigsetjmp(former_jump, 1) == 0) {
          volatile u64 address = 8; // volatile: the compiler must not see through it
          volatile int* nowhere = reinterpret_cast<volatile int*>(address);
          *nowhere = 1;
          std::_Exit(1);
        }
        std::_Exit(42);
      },
      testing::ExitedWithCode(42), "");
}

#endif

TEST(Chain, WithoutAFormerHandlerTheProcessStillDies) {
#if defined(ASSAY_EMULATED)
  GTEST_SKIP() << "the emulator cannot start this program again";
#endif
  EXPECT_DEATH(
      {
        CodeRange range;
        static_cast<void>(add_code_range(range));
        volatile u64 address = 8; // volatile: the compiler must not see through it
        volatile int* nowhere = reinterpret_cast<volatile int*>(address);
        *nowhere = 1;
      },
      "");
}

TEST(ThreadStack, IsAroundTheCurrentFrame) {
  const int here = 0;
  EXPECT_GT(thread_stack().low, 0u);
  EXPECT_LT(thread_stack().low, reinterpret_cast<u64>(&here));
  EXPECT_GT(thread_stack().high, reinterpret_cast<u64>(&here));
}

#endif

} // namespace
} // namespace assay::os
