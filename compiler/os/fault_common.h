// fault_common.h - what fault handlers of all systems share: the list of code ranges, and when a run is overdue.
//
// Locks are the handlers' business, and differ by system. Nothing here allocates or calls the system, so a handler may.
// A search is linear in the ranges. Tested in compiler/os/tests/fault_handler_test.cpp.
#pragma once

#include "compiler/os/fault_handler.h"

#include <atomic>

namespace assay::os {

struct FoundCode {
  bool in_code = false;
  u64 offset = 0;     // from the range's first byte
  u64 trap_entry = 0; // 0: no fault site there
};

FoundCode find_code(const CodeRange* first, u64 pc);

/// Makes `range` ready to be the first of the list that begins with `first`; whoever publishes it sees to the order.
void link_before(CodeRange* first, CodeRange& range);
/// Takes `range` out of the list, and puts a new beginning into `first` if need be. False when it is not in the list.
bool unlink(CodeRange& range, CodeRange*& first);

/// What the watchdog sees of a thread's runs. `epoch` is odd while a limited run goes on; every run has its own.
struct RunClock {
  std::atomic<u64> epoch{0};
  std::atomic<u32> limit_ms{0};
  // The watchdog's notes.
  u64 seen_epoch = 0;
  u64 seen_at_ms = 0;
  u32 asked = 0;

  /// Begins a run with a limit; gives the limit that was in force.
  u32 arm(u32 limit);
  void disarm(u32 outer_limit);

  enum class Look : u8 { New, InTime, Overdue, LongOverdue };
  /// By the watchdog, each tick. LongOverdue: a second after it was first overdue.
  Look look(u64 now_ms);
};

} // namespace assay::os
