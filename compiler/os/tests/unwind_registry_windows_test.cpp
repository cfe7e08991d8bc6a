// unwind_registry_windows_test.cpp - the system finds the function tables that are registered, for as long as they are.
//
// The tables are hand-made: functions of 16 bytes that save nothing.
#include "compiler/os/exec_memory.h"
#include "compiler/os/unwind_registry.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace assay::os {
namespace {

#if defined(_WIN32)

constexpr u32 kFunctions = 100;
#if defined(__aarch64__) || defined(_M_ARM64)
constexpr u32 kInfoBytes = 8, kEntryBytes = 8; // begin, info
#else
constexpr u32 kInfoBytes = 4, kEntryBytes = 12; // begin, end, info
#endif

class Installed {
public:
  Installed() : arena_(BumpArena::create(65536).value()) {
    block_ = *arena_.allocate(16 * kFunctions + kInfoBytes + kEntryBytes * kFunctions);
    const u32 info = 16 * kFunctions;
    // x64: version 1, no codes. ARM64: 4 instructions, one word of codes, which begins with `end`.
    const u32 no_codes[2] = {kInfoBytes == 4 ? 1u : 4u | 1u << 27, 0xe3e3e3e4};
    std::memcpy(block_.write + info, no_codes, kInfoBytes);
    for (u32 i = 0; i < kFunctions; ++i) {
      const u32 with_end[3] = {16 * i, 16 * i + 16, info}, without[2] = {16 * i, info};
      std::memcpy(block_.write + info + kInfoBytes + kEntryBytes * i, kEntryBytes == 12 ? with_end : without,
                  kEntryBytes);
    }
  }
  const u8* code() const { return block_.exec; }
  Result<UnwindRegistration> add(u32 size = kEntryBytes * kFunctions, u32 covered = 16 * kFunctions) {
    return UnwindRegistration::add({code() + 16 * kFunctions + kInfoBytes, size, code(), code() + covered - 1, code()});
  }
  bool finds(u32 function) const { return unwinder_finds(code() + 16 * function + 5); }

private:
  BumpArena arena_;
  CodeBlock block_;
};

TEST(WindowsUnwindRegistry, EveryFunctionIsFoundAndNoneAfterRemoval) {
  Installed code;
  EXPECT_FALSE(code.finds(0));
  auto registered = code.add();
  ASSERT_TRUE(registered) << registered.error().to_string();
  for (u32 i = 0; i < kFunctions; ++i) ASSERT_TRUE(code.finds(i)) << i;
  EXPECT_FALSE(unwinder_finds(code.code() + 16 * kFunctions + 5));
  ASSERT_TRUE(registered->remove());
  for (u32 i = 0; i < kFunctions; ++i) ASSERT_FALSE(code.finds(i)) << i;
  EXPECT_TRUE(registered->remove()) << "nothing is left to do";
}

TEST(WindowsUnwindRegistry, DestructionRemoves) {
  Installed code;
  {
    auto registered = code.add();
    ASSERT_TRUE(registered);
    const UnwindRegistration moved = std::move(*registered);
    EXPECT_TRUE(code.finds(1));
  }
  EXPECT_FALSE(code.finds(1));
}

TEST(WindowsUnwindRegistry, WhatTheTableDoesNotCoverIsAnErrorAndLeavesNothing) {
  Installed code;
  EXPECT_FALSE(code.add(kEntryBytes * kFunctions, 16 * kFunctions + 1));
  EXPECT_FALSE(code.finds(0));
}

TEST(WindowsUnwindRegistry, AMalformedTableIsAnError) {
  Installed code;
  EXPECT_FALSE(code.add(kEntryBytes * kFunctions - 1));
  EXPECT_FALSE(code.add(0));
  EXPECT_FALSE(code.finds(0));
}

TEST(WindowsUnwindRegistry, ManyTablesComeAndGoInAnyOrder) {
  std::vector<std::unique_ptr<Installed>> codes;
  std::vector<UnwindRegistration> registrations;
  for (u32 i = 0; i < 64; ++i) {
    codes.push_back(std::make_unique<Installed>());
    auto registered = codes.back()->add();
    ASSERT_TRUE(registered);
    registrations.push_back(std::move(registered).value());
  }
  for (u32 i = 0; i < 64; i += 2) ASSERT_TRUE(registrations[i].remove());
  for (u32 i = 0; i < 64; ++i) EXPECT_EQ(codes[i]->finds(7), i % 2 == 1) << i;
}

#endif

} // namespace
} // namespace assay::os
