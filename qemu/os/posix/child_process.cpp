// posix/child_process.cpp - child_process.h for Linux, macOS and the BSDs.
//
// The stream is a pair of local sockets, because sending on one can be told not to raise SIGPIPE. A receive waits in
// the kernel with the socket's own time limit: one system call. posix_spawn does not copy this process's memory, so a
// start costs the same in a large process. Tested in qemu/os/tests/child_process_test.cpp.
#include "qemu/os/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vector>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __APPLE__
#include <libproc.h>
#include <mach-o/dyld.h>
#include <mach/mach_time.h>
#include <sys/resource.h>
#endif

extern char** environ;

namespace assay::qemu {

namespace {

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0; // SO_NOSIGPIPE instead
#endif
constexpr int kBufferBytes = 1 << 20; // asked for; the system gives what it allows

Error io_error(const std::string& what) { return Error{ErrorKind::Io, {}, 0, 0, what + ": " + std::strerror(errno)}; }

bool make_pair(std::array<int, 2>& out) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, out.data()) != 0) return false;
  for (const int fd : out) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
#ifdef SO_NOSIGPIPE
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  }
  return true;
}

std::string describe(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  switch (const int signal = WTERMSIG(status)) {
  case SIGSEGV: return "signal SIGSEGV";
  case SIGBUS: return "signal SIGBUS";
  case SIGILL: return "signal SIGILL";
  case SIGFPE: return "signal SIGFPE";
  case SIGABRT: return "signal SIGABRT";
  case SIGKILL: return "signal SIGKILL";
  default: return "signal " + std::to_string(signal);
  }
}

/// Reaps the child; blocks until it has ended unless told to look only. False when it runs on.
bool reap(i64 process, int& status, int options) {
  for (;;) {
    const pid_t got = waitpid(static_cast<pid_t>(process), &status, options);
    if (got > 0) return true;
    if (got == 0) return false;
    if (errno != EINTR) {
      status = 0; // somebody else reaped it
      return true;
    }
  }
}

} // namespace

Result<ChildProcess> ChildProcess::start(std::span<const std::string> command, u32 time_limit_ms) {
  std::array<int, 2> ends{};
  if (!make_pair(ends)) return io_error("cannot make a pair of sockets");
  const timeval limit{static_cast<time_t>(time_limit_ms / 1000), static_cast<suseconds_t>(time_limit_ms % 1000) * 1000};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t process = 0;
  const int failed = posix_spawn(&process, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed != 0) {
    close(ends[0]);
    errno = failed;
    return io_error("cannot start " + command[0]);
  }
  return ChildProcess(process, ends[0], getpid(), time_limit_ms);
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(process_, other.process_);
  std::swap(stream_, other.stream_);
  std::swap(owner_, other.owner_);
  std::swap(time_limit_ms_, other.time_limit_ms_);
  return *this;
}

ChildProcess::~ChildProcess() { static_cast<void>(end()); }

bool ChildProcess::is_ours() const { return process_ != 0 && owner_ == getpid(); }

u64 ChildProcess::processor_time_ms() const {
#ifdef __APPLE__
  rusage_info_v2 usage{};
  mach_timebase_info_data_t base{};
  if (proc_pid_rusage(static_cast<pid_t>(process_), RUSAGE_INFO_V2, reinterpret_cast<rusage_info_t*>(&usage)) != 0 ||
      mach_timebase_info(&base) != KERN_SUCCESS)
    return 0;
  return (usage.ri_user_time + usage.ri_system_time) * base.numer / base.denom / 1'000'000;
#else
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(static_cast<pid_t>(process_), &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<u64>(time.tv_sec) * 1000 + static_cast<u64>(time.tv_nsec) / 1'000'000;
#endif
}

Transfer ChildProcess::transfer(std::span<const u8>& to_send, std::span<u8> space, std::size_t& received) {
  received = 0;
  const auto receive = [&](int flags) {
    ssize_t got = 0;
    do got = recv(stream_, space.data(), space.size(), flags);
    while (got < 0 && errno == EINTR);
    if (got > 0) received = static_cast<std::size_t>(got);
    return got > 0                                                ? Transfer::Done
           : got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Transfer::TimedOut
                                                                  : Transfer::Closed;
  };
  if (to_send.empty()) return receive(0);
  for (;;) {
    const ssize_t sent = send(stream_, to_send.data(), to_send.size(), kNoSignal | MSG_DONTWAIT);
    if (sent > 0) {
      to_send = to_send.subspan(static_cast<std::size_t>(sent));
      return Transfer::Done;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Transfer::Closed;
    pollfd both{stream_, POLLIN | POLLOUT, 0};
    const int ready = poll(&both, 1, static_cast<int>(time_limit_ms_));
    if (ready == 0) return Transfer::TimedOut;
    if (ready > 0 && (both.revents & POLLIN) != 0) return receive(MSG_DONTWAIT);
  }
}

std::string ChildProcess::end(u32 grace_ms) {
  if (process_ == 0) return {};
  close(std::exchange(stream_, -1));
  const i64 process = std::exchange(process_, 0);
  if (owner_ != getpid()) return {};
  int status = 0;
  for (u32 waited = 0;; ++waited) {
    if (reap(process, status, WNOHANG)) return describe(status);
    if (waited == grace_ms) break;
    usleep(1000);
  }
  kill(static_cast<pid_t>(process), SIGKILL);
  static_cast<void>(reap(process, status, 0));
  return {};
}

Result<ParentStream> ParentStream::take() {
  const int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (in < 0 || out < 0 || null < 0) return io_error("cannot take over the standard streams");
  dup2(null, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  close(null);
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  return ParentStream(in, out);
}

std::size_t ParentStream::receive(std::span<u8> space) {
  ssize_t got = 0;
  do got = read(in_, space.data(), space.size());
  while (got < 0 && errno == EINTR);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool ParentStream::send(std::span<const u8> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = write(out_, bytes.data(), bytes.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string own_path() {
#if defined(__APPLE__)
  char path[4096];
  u32 size = sizeof path;
  return _NSGetExecutablePath(path, &size) == 0 ? std::string(path) : std::string();
#else
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size > 0 && static_cast<std::size_t>(size) < sizeof path ? std::string(path, static_cast<std::size_t>(size))
                                                                  : std::string();
#endif
}

bool can_execute(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

} // namespace assay::qemu
