// posix/process.cpp - process.h for Linux, macOS and the BSDs.
//
// Shared memory is an anonymous mapping kept across fork. A worker ignores SIGINT, because a terminal sends it to
// the whole process group and only the parent may decide to stop; that the parent is gone a worker sees
// by PR_SET_PDEATHSIG where it exists. Tested in fuzz/os/tests/process_test.cpp.
#include "fuzz/os/limits.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <new>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace assay::fuzz {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;
extern "C" void on_interrupt(int) { interrupt_seen = 1; }

Error io_error(const char* what) {
  Error error;
  error.kind = ErrorKind::Io;
  error.message = std::string(what) + ": " + std::strerror(errno);
  return error;
}

std::string signal_name(int number) {
  switch (number) {
  case SIGSEGV: return "SIGSEGV";
  case SIGBUS: return "SIGBUS";
  case SIGILL: return "SIGILL";
  case SIGFPE: return "SIGFPE";
  case SIGABRT: return "SIGABRT";
  case SIGKILL: return "SIGKILL";
  case SIGTERM: return "SIGTERM";
  case SIGTRAP: return "SIGTRAP";
  case SIGSTOP: return "SIGSTOP";
  default: return std::to_string(number);
  }
}

constexpr std::size_t kMaxCaptured = 64 * 1024;

std::string read_from_start(std::FILE* file) {
  std::string out(kMaxCaptured, '\0');
  std::rewind(file);
  out.resize(std::fread(out.data(), 1, out.size(), file));
  return out;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// What the parent's callers have on the stack is not this process's to unwind.
int run_body(const std::function<int()>& body) {
  constexpr int kThrew = 7;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    std::fputs("a worker: out of memory\n", stderr);
    return kOutOfMemoryStatus;
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "a worker: internal fault: %s\n", exception.what());
    return kThrew;
  }
}

void become_worker(pid_t parent) {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) leave_process(0); // it died before the line above
}

} // namespace

Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return io_error("cannot map shared memory");
  return SharedMemory(data, bytes);
}
SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}
SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

bool can_fork() { return true; }

Result<Worker> start_worker(const std::function<int()>& body) {
  std::fflush(nullptr); // or both processes write what is buffered
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return io_error("cannot start a worker process");
  if (child != 0) return Worker{child};
  become_worker(parent);
  const int status = run_body(body);
  std::fflush(nullptr);
  leave_process(status);
}

WorkerStatus poll_worker(Worker& worker) {
  WorkerStatus out;
  int status = 0;
  const pid_t got = waitpid(static_cast<pid_t>(worker.process), &status, WNOHANG | WUNTRACED);
  if (got == 0 || (got < 0 && errno == EINTR)) return out;
  if (got > 0 && WIFSTOPPED(status)) {
    out.what = "signal " + signal_name(WSTOPSIG(status));
    kill(static_cast<pid_t>(worker.process), SIGCONT);
    return out;
  }
  worker.process = 0;
  if (got > 0 && WIFSIGNALED(status)) {
    out.state = WorkerStatus::Killed;
    out.code = WTERMSIG(status);
    out.what = "signal " + signal_name(out.code);
  } else {
    out.state = WorkerStatus::Exited;
    out.code = got > 0 ? WEXITSTATUS(status) : -1;
    out.what = "exit status " + std::to_string(out.code);
  }
  return out;
}

void kill_worker(Worker& worker) {
  if (worker.process == 0) return;
  kill(static_cast<pid_t>(worker.process), SIGKILL);
  while (waitpid(static_cast<pid_t>(worker.process), nullptr, 0) < 0 && errno == EINTR) {}
  worker.process = 0;
}

