// single_step.cpp - see single_step.h: SIGSEGV at the entry, SIGTRAP by the trap flag behind it.
//
// A fault of the code itself goes to the handlers before, with the stretch closed again: they may leave by siglongjmp,
// or go on elsewhere. Tested in fuzz/os/tests/single_step_test.cpp.
#include "fuzz/os/single_step.h"

#if defined(__linux__) && defined(__x86_64__)

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

namespace assay::fuzz {

namespace {

constexpr greg_t kTrapFlag = 0x100;
constexpr int kGeneral[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

u64 code_begin = 0, code_end = 0, page_end = 0; // code_end 0: nothing is stepped
StepObserver* observer = nullptr;
bool is_open = false; // the code can be executed, the trap flag is set
struct sigaction old_segv, old_trap;

void set_open(bool open) {
  is_open = open;
  mprotect(reinterpret_cast<void*>(code_begin), page_end - code_begin, open ? PROT_READ | PROT_EXEC : PROT_READ);
}

void tell(const ucontext_t& context, bool entered) {
  StepRegisters registers;
  registers.pc = static_cast<u64>(context.uc_mcontext.gregs[REG_RIP]);
  for (u32 i = 0; i < 16; ++i) registers.general[i] = static_cast<u64>(context.uc_mcontext.gregs[kGeneral[i]]);
  if (context.uc_mcontext.fpregs != nullptr)
    std::memcpy(registers.vector, context.uc_mcontext.fpregs->_xmm, sizeof registers.vector);
  observer->on_step(registers, entered);
}

void forward(const struct sigaction& before, int signal, siginfo_t* info, void* raw) {
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, raw);
  if (before.sa_handler == SIG_IGN) return;
  if (before.sa_handler != SIG_DFL) return before.sa_handler(signal);
  sigaction(signal, &before, nullptr); // the instruction faults again, without us
}

void on_signal(int signal, siginfo_t* info, void* raw) {
  const int saved_errno = errno;
  ucontext_t& context = *static_cast<ucontext_t*>(raw);
  greg_t& flags = context.uc_mcontext.gregs[REG_EFL];
  const u64 pc = static_cast<u64>(context.uc_mcontext.gregs[REG_RIP]);
  const bool inside = pc >= code_begin && pc < code_end;
  const bool near = pc >= code_begin && pc < page_end;
  const bool entry = signal == SIGSEGV && !is_open && near && reinterpret_cast<u64>(info->si_addr) == pc;
  const bool stepped = signal == SIGTRAP && is_open && info->si_code == TRAP_TRACE;
  if (entry) set_open(true), flags |= kTrapFlag;
  if (stepped && !near) set_open(false), flags &= ~kTrapFlag;
  if (entry || stepped) {
    if (inside) tell(context, entry);
  } else {
    if (is_open) set_open(false), flags &= ~kTrapFlag;
    forward(signal == SIGSEGV ? old_segv : old_trap, signal, info, raw);
  }
  errno = saved_errno;
}

} // namespace

Result<void> begin_steps(u64 begin, u64 end, StepObserver& to) {
  end_steps();
  const u64 page = static_cast<u64>(sysconf(_SC_PAGESIZE));
  if (begin % page != 0 || end <= begin)
    return Error{ErrorKind::BadInput, {}, 0, 0, "code to be stepped does not begin a page"};
  code_begin = begin;
  code_end = end;
  page_end = (end + page - 1) / page * page;
  observer = &to;
  struct sigaction action {};
  action.sa_sigaction = &on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGSEGV, &action, &old_segv) != 0 || sigaction(SIGTRAP, &action, &old_trap) != 0) {
    code_end = 0;
    return Error{ErrorKind::Io, {}, 0, 0, std::string("no signal handler: ") + std::strerror(errno)};
  }
  set_open(false);
  return {};
}

void end_steps() {
  if (code_end == 0) return;
  set_open(true);
  is_open = false;
  sigaction(SIGSEGV, &old_segv, nullptr);
  sigaction(SIGTRAP, &old_trap, nullptr);
  code_end = 0;
}

} // namespace assay::fuzz

#else

namespace assay::fuzz {

Result<void> begin_steps(u64, u64, StepObserver&) {
  return Error{ErrorKind::Unsupported, {}, 0, 0, "single steps are taken on x86-64 Linux only"};
}
void end_steps() {}

} // namespace assay::fuzz

#endif
