// session.h - the worker's side of the conversation: takes frames, runs programs, answers.
//
// Reads no clock and no file; the stream is the caller's. A message that cannot be carried out is refused, a frame that
// is none ends the session. Tested through the client, in qemu/unicorn/tests/.
#pragma once

#include "qemu/test_host.h"
#include "qemu/unicorn/worker/machine.h"
#include "qemu/unicorn/worker/trace.h"

namespace assay::qemu::unicorn {

class Session {
public:
  Session();

  const protocol::Hello& hello() const { return hello_; }
  /// Carries out a message and appends the answer, if it has one, to `out`.
  void handle(const protocol::Frame& frame, std::vector<u8>& out);

private:
  struct Kind {
    const Isa* isa = nullptr;
    std::unique_ptr<Machine> machine;
  };

  Result<void> load(std::span<const u8> payload);
  Result<void> take_tables(std::span<const u8> payload);
  void step(u32 serial, std::vector<u8>& out);
  void sweep(u32 serial, std::vector<u8>& out);
  void trace(u32 serial, std::vector<u8>& out);
  Machine* machine_for(Target target);

  protocol::Hello hello_;
  std::vector<Kind> kinds_;
  protocol::Program program_;
  Machine* machine_ = nullptr; // that has the program; null: none is loaded
  protocol::RunMessage run_;
  protocol::StepMessage step_;
  protocol::SweepMessage sweep_;
  Stepper stepper_;
  bool has_tables_ = false; // of the program
  protocol::StepReport report_;
  protocol::TraceMessage trace_;
  protocol::TraceReport trace_report_;
  Tracer tracer_;
  TestHost host_;
  Outcome outcome_;
};

} // namespace assay::qemu::unicorn
