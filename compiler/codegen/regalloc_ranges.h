// regalloc_ranges.h - the allocator of the optimising level: linear scan over live ranges that are split.
//
// The same task and the same result as RegisterAllocator (regalloc.h), with more work for better code: a value has a
// register wherever it pays, above all in loops, and is in memory elsewhere. ranges_walk.h has the method. Some 100 ns
// an instruction. oracle/alloc checks each result in test builds.
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/lir.h"
#include "compiler/codegen/regalloc.h"

#include <memory>

namespace assay::codegen {

class RangeAllocator {
public:
  RangeAllocator();
  ~RangeAllocator();
  /// Overwrites `out`. False when this is nothing for it, and `out` holds nothing of use: `spill_all`, more values
  /// across blocks than are worth tables of every block, or an instruction that finds no register.
  bool run(const LirFunction& function, const RegisterFile& registers, const AllocOptions& options, Allocation& out);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace assay::codegen
