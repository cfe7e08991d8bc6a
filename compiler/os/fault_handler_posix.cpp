// fault_handler_posix.cpp - signals, sigsetjmp, and a thread that watches the clock.
//
// The list of code ranges is read by handlers without a lock: insertion publishes a complete node; removal
// unlinks and then waits until no handler is inside the list. Everything that a handler touches is an atomic, a
// field of the interrupted thread's own state, or constant. `sigsetjmp` saves no mask (a system call); the handlers
// are installed with SA_NODEFER, so nothing is blocked when one is left by siglongjmp.
// Tested in compiler/os/tests/fault_handler_test.cpp.
#include "compiler/os/fault_handler.h"

#include "compiler/os/fault_common.h"

#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <sys/ucontext.h>
#else
#include <ucontext.h>
#endif

namespace assay::os {

namespace {

constexpr int kFaultSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
constexpr int kStopSignal = SIGURG; // ignored by default: a stray one harms nobody
constexpr size_t kAltStackSize = 64 * 1024;

struct Scope {
  sigjmp_buf jump;
  Scope* outer = nullptr;
  Fault fault;
};

/// What the watchdog sees of a thread.
struct Watch {
  pthread_t thread{};
  RunClock clock;
  std::atomic<u64> stop_epoch{0}; // the run to stop; 0: none
  std::atomic<bool> force{false};
  Watch* next = nullptr;
};

struct ThreadState {
  Scope* scope = nullptr;
  Watch watch;
  bool watched = false;
  void* stack_memory = nullptr;
  stack_t old_stack{};
  StackRange stack;
  bool ready = false;
  ~ThreadState();
};

thread_local ThreadState thread_state;

std::atomic<CodeRange*> ranges{nullptr};
std::atomic<u32> readers{0};
pthread_mutex_t ranges_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t watch_mutex = PTHREAD_MUTEX_INITIALIZER;
Watch* watches = nullptr; // under watch_mutex
std::atomic<bool> watchdog_running{false};
struct sigaction previous[NSIG];
std::atomic<bool> handlers_installed{false};

struct Lock {
  explicit Lock(pthread_mutex_t& m) : mutex(m) { pthread_mutex_lock(&mutex); }
  ~Lock() { pthread_mutex_unlock(&mutex); }
  pthread_mutex_t& mutex;
};

#if defined(__APPLE__) && defined(__x86_64__)
u64 pc_of(const ucontext_t* c) { return c->uc_mcontext->__ss.__rip; }
#elif defined(__APPLE__)
u64 pc_of(const ucontext_t* c) { return c->uc_mcontext->__ss.__pc; }
#elif defined(__x86_64__)
u64 pc_of(const ucontext_t* c) { return static_cast<u64>(c->uc_mcontext.gregs[REG_RIP]); }
#else
u64 pc_of(const ucontext_t* c) { return c->uc_mcontext.pc; }
#endif

/// Continues at `entry` as if the instruction at the pc had called it.
void redirect(ucontext_t* c, u64 entry) {
#if defined(__x86_64__)
#if defined(__APPLE__)
  auto& sp = c->uc_mcontext->__ss.__rsp;
  auto& pc = c->uc_mcontext->__ss.__rip;
#else
  auto& sp = c->uc_mcontext.gregs[REG_RSP];
  auto& pc = c->uc_mcontext.gregs[REG_RIP];
#endif
  const u64 back = static_cast<u64>(pc) + kFaultReturn;
  sp -= 8;
  std::memcpy(reinterpret_cast<void*>(sp), &back, 8);
  pc = static_cast<std::remove_reference_t<decltype(pc)>>(entry);
#elif defined(__APPLE__)
  c->uc_mcontext->__ss.__lr = c->uc_mcontext->__ss.__pc + kFaultReturn;
  c->uc_mcontext->__ss.__pc = entry;
#else
  c->uc_mcontext.regs[30] = c->uc_mcontext.pc + kFaultReturn;
  c->uc_mcontext.pc = entry;
#endif
}

FoundCode find_range(u64 pc) {
  readers.fetch_add(1);
  const FoundCode found = find_code(ranges.load(), pc);
  readers.fetch_sub(1);
  return found;
}

void chain(int signal, siginfo_t* info, void* context) {
  const struct sigaction& before = previous[signal];
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
    if (signal == kStopSignal) return;
    if (before.sa_handler == SIG_IGN && info->si_code <= 0) return; // sent by a process, and unwanted
    // The default action: the instruction faults again, or the signal is sent again, without us.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(signal, &standard, nullptr);
    if (info->si_code <= 0) raise(signal);
  } else {
    before.sa_handler(signal);
  }
}

[[noreturn]] void recover(ThreadState& state, int signal, const Fault& fault) {
  Scope* scope = state.scope;
  scope->fault = fault;
  scope->fault.signal = signal;
  siglongjmp(scope->jump, 1);
}

void on_fault(int signal, siginfo_t* info, void* raw) {
  const int saved_errno = errno;
  auto* context = static_cast<ucontext_t*>(raw);
  const u64 pc = pc_of(context);
  const bool is_sent = info->si_code <= 0;
  const FoundCode found = find_range(pc);
  if (!is_sent && found.trap_entry != 0) {
    redirect(context, found.trap_entry);
    errno = saved_errno;
    return;
  }
  ThreadState& state = thread_state;
  if (state.scope != nullptr && (!is_sent || signal == SIGABRT)) {
    const bool has_address = signal == SIGSEGV || signal == SIGBUS;
    recover(state, signal,
            {signal, pc, has_address ? reinterpret_cast<u64>(info->si_addr) : 0, found.in_code, false, found.offset});
  }
  chain(signal, info, raw);
  errno = saved_errno;
}

void on_stop(int signal, siginfo_t* info, void* raw) {
  const int saved_errno = errno;
  ThreadState& state = thread_state;
  Watch& watch = state.watch;
  const u64 epoch = watch.clock.epoch.load();
  if (state.scope != nullptr && (epoch & 1) != 0 && watch.stop_epoch.load() == epoch) {
    const u64 pc = pc_of(static_cast<ucontext_t*>(raw));
    const FoundCode found = find_range(pc);
    if (found.in_code || watch.force.load()) recover(state, signal, {signal, pc, 0, found.in_code, true, found.offset});
  } else {
    chain(signal, info, raw);
  }
  errno = saved_errno;
}

u64 now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<u64>(t.tv_sec) * 1000 + static_cast<u64>(t.tv_nsec) / 1000000;
}

