// fault_handler_windows.cpp - a vectored handler turns faults at fault sites into traps; recovery is not offered.
//
// A vectored exception handler may not leave by longjmp, so run_guarded simply runs: a crash stays a crash and a
// campaign there needs a process around each batch. Ranges are kept under a lock that the handler takes
// shared; a fault inside add or remove on the same thread cannot happen. Tested in compiler/os/tests/.
#include "compiler/os/fault_handler.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <shared_mutex>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

std::shared_mutex ranges_mutex;
CodeRange* ranges = nullptr;

LONG CALLBACK on_fault(EXCEPTION_POINTERS* info) {
#if defined(_M_X64) || defined(__x86_64__)
  CONTEXT& context = *info->ContextRecord;
  const std::shared_lock lock(ranges_mutex);
  for (const CodeRange* r = ranges; r != nullptr; r = r->next) {
    if (context.Rip < r->begin || context.Rip >= r->end || r->trap_entries == nullptr) continue;
    const u64 offset = context.Rip - r->begin;
    const FaultSite* last = r->faults + r->fault_count;
    const FaultSite* site =
        std::lower_bound(r->faults, last, offset, [](const FaultSite& s, u64 value) { return s.offset < value; });
    if (site == last || site->offset != offset) break;
    const u64 back = context.Rip + 1;
    context.Rsp -= 8;
    std::memcpy(reinterpret_cast<void*>(context.Rsp), &back, 8);
    context.Rip = r->trap_entries[static_cast<u32>(site->trap)];
    return EXCEPTION_CONTINUE_EXECUTION;
  }
#else
  static_cast<void>(info);
#endif
  return EXCEPTION_CONTINUE_SEARCH;
}

} // namespace

Result<void> add_code_range(CodeRange& range) {
  static void* const handler = AddVectoredExceptionHandler(1, on_fault);
  if (handler == nullptr) return Error{ErrorKind::Io, {}, 0, 0, "installing the fault handler"};
  const std::unique_lock lock(ranges_mutex);
  range.next = ranges;
  ranges = &range;
  return {};
}

void remove_code_range(CodeRange& range) {
  const std::unique_lock lock(ranges_mutex);
  CodeRange** at = &ranges;
  while (*at != nullptr && *at != &range) at = &(*at)->next;
  if (*at != nullptr) *at = range.next;
}

bool in_code_range(u64 pc) {
  const std::shared_lock lock(ranges_mutex);
  for (const CodeRange* r = ranges; r != nullptr; r = r->next) {
    if (pc >= r->begin && pc < r->end) return true;
  }
  return false;
}

std::string to_string(const Fault& fault) { return "exception " + std::to_string(fault.signal); }

GuardedEnd run_guarded(void (*body)(void*), void* arg, u32, Fault&) {
  body(arg);
  return GuardedEnd::Finished;
}

u64 stack_floor() {
  ULONG_PTR low = 0, high = 0;
  GetCurrentThreadStackLimits(&low, &high);
  return low;
}

} // namespace assay::os
