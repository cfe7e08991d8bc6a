// unicorn_stepper.h - steps through compiled code in the Unicorn worker and judges unwind tables at every instruction
// (worker/step.h says how). The worker is the one that make_unicorn_executor finds.
//
// It also shows the machine's state: the last instructions of a run with what each changed (worker/trace.h).
//
// load, then set_tables, then step as often as wanted; other tables may take their place at any time, which costs no
// reload. A worker that dies is an Error of that call; the next load starts a new one. One thread at a time.
// Tested in qemu/unicorn/tests/step_test.cpp.
#pragma once

#include "qemu/protocol/step_messages.h"
#include "qemu/protocol/trace_messages.h"
#include "qemu/unicorn/unicorn_executor.h"

namespace assay::qemu {

class UnicornStepper {
public:
  explicit UnicornStepper(const UnicornOptions& options = {});

  /// Unsupported, with the reason, where there is no worker or it cannot run this processor.
  Result<void> can(Target target) const { return executor_->can(target, Os::Linux); }
  /// The worker gets its own copy.
  Result<void> load(const Module& module, const CodeObject& object);
  void set_tables(std::span<const protocol::StepTable> tables);
  /// Imports are bound to the worker's test host. BadInput also when the tables cannot be opened.
  /// The run ends after `most` instructions, which is no error. A call from the host may be answered later than a
  /// worker is waited for when `most` is beyond some millions.
  Result<void> step(FunctionId function, std::span<const u64> args, u64 fuel, u64 most, protocol::StepReport& out);
  /// Walks through what was not executed since set_tables. `starts`: of all instructions.
  Result<void> sweep(std::span<const u32> starts, u64 most, protocol::StepReport& out);

  /// A run whose last instructions are reported; needs no tables. The same run does the same each time.
  Result<void> trace(FunctionId function, std::span<const u64> args, u64 fuel, const protocol::TraceLimits& limits,
                     protocol::TraceReport& out);

private:
  Result<void> answer(protocol::MessageType type, protocol::Frame& frame);

  std::unique_ptr<RemoteExecutor> executor_; // knows the worker; runs nothing
  std::unique_ptr<Connection> connection_;
  protocol::Limits limits_;
  u32 serial_ = 0;
  bool loaded_ = false;
};

} // namespace assay::qemu
