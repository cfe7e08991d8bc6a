// session.h - the agent's side of the conversation: takes frames, runs programs on this processor, answers.
//
// A program's runs are bounded by time here (NativeOptions::time_limit_ms), since code at full speed cannot count its
// work; Limits::work is for emulators. Reads no clock and no file; the stream is the caller's. A message that cannot be
// carried out is refused. What a program does to this process beyond what NativeExecutor catches ends the process,
// which the asker sees. Tested through the client, in qemu/user/tests/.
#pragma once

#include "qemu/native/native_executor.h"
#include "qemu/protocol/messages.h"
#include "qemu/test_host.h"

#include <memory>

namespace assay::qemu::agent {

class Session {
public:
  Session();

  const protocol::Hello& hello() const { return hello_; }
  /// Carries out a message and appends the answer, if it has one, to `out`.
  void handle(const protocol::Frame& frame, std::vector<u8>& out);

private:
  Result<void> load(std::span<const u8> payload);
  /// The executor, with room for so much stack.
  Result<NativeExecutor*> executor(u64 stack_bytes);

  protocol::Hello hello_;
  protocol::Program program_;
  std::unique_ptr<NativeExecutor> executor_;
  u64 stack_bytes_ = 0; // of executor_
  bool loaded_ = false;
  protocol::RunMessage run_;
  TestHost host_;
  Outcome outcome_;
};

} // namespace assay::qemu::agent