void inspect(Watch& watch, u64 now) {
  const RunClock::Look look = watch.clock.look(now);
  if (look == RunClock::Look::New) watch.force.store(false);
  if (look < RunClock::Look::Overdue) return;
  if (look == RunClock::Look::LongOverdue) watch.force.store(true);
  watch.stop_epoch.store(watch.clock.seen_epoch);
  pthread_kill(watch.thread, kStopSignal);
}

void* watchdog(void*) {
  for (;;) {
    const timespec tick{0, static_cast<long>(kWatchTickMs) * 1000000};
    nanosleep(&tick, nullptr);
    const Lock lock(watch_mutex);
    const u64 now = now_ms();
    for (Watch* w = watches; w != nullptr; w = w->next) inspect(*w, now);
  }
  return nullptr;
}

void start_watchdog() {
  const Lock lock(watch_mutex);
  if (watchdog_running.load()) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); // its signals are not its business
  pthread_t thread;
  if (pthread_create(&thread, nullptr, watchdog, nullptr) == 0) {
    pthread_detach(thread);
    watchdog_running.store(true);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// fork: the child has no watchdog, and only the forking thread.
void before_fork() {
  pthread_mutex_lock(&ranges_mutex);
  pthread_mutex_lock(&watch_mutex);
}
void after_fork_in_parent() {
  pthread_mutex_unlock(&watch_mutex);
  pthread_mutex_unlock(&ranges_mutex);
}
void after_fork_in_child() {
  watchdog_running.store(false);
  watches = nullptr;
  readers.store(0);
  ThreadState& state = thread_state;
  if (state.watched) {
    state.watch.next = nullptr;
    state.watch.thread = pthread_self();
    watches = &state.watch;
  }
  after_fork_in_parent();
}

Result<void> install_handlers() {
  if (handlers_installed.load()) return {};
  const Lock lock(ranges_mutex);
  if (handlers_installed.load()) return {};
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = on_fault;
  for (const int signal : kFaultSignals) {
    if (sigaction(signal, &action, &previous[signal]) != 0) {
      return Error{ErrorKind::Io, {}, 0, 0, std::string("installing fault handlers: ") + std::strerror(errno)};
    }
  }
  action.sa_flags |= SA_RESTART;
  action.sa_sigaction = on_stop;
  sigaction(kStopSignal, &action, &previous[kStopSignal]);
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  handlers_installed.store(true);
  return {};
}

/// An alternate stack, unless the thread has one that is large enough (a sanitizer's, which it wants back).
void prepare_thread(ThreadState& state) {
  static_cast<void>(install_handlers());
  stack_t now{};
  sigaltstack(nullptr, &now);
  if ((now.ss_flags & SS_DISABLE) != 0 || now.ss_size < kAltStackSize / 4) {
    state.stack_memory = std::malloc(kAltStackSize);
    stack_t ours{};
    ours.ss_sp = state.stack_memory;
    ours.ss_size = kAltStackSize;
    if (ours.ss_sp != nullptr) sigaltstack(&ours, &state.old_stack);
  }
  state.ready = true;
}

void watch_thread(ThreadState& state) {
  const Lock lock(watch_mutex);
  state.watch.thread = pthread_self();
  state.watch.next = watches;
  watches = &state.watch;
  state.watched = true;
}

ThreadState::~ThreadState() {
  if (watched) {
    const Lock lock(watch_mutex);
    Watch** at = &watches;
    while (*at != nullptr && *at != &watch) at = &(*at)->next;
    if (*at != nullptr) *at = watch.next;
  }
  if (stack_memory != nullptr) {
    old_stack.ss_flags &= SS_DISABLE;
    sigaltstack(&old_stack, nullptr);
    std::free(stack_memory);
  }
}

} // namespace

