// linear_memory_test.cpp - zero-filled, guarded, grown by pages, and as new for the next module.
#include "compiler/jit/linear_memory.h"
#include "compiler/os/fault_handler.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::jit {
namespace {

Module with_memory(u64 size, u64 max) {
  Module module;
  module.has_memory = true;
  module.memory_size = size;
  module.memory_max = max;
  return module;
}

bool all_zero(const LinearMemory& memory) {
  return std::all_of(memory.base(), memory.base() + memory.size(), [](u8 byte) { return byte == 0; });
}

TEST(LinearMemory, StartsWithItsDataAndZerosElsewhere) {
  Module module = with_memory(100, 100);
  module.data.push_back({10, "abc"});
  LinearMemory memory;
  ASSERT_TRUE(memory.load(module));
  ASSERT_EQ(memory.size(), 100u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(memory.base()) + 9, 5), std::string("\0abc\0", 5));
  EXPECT_TRUE(memory.guards_intact());
}

TEST(LinearMemory, ResetUndoesWritesAndGrowth) {
  Module module = with_memory(100, 1 << 20);
  module.data.push_back({0, "x"});
  LinearMemory memory;
  ASSERT_TRUE(memory.load(module));
  ASSERT_EQ(memory.grow(2), 0u);
  std::fill_n(memory.base(), memory.size(), u8{7});
  memory.reset(module);
  ASSERT_EQ(memory.size(), 100u);
  EXPECT_EQ(memory.base()[0], 'x');
  ASSERT_EQ(memory.grow(15), 0u);
  memory.base()[0] = 0;
  EXPECT_TRUE(all_zero(memory));
}

TEST(LinearMemory, GrowsUpToTheMaximumAndNotBeyond) {
  LinearMemory memory;
  ASSERT_TRUE(memory.load(with_memory(65536 + 5, 3 * 65536 + 5)));
  std::fill_n(memory.base(), memory.size(), u8{7});
  EXPECT_EQ(memory.grow(1), 1u);
  EXPECT_EQ(memory.size(), 2 * 65536u + 5);
  EXPECT_EQ(memory.base()[65536 + 4], 7);
  EXPECT_EQ(memory.base()[65536 + 5], 0) << "the former guard zone must be cleared";
  EXPECT_EQ(memory.grow(2), ~u64{0});
  EXPECT_EQ(memory.grow(~u64{0}), ~u64{0});
  EXPECT_EQ(memory.grow(1), 2u);
  EXPECT_EQ(memory.grow(0), 3u);
  EXPECT_TRUE(memory.guards_intact());
}

TEST(LinearMemory, NextModuleSeesNothingOfTheLast) {
  LinearMemory memory;
  for (const u64 size : {u64{5000}, u64{64}, u64{70000}, u64{0}, u64{3000000}, u64{100}, u64{3000000}}) {
    ASSERT_TRUE(memory.load(with_memory(size, std::max<u64>(size, 65536))));
    ASSERT_TRUE(all_zero(memory)) << size;
    ASSERT_TRUE(memory.guards_intact());
    std::fill_n(memory.base(), memory.size(), u8{0xff});
    ASSERT_TRUE(memory.guards_intact());
  }
}

TEST(LinearMemory, WritesNextToItAreNoticed) {
  LinearMemory memory;
  const Module module = with_memory(100, 100);
  ASSERT_TRUE(memory.load(module));
  for (const std::ptrdiff_t at : {-1, -64, 100, 163}) {
    memory.base()[at] ^= 1;
    EXPECT_FALSE(memory.guards_intact()) << at;
    memory.scrub();
    EXPECT_TRUE(memory.guards_intact()) << at;
  }
}

TEST(LinearMemory, ScrubClearsWildWrites) {
  LinearMemory memory;
  const Module module = with_memory(100, 65536 * 2);
  ASSERT_TRUE(memory.load(module));
  memory.base()[2000] = 9;
  memory.scrub();
  memory.reset(module);
  ASSERT_EQ(memory.grow(1), 0u);
  EXPECT_TRUE(all_zero(memory));
}

TEST(LinearMemory, FarBeyondItsEndIsInaccessible) {
  LinearMemory memory;
  ASSERT_TRUE(memory.load(with_memory(65536, 1 << 20)));
  os::Fault fault;
  EXPECT_EQ(os::run_guarded([&] { *const_cast<volatile u8*>(memory.base() + 65536 + 4096) = 1; }, 0, fault),
            os::GuardedEnd::Faulted);
}

} // namespace
} // namespace assay::jit
