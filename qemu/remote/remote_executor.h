// remote_executor.h - runs code in another process, which may die, hang or talk nonsense without harm to this one.
//
// The runner is started when it is first needed and kept from program to program; when it fails, the run that waited
// for it is Crashed ("unicorn died: signal SIGSEGV") or Hung, and a new one is started for the next run. Runs that
// `expect` announced go to the runner together with the program: one round trip for all of them, and each answer tells
// whose fault a failure is. Imports are bound to the runner's own test host, so `run` must be given a TestHost.
// Cost of a run beside the runner's work: a receive, and decoding. Tested in qemu/remote/tests/, qemu/unicorn/tests/.
#pragma once

#include "qemu/executor.h"
#include "qemu/remote/connection.h"

#include <memory>

namespace assay::qemu {

struct RemoteOptions {
  std::string name;                 // of the executor
  std::vector<std::string> command; // path of the runner, and its arguments
  std::string unavailable;          // not empty: there is no runner, for this reason
  u32 time_limit_ms = 10000;        // how long an answer may take (connection.h: on a busy machine)
  protocol::Limits limits;
};

class RemoteExecutor final : public Executor {
public:
  explicit RemoteExecutor(RemoteOptions options);

  std::string_view name() const override { return options_.name; }
  /// Starts the runner, to ask it.
  Result<void> can(Target target, Os os) const override;
  Result<void> load(const Module& module, const CodeObject& object) override;
  void expect(std::span<const RunRequest> requests) override;
  void run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override;
  void unload() override;

  /// Unloads and lets the runner come to its end; the next load starts another.
  void finish() {
    unload();
    connection_->finish();
  }

  /// What starts the runner.
  const std::vector<std::string>& command() const { return options_.command; }
  /// What the runner calls itself; empty before it was started.
  std::string_view runner() const { return connection_->hello().runner; }
  /// The process of the runner; 0: none.
  u64 runner_process() const { return connection_->process_id(); }
  /// How often a runner was started.
  u64 starts() const { return connection_->starts(); }

private:
  struct Expected {
    FunctionId function = kNone;
    u64 fuel = 0;
    u32 args = 0, arg_count = 0; // in expected_args_
    u32 serial = 0;              // when sent
  };

  bool request(FunctionId function, std::span<const u64> args, u64 fuel, u32& serial, Failure& failure);
  bool await(FunctionId function, u32 serial, Outcome& out, Failure& failure);
  bool is_next(FunctionId function, std::span<const u64> args, u64 fuel) const;
  std::span<const u64> args_of(const Expected& e) const { return {expected_args_.data() + e.args, e.arg_count}; }

  RemoteOptions options_;
  std::unique_ptr<Connection> connection_; // a pointer, so that `can` may use it
  const Module* module_ = nullptr;
  const CodeObject* object_ = nullptr;
  bool sent_program_ = false; // to the runner that is connected
  u32 serial_ = 0;            // of the message sent last
  u32 load_serial_ = 0;
  std::vector<Expected> expected_;
  std::vector<u64> expected_args_;
  std::size_t next_ = 0; // of expected_: what `run` should ask for
  std::size_t sent_ = 0; // of expected_: what the runner knows of
};

} // namespace assay::qemu
