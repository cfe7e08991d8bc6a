// linear_memory.h - one linear memory: reserved to its maximum, committed as far as it is used, reused by the next.
//
// Layout of the reservation, in pages: inaccessible | its last 64 bytes are the front guard zone | the memory, the back
// guard zone of 64 bytes behind its last byte | not committed | inaccessible. The zones hold a pattern; a
// compiled program that writes just outside breaks it (checked by `guards_intact`), one that writes far outside
// faults. Kept from one module to the next: loading a module of the usual size makes no system call.
// Cost of `load` and `reset`: the bytes that the last program could have written.
// Tested in compiler/jit/tests/linear_memory_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

namespace assay::jit {

class LinearMemory {
public:
  LinearMemory() = default;
  LinearMemory(const LinearMemory&) = delete;
  LinearMemory& operator=(const LinearMemory&) = delete;
  ~LinearMemory();

  /// Becomes the memory of `module` (of size 0 when it has none), with its data.
  Result<void> load(const Module& module);
  /// As after `load` of the same module.
  void reset(const Module& module);
  /// Adds pages; the old size in pages, or ~0 with nothing changed.
  u64 grow(u64 pages);

  /// After code that may have written anywhere: every byte outside the memory is as it should be again.
  void scrub();

  u8* base() const { return base_; }
  u64 size() const { return size_; }
  u64 max() const { return max_; }
  bool guards_intact() const;

private:
  bool resize(u64 size);
  void clear(u64 from, u64 to);

  u8* reservation_ = nullptr;
  u64 reserved_ = 0;
  u8* base_ = nullptr;
  u64 committed_ = 0; // bytes from base_
  u64 size_ = 0;
  u64 max_ = 0;
};

} // namespace assay::jit
