// child_process.h - a program that this process starts, talks to over one stream of bytes, and ends.
//
// The child's standard input and output are the stream; its error stream is ours. It ends when we drop it or die.
// Nothing here waits longer than it is told to, and a child that has gone is an answer, never a signal (no SIGPIPE).
// A forked copy of the parent must not use the parent's child: `is_ours` tells, and dropping a child that is not
// ours leaves it alone. One thread at a time.
// One file a system behind it: posix/child_process.cpp, windows/child_process.cpp. Cost of a start: about 1 ms.
// Tested in qemu/os/tests/.
#pragma once

#include "assay/errors.h"

#include <span>
#include <string>
#include <utility>

namespace assay::qemu {

/// How a wait ended.
enum class Transfer : u8 {
  Done, // something was sent or received
  Closed, // the other side is gone
  TimedOut,
};

class ChildProcess {
public:
  /// Runs `command[0]` (a path) with these arguments. Unsupported where processes cannot be started so; Io with the
  /// reason when the system refuses.
  static Result<ChildProcess> start(std::span<const std::string> command, u32 time_limit_ms);
  ChildProcess(ChildProcess&& other) noexcept
      : process_(std::exchange(other.process_, 0)), stream_(std::exchange(other.stream_, -1)), owner_(other.owner_),
        time_limit_ms_(other.time_limit_ms_) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// Waits until some of `to_send` was sent (it is shortened by that) or, with nothing left to send, something was
  /// received: `received` bytes at the start of `space`. While sending, what arrives is received too, so that two sides
  /// that both have much to say do not wait for each other. `time_limit_ms` of `start` at most.
  Transfer transfer(std::span<const u8>& to_send, std::span<u8> space, std::size_t& received);
  /// Says how it had ended ("signal SIGSEGV", "exit status 1"); when it has not within `grace_ms`, ends it by force and
  /// says nothing. A stream closes a moment before its process has ended: then give it some time.
  std::string end(u32 grace_ms = 0);

  bool is_ours() const;
  /// How much of a processor the child has had, its own children apart; 0 where the system does not tell.
  u64 processor_time_ms() const;
  u64 process_id() const { return static_cast<u64>(process_); }

private:
  ChildProcess(i64 process, int stream, i64 owner, u32 time_limit_ms)
      : process_(process), stream_(stream), owner_(owner), time_limit_ms_(time_limit_ms) {}

  i64 process_ = 0; // 0: none
  int stream_ = -1;
  i64 owner_ = 0; // the process that started it
  u32 time_limit_ms_ = 0;
};

/// The other end: the stream of a program that was started so.
class ParentStream {
public:
  /// Takes standard input and output as the stream; what this process prints from now on goes to its error stream, and
  /// a read from standard input finds nothing. Interruption by the terminal is ignored, and the death of the parent
  /// ends this process.
  static Result<ParentStream> take();

  /// How many bytes arrived in `space`; 0: the parent is gone.
  std::size_t receive(std::span<u8> space);
  bool send(std::span<const u8> bytes);

private:
  ParentStream(int in, int out) : in_(in), out_(out) {}
  int in_ = -1, out_ = -1;
};

/// The path of the running program; empty when the system does not tell.
std::string own_path();
/// Whether the file is there and may be run.
bool can_execute(const std::string& path);

} // namespace assay::qemu
