// exec_memory_test.cpp - code memory never offers write and execute together, traps where unused, and leaves nothing.
//
// The mappings are read from /proc/self/maps, and access rights are also probed by faulting on purpose.
#include "compiler/os/exec_memory.h"
#include "compiler/os/fault_handler.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <string>

#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace assay::os {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

/// A function that returns `value` (below 65536), of kReturnBytes.
#if defined(__x86_64__)
constexpr u64 kReturnBytes = 6;
void write_return(const CodeBlock& block, u32 value) {
  const u8 code[kReturnBytes] = {0xb8, static_cast<u8>(value), static_cast<u8>(value >> 8), 0, 0, 0xc3}; // mov eax; ret
  std::memcpy(block.write, code, sizeof code);
}
constexpr u8 kTrap[] = {0xcc, 0xcc, 0xcc, 0xcc};
#else
constexpr u64 kReturnBytes = 8;
void write_return(const CodeBlock& block, u32 value) {
  const u32 code[2] = {0x52800000u | value << 5, 0xd65f03c0u}; // mov w0; ret
  std::memcpy(block.write, code, sizeof code);
}
constexpr u8 kTrap[] = {0x00, 0x00, 0x20, 0xd4}; // brk #0
#endif

/// From a multiple of 4 on.
bool are_traps(const u8* from, u64 size) {
  for (u64 at = 0; at + 4 <= size; at += 4) {
    if (std::memcmp(from + at, kTrap, 4) != 0) return false;
  }
  return true;
}

int call(const CodeBlock& block) {
  int (*function)() = nullptr;
  const u8* address = block.exec;
  std::memcpy(&function, &address, sizeof function);
  return function();
}

bool faults(const u8* at, bool writing) {
  Fault fault;
  const auto end = run_guarded(
      [&] {
        volatile u8* byte = const_cast<u8*>(at);
        if (writing) {
          *byte = 1;
        } else {
          static_cast<void>(*byte);
        }
      },
      0, fault);
  return end == GuardedEnd::Faulted;
}

class ArenaTest : public testing::TestWithParam<MemoryStrategy> {
protected:
  void SetUp() override {
    if (GetParam() == MemoryStrategy::DualMap && !sees_other_view())
      GTEST_SKIP() << "the emulator underneath does not see code written through another view";
  }
};
INSTANTIATE_TEST_SUITE_P(Strategies, ArenaTest, testing::Values(MemoryStrategy::Protect, MemoryStrategy::DualMap),
                         [](const auto& p) { return p.param == MemoryStrategy::Protect ? "Protect" : "DualMap"; });

TEST_P(ArenaTest, RunsWhatWasWritten) {
  auto arena = CodeArena::create({GetParam(), false});
  ASSERT_TRUE(arena) << arena.error().to_string();
  auto a = arena->allocate(kReturnBytes), b = arena->allocate(kReturnBytes);
  ASSERT_TRUE(a && b);
  write_return(*a, 42);
  write_return(*b, 43);
  ASSERT_TRUE(arena->publish(*a) && arena->publish(*b));
  EXPECT_EQ(call(*a), 42);
  EXPECT_EQ(call(*b), 43);
}

TEST_P(ArenaTest, ExecutableViewCannotBeWritten) {
  auto arena = CodeArena::create({GetParam(), false});
  auto block = arena->allocate(kReturnBytes);
  write_return(*block, 1);
  ASSERT_TRUE(arena->publish(*block));
  EXPECT_TRUE(faults(block->exec, true));
  EXPECT_EQ(call(*block), 1);
}

TEST_P(ArenaTest, PagesAroundARegionAreInaccessible) {
  auto region = map_region(page_size(), GetParam());
  ASSERT_TRUE(region);
  EXPECT_TRUE(faults(region->exec - 1, false));
  EXPECT_TRUE(faults(region->exec + region->size, false));
  EXPECT_TRUE(faults(region->write - 1, true));
  EXPECT_TRUE(faults(region->write + region->size, true));
  unmap_region(*region);
}

