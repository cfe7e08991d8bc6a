// fault_handler_windows.cpp - a vectored handler, and a thread that watches the clock.
//
// A vectored exception handler may not leave by a jump, so recovery changes the context that the system resumes: it
// goes on in leave_scope, on the stack of run_guarded, which jumps. A thread that runs too long is suspended, and its
// context changed alike. Ranges are kept under a lock that handlers take shared; a fault inside add or remove on the
// same thread cannot happen, and the watchdog takes the lock before it suspends a thread, so that this thread does not
// hold it for writing. What a thread is doing is found through a slot of thread-local storage of the system: a
// thread_local variable may allocate when it is first touched. Faults are named by the signals of other systems, so
// that findings read alike. Tested in compiler/os/tests/fault_handler_test.cpp.
#include "compiler/os/fault_handler.h"

#include "compiler/os/fault_common.h"
#include "compiler/os/short_jump.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <malloc.h>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

constexpr int kBreakpoint = 5;                 // SIGTRAP, for which this system has no name
constexpr ULONG kStackForHandlers = 64 * 1024; // left when a stack overflow is reported

struct Scope {
  std::jmp_buf jump;
  Scope* outer = nullptr;
  Fault fault;
  bool stack_overflowed = false;
};

struct ThreadState {
  std::atomic<Scope*> scope{nullptr};
  HANDLE thread = nullptr; // once it is watched
  RunClock clock;
  ThreadState* next = nullptr; // of those that are watched
  bool watched = false;
  bool ready = false;
  ~ThreadState();
};

thread_local ThreadState thread_state; // handlers reach it through the slot

SRWLOCK ranges_lock = SRWLOCK_INIT;
CodeRange* ranges = nullptr; // under ranges_lock
SRWLOCK watch_lock = SRWLOCK_INIT;
ThreadState* watched_threads = nullptr; // under watch_lock
bool watchdog_running = false;          // under watch_lock
DWORD slot = TLS_OUT_OF_INDEXES;

struct Shared {
  explicit Shared(SRWLOCK& l) : lock(l) { AcquireSRWLockShared(&lock); }
  ~Shared() { ReleaseSRWLockShared(&lock); }
  SRWLOCK& lock;
};
struct Exclusive {
  explicit Exclusive(SRWLOCK& l) : lock(l) { AcquireSRWLockExclusive(&lock); }
  ~Exclusive() { ReleaseSRWLockExclusive(&lock); }
  SRWLOCK& lock;
};

#if defined(_M_ARM64) || defined(__aarch64__)
u64 pc_of(const CONTEXT& c) { return c.Pc; }
void call_from_fault(CONTEXT& c, u64 entry) {
  c.Lr = c.Pc + kFaultReturn;
  c.Pc = entry;
}
u64 stack_of(const std::jmp_buf& jump) { return reinterpret_cast<const _JUMP_BUFFER&>(jump).Sp; }
void resume_at(CONTEXT& c, u64 entry, u64 argument, u64 stack) {
  c.Pc = entry;
  c.X0 = argument;
  c.Sp = (stack - 64) & ~u64{15};
}
#else
u64 pc_of(const CONTEXT& c) { return c.Rip; }
void call_from_fault(CONTEXT& c, u64 entry) {
  const u64 back = c.Rip + kFaultReturn;
  c.Rsp -= 8;
  std::memcpy(reinterpret_cast<void*>(c.Rsp), &back, 8);
  c.Rip = entry;
}
u64 stack_of(const std::jmp_buf& jump) { return reinterpret_cast<const _JUMP_BUFFER&>(jump).Rsp; }
/// As behind a call: room for the register arguments, and rsp 8 below a multiple of 16.
void resume_at(CONTEXT& c, u64 entry, u64 argument, u64 stack) {
  c.Rip = entry;
  c.Rcx = argument;
  c.Rsp = ((stack - 64) & ~u64{15}) - 8;
  c.EFlags &= ~DWORD{0x500}; // direction and single step
}
#endif

