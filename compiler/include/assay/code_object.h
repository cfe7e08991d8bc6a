// code_object.h - what a compile gives: bytes and tables, position independent, for one target and OS.
//
// Layout when installed: `code`, padding to 16, then `rodata` (constants, jump tables of 32-bit offsets
// relative to the table). References from code to rodata are already resolved (PC-relative); calls
// between functions are relocations. Plain data: may be written to a file, read elsewhere, and kept as
// evidence (serialise/deserialise; the reader checks everything). Tested in compiler/jit/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/frame.h"
#include "assay/types.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct Module;

enum class Target : u8 { X64, A64 };
/// Whose calling convention and unwind format.
enum class Os : u8 { Linux, Windows, Apple };

std::string_view name_of(Target target); // "x64"
std::string_view name_of(Os os);         // "linux"

enum class RelocKind : u8 {
  Rel32,    // x64: 32-bit signed, relative to the end of the field, plus addend
  Abs64,    // the address itself
  Branch26, // a64: a b or bl, whose 26-bit distance in words is relative to itself
  Lea,      // a64: two instructions (adr and add, or adrp and add) that put the address into a register
};

/// A field of `code`, from its first byte on, to fill with the address of a function's entry.
struct Reloc {
  u32 offset = 0; // of the field, in `code`
  RelocKind kind = RelocKind::Rel32;
  FunctionId function = kNone;
  i32 addend = 0;
};

/// One compiled function (an import has one too: its thunk, which calls VmContext::host_call).
struct FunctionCode {
  FunctionId function = kNone;
  u32 begin = 0, end = 0; // in `code`; begin is 16-aligned
  u32 first_frame_op = 0, frame_op_count = 0;
  u32 frame_size = 0;    // bytes below the return address, for reports
  bool is_thunk = false; // no AIR frame of its own
};

/// A place of the source. When its function was compiled into another: the call that stands there for it.
struct SourcePosition {
  Position position;
  u32 inlined_at = kNone; // index in CodeObject::inlined_calls; kNone: the function is the frame's own
};

/// The AIR position of a return address (a call, or the call to a trap stub). Sorted by offset.
struct PcPosition {
  u32 offset = 0; // in `code`: the return address
  Position position;
  u32 inlined_at = kNone; // as in SourcePosition
};

/// An instruction that may fault, and what the fault means. Sorted by offset.
struct FaultSite {
  u32 offset = 0; // in `code`: first byte of the instruction
  TrapKind trap = TrapKind::OutOfBounds;
  Position position;
};

/// What a call site does with an exception of this tag, if its payload has that many values; or with any exception but
/// a trap, when tag is kNone.
struct Clause {
  TagId tag = kNone;
  u32 payload = 0;     // values
  u32 landing_pad = 0; // in `code`
};

/// A call whose exceptions may be caught. Its first clause that fits is taken. Sorted by offset.
struct CallSite {
  u32 offset = 0; // in `code`: the return address
  u32 first_clause = 0, clause_count = 0;
};

struct CodeObject {
  Target target = Target::X64;
  Os os = Os::Linux;      // convention between AIR functions
  Os host_os = Os::Linux; // convention towards the runtime
  u32 alignment = 16;     // where the code's first byte may lie: a multiple of this, 16 or 4096
  std::vector<u8> code;
  std::vector<u8> rodata;
  std::vector<Reloc> relocs;
  std::vector<FunctionCode> functions; // sorted by begin
  std::vector<u32> function_entry;     // [FunctionId] -> index in `functions`; kNone: left out, nothing refers to it
  std::vector<FrameOp> frame_ops;
  std::vector<PcPosition> positions;
  std::vector<SourcePosition> inlined_calls; // each refers to an earlier one, if to any
  std::vector<FaultSite> faults;
  std::vector<CallSite> call_sites;
  std::vector<Clause> clauses;
  std::vector<std::string> names; // [FunctionId], for debuggers and reports

  /// Whether the function of the module was compiled (Entries).
  bool has(FunctionId function) const { return function_entry[function] != kNone; }
  /// Of one that was.
  const FunctionCode& code_of(FunctionId function) const {
    ASSAY_CHECK(has(function));
    return functions[function_entry[function]];
  }
  /// Success when it may be code of that module: as many functions, and all that are exported or in the table.
  Result<void> fits(const Module& module) const;
  u32 rodata_offset() const { return (static_cast<u32>(code.size()) + 15u) & ~15u; }
  std::span<const FrameOp> frame_of(const FunctionCode& f) const {
    return {frame_ops.data() + f.first_frame_op, f.frame_op_count};
  }
  /// The position whose return address is `offset`, or null. Binary search.
  const PcPosition* position_at(u32 offset) const;
  const FaultSite* fault_at(u32 offset) const;
  const CallSite* call_site_at(u32 offset) const;
  std::span<const Clause> clauses_of(const CallSite& site) const {
    return {clauses.data() + site.first_clause, site.clause_count};
  }
  /// Forgets everything, keeping capacity.
  void clear();
};

} // namespace assay
