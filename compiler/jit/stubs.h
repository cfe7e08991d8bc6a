// stubs.h - the doors between C++ and compiled code, installed once a process: in, and out by a trap.
//
// The entry stub loads a register file and calls (codegen/entry_frame.h). The trap entries, one a TrapKind, are called
// by compiled code, and by the fault handler in the name of compiled code; they record the frame and call
// `on_trap`, which throws. Both have frames that the unwinder knows. Thread-safe; never released, so that code and
// exceptions on their way may rely on them until the process ends.
// Tested in compiler/jit/tests/instance_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/entry_frame.h"
#include "compiler/codegen/vm_context.h"

namespace assay::jit {

struct Stubs {
  void (*enter)(EntryFrame*) = nullptr;
  u64 trap_entry[kTrapCount] = {};
  // The code itself, for debuggers and profilers.
  const CodeObject* object = nullptr;
  const u8* base = nullptr;
  bool unwindable = true; // see Installed
};

/// Made at the first call. Unsupported where no stub exists for this processor.
Result<const Stubs*> process_stubs();

} // namespace assay::jit
