// address_space_test.cpp - reserved memory faults, committed memory is zero, discarded memory is zero again.
#include "compiler/os/address_space.h"
#include "compiler/os/exec_memory.h"
#include "compiler/os/fault_handler.h"

#include <gtest/gtest.h>

namespace assay::os {
namespace {

bool write_faults(u8* at) {
  Fault fault;
  return run_guarded([&] { *const_cast<volatile u8*>(at) = 1; }, 0, fault) == GuardedEnd::Faulted;
}

TEST(AddressSpace, OnlyCommittedPagesAreAccessible) {
  const u64 page = page_size();
  u8* base = reserve_pages(4 * page).value();
  EXPECT_TRUE(write_faults(base));
  ASSERT_TRUE(commit_pages(base + page, page));
  EXPECT_FALSE(write_faults(base + page));
  EXPECT_FALSE(write_faults(base + 2 * page - 1));
  EXPECT_TRUE(write_faults(base + page - 1));
  EXPECT_TRUE(write_faults(base + 2 * page));
  release_pages(base, 4 * page);
}

TEST(AddressSpace, DiscardedPagesReadAsZero) {
  const u64 page = page_size();
  u8* base = reserve_pages(2 * page).value();
  ASSERT_TRUE(commit_pages(base, 2 * page));
  base[0] = base[page] = 7;
  discard_pages(base, page);
  EXPECT_EQ(base[0], 0);
  EXPECT_EQ(base[page], 7);
  base[0] = 1; // still committed
  release_pages(base, 2 * page);
}

} // namespace
} // namespace assay::os
