// single_step_test.cpp - each instruction of a page of code is told once, with its registers; faults reach who had
// them.
#include "fuzz/os/single_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#if defined(__linux__) && defined(__x86_64__)
#include <csetjmp>
#include <csignal>
#include <sys/mman.h>

namespace assay::fuzz {
namespace {

class Notes final : public StepObserver {
public:
  void on_step(const StepRegisters& registers, bool entered) override {
    pcs.push_back(registers.pc);
    rax.push_back(registers.general[0]);
    entries += entered;
  }
  std::vector<u64> pcs, rax;
  u32 entries = 0;
};

class SingleStep : public testing::Test {
protected:
  // mov eax, 5 | add rax, rdi | ret; and at 0x20 a read of address 8.
  void SetUp() override {
    page_ = static_cast<u8*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(page_, MAP_FAILED);
    const u8 code[] = {0xb8, 5, 0, 0, 0, 0x48, 0x01, 0xf8, 0xc3};
    const u8 fault[] = {0x48, 0x8b, 0x04, 0x25, 8, 0, 0, 0, 0xc3};
    std::copy(std::begin(code), std::end(code), page_);
    std::copy(std::begin(fault), std::end(fault), page_ + 0x20);
    ASSERT_EQ(mprotect(page_, 4096, PROT_READ | PROT_EXEC), 0);
  }
  void TearDown() override {
    end_steps();
    munmap(page_, 4096);
  }
  u64 call(u64 offset, u64 argument) {
    return reinterpret_cast<u64 (*)(u64)>(reinterpret_cast<u64>(page_) + offset)(argument);
  }
  u64 at() const { return reinterpret_cast<u64>(page_); }

  u8* page_ = nullptr;
  Notes notes_;
};

TEST_F(SingleStep, EveryInstructionIsToldOnceWithItsRegisters) {
  ASSERT_TRUE(begin_steps(at(), at() + 0x40, notes_));
  EXPECT_EQ(call(0, 37), 42u);
  EXPECT_EQ(call(0, 1), 6u);
  end_steps();
  EXPECT_EQ(call(0, 2), 7u); // told nobody
  ASSERT_EQ(notes_.pcs, (std::vector<u64>{at(), at() + 5, at() + 8, at(), at() + 5, at() + 8}));
  EXPECT_EQ(notes_.rax[1], 5u);
  EXPECT_EQ(notes_.rax[2], 42u);
  EXPECT_EQ(notes_.entries, 2u);
}

sigjmp_buf back;

TEST_F(SingleStep, AFaultOfTheCodeGoesToTheHandlerBeforeAndTheNextEntryIsSteppedAgain) {
  struct sigaction mine {
  }, old{};
  mine.sa_handler = [](int) { siglongjmp(back, 1); };
  mine.sa_flags = SA_NODEFER;
  sigaction(SIGSEGV, &mine, &old);
  ASSERT_TRUE(begin_steps(at(), at() + 0x40, notes_));
  if (sigsetjmp(back, 1) == 0) {
    call(0x20, 0);
    ADD_FAILURE() << "the read of address 8 went well";
  }
  EXPECT_EQ(call(0, 1), 6u);
  end_steps();
  sigaction(SIGSEGV, &old, nullptr);
  EXPECT_EQ(notes_.pcs, (std::vector<u64>{at() + 0x20, at(), at() + 5, at() + 8}));
}

TEST_F(SingleStep, CodeThatDoesNotBeginAPageIsRefused) { EXPECT_FALSE(begin_steps(at() + 16, at() + 32, notes_)); }

} // namespace
} // namespace assay::fuzz

#else

TEST(SingleStep, IsUnsupportedElsewhere) {
  class None final : public assay::fuzz::StepObserver {
    void on_step(const assay::fuzz::StepRegisters&, bool) override {}
  } nobody;
  const auto done = assay::fuzz::begin_steps(4096, 8192, nobody);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, assay::ErrorKind::Unsupported);
}

#endif
