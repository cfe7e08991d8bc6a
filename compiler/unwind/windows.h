// windows.h - FrameDescription to Windows function tables (reached through tables.h).
//
// x64: an entry is a RUNTIME_FUNCTION, its info UNWIND_INFO version 1; the prologue's codes, and epilogues that end in
// a return and have a form that the system recognises by disassembly, need one entry a function. Any other epilogue
// (tail calls) has an entry for each state that it passes through, with the whole state as codes of a prologue of
// length 0; the body behind it is an entry chained to the first. So exactness never depends on a jump being recognised.
// ARM64: an entry is a .pdata record, its info an .xdata record with one unwind code for each instruction of the
// prologue and an epilog scope for each epilogue; functions of 1 MiB and more are fragments, each with a phantom
// prologue. Both: linear in effects; equal infos are shared (a small cache). `object` and `place` as write_tables has
// checked them. Tested in compiler/unwind/tests/windows_x64_test.cpp, windows_a64_test.cpp.
#pragma once

#include "compiler/unwind/tables.h"

namespace assay::unwind {

Result<void> write_windows_x64(const CodeObject& object, const UnwindPlace& place, UnwindTables& out);
Result<void> write_windows_a64(const CodeObject& object, const UnwindPlace& place, UnwindTables& out);

/// Keeps infos in UnwindTables::bytes, each 4-aligned, equal ones once while they are among those last seen.
class InfoPool {
public:
  /// Infos go behind what `bytes` has; the pool remembers offsets only.
  explicit InfoPool(std::vector<u8>& bytes) : bytes_(bytes) {}
  /// The offset in the bytes of an info with this content; `size` is a multiple of 4.
  u32 add(const u8* info, u32 size);

private:
  struct Known {
    u32 at = 0, size = 0;
  };
  static constexpr u32 kSlots = 64;
  std::vector<u8>& bytes_;
  Known known_[kSlots];
};

} // namespace assay::unwind
