// native_defects_test.cpp - defective code is a finding, of the right kind and with the right words, and harms nobody.
//
// A defect is written over the instructions that load a marker in a compiled program: 10 bytes of mov on x64, four
// instructions on ARM64.
#include "native_support.h"

#include "compiler/codegen/vm_context.h"

#include <algorithm>
#include <cstring>

namespace assay::qemu {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

using Bytes = std::vector<u8>;

/// The defect for this host's processor.
#if defined(__x86_64__)
constexpr size_t kRoom = 10;
const Bytes kNop{0x90};
Bytes defect(Bytes x64, std::initializer_list<u32>) { return x64; }
#else
constexpr size_t kRoom = 16;
const Bytes kNop{0x1f, 0x20, 0x03, 0xd5};
Bytes defect(const Bytes&, std::initializer_list<u32> a64) {
  Bytes out(4 * a64.size());
  std::memcpy(out.data(), a64.begin(), out.size());
  return out;
}
#endif

/// Where the code loads 0x1122334455667788.
size_t find_marker(const Bytes& code) {
#if defined(__x86_64__)
  const u8 wanted[] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
  const auto at = std::search(code.begin(), code.end(), std::begin(wanted), std::end(wanted));
  return at == code.end() ? code.size() : static_cast<size_t>(at - code.begin()) - 2;
#else
  for (size_t at = 0; at + kRoom <= code.size(); at += 4) {
    u32 word = 0;
    std::memcpy(&word, code.data() + at, 4);
    if ((word & ~31u) == (0xd2800000u | 0x7788u << 5)) return at; // movz x, #0x7788
  }
  return code.size();
#endif
}

/// Writes the defect over the marker, and nops over what is left of it. The offset where it is.
u32 patch(Program& program, const Bytes& bytes) {
  Bytes& code = program.object.code;
  const size_t at = find_marker(code);
  EXPECT_LT(at, code.size()) << "the marker is loaded in another way";
  if (at == code.size()) return 0;
  for (size_t i = 0; i < kRoom; i += kNop.size())
    std::copy(kNop.begin(), kNop.end(), code.begin() + static_cast<std::ptrdiff_t>(at + i));
  std::copy(bytes.begin(), bytes.end(), code.begin() + static_cast<std::ptrdiff_t>(at));
  return static_cast<u32>(at);
}

const char* const kWithMemory =
    "memory 64\nglobal @g : i64 = 1\nexport func @f(i64) -> i64 {\n^entry(%x: i64):\n"
    "  %m = const.i64 0x1122334455667788\n  store.i64 %x, 0, %m\n  global_set.i64 @g, %m\n  %r = add.i64 %m, %x\n"
    "  return %r\n}\n";
const char* const kWithoutMemory = "export func @f(i64) -> i64 {\n^entry(%x: i64):\n"
                                   "  %m = const.i64 0x1122334455667788\n  %r = add.i64 %m, %x\n  return %r\n}\n";

class Defect : public NativeExecutorTest {
protected:
  Outcome run_patched(const Bytes& bytes, const char* text = kWithMemory) {
    Program program = compile(text);
    patch(program, bytes);
    Outcome out;
    EXPECT_TRUE(executor_->load(program.module, program.object));
    executor_->run(0, std::vector<u64>{0}, kFuel, host_, out);
    // The executor must be as good as new afterwards.
    check(compile(kWithMemory), "f", {8});
    return out;
  }
  void expect_breach(const Bytes& bytes, std::string_view what, const char* text = kWithMemory) {
    const Outcome out = run_patched(bytes, text);
    EXPECT_EQ(out.kind, OutcomeKind::Breached);
    EXPECT_NE(out.text.find(what), std::string::npos) << out.text;
  }
};

TEST_F(Defect, UndefinedInstructionIsACrash) {
  const Outcome out = run_patched(defect({0x0f, 0x0b}, {0})); // ud2; udf #0
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_EQ(out.text.substr(0, 15), "SIGILL at code+");
}

TEST_F(Defect, BreakpointIsACrash) { EXPECT_EQ(run_patched(defect({0xcc}, {0xd4200000})).kind, OutcomeKind::Crashed); }

TEST_F(Defect, WildJumpIsACrash) {
  // xor eax, eax; jmp rax. mov x16, #0; br x16
  const Outcome out = run_patched(defect({0x31, 0xc0, 0xff, 0xe0}, {0xd2800010, 0xd61f0200}));
  EXPECT_EQ(out.kind, OutcomeKind::Crashed);
  EXPECT_EQ(out.text, "SIGSEGV outside compiled code, address 0x0");
}

TEST_F(Defect, EndlessLoopIsHung) {
  executor_ = make({.time_limit_ms = 60});
  EXPECT_EQ(run_patched(defect({0xeb, 0xfe}, {0x14000000})).kind, OutcomeKind::Hung);
}

TEST_F(Defect, ClobberedCalleeSavedRegisterIsABreach) {
  // xor ebx, ebx. mov x19, #0
  expect_breach(defect({0x31, 0xdb}, {0xd2800013}),
                host_target() == Target::X64 ? "callee-saved register rbx:" : "callee-saved register x19:");
}

TEST_F(Defect, ChangedRoundingModeIsABreach) {
  // push 0x7f80; ldmxcsr [rsp]; pop rax. mov x16, #0xc00000; msr fpcr, x16
  expect_breach(defect({0x68, 0x80, 0x7f, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x58}, {0xd2a01810, 0xd51b4410}),
                host_target() == Target::X64 ? "MXCSR" : "FPCR");
}

TEST_F(Defect, WriteJustBelowTheMemoryIsABreach) {
  static_assert(offsetof(VmContext, memory_base) == 0);
  // mov rax, [r14]; mov byte [rax - 3], al. ldr x16, [x28]; sturb w16, [x16, #-3]
  expect_breach(defect({0x49, 0x8b, 0x06, 0x88, 0x40, 0xfd}, {0xf9400390, 0x381fd210}), "linear memory");
}

TEST_F(Defect, WriteNextToTheGlobalsIsABreach) {
  static_assert(offsetof(VmContext, globals) == 40);
  // mov rax, [r14 + 40]; mov byte [rax + 9], al. ldr x16, [x28, #40]; strb w16, [x16, #9]
  expect_breach(defect({0x49, 0x8b, 0x46, 40, 0x88, 0x40, 0x09}, {0xf9401790, 0x39002610}), "globals");
}

#if defined(__x86_64__)
TEST_F(Defect, SetDirectionFlagIsABreach) { expect_breach(defect({0xfd}, {}), "direction flag"); }
#else
TEST_F(Defect, ClobberedLowHalfOfAVectorRegisterIsABreach) {
  expect_breach(defect({}, {0x2f00e408}), "callee-saved register v8:"); // movi d8, #0
}

TEST_F(Defect, TheUpperHalvesOfVectorRegistersMayBeClobbered) {
  EXPECT_EQ(run_patched(defect({}, {0x1e604108})).kind, OutcomeKind::Returned); // fmov d8, d8
}

TEST_F(Defect, AWriteToThePlatformsRegisterIsABreachWhereNothingElseMayHaveWrittenIt) {
#if defined(_WIN32)
  GTEST_SKIP() << "skipped: on Windows x18 leads to the thread's block, without which nothing goes on to notice";
#endif
  const Bytes write = defect({}, {0xd2824692}); // mov x18, #0x1234
  expect_breach(write, "the platform's register x18", kWithoutMemory);
  EXPECT_EQ(run_patched(write, kWithMemory).kind, OutcomeKind::Returned); // the runtime may have been called
}
#endif

TEST_F(NativeExecutorTest, FaultAtASiteIsItsTrap) {
  Program program = compile(kWithoutMemory);
  // mov rax, [0]. mov x16, #0; ldr x16, [x16]
  const u32 at = patch(program, defect({0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0}, {0xd2800010, 0xf9400210}));
  const u32 access = host_target() == Target::X64 ? at : at + 4;
  program.object.faults = {{access, TrapKind::OutOfBounds, {0, 0, 5}}};
  Outcome out;
  for (const u32 throw_one_in : {1u, ~0u}) { // as an exception, and directly
    executor_ = make({.time_limit_ms = 60000, .throw_traps_one_in = throw_one_in});
    ASSERT_TRUE(executor_->load(program.module, program.object));
    for (int i = 0; i < 3; ++i) {
      executor_->run(0, std::vector<u64>{1}, kFuel, host_, out);
      EXPECT_EQ(to_string(program.module, out), "trapped out_of_bounds at @f ^b0 #5");
    }
  }
}

#endif

} // namespace
} // namespace assay::qemu
