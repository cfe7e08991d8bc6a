// regalloc_test.cpp - random LIR functions, allocated, then executed along random paths (random_lir.h).
#include "assay/errors.h"
#include "compiler/codegen/regalloc.h"
#include "compiler/codegen/tests/random_lir.h"

#include <gtest/gtest.h>

namespace assay::codegen {
namespace {

void check_random_functions(const AllocOptions& options, u32 seeds) {
  const RegisterFile file = small_file();
  RegisterAllocator allocator;
  Allocation allocation;
  for (u32 seed = 0; seed < seeds; ++seed) {
    const LirFunction function = RandomLir(seed).make();
    ASSERT_TRUE(allocator.run(function, file, options, allocation).ok());
    for (u32 path = 0; path < 8; ++path) {
      ASSERT_EQ(Machine(function, allocation, file, path).run(), "") << "seed " << seed << " path " << path;
    }
  }
}

TEST(RegisterAllocator, KeepsEveryValueOnRandomPaths) { check_random_functions({}, 4000); }
TEST(RegisterAllocator, KeepsEveryValueWithThreeRegisters) { check_random_functions({3, false}, 2000); }
TEST(RegisterAllocator, KeepsEveryValueWithOneRegister) { check_random_functions({1, false}, 2000); }
TEST(RegisterAllocator, KeepsEveryValueWhenAllAreSpilled) { check_random_functions({0, true}, 2000); }

TEST(RegisterAllocator, NeverWritesARegisterThatItDoesNotReport) {
  const RegisterFile file = small_file();
  RegisterAllocator allocator;
  Allocation allocation;
  for (u32 seed = 0; seed < 500; ++seed) {
    const LirFunction function = RandomLir(seed).make();
    ASSERT_TRUE(allocator.run(function, file, {}, allocation).ok());
    RegSet written = 0;
    for (const Edit& edit : allocation.edits) {
      if (edit.to.is_reg()) written |= bit(edit.to.preg());
    }
    for (u32 i = 0; i < function.operands.size(); ++i) {
      const Role role = function.operands[i].role;
      if (role != Role::Use && role != Role::UseLate) written |= bit(allocation.locations[i].preg());
    }
    ASSERT_EQ(written & ~allocation.written, 0u) << "seed " << seed;
  }
}

TEST(RegisterAllocator, GivesTheSameResultTwice) {
  const RegisterFile file = small_file();
  RegisterAllocator first, second;
  Allocation a, b;
  for (u32 seed = 0; seed < 200; ++seed) {
    const LirFunction function = RandomLir(seed).make();
    ASSERT_TRUE(first.run(function, file, {}, a).ok());
    ASSERT_TRUE(second.run(function, file, {}, b).ok());
    ASSERT_EQ(a.locations, b.locations);
    ASSERT_EQ(a.edits.size(), b.edits.size());
  }
}

} // namespace
} // namespace assay::codegen