TEST_P(ArenaTest, UnusedAndFreedBytesAreTraps) {
  auto arena = CodeArena::create({GetParam(), false});
  auto block = arena->allocate(100);
  EXPECT_TRUE(are_traps(block->write, block->size));
  const u8* place = block->exec;
  write_return(*block, 5);
  ASSERT_TRUE(arena->publish(*block));
  arena->free(*block);
  EXPECT_TRUE(are_traps(place, 100));
}

TEST_P(ArenaTest, RandomAllocationsNeverOverlapAndAllComeBack) {
  auto arena = CodeArena::create({GetParam(), false, 64 * 1024});
  std::mt19937 random(7);
  std::vector<CodeBlock> live;
  const u64 at_start = arena->bytes_mapped();
  for (int step = 0; step < 3000; ++step) {
    if (live.size() < 20 || random() % 2 != 0) {
      auto block = arena->allocate(1 + random() % 9000);
      ASSERT_TRUE(block);
      for (const CodeBlock& other : live) {
        ASSERT_TRUE(block->exec + block->size <= other.exec || other.exec + other.size <= block->exec);
      }
      write_return(*block, static_cast<u32>(step));
      ASSERT_TRUE(arena->publish(*block));
      ASSERT_EQ(call(*block), step);
      live.push_back(*block);
    } else {
      const size_t at = random() % live.size();
      arena->free(live[at]);
      live[at] = live.back();
      live.pop_back();
    }
  }
  for (const CodeBlock& block : live) arena->free(block);
  EXPECT_LE(arena->bytes_mapped(), at_start) << "more than one region of the least size stays";
}

TEST(BumpArenaTest, ResetReusesThePlaceAndClearsTheRest) {
  auto arena = BumpArena::create(4096);
  ASSERT_TRUE(arena) << arena.error().to_string();
  auto first = arena->allocate(1000);
  std::memset(first->write, 0x90, 1000);
  arena->reset();
  auto second = arena->allocate(10);
  EXPECT_EQ(second->exec, first->exec);
  write_return(*second, 9);
  ASSERT_TRUE(arena->publish(*second));
  EXPECT_EQ(call(*second), 9);
  EXPECT_TRUE(are_traps(first->exec + 8, 1024 - 8));
}

TEST(BumpArenaTest, WhatIsWrittenOverRunsAsWritten) {
  auto arena = BumpArena::create();
  for (u32 value = 0; value < 1000; ++value) {
    arena->reset();
    auto block = arena->allocate(kReturnBytes);
    ASSERT_TRUE(block);
    write_return(*block, value);
    ASSERT_TRUE(arena->publish(*block));
    ASSERT_EQ(call(*block), static_cast<int>(value));
  }
}

TEST(BumpArenaTest, ItsPagesAreNeverWritableAndExecutable) {
  auto arena = BumpArena::create();
  auto block = arena->allocate(kReturnBytes);
  write_return(*block, 1);
  ASSERT_TRUE(arena->publish(*block));
  EXPECT_TRUE(faults(block->exec, true));
  EXPECT_EQ(call(*block), 1);
}

TEST(BumpArenaTest, GrowsForALargerProgramOnly) {
  auto arena = BumpArena::create(4096);
  auto large = arena->allocate(20000);
  ASSERT_TRUE(large);
  EXPECT_GE(arena->region().size, 20000u);
  EXPECT_FALSE(arena->allocate(1u << 20)) << "growing would move the block in use";
}

#if defined(__linux__)
struct Maps {
  int writable_and_executable = 0;
  int executable = 0;
  int code_views = 0;
};

Maps read_maps() {
  Maps maps;
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(' ');
    const bool w = line[at + 2] == 'w', x = line[at + 3] == 'x';
    maps.writable_and_executable += w && x;
    maps.executable += x;
    maps.code_views += line.find("assay-code") != std::string::npos;
  }
  return maps;
}

TEST(CodeArena, PublishingTheNextBlockMakesNoMappingMore) {
  if (!can_protect()) GTEST_SKIP() << "this process may not make writable pages executable";
  const Maps before = read_maps();
  auto arena = CodeArena::create({MemoryStrategy::Protect, false});
  ASSERT_TRUE(arena.ok());
  EXPECT_EQ(read_maps().executable, before.executable + 1) << "the page before the first block";
  for (u32 i = 0; i < 3; ++i) {
    const auto block = arena->allocate(kReturnBytes);
    write_return(*block, i);
    ASSERT_TRUE(arena->publish(*block));
    EXPECT_EQ(read_maps().executable, before.executable + 1);
  }
}

