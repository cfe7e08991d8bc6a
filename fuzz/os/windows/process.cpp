// windows/process.cpp - process.h where a process cannot be forked.
//
// A campaign then works in its own process; the native executor still turns crashes of compiled code into outcomes.
// Tested in fuzz/os/tests/process_test.cpp.
#include "fuzz/os/process.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <io.h>
#include <process.h>
#include <share.h>
#include <thread>
#include <utility>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::fuzz {
namespace {
constexpr std::size_t kMaxCaptured = 64 * 1024;

std::string read_from_start(std::FILE* file) {
  std::string out(kMaxCaptured, '\0');
  std::rewind(file);
  out.resize(std::fread(out.data(), 1, out.size(), file));
  return out;
}

/// Gone when it is closed. Not tmpfile: that wants to write to the root of the drive.
std::FILE* temporary_file() {
  char folder[MAX_PATH + 1], name[MAX_PATH + 1];
  if (GetTempPathA(sizeof folder, folder) == 0 || GetTempFileNameA(folder, "asy", 0, name) == 0) return nullptr;
  return _fsopen(name, "w+bTD", _SH_DENYNO);
}

volatile std::sig_atomic_t interrupt_seen = 0;
extern "C" void on_interrupt(int number) {
  interrupt_seen = 1;
  std::signal(number, on_interrupt);
}
} // namespace

Result<SharedMemory> SharedMemory::create(std::size_t bytes) {
  void* data = std::calloc(1, bytes);
  if (data != nullptr) return SharedMemory(data, bytes);
  Error error;
  error.kind = ErrorKind::Io;
  error.message = "out of memory";
  return error;
}
SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}
SharedMemory::~SharedMemory() { std::free(data_); }

bool can_fork() { return false; }
Result<Worker> start_worker(const std::function<int()>&) {
  Error error;
  error.kind = ErrorKind::Unsupported;
  error.message = "this system cannot fork a process";
  return error;
}
WorkerStatus poll_worker(Worker&) { return {WorkerStatus::Exited, 0, "exit status 0"}; }
void kill_worker(Worker&) {}

Result<Companion> Companion::start(const std::function<std::string(std::string_view)>&) {
  Error error;
  error.kind = ErrorKind::Unsupported;
  error.message = "this system cannot fork a process";
  return error;
}
Companion::Companion(Companion&&) noexcept = default;
Companion& Companion::operator=(Companion&&) noexcept = default;
Companion::~Companion() = default;
bool Companion::ask(std::string_view) { return false; }
Companion::Reply Companion::answer(u32, std::string&) { return Reply::Died; }
std::string Companion::end() { return "ended"; }
std::string Companion::words() const { return {}; }

Result<ErrorCapture> ErrorCapture::begin() {
  Error error;
  error.kind = ErrorKind::Io;
  error.message = "cannot redirect the error stream";
  std::FILE* const file = temporary_file();
  if (file == nullptr) return error;
  std::fflush(stderr);
  const int saved = _dup(_fileno(stderr));
  if (saved < 0 || _dup2(_fileno(file), _fileno(stderr)) != 0) {
    if (saved >= 0) _close(saved);
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
  _dup2(saved_, _fileno(stderr));
  _close(saved_);
  const std::string out = read_from_start(file_);
  std::fclose(std::exchange(file_, nullptr));
  return out;
}

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}
bool interrupted() { return interrupt_seen != 0; }

void leave_process(int status) { std::_Exit(status); }
void sleep_ms(u32 milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
u64 process_id() { return static_cast<u64>(_getpid()); }
bool error_stream_is_terminal() { return _isatty(_fileno(stderr)) != 0; }
u32 terminal_columns() { return 80; }
u32 processor_count() {
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : count;
}

} // namespace assay::fuzz
