// regalloc.h - gives every LIR operand a register or a spill slot.
//
// Linear scan in one pass over the blocks ("second-chance binpacking": Traub, Holloway, Smith, "Quality and
// Speed in Linear-scan Register Allocation", PLDI 1998): values move between registers and
// their slots as pressure demands, and every edge ends with the parallel move that makes both sides agree.
// Near linear in instructions plus live-in entries. oracle/alloc checks each result in test builds.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/lir.h"

#include <memory>

namespace assay::codegen {

struct AllocOptions {
  u32 max_registers = 0;  // of each class; 0: all. Never fewer than one instruction needs
  bool spill_all = false; // every value lives in its slot between instructions
};

class RegisterAllocator {
public:
  RegisterAllocator();
  ~RegisterAllocator();
  /// Overwrites `out`. Fails with Unsupported when the function is too large (live-in entries beyond a
  /// fixed limit), never for lack of registers on a LIR that meets its invariants.
  Result<void> run(const LirFunction& function, const RegisterFile& registers, const AllocOptions& options,
                   Allocation& out);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace assay::codegen
