// regalloc.h - gives every LIR operand a register or a spill slot.
//
// One walk over the code, backwards: the last use of a value gives it a register, which it keeps up to its definition
// unless it must make way for another (regalloc_walk.h). No pass before it: going backwards, a use that finds no
// register is a last use. (As in the allocators of LuaJIT and, within a block, of regalloc2's "fastalloc".)
// Linear in operands, plus the values in registers at each block end. oracle/alloc checks each result in test builds.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/decisions.h"
#include "compiler/codegen/lir.h"

#include <memory>

namespace assay::codegen {

struct AllocOptions {
  u32 max_registers = 0;          // of each class; 0: all. Never fewer than one instruction needs
  bool spill_all = false;         // every value lives in its slot between instructions
  Decisions* decisions = nullptr; // asked before choices that need not be made; null: all may be
};

class RegisterAllocator {
public:
  RegisterAllocator();
  ~RegisterAllocator();
  /// Overwrites `out`. Never fails on a LIR that meets its invariants.
  Result<void> run(const LirFunction& function, const RegisterFile& registers, const AllocOptions& options,
                   Allocation& out);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace assay::codegen
