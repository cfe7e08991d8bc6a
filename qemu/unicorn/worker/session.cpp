// session.cpp - see session.h.
#include "qemu/unicorn/worker/session.h"

namespace assay::qemu::unicorn {

namespace {

using protocol::MessageType;

std::string version() {
  unsigned major = 0, minor = 0;
  uc_version(&major, &minor);
  return "unicorn " + std::to_string(major) + "." + std::to_string(minor);
}

} // namespace

Session::Session() {
  hello_.runner = version();
  for (const Isa* isa : isas()) {
    protocol::Ability ability{isa->target, {}};
    auto machine = Machine::create(*isa);
    if (machine) {
      ability.reason = (*machine)->self_test();
      kinds_.push_back({isa, std::move(*machine)});
    } else {
      ability.reason = machine.error().message;
    }
    hello_.abilities.push_back(std::move(ability));
  }
}

Machine* Session::machine_for(Target target) {
  for (Kind& kind : kinds_) {
    if (kind.isa->target != target) continue;
    if (kind.machine->worn()) {
      if (auto fresh = Machine::create(*kind.isa)) kind.machine = std::move(*fresh);
    }
    return kind.machine.get();
  }
  return nullptr;
}

Result<void> Session::load(std::span<const u8> payload) {
  if (machine_ != nullptr) machine_->watch(nullptr);
  machine_ = nullptr;
  has_tables_ = false;
  if (auto decoded = protocol::decode_load(payload, program_); !decoded) return decoded;
  Machine* machine = machine_for(program_.object.target);
  if (machine == nullptr) return Error{ErrorKind::Unsupported, {}, 0, 0, "this worker does not emulate that processor"};
  if (auto loaded = machine->load(program_); !loaded) return loaded;
  machine_ = machine;
  return {};
}

Result<void> Session::take_tables(std::span<const u8> payload) {
  has_tables_ = false;
  if (machine_ == nullptr) return Error{ErrorKind::BadInput, {}, 0, 0, "no program is loaded"};
  std::vector<protocol::StepTable> tables;
  if (auto decoded = protocol::decode_tables(payload, tables); !decoded) return decoded;
  if (tables.empty()) return Error{ErrorKind::BadInput, {}, 0, 0, "no tables"};
  if (auto set = stepper_.set(program_, std::move(tables)); !set) return set;
  has_tables_ = true;
  return {};
}

void Session::step(u32 serial, std::vector<u8>& out) {
  stepper_.begin(machine_->engine(), report_, step_.most);
  machine_->watch(&stepper_);
  host_.reset();
  machine_->run(step_.run.function, step_.run.args, step_.run.fuel, host_, outcome_);
  report_.outcome = outcome_.kind;
  report_.outcome_text = outcome_.text;
  protocol::encode_step_report(serial, report_, out);
}

/// Each function that has instructions nobody executed, by itself.
void Session::sweep(u32 serial, std::vector<u8>& out) {
  const CodeObject& object = program_.object;
  stepper_.begin(machine_->engine(), report_, sweep_.most);
  machine_->watch(&stepper_);
  for (u32 i = 0; i < object.functions.size() && !report_.cut; ++i) {
    const FunctionId function = object.functions[i].function;
    const std::vector<u64> args(program_.module.params_of(program_.module.functions[function]).size());
    if (!stepper_.sweep(i, sweep_.starts)) continue;
    host_.reset();
    machine_->run(function, args, ~u64{0} >> 1, host_, outcome_);
    stepper_.end_sweep();
  }
  stepper_.unseen(sweep_.starts, report_.unseen);
  protocol::encode_step_report(serial, report_, out);
}

void Session::trace(u32 serial, std::vector<u8>& out) {
  tracer_.begin(machine_->engine(), program_.object.code.size(), trace_.limits, outcome_);
  machine_->trace(&tracer_);
  host_.reset();
  machine_->run(trace_.run.function, trace_.run.args, trace_.run.fuel, host_, outcome_);
  tracer_.end(trace_report_);
  protocol::encode_trace_report(serial, trace_report_, out);
}

void Session::handle(const protocol::Frame& frame, std::vector<u8>& out) {
  const auto refuse = [&](const Error& error) {
    protocol::encode_refused(frame.serial, {error.kind, error.message}, out);
  };
  if (frame.type == MessageType::Load) {
    if (auto loaded = load(frame.payload); !loaded) refuse(loaded.error());
    return;
  }
  if (frame.type == MessageType::Tables) {
    if (auto taken = take_tables(frame.payload); !taken) refuse(taken.error());
    return;
  }
  const bool stepped = frame.type == MessageType::Step, swept = frame.type == MessageType::Sweep;
  const bool traced = frame.type == MessageType::Trace;
  if (frame.type != MessageType::Run && !stepped && !swept && !traced)
    return refuse({ErrorKind::BadInput, {}, 0, 0, "a message that a worker does not take"});
  if (machine_ == nullptr) return refuse({ErrorKind::BadInput, {}, 0, 0, "no program is loaded"});
  const auto decoded = stepped  ? protocol::decode_step(frame.payload, program_.module, step_)
                       : swept  ? protocol::decode_sweep(frame.payload, sweep_)
                       : traced ? protocol::decode_trace(frame.payload, program_.module, trace_)
                                : protocol::decode_run(frame.payload, program_.module, run_);
  if (!decoded) return refuse(decoded.error());
  const FunctionId function = stepped ? step_.run.function : traced ? trace_.run.function : run_.function;
  if (!swept && !program_.object.has(function))
    return refuse({ErrorKind::BadInput, {}, 0, 0, "a function without code"});
  if ((stepped || swept) && !has_tables_) return refuse({ErrorKind::BadInput, {}, 0, 0, "no tables were sent"});
  if (stepped) return step(frame.serial, out);
  if (swept) return sweep(frame.serial, out);
  if (traced) return trace(frame.serial, out);
  machine_->watch(nullptr);
  host_.reset();
  machine_->run(run_.function, run_.args, run_.fuel, host_, outcome_);
  protocol::encode_result(frame.serial, outcome_, out);
}

} // namespace assay::qemu::unicorn