namespace {

/// A message: its length, then its bytes. False when the other side is gone.
bool send_all(int socket, const char* bytes, std::size_t count) {
#ifdef MSG_NOSIGNAL
  constexpr int kFlags = MSG_NOSIGNAL;
#else
  constexpr int kFlags = 0; // SO_NOSIGPIPE is set
#endif
  while (count != 0) {
    const ssize_t sent = send(socket, bytes, count, kFlags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}
bool send_message(int socket, std::string_view text) {
  const u64 size = text.size();
  char head[sizeof size];
  std::memcpy(head, &size, sizeof size);
  return send_all(socket, head, sizeof head) && send_all(socket, text.data(), text.size());
}

bool receive_all(int socket, char* bytes, std::size_t count) {
  while (count != 0) {
    const ssize_t got = recv(socket, bytes, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}
bool receive_message(int socket, std::string& out) {
  u64 size = 0;
  char head[sizeof size];
  if (!receive_all(socket, head, sizeof head)) return false;
  std::memcpy(&size, head, sizeof size);
  out.resize(size);
  return receive_all(socket, out.data(), out.size());
}

int answer_all(int socket, std::FILE* words, const std::function<std::string(std::string_view)>& answer) {
  dup2(fileno(words), STDERR_FILENO);
  std::string question;
  while (receive_message(socket, question))
    if (!send_message(socket, answer(question))) break;
  return 0;
}

} // namespace

Result<Companion> Companion::start(const std::function<std::string(std::string_view)>& answer) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return io_error("cannot connect to a worker process");
#ifdef SO_NOSIGPIPE
  for (const int end : ends) {
    const int on = 1;
    setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
  }
#endif
  std::FILE* const words = std::tmpfile();
  Result<Worker> worker =
      words == nullptr ? Result<Worker>(io_error("cannot make a temporary file")) : start_worker([&] {
        close(ends[0]);
        return answer_all(ends[1], words, answer);
      });
  close(ends[1]);
  if (worker) return Companion(*worker, ends[0], words);
  close(ends[0]);
  if (words != nullptr) std::fclose(words);
  return worker.error();
}
Companion::Companion(Companion&& other) noexcept
    : worker_(std::exchange(other.worker_, {})), socket_(std::exchange(other.socket_, -1)),
      words_(std::exchange(other.words_, nullptr)) {}
Companion& Companion::operator=(Companion&& other) noexcept {
  std::swap(worker_, other.worker_);
  std::swap(socket_, other.socket_);
  std::swap(words_, other.words_);
  return *this;
}
Companion::~Companion() {
  kill_worker(worker_);
  if (socket_ >= 0) close(socket_);
  if (words_ != nullptr) std::fclose(words_);
}

bool Companion::ask(std::string_view question) { return send_message(socket_, question); }

Companion::Reply Companion::answer(u32 timeout_ms, std::string& out) {
  pollfd what{socket_, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&what, 1, static_cast<int>(timeout_ms));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return Reply::Late;
  return receive_message(socket_, out) ? Reply::Ready : Reply::Died;
}

std::string Companion::end() {
  // The socket closes a moment before the process can be reaped.
  for (u32 i = 0; i < 200 && worker_.process != 0; ++i) {
    const WorkerStatus status = poll_worker(worker_);
    if (status.state != WorkerStatus::Running) return status.what;
    sleep_ms(1);
  }
  kill_worker(worker_);
  return "ended";
}

std::string Companion::words() const { return words_ == nullptr ? std::string() : read_from_start(words_); }

Result<ErrorCapture> ErrorCapture::begin() {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) return io_error("cannot make a temporary file");
  std::fflush(stderr);
  const int saved = dup(STDERR_FILENO);
  if (saved < 0 || dup2(fileno(file), STDERR_FILENO) < 0) {
    const Error error = io_error("cannot redirect the error stream");
    if (saved >= 0) close(saved);
    std::fclose(file);
    return error;
  }
  return ErrorCapture(file, saved);
}
ErrorCapture::ErrorCapture(ErrorCapture&& other) noexcept
    : file_(std::exchange(other.file_, nullptr)), saved_(other.saved_) {}
ErrorCapture::~ErrorCapture() { end(); }
std::string ErrorCapture::end() {
  if (file_ == nullptr) return {};
  std::fflush(stderr);
  dup2(saved_, STDERR_FILENO);
  close(saved_);
  const std::string out = read_from_start(file_);
  std::fclose(std::exchange(file_, nullptr));
  return out;
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}
bool interrupted() { return interrupt_seen != 0; }

void leave_process(int status) { _exit(status); }

void sleep_ms(u32 milliseconds) {
  const timespec time{static_cast<time_t>(milliseconds / 1000), static_cast<long>(milliseconds % 1000) * 1000000};
  nanosleep(&time, nullptr); // an interruption may end it early: the caller looks at `interrupted`
}

double cpu_seconds() {
  rusage own{}, children{};
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  return seconds_of(own.ru_utime) + seconds_of(own.ru_stime) + seconds_of(children.ru_utime) +
         seconds_of(children.ru_stime);
}

u64 process_id() { return static_cast<u64>(getpid()); }
bool error_stream_is_terminal() { return isatty(STDERR_FILENO) == 1; }

u32 terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

u32 processor_count() {
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : count;
}

} // namespace assay::fuzz
