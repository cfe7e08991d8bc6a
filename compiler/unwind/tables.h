// tables.h - one door to every unwind format: a CodeObject's FrameDescriptions in, the bytes of the tables out.
//
// Formats: DWARF call frame information (.eh_frame, dwarf.h); Windows function tables (x64: RUNTIME_FUNCTION and
// UNWIND_INFO version 1, Microsoft's "x64 exception handling"; ARM64: .pdata and .xdata, "ARM64 exception handling");
// Apple's compact unwind (__unwind_info, <mach-o/compact_unwind_encoding.h>). The target is the object's; any host
// writes any format. What is exact where:
//   EhFrame       every instruction.
//   Windows       every instruction. ARM64 has no code for an sp above the caller's: behind the instruction that pops
//                 stack arguments (one or two instructions before the return) sp is what the caller finds afterwards.
//   AppleCompact  calls and the body, as the format is meant; a function that the encoding cannot describe at each of
//                 its calls and fault sites refers to its FDE (DWARF mode).
// Pure, no allocation but growth of `out`. Linear in code objects' frame effects. Tested in compiler/unwind/tests/.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"

#include <vector>

namespace assay::unwind {

enum class UnwindFormat : u8 { EhFrame, Windows, AppleCompact };

/// Where code and tables will stand, in bytes. The tables come behind the code: `tables_at` is the distance from the
/// code's first byte to the tables' first byte, a multiple of 8 and not below the code's size. `code_rva` is
/// the distance from the base address that entries are relative to (Windows: the image base given to the system;
/// Apple: dso_base) to the code's first byte; a multiple of 4.
struct UnwindPlace {
  u64 tables_at = 0;
  u64 code_rva = 0;
  /// Windows: the language-specific handler of functions that have a row in CodeObject::call_sites (the others have
  /// none), as the distance from the code's first byte to the routine's; 0: none. What their infos end with is
  /// `handler_data`, 8 bytes of the handler's own (DISPATCHER_CONTEXT::HandlerData points there), at a multiple of 4.
  u64 handler_at = 0;
  u64 handler_data = 0;
  /// AppleCompact: as EhFrameOptions has them, of every entry of the section. Functions with a row in
  /// CodeObject::call_sites are then in DWARF mode, whose entries name them.
  u64 personality = 0, lsda = 0;
};

/// A part of UnwindTables::bytes.
struct TableSection {
  u32 at = 0, size = 0;
};

struct UnwindTables {
  std::vector<u8> bytes;
  TableSection eh_frame; // EhFrame, AppleCompact: CIE, FDEs in the functions' order, zero word
  TableSection entries;  // Windows: .pdata, sorted by address (x64 12 bytes, ARM64 8 bytes an entry)
                         // AppleCompact: __unwind_info, functions relative to the base
  TableSection info;     // Windows: .xdata, what the entries refer to

  void clear();
};

/// Overwrites `out`, reusing its storage. On an Error `out` is empty: Unsupported when distances do not fit in the
/// format's fields (code or tables of 2 GiB, a base 4 GiB away) or a frame cannot be said in it; BadInput when the
/// object is malformed.
Result<void> write_tables(UnwindFormat format, const CodeObject& object, const UnwindPlace& place, UnwindTables& out);

} // namespace assay::unwind
