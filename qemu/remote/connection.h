// connection.h - a runner in another process: started when needed, spoken to in frames, ended when it fails.
//
// Bytes to be said are collected in `outgoing` and sent while answers are awaited. Everything that can go wrong with
// the other side (it dies, is silent, talks nonsense) is a Failure, after which the connection must be closed. A
// connection that a forked copy of its process finds is closed without touching the runner. One thread at a time.
//
// On a machine with much else to do a runner may get little of a processor. One that has not answered in time but is at
// work gets as much processor time again as the limit; the system is only asked then.
// Tested through RemoteExecutor, in qemu/remote/tests/ and qemu/unicorn/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/outcome.h"
#include "qemu/os/child_process.h"
#include "qemu/protocol/messages.h"

#include <optional>
#include <string>
#include <vector>

namespace assay::qemu {

/// What the failure of a runner makes of the run that waited for it.
struct Failure {
  OutcomeKind kind = OutcomeKind::Crashed; // or Hung
  std::string text;
};

class Connection {
public:
  Connection(std::string name, std::vector<std::string> command, u32 time_limit_ms)
      : name_(std::move(name)), command_(std::move(command)), time_limit_ms_(time_limit_ms) {}

  /// Starts the runner and waits for its Hello, unless that has happened. On an Error it is closed.
  Result<void> open();
  bool is_open() const { return child_.has_value() && child_->is_ours(); }
  void close();
  /// The same, after the runner has ended by itself, for which it has two seconds.
  void finish();

  /// Sends what is outgoing, and waits for the next frame. False with `failure` filled. The frame's payload is valid
  /// until the next call.
  bool receive(protocol::Frame& frame, Failure& failure);

  const protocol::Hello& hello() const { return hello_; }
  u64 process_id() const { return is_open() ? child_->process_id() : 0; }
  u64 starts() const { return starts_; }

  std::vector<u8> outgoing;

private:
  bool greet(Failure& failure);
  bool is_at_work(u32 deadlines);

  std::string name_;
  std::vector<std::string> command_;
  u32 time_limit_ms_;
  std::optional<ChildProcess> child_;
  protocol::Hello hello_;
  protocol::FrameBuffer incoming_;
  std::size_t sent_ = 0; // of outgoing
  u64 starts_ = 0;
  u64 used_ms_ = 0, used_at_first_ms_ = 0; // of a processor, at the last deadline that passed and at the first
};

} // namespace assay::qemu
