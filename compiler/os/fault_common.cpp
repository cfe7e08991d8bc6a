// fault_common.cpp - see fault_common.h; and the words for a Fault.
#include "compiler/os/fault_common.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace assay::os {

namespace {

constexpr u32 kForceAfterTicks = 1000 / kWatchTickMs;

struct SignalName {
  int signal;
  const char* name;
  bool has_address;
};
constexpr SignalName kSignals[] = {
    {SIGSEGV, "SIGSEGV", true},
#if defined(SIGBUS)
    {SIGBUS, "SIGBUS", true},
#endif
    {SIGFPE, "SIGFPE", false},   {SIGILL, "SIGILL", false},
    {5, "SIGTRAP", false}, // everywhere, also where the number has no name
    {SIGABRT, "SIGABRT", false},
};

} // namespace

FoundCode find_code(const CodeRange* first, u64 pc) {
  FoundCode found;
  for (const CodeRange* r = first; r != nullptr; r = r->next) {
    if (pc < r->begin || pc >= r->end) continue;
    found.in_code = true;
    found.offset = pc - r->begin;
    const FaultSite* last = r->faults + r->fault_count;
    const FaultSite* site = std::lower_bound(r->faults, last, found.offset,
                                             [](const FaultSite& s, u64 offset) { return s.offset < offset; });
    if (site != last && site->offset == found.offset && r->trap_entries != nullptr)
      found.trap_entry = r->trap_entries[static_cast<u32>(site->trap)];
    break;
  }
  return found;
}

void link_before(CodeRange* first, CodeRange& range) {
  range.next = first;
  range.previous = nullptr;
  if (first != nullptr) first->previous = &range;
}

bool unlink(CodeRange& range, CodeRange*& first) {
  if (range.previous != nullptr) range.previous->next = range.next;
  else if (first == &range) first = range.next;
  else return false;
  if (range.next != nullptr) range.next->previous = range.previous;
  range.previous = nullptr;
  return true;
}

u32 RunClock::arm(u32 limit) {
  const u32 before = limit_ms.load(std::memory_order_relaxed);
  limit_ms.store(limit, std::memory_order_relaxed);
  epoch.store((epoch.load(std::memory_order_relaxed) + 1) | 1, std::memory_order_release);
  return before;
}

void RunClock::disarm(u32 outer_limit) {
  const u64 next = (epoch.load(std::memory_order_relaxed) | 1) + 1;
  limit_ms.store(outer_limit, std::memory_order_relaxed);
  epoch.store(outer_limit != 0 ? next + 1 : next, std::memory_order_release);
}

RunClock::Look RunClock::look(u64 now_ms) {
  const u64 current = epoch.load();
  if (current != seen_epoch) {
    seen_epoch = current;
    seen_at_ms = now_ms;
    asked = 0;
    return Look::New;
  }
  const u32 limit = limit_ms.load();
  if ((current & 1) == 0 || limit == 0 || now_ms - seen_at_ms < limit) return Look::InTime;
  return ++asked > kForceAfterTicks ? Look::LongOverdue : Look::Overdue;
}

std::string to_string(const Fault& fault) {
  const auto* const row = std::find_if(std::begin(kSignals), std::end(kSignals),
                                       [&](const SignalName& s) { return s.signal == fault.signal; });
  const char* const name = row == std::end(kSignals) ? "signal" : row->name;
  char text[120];
  if (fault.in_code) {
    std::snprintf(text, sizeof text, "%s at code+0x%llx", name, static_cast<unsigned long long>(fault.code_offset));
  } else {
    std::snprintf(text, sizeof text, "%s outside compiled code", name);
  }
  std::string out = text;
  if (row != std::end(kSignals) && row->has_address) {
    // Small addresses are told as they are; others differ from run to run and would make equal findings differ.
    std::snprintf(text, sizeof text, ", address 0x%llx", static_cast<unsigned long long>(fault.address));
    out += fault.address < 0x10000 ? text : ", wild address";
  }
  return out;
}

} // namespace assay::os