Result<void> add_code_range(CodeRange& range) {
  if (auto done = install_handlers(); !done) return done;
  const Lock lock(ranges_mutex);
  link_before(ranges.load(), range);
  ranges.store(&range);
  return {};
}

void remove_code_range(CodeRange& range) {
  const Lock lock(ranges_mutex);
  CodeRange* first = ranges.load();
  if (!unlink(range, first)) return;
  ranges.store(first);
  // A handler on this very thread cannot be inside: it would have returned or jumped away before we run.
  while (readers.load() != 0) {}
}

bool in_code_range(u64 pc) { return find_range(pc).in_code; }

GuardedEnd run_guarded(void (*body)(void*), void* arg, u32 limit_ms, Fault& fault) {
  ThreadState& state = thread_state;
  if (!state.ready) prepare_thread(state);
  if (limit_ms != 0) {
    if (!state.watched) watch_thread(state);
    if (!watchdog_running.load(std::memory_order_relaxed)) start_watchdog();
  }
  Scope scope;
  scope.outer = state.scope;
  struct Ending { // also runs when the body throws
    ThreadState& state;
    Scope& scope;
    u32 outer_limit;
    bool armed;
    ~Ending() {
      if (armed) state.watch.clock.disarm(outer_limit);
      state.scope = scope.outer;
    }
  };
  const Ending ending{state, scope, limit_ms != 0 ? state.watch.clock.arm(limit_ms) : 0, limit_ms != 0};
  if (sigsetjmp(scope.jump, 0) == 0) {
    state.scope = &scope;
    body(arg);
    return GuardedEnd::Finished;
  }
  fault = scope.fault;
  return fault.timed_out ? GuardedEnd::TimedOut : GuardedEnd::Faulted;
}

StackRange thread_stack() {
  ThreadState& state = thread_state;
  if (state.stack.high != 0) return state.stack;
#if defined(__APPLE__)
  const u64 high = reinterpret_cast<u64>(pthread_get_stackaddr_np(pthread_self()));
  state.stack = {high - pthread_get_stacksize_np(pthread_self()), high};
#else
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    void* low = nullptr;
    size_t size = 0;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    state.stack = {reinterpret_cast<u64>(low), reinterpret_cast<u64>(low) + size};
  }
#endif
  return state.stack;
}

} // namespace assay::os
