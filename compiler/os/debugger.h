// debugger.h - GDB's JIT interface: object files in memory that a debugger of this process reads.
//
// GDB manual, "JIT Compilation Interface". gdb and lldb put a breakpoint on __jit_debug_register_code; each addition
// and removal calls it, with no debugger attached for a few ns. Both symbols are weak: a program that holds another JIT
// with the same interface has one list (the two JITs must then not change it at the same time). The list holds
// pointers, so removal is O(1). Thread-safe. Tested in compiler/debug/tools/tests/debugger_test.cpp, with the debuggers
// themselves.
#pragma once

#include "assay/types.h"

#include <memory>
#include <vector>

namespace assay::os {

/// An object file that is announced while this lives.
class DebuggerObject {
public:
  /// `file`: what compiler/debug/info/elf_object.h writes.
  explicit DebuggerObject(std::vector<u8> file);
  DebuggerObject(const DebuggerObject&) = delete;
  DebuggerObject& operator=(const DebuggerObject&) = delete;
  ~DebuggerObject();

private:
  struct Entry;
  std::vector<u8> file_;
  std::unique_ptr<Entry> entry_;
};

/// How many are announced, by anybody. Walks the list.
u64 debugger_object_count();

} // namespace assay::os