/// The signal that other systems send for such an exception; 0: it is not a fault.
int signal_of(DWORD code) {
  switch (code) {
  case EXCEPTION_ACCESS_VIOLATION:
  case EXCEPTION_IN_PAGE_ERROR:
  case EXCEPTION_DATATYPE_MISALIGNMENT:
  case EXCEPTION_STACK_OVERFLOW:
  case EXCEPTION_PRIV_INSTRUCTION: return SIGSEGV;
  case EXCEPTION_ILLEGAL_INSTRUCTION: return SIGILL;
  case EXCEPTION_BREAKPOINT:
  case EXCEPTION_SINGLE_STEP: return kBreakpoint;
  case EXCEPTION_INT_DIVIDE_BY_ZERO:
  case EXCEPTION_INT_OVERFLOW:
  case EXCEPTION_FLT_DENORMAL_OPERAND:
  case EXCEPTION_FLT_DIVIDE_BY_ZERO:
  case EXCEPTION_FLT_INEXACT_RESULT:
  case EXCEPTION_FLT_INVALID_OPERATION:
  case EXCEPTION_FLT_OVERFLOW:
  case EXCEPTION_FLT_STACK_CHECK:
  case EXCEPTION_FLT_UNDERFLOW: return SIGFPE;
  default: return 0;
  }
}

[[noreturn]] void leave_scope(Scope* scope) { std::longjmp(scope->jump, 1); }

void recover(CONTEXT& context, Scope& scope, const Fault& fault) {
  scope.fault = fault;
  resume_at(context, reinterpret_cast<u64>(&leave_scope), reinterpret_cast<u64>(&scope), stack_of(scope.jump));
}

ThreadState* state_of_this_thread() {
  const DWORD error = GetLastError(); // TlsGetValue clears it
  auto* const state = slot == TLS_OUT_OF_INDEXES ? nullptr : static_cast<ThreadState*>(TlsGetValue(slot));
  SetLastError(error);
  return state;
}

LONG CALLBACK on_fault(EXCEPTION_POINTERS* info) {
  const EXCEPTION_RECORD& record = *info->ExceptionRecord;
  const int signal = signal_of(record.ExceptionCode);
  if (signal == 0) return EXCEPTION_CONTINUE_SEARCH;
  CONTEXT& context = *info->ContextRecord;
  const u64 pc = pc_of(context);
  FoundCode found;
  {
    const Shared lock(ranges_lock);
    found = find_code(ranges, pc);
  }
  if (found.trap_entry != 0) {
    call_from_fault(context, found.trap_entry);
    return EXCEPTION_CONTINUE_EXECUTION;
  }
  ThreadState* const state = state_of_this_thread();
  Scope* const scope = state == nullptr ? nullptr : state->scope.load(std::memory_order_relaxed);
  if (scope == nullptr) return EXCEPTION_CONTINUE_SEARCH;
  const bool has_address = record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION && record.NumberParameters >= 2;
  scope->stack_overflowed = record.ExceptionCode == EXCEPTION_STACK_OVERFLOW;
  recover(context, *scope,
          {signal, pc, has_address ? u64{record.ExceptionInformation[1]} : 0, found.in_code, false, found.offset});
  return EXCEPTION_CONTINUE_EXECUTION;
}

using SignalHandler = void (*)(int);
std::atomic<SignalHandler> former_abort{SIG_DFL};

/// abort() ends the process when this returns.
void on_abort(int number) {
  std::signal(number, on_abort); // the runtime has taken it away
  ThreadState* const state = state_of_this_thread();
  if (Scope* const scope = state == nullptr ? nullptr : state->scope.load(std::memory_order_relaxed)) {
    scope->fault = {SIGABRT, 0, 0, false, false, 0};
    leave_scope(scope);
  }
  const SignalHandler former = former_abort.load();
  if (former != SIG_DFL && former != SIG_IGN) former(number);
}

// ---- the clock -----------------------------------------------------------------------------------------------

/// Ends the run where that can be done now. The thread holds no lock that is taken here: see the top of the file.
void stop(ThreadState& state, u64 epoch, bool force) {
  const Shared lock(ranges_lock);
  const HANDLE thread = state.thread;
  if (SuspendThread(thread) == static_cast<DWORD>(-1)) return;
  CONTEXT context = {};
  context.ContextFlags = CONTEXT_FULL;
  if (GetThreadContext(thread, &context) && state.clock.epoch.load() == epoch) {
    const u64 pc = pc_of(context);
    const FoundCode found = find_code(ranges, pc);
    Scope* const scope = state.scope.load();
    if (scope != nullptr && (found.in_code || force)) {
      recover(context, *scope, {0, pc, 0, found.in_code, true, found.offset});
      SetThreadContext(thread, &context);
    }
  }
  ResumeThread(thread);
}

