// unicorn_stepper.cpp - see unicorn_stepper.h: messages out, reports in. Tested in qemu/unicorn/tests/step_test.cpp.
#include "qemu/unicorn/unicorn_stepper.h"

namespace assay::qemu {

namespace {

using protocol::MessageType;

Error failed(ErrorKind kind, std::string message) { return Error{kind, {}, 0, 0, std::move(message)}; }

} // namespace

UnicornStepper::UnicornStepper(const UnicornOptions& options)
    : executor_(make_unicorn_executor(options)),
      connection_(std::make_unique<Connection>("unicorn", executor_->command(), options.time_limit_ms)),
      limits_(options.limits) {}

Result<void> UnicornStepper::load(const Module& module, const CodeObject& object) {
  loaded_ = false;
  if (auto able = can(object.target); !able) return able;
  if (auto fits = object.fits(module); !fits) return fits;
  if (auto opened = connection_->open(); !opened) return opened;
  protocol::encode_load(++serial_, module, object, limits_, connection_->outgoing);
  loaded_ = true;
  return {};
}

void UnicornStepper::set_tables(std::span<const protocol::StepTable> tables) {
  protocol::encode_tables(++serial_, tables, connection_->outgoing);
}

Result<void> UnicornStepper::step(FunctionId function, std::span<const u64> args, u64 fuel, u64 most,
                                  protocol::StepReport& out) {
  if (!loaded_) return failed(ErrorKind::BadInput, "no program is loaded");
  protocol::encode_step(++serial_, function, args, fuel, most, connection_->outgoing);
  protocol::Frame frame;
  if (auto answered = answer(MessageType::StepReport, frame); !answered) return answered;
  return protocol::decode_step_report(frame.payload, out);
}

Result<void> UnicornStepper::sweep(std::span<const u32> starts, u64 most, protocol::StepReport& out) {
  if (!loaded_) return failed(ErrorKind::BadInput, "no program is loaded");
  protocol::encode_sweep(++serial_, starts, most, connection_->outgoing);
  protocol::Frame frame;
  if (auto answered = answer(MessageType::StepReport, frame); !answered) return answered;
  return protocol::decode_step_report(frame.payload, out);
}

Result<void> UnicornStepper::trace(FunctionId function, std::span<const u64> args, u64 fuel,
                                   const protocol::TraceLimits& limits, protocol::TraceReport& out) {
  if (!loaded_) return failed(ErrorKind::BadInput, "no program is loaded");
  protocol::encode_trace(++serial_, function, args, fuel, limits, connection_->outgoing);
  protocol::Frame frame;
  if (auto answered = answer(MessageType::TraceReport, frame); !answered) return answered;
  return protocol::decode_trace_report(frame.payload, out);
}

/// Waits for the answer of that type to the last message.
Result<void> UnicornStepper::answer(MessageType type, protocol::Frame& frame) {
  // The first refusal since the last answer says why there is none to this; the step itself is then refused as well.
  Error refused;
  for (;;) {
    Failure failure;
    if (!connection_->receive(frame, failure)) {
      connection_->close();
      loaded_ = false;
      return failed(ErrorKind::Internal, failure.text);
    }
    if (frame.type == type && frame.serial == serial_) return {};
    protocol::Refusal refusal;
    if (frame.type != MessageType::Refused || !protocol::decode_refused(frame.payload, refusal)) {
      connection_->close();
      loaded_ = false;
      return failed(ErrorKind::Internal, "unicorn answered nonsense: a message that nobody asked for");
    }
    if (refused.message.empty()) refused = failed(refusal.kind, refusal.message);
    if (frame.serial == serial_) return refused;
  }
}

} // namespace assay::qemu