TEST_P(ArenaTest, NoPageIsWritableAndExecutableAtAnyStageAndNothingStays) {
  const Maps before = read_maps();
  {
    auto arena = CodeArena::create({GetParam(), false});
    EXPECT_EQ(read_maps().writable_and_executable, 0);
    auto block = arena->allocate(kReturnBytes);
    write_return(*block, 3);
    EXPECT_EQ(read_maps().writable_and_executable, 0);
    ASSERT_TRUE(arena->publish(*block));
    const Maps published = read_maps();
    EXPECT_EQ(published.writable_and_executable, 0);
    EXPECT_EQ(published.executable, before.executable + 1);
    EXPECT_EQ(call(*block), 3);
    arena->free(*block);
    EXPECT_EQ(read_maps().writable_and_executable, 0);
  }
  const Maps after = read_maps();
  EXPECT_EQ(after.executable, before.executable);
  EXPECT_EQ(after.code_views, 0);
}

TEST_P(ArenaTest, ManyBlocksAreInFewRegions) {
  const u64 region_size = 16 * page_size();
  auto arena = CodeArena::create({GetParam(), false, region_size});
  ASSERT_TRUE(arena);
  constexpr u64 kBlocks = 640;
  u32 regions = 0;
  for (u64 i = 0; i < kBlocks; ++i) {
    auto block = arena->allocate(page_size());
    ASSERT_TRUE(block) << block.error().to_string();
    regions = std::max(regions, block->region + 1);
  }
  EXPECT_LT(regions, 18u) << "40 of the size of the first would be needed";
  EXPECT_LE(arena->bytes_mapped(), kBlocks * page_size() * 5 / 4);
}

TEST_P(ArenaTest, CodeIsNearTheLibrary) {
  auto region = map_region(page_size(), GetParam());
  const i64 distance = static_cast<i64>(reinterpret_cast<u64>(region->exec) - reinterpret_cast<u64>(&map_region));
  EXPECT_LT(std::llabs(distance), i64{1} << 31);
  unmap_region(*region);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/// What the child found: bit 0 Protect refused, bit 1 fall-back chosen, bit 2 code ran.
int under_denied_protection() {
  if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) return 99;
  int found = 0;
  found |= CodeArena::create({MemoryStrategy::Protect, false}).ok() ? 0 : 1;
  auto arena = CodeArena::create({MemoryStrategy::Protect, true});
  if (!arena) return found;
  found |= arena->strategy() == MemoryStrategy::DualMap ? 2 : 0;
  auto block = arena->allocate(kReturnBytes);
  write_return(*block, 77);
  if (arena->publish(*block) && call(*block) == 77) found |= 4;
  return found;
}

TEST(ProtectRefused, FallsBackToTwoViews) {
  const pid_t child = fork();
  if (child == 0) _exit(under_denied_protection());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 99) GTEST_SKIP() << "PR_SET_MDWE needs Linux 6.3";
  if (!sees_other_view()) GTEST_SKIP() << "the emulator underneath does not see code written through another view";
  EXPECT_EQ(WEXITSTATUS(status), 7);
}
#endif
#endif

TEST(CodeArena, BeginsBehindAPageThatIsExecutableForEver) {
  auto arena = CodeArena::create({MemoryStrategy::Protect, false, page_size()});
  if (!arena) GTEST_SKIP() << arena.error().message;
  const auto block = arena->allocate(1);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(arena->bytes_mapped(), 2 * page_size());
  u8 trap[4];
  fill_traps(trap, sizeof trap);
  EXPECT_EQ(std::memcmp(block->exec - sizeof trap, trap, sizeof trap), 0);
  EXPECT_EQ(std::memcmp(block->exec - page_size(), trap, sizeof trap), 0);
  arena->free(*block);
}

} // namespace
} // namespace assay::os