void inspect(ThreadState& state, u64 now) {
  const RunClock::Look look = state.clock.look(now);
  if (look >= RunClock::Look::Overdue) stop(state, state.clock.seen_epoch, look == RunClock::Look::LongOverdue);
}

DWORD WINAPI watchdog(void*) {
  for (;;) {
    Sleep(kWatchTickMs);
    const Shared lock(watch_lock);
    const u64 now = GetTickCount64();
    for (ThreadState* t = watched_threads; t != nullptr; t = t->next) inspect(*t, now);
  }
}

void watch_thread(ThreadState& state) {
  const Exclusive lock(watch_lock);
  const HANDLE process = GetCurrentProcess();
  if (!DuplicateHandle(process, GetCurrentThread(), process, &state.thread, 0, FALSE, DUPLICATE_SAME_ACCESS)) return;
  state.next = watched_threads;
  watched_threads = &state;
  state.watched = true;
  if (watchdog_running) return;
  if (const HANDLE made = CreateThread(nullptr, 0, watchdog, nullptr, 0, nullptr)) {
    CloseHandle(made);
    watchdog_running = true;
  }
}

ThreadState::~ThreadState() {
  if (ready) TlsSetValue(slot, nullptr);
  if (!watched) return;
  const Exclusive lock(watch_lock);
  ThreadState** at = &watched_threads;
  while (*at != nullptr && *at != this) at = &(*at)->next;
  if (*at != nullptr) *at = next;
  CloseHandle(thread);
}

bool install_handlers() {
  static const bool done = [] {
    slot = TlsAlloc();
    former_abort = std::signal(SIGABRT, on_abort);
    return slot != TLS_OUT_OF_INDEXES && AddVectoredExceptionHandler(1, on_fault) != nullptr;
  }();
  return done;
}

void prepare_thread(ThreadState& state) {
  if (!install_handlers()) return;
  ULONG room = kStackForHandlers;
  SetThreadStackGuarantee(&room);
  TlsSetValue(slot, &state);
  state.ready = true;
}

} // namespace

Result<void> add_code_range(CodeRange& range) {
  if (!install_handlers()) return Error{ErrorKind::Io, {}, 0, 0, "installing the fault handler"};
  const Exclusive lock(ranges_lock);
  link_before(ranges, range);
  ranges = &range;
  return {};
}

void remove_code_range(CodeRange& range) {
  const Exclusive lock(ranges_lock);
  unlink(range, ranges);
}

bool in_code_range(u64 pc) {
  const Shared lock(ranges_lock);
  return find_code(ranges, pc).in_code;
}

GuardedEnd run_guarded(void (*body)(void*), void* arg, u32 limit_ms, Fault& fault) {
  ThreadState& state = thread_state;
  if (!state.ready) prepare_thread(state);
  if (limit_ms != 0 && !state.watched) watch_thread(state);
  Scope scope;
  scope.outer = state.scope.load();
  struct Ending { // also runs when the body throws
    ThreadState& state;
    Scope& scope;
    u32 outer_limit;
    bool armed;
    ~Ending() {
      if (armed) state.clock.disarm(outer_limit);
      state.scope.store(scope.outer);
    }
  };
  const Ending ending{state, scope, limit_ms != 0 ? state.clock.arm(limit_ms) : 0, limit_ms != 0};
  if (ASSAY_SETJMP(scope.jump) == 0) {
    state.scope.store(&scope);
    body(arg);
    return GuardedEnd::Finished;
  }
  if (scope.stack_overflowed) _resetstkoflw(); // the guard page, for the next time
  fault = scope.fault;
  return fault.timed_out ? GuardedEnd::TimedOut : GuardedEnd::Faulted;
}

StackRange thread_stack() {
  ULONG_PTR low = 0, high = 0;
  GetCurrentThreadStackLimits(&low, &high);
  return {low, high};
}

} // namespace assay::os
