// vm_context.h - the memory that compiled code and the runtime share; the context register points to it.
//
// x64: r14, a64: x28 (callee-saved in every convention, never allocated), set by the entry stub, so a host callback
// preserves it. Only 64-bit fields, the same layout for every host and guest; offsets are what
// codegen addresses. Written by compiler/jit (Instance); read and written by compiled code.
#pragma once

#include "assay/types.h"

#include <cstddef>

namespace assay {

/// Runtime functions that compiled code calls through VmContext::runtime, host convention.
/// Those from FmaF32 on are pure arithmetic for processors without the instruction.
enum class RuntimeFn : u32 {
  MemoryGrow, // u64 (VmContext*, u64 pages): old size in pages, or ~0 when refused (the caller truncates)
  MemoryFill, // void (u8* to, u64 byte, u64 length): bounds already checked
  MemoryCopy, // void (u8* to, const u8* from, u64 length): bounds already checked, may overlap
  Throw,      // never returns (VmContext*, u64 tag, const u64* payload): as AirException
  Rethrow,    // never returns (VmContext*, u64 handle): the exception that CatchAll gave the handle for
  CatchTag,   // void (VmContext*, void* exception, u64* payload): of a landing pad; the exception is over
  CatchAll,   // u64 (VmContext*, void* exception): of a landing pad; keeps the exception and gives a handle
  FmaF32,
  FmaF64,
  CeilF32,
  CeilF64,
  FloorF32,
  FloorF64,
  TruncF32,
  TruncF64,
  NearestF32,
  NearestF64,
  Count,
};

/// One entry of the module's function table. A null entry has code == 0.
struct TableEntry {
  u64 code = 0;
  u64 signature = 0; // SignatureId
};

/// A frame no larger is not asked how far it reaches, only where it begins: there is room below the limit.
inline constexpr u32 kStackSlack = 512;

struct VmContext {
  u64 memory_base = 0; // the same as long as a call runs: growing moves nothing
  u64 memory_size = 0; // bytes now
  u64 memory_max = 0;  // bytes
  u64 fuel = 0;
  u64 stack_limit = 0; // a frame may not reach further below this address than kStackSlack
  u64 globals = 0;     // address of u64[globals]: bits, zero above the type's width
  u64 table = 0;       // address of TableEntry[table_size]
  u64 table_size = 0;  // entries
  // Within what a byte reaches, as all above: the traps that are no program's own.
  u64 trap_entry[kTrapCount] = {}; // code to call (`call`, `blr`) on a trap of that kind: never returns
  // Frames: an import thunk or a trap stub stores its frame pointer here before it enters the runtime;
  // the walk over AIR frames starts there and ends at the entry stub's frame pointer.
  u64 exit_fp = 0;
  u64 entry_fp = 0;
  u64 host_call = 0; // void (*)(VmContext*, u64 import, const u64* args, u64* results), host convention
  u64 runtime[static_cast<u32>(RuntimeFn::Count)] = {};
  u64 owner = 0; // the Instance (runtime's use)
};

static_assert(sizeof(VmContext) == 8 * (12 + kTrapCount + static_cast<u32>(RuntimeFn::Count)));

} // namespace assay
