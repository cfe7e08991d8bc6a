// fault_handler.h - what becomes of a hardware fault, and of a run without end, in or under compiled code.
//
// In this order: a fault at a registered FaultSite becomes its trap (control goes to the trap entry as if the faulting
// instruction had called it, with return address pc + kFaultReturn, which the position look-up and the unwinder
// understand; on ARM64 it goes to x30, so a function with fault sites must have saved its own);
// any other fault on a thread that is inside `run_guarded` ends that call with a Fault; any other goes to the handler
// that was there before. Handlers run on an alternate stack, so a stack overflow is caught too. SIGABRT counts as a
// fault inside `run_guarded`, so a failed look-up of the C++ unwinder (std::terminate) is a result as well.
//
// A watchdog thread ends a guarded call that exceeds its time: no system call per run, a resolution of kWatchTick. It
// interrupts only where compiled code is executing, so no lock of a host function is abandoned; code that never
// comes back from elsewhere is interrupted there after a further second.
// Recovery skips the destructors of the frames between the fault and `run_guarded`: what they own is lost.
//
// Process-wide state, made at first use: the signal handlers, one watchdog thread, an alternate stack a thread.
// Cost: a guarded run 20 ns; a recovered fault a few us, linear in the ranges registered.
// Tested in compiler/os/tests/fault_handler_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"
#include "assay/types.h"

#include <string>

namespace assay::os {

/// From a faulting instruction to the return address in its name: anywhere behind its first byte will do for unwinders,
/// which look one byte before. On x64 one byte, so that it is no call's; ARM64 wants whole instructions.
#if defined(__aarch64__) || defined(_M_ARM64)
inline constexpr u32 kFaultReturn = 4;
#else
inline constexpr u32 kFaultReturn = 1;
#endif

/// Code that may fault: `faults` has offsets from `begin`. Owned by whoever registers it; must stay until removed.
struct CodeRange {
  u64 begin = 0, end = 0;            // addresses
  const FaultSite* faults = nullptr; // sorted by offset
  u32 fault_count = 0;
  const u64* trap_entries = nullptr; // [kTrapCount] addresses
  CodeRange* next = nullptr;         // the registry's use
  CodeRange* previous = nullptr;     // the registry's use
};

/// Also installs the handlers, once. Thread-safe; a fault on any thread sees a whole list.
Result<void> add_code_range(CodeRange& range);
/// Waits for handlers that are looking at the list just now.
void remove_code_range(CodeRange& range);
/// Whether the address lies in a registered range. Async-signal-safe.
bool in_code_range(u64 pc);

struct Fault {
  int signal = 0; // 0: none
  u64 pc = 0;
  u64 address = 0;      // of the access, where the signal has one
  bool in_code = false; // pc lies in a registered range
  bool timed_out = false;
  u64 code_offset = 0; // pc relative to its range, when in_code
};

/// "SIGSEGV at code+0x1f, address 0x10"
std::string to_string(const Fault& fault);

inline constexpr u32 kWatchTickMs = 10;

enum class GuardedEnd : u8 { Finished, Faulted, TimedOut };

/// Runs `body(arg)` so that a fault or (limit_ms != 0) running too long ends it. C++ exceptions of the body pass
/// through. Calls may nest; the innermost takes the fault.
GuardedEnd run_guarded(void (*body)(void*), void* arg, u32 limit_ms, Fault& fault);

template <typename Body> GuardedEnd run_guarded(Body&& body, u32 limit_ms, Fault& fault) {
  return run_guarded([](void* arg) { (*static_cast<Body*>(arg))(); }, &body, limit_ms, fault);
}

/// The stack that the system gave this thread: it may grow down to `low`, and begins below `high`. Both 0 where the
/// system does not say.
struct StackRange {
  u64 low = 0, high = 0;
};
StackRange thread_stack(); // asked once a thread

} // namespace assay::os
