// process.h - worker processes, memory that they share with their parent, interruption, time and terminals.
//
// One file a system behind it: posix/process.cpp, windows/process.cpp. Where a process cannot be forked
// (Windows) `can_fork` is false and a campaign works in its own process.
// Tested in fuzz/os/tests/process_test.cpp.
#pragma once

#include "assay/errors.h"

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace assay::fuzz {

/// Zero-filled memory that worker processes started later share. Unmapped on destruction.
class SharedMemory {
public:
  static Result<SharedMemory> create(std::size_t bytes);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();
  void* data() const { return data_; }

private:
  SharedMemory(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// How a worker stands.
struct WorkerStatus {
  enum State { Running, Exited, Killed } state = Running;
  int code = 0;     // exit status, or the signal's number
  std::string what; // "exit status 1", "signal SIGSEGV"; of one that runs: what it had been stopped by, mostly nothing
};

/// A forked copy of this process.
struct Worker {
  i64 process = 0; // 0: none
};

bool can_fork();
/// Runs `body` in a new process, which exits with its result. The worker ignores interruption (its parent tells it
/// to stop) and ends when its parent dies. The caller must have one thread.
Result<Worker> start_worker(const std::function<int()>& body);
/// Without waiting. A worker that has ended is reaped: ask no more. One that was stopped is told to go on.
WorkerStatus poll_worker(Worker& worker);
/// Ends it at once and reaps it.
void kill_worker(Worker& worker);

/// A worker process that answers questions, each in bytes, one at a time, until it dies of one. What it writes to the
/// error stream is kept.
class Companion {
public:
  /// `answer` runs in the new process. Unsupported where a process cannot be forked.
  static Result<Companion> start(const std::function<std::string(std::string_view)>& answer);
  Companion(Companion&& other) noexcept;
  Companion& operator=(Companion&& other) noexcept;
  ~Companion();

  enum class Reply { Ready, Late, Died };
  /// False when it is dead.
  bool ask(std::string_view question);
  /// Of the question asked last. Late: nothing within the time; it may still come.
  Reply answer(u32 timeout_ms, std::string& out);
  /// After Died, or to end it: how it ended ("signal SIGSEGV"; "ended" when it was still alive).
  std::string end();
  /// What it has written to the error stream, at most the first 64 KiB. Also after its end.
  std::string words() const;

private:
  Companion(Worker worker, int socket, std::FILE* words) : worker_(worker), socket_(socket), words_(words) {}
  Worker worker_;
  int socket_ = -1;
  std::FILE* words_ = nullptr; // temporary
};

/// While it lives, what this process and its workers write to the error stream is kept, not shown. One at a time.
class ErrorCapture {
public:
  static Result<ErrorCapture> begin();
  ErrorCapture(ErrorCapture&& other) noexcept;
  ErrorCapture& operator=(ErrorCapture&& other) = delete;
  /// Ends it when `end` has not.
  ~ErrorCapture();
  /// The error stream goes where it went before. Gives what was written in between, at most the first 64 KiB.
  std::string end();

private:
  ErrorCapture(std::FILE* file, int saved) : file_(file), saved_(saved) {}
  std::FILE* file_ = nullptr; // temporary; null: ended
  int saved_ = -1;            // descriptor of the error stream itself
};

/// From now on Ctrl-C and SIGTERM do not end this process but set what `interrupted` tells.
void catch_interrupts();
bool interrupted();

/// Ends this process at once: no destructor, no exit handler.
[[noreturn]] void leave_process(int status);

void sleep_ms(u32 milliseconds);
/// Of all processors, of this process and its reaped children; seconds.
double cpu_seconds();
/// Of this process.
u64 process_id();
bool error_stream_is_terminal();
/// Columns of the terminal behind the error stream; 80 when unknown.
u32 terminal_columns();
u32 processor_count();

} // namespace assay::fuzz
