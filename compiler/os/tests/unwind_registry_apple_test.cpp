// unwind_registry_apple_test.cpp - what is registered with macOS's unwinder, and what happens when it does not work.
//
// Against a stand-in for the system, so that it runs on every Unix. The sections are hand-made: functions of 16 bytes,
// one FDE each, and a page of compact unwind in which every second function refers to its FDE.
#include "compiler/os/tests/fake_unwinder.h"
#include "compiler/os/unwind_callback.h"
#include "compiler/os/unwind_registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>

namespace assay::os {
namespace {

#if !defined(_WIN32)

using Fake = testing::FakeUnwinder;

constexpr u32 kFunctions = 6, kCodeBytes = 16 * kFunctions, kCodeAt = 32;
#if defined(__aarch64__)
constexpr u32 kFrameMode = 0x04000000, kDwarfMode = 0x03000000;
#else
constexpr u32 kFrameMode = 0x01000000, kDwarfMode = 0x04000000;
#endif

/// Memory with bytes that nobody runs, and behind them their tables.
class Code {
public:
  Code() : bytes_(1024) {
    u8* at = bytes_.data() + kCodeAt + kCodeBytes;
    section_ = at;
    const u8 cie[] = {20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};
    std::memcpy(at, cie, sizeof cie);
    at += sizeof cie;
    std::vector<u32> offsets;
    for (u32 i = 0; i < kFunctions; ++i) {
      offsets.push_back(static_cast<u32>(at - section_));
      const u32 pc = static_cast<u32>(function(i) - (at + 8));
      for (const u32 word : {16u, offsets.back() + 4, pc, 16u, 0u}) put(at, word);
    }
    put(at, 0);
    section_size_ = static_cast<u64>(at - section_);
    compact_ = at;
    const u32 page = 28 + 24, end = kCodeAt + kCodeBytes;
    for (const u32 word : {1u, 28u, 0u, 28u, 0u, 28u, 2u, kCodeAt, page, page, end, 0u, page}) put(at, word);
    for (const u32 word : {2u, 8 | kFunctions << 16}) put(at, word);
    for (u32 i = 0; i < kFunctions; ++i) {
      put(at, kCodeAt + 16 * i);
      put(at, i % 2 == 0 ? kFrameMode : kDwarfMode | offsets[i]);
    }
    compact_size_ = static_cast<u64>(at - compact_);
  }
  CodeTables tables() const {
    return {section_, section_size_, function(0), function(kFunctions) - 1, bytes_.data(), compact_, compact_size_};
  }
  const u8* function(u32 i) const { return bytes_.data() + kCodeAt + 16 * i; }
  u32 found() const {
    u32 count = 0;
    for (u32 i = 0; i < kFunctions; ++i)
      count += unwinder_finds(function(i)) && unwinder_finds(function(i) + 15) ? 1 : 0;
    return count;
  }

private:
  static void put(u8*& at, u32 value) {
    std::memcpy(at, &value, 4);
    at += 4;
  }
  std::vector<u8> bytes_;
  u8* section_ = nullptr;
  u8* compact_ = nullptr;
  u64 section_size_ = 0, compact_size_ = 0;
};

TEST(AppleUnwindRegistry, TheSystemIsGivenOneCallbackAndAsksItForEachRange) {
  const OtherUnwinder system(Fake::calls());
  EXPECT_TRUE(unwinder_takes_compact());
  const Code one, two;
  auto first = UnwindRegistration::add(one.tables()), second = UnwindRegistration::add(two.tables());
  ASSERT_TRUE(first) << first.error().to_string();
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_EQ(Fake::finders.size(), 1u);
  EXPECT_TRUE(Fake::entries.empty()) << "nothing is registered by itself";
  EXPECT_EQ(one.found(), kFunctions);
  EXPECT_EQ(two.found(), kFunctions);
  DynamicUnwindSections in{};
  ASSERT_EQ(Fake::finders[0](reinterpret_cast<u64>(two.function(3)), &in), 1);
  const CodeTables wanted = two.tables();
  EXPECT_EQ(in.dso_base, reinterpret_cast<u64>(wanted.base));
  EXPECT_EQ(in.dwarf, reinterpret_cast<u64>(wanted.section));
  EXPECT_EQ(in.dwarf_size, wanted.size);
  EXPECT_EQ(in.compact, reinterpret_cast<u64>(wanted.compact));
  EXPECT_EQ(in.compact_size, wanted.compact_size);
  ASSERT_TRUE(first->remove());
  EXPECT_EQ(one.found(), 0u);
  EXPECT_EQ(two.found(), kFunctions);
  ASSERT_TRUE(second->remove());
  EXPECT_EQ(two.found(), 0u);
  EXPECT_FALSE(unwinder_finds(two.function(kFunctions)));
}

TEST(AppleUnwindRegistry, AnUnwinderThatTakesNoMoreCallbacksGetsEntries) {
  const OtherUnwinder system(Fake::calls());
  Fake::refusal = -6541; // UNW_ENOMEM
  const Code code;
  {
    const auto registered = UnwindRegistration::add(code.tables());
    ASSERT_TRUE(registered) << registered.error().to_string();
    EXPECT_EQ(Fake::entries.size(), kFunctions);
    EXPECT_EQ(code.found(), kFunctions);
  }
  EXPECT_TRUE(Fake::entries.empty());
}

TEST(AppleUnwindRegistry, AnUnwinderThatNeverAsksBackGetsEntriesFromThenOn) {
  const OtherUnwinder system(Fake::calls());
  Fake::asks_back = false;
  const Code one, two;
  const auto first = UnwindRegistration::add(one.tables());
  ASSERT_TRUE(first);
  EXPECT_EQ(Fake::entries.size(), kFunctions);
  Fake::asks_back = true; // too late: how it is done is found out once
  const auto second = UnwindRegistration::add(two.tables(), false);
  ASSERT_TRUE(second);
  EXPECT_EQ(Fake::entries.size(), 2 * kFunctions);
  EXPECT_EQ(one.found() + two.found(), 2 * kFunctions);
}

TEST(AppleUnwindRegistry, OneThatStopsAskingGetsEntriesForWhatItDoesNotFind) {
  const OtherUnwinder system(Fake::calls());
  const Code one, two;
  auto first = UnwindRegistration::add(one.tables());
  ASSERT_TRUE(first);
  Fake::asks_back = false;
  auto second = UnwindRegistration::add(two.tables());
  ASSERT_TRUE(second);
  EXPECT_EQ(Fake::entries.size(), kFunctions);
  Fake::asks_back = true;
  EXPECT_EQ(one.found() + two.found(), 2 * kFunctions);
  ASSERT_TRUE(second->remove());
  EXPECT_TRUE(Fake::entries.empty());
  ASSERT_TRUE(first->remove()) << "each is removed the way it came";
  EXPECT_EQ(one.found() + two.found(), 0u);
}

TEST(AppleUnwindRegistry, BeforeMacOS14EntriesAreRegistered) {
  const OtherUnwinder system(Fake::calls(false));
  EXPECT_FALSE(unwinder_takes_compact());
  const Code code;
  auto registered = UnwindRegistration::add(code.tables());
  ASSERT_TRUE(registered);
  EXPECT_EQ(Fake::entries.size(), kFunctions);
  ASSERT_TRUE(registered->remove());
  EXPECT_TRUE(Fake::entries.empty());
}

TEST(AppleUnwindRegistry, WithoutCompactUnwindOrWithABaseAboveTheCodeEntriesAreRegistered) {
  const OtherUnwinder system(Fake::calls());
  const Code code;
  for (const bool has_compact : {false, true}) {
    CodeTables tables = code.tables();
    if (has_compact) tables.base = tables.first_pc + 1;
    else tables.compact = nullptr;
    const auto registered = UnwindRegistration::add(tables);
    ASSERT_TRUE(registered);
    EXPECT_EQ(Fake::entries.size(), kFunctions);
  }
}

TEST(AppleUnwindRegistry, OneThatFindsNothingIsAnErrorAndNothingStays) {
  const OtherUnwinder system(Fake::calls());
  Fake::asks_back = Fake::sees_entries = false;
  const Code code;
  const auto registered = UnwindRegistration::add(code.tables());
  ASSERT_FALSE(registered);
  EXPECT_EQ(registered.error().kind, ErrorKind::Unsupported);
  Fake::asks_back = Fake::sees_entries = true;
  EXPECT_EQ(code.found(), 0u);
}

TEST(AppleUnwindRegistry, OneThatDoesNotForgetIsAnErrorOfRemoval) {
  const OtherUnwinder system(Fake::calls(false));
  Fake::forgets_removal = true;
  const Code code;
  auto registered = UnwindRegistration::add(code.tables());
  ASSERT_TRUE(registered);
  const auto removed = registered->remove();
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().message.find("still finds"), std::string::npos);
  EXPECT_TRUE(registered->remove()) << "it was tried, once";
}

/// What throws do, while other threads install and remove.
TEST(AppleUnwindRegistry, LookingUpIsSafeWhileOthersAddAndRemove) {
  const OtherUnwinder system(Fake::calls());
  std::vector<std::unique_ptr<Code>> codes;
  for (int i = 0; i < 300; ++i) codes.push_back(std::make_unique<Code>());
  std::vector<UnwindRegistration> staying;
  for (u32 i = 0; i < 100; ++i) {
    auto registered = UnwindRegistration::add(codes[i]->tables());
    ASSERT_TRUE(registered);
    staying.push_back(std::move(registered).value());
  }
  std::atomic<bool> stop{false};
  std::atomic<u64> wrong{0};
  std::vector<std::thread> threads;
  for (u32 seed = 1; seed <= 2; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (!stop.load()) {
        const Code& code = *codes[random() % 100];
        if (!unwinder_finds(code.function(random() % kFunctions))) ++wrong;
        static_cast<void>(unwinder_finds(codes[100 + random() % 200]->function(2)));
      }
    });
  }
  const auto change = [&](u32 from) {
    std::mt19937 random(from);
    for (int round = 0; round < 10000; ++round) {
      auto registered = UnwindRegistration::add(codes[from + random() % 100]->tables());
      if (!registered || !registered->remove()) ++wrong;
    }
  };
  std::thread other(change, 100);
  change(200);
  other.join();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
}

#endif

} // namespace
} // namespace assay::os
