// remote_executor.cpp - see remote_executor.h.
//
// Serials grow by one a message and are compared by their distance, so that they may wrap. Answers to messages before
// the last Load belong to runs that nobody asked for after all; they are dropped. Tested in qemu/remote/tests/.
#include "qemu/remote/remote_executor.h"

#include "qemu/test_host.h"

#include <algorithm>

namespace assay::qemu {

namespace {

using protocol::MessageType;

bool is_before(u32 a, u32 b) { return static_cast<i32>(a - b) < 0; }

} // namespace

RemoteExecutor::RemoteExecutor(RemoteOptions options)
    : options_(std::move(options)),
      connection_(std::make_unique<Connection>(options_.name, options_.command, options_.time_limit_ms)) {}

Result<void> RemoteExecutor::can(Target target, Os) const {
  const auto unsupported = [](std::string reason) {
    return Error{ErrorKind::Unsupported, {}, 0, 0, std::move(reason)};
  };
  if (!options_.unavailable.empty()) return unsupported(options_.unavailable);
  if (auto opened = connection_->open(); !opened) return unsupported(opened.error().message);
  // Any convention will do: the runner takes the registers from the CodeObject's.
  for (const protocol::Ability& ability : connection_->hello().abilities) {
    if (ability.target != target) continue;
    if (ability.reason.empty()) return {};
    return unsupported(options_.name + ": " + ability.reason);
  }
  return unsupported(options_.name + " does not run " + std::string(name_of(target)) + " code");
}

Result<void> RemoteExecutor::load(const Module& module, const CodeObject& object) {
  unload();
  if (auto able = can(object.target, object.os); !able) return able;
  if (auto fits = object.fits(module); !fits) return fits;
  module_ = &module;
  object_ = &object;
  return {};
}

void RemoteExecutor::unload() {
  module_ = nullptr;
  object_ = nullptr;
  sent_program_ = false;
  expect({});
}

void RemoteExecutor::expect(std::span<const RunRequest> requests) {
  expected_.clear();
  expected_args_.clear();
  next_ = sent_ = 0;
  for (const RunRequest& r : requests) {
    expected_.push_back(
        {r.function, r.fuel, static_cast<u32>(expected_args_.size()), static_cast<u32>(r.args.size()), 0});
    expected_args_.insert(expected_args_.end(), r.args.begin(), r.args.end());
  }
}

bool RemoteExecutor::is_next(FunctionId function, std::span<const u64> args, u64 fuel) const {
  if (next_ == expected_.size()) return false;
  const Expected& e = expected_[next_];
  const std::span<const u64> wanted = args_of(e);
  return e.function == function && e.fuel == fuel && std::equal(args.begin(), args.end(), wanted.begin(), wanted.end());
}

/// Says what has to be said so that the answer with `serial` will come.
bool RemoteExecutor::request(FunctionId function, std::span<const u64> args, u64 fuel, u32& serial, Failure& failure) {
  if (!connection_->is_open()) {
    sent_program_ = false;
    if (auto opened = connection_->open(); !opened) {
      failure = {OutcomeKind::Crashed, "cannot start " + options_.name + ": " + opened.error().message};
      return false;
    }
  }
  std::vector<u8>& outgoing = connection_->outgoing;
  if (!sent_program_) {
    load_serial_ = ++serial_;
    protocol::encode_load(load_serial_, *module_, *object_, options_.limits, outgoing);
    sent_program_ = true;
    sent_ = next_;
  }
  const bool expected = is_next(function, args, fuel);
  if (!expected) expect({});
  for (; sent_ < expected_.size(); ++sent_) {
    Expected& e = expected_[sent_];
    e.serial = ++serial_;
    protocol::encode_run(e.serial, e.function, args_of(e), e.fuel, outgoing);
  }
  if (expected) {
    serial = expected_[next_++].serial;
  } else {
    serial = ++serial_;
    protocol::encode_run(serial, function, args, fuel, outgoing);
  }
  return true;
}

bool RemoteExecutor::await(FunctionId function, u32 serial, Outcome& out, Failure& failure) {
  protocol::Frame frame;
  for (;;) {
    if (!connection_->receive(frame, failure)) return false;
    if (frame.type == MessageType::Result && frame.serial == serial) {
      auto decoded = protocol::decode_result(frame.payload, *module_, function, out);
      if (!decoded) failure.text = options_.name + " answered nonsense: " + decoded.error().message;
      return decoded.ok();
    }
    const bool answer = frame.type == MessageType::Result || frame.type == MessageType::Refused;
    if (answer && frame.serial != 0 && is_before(frame.serial, load_serial_)) continue;
    if (frame.type == MessageType::Result && is_before(frame.serial, serial)) continue;
    failure.text = options_.name + " answered nonsense: a message that nobody asked for";
    protocol::Refusal refusal;
    if (frame.type == MessageType::Refused && protocol::decode_refused(frame.payload, refusal)) {
      failure.text = options_.name + " refused: " + refusal.message;
    }
    return false;
  }
}

void RemoteExecutor::run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) {
  ASSAY_CHECK(module_ != nullptr && "run needs a loaded module");
  ASSAY_CHECK(dynamic_cast<TestHost*>(&host) != nullptr && "imports are bound to the test host, in the other process");
  out.clear();
  Failure failure;
  u32 serial = 0;
  if (request(function, args, fuel, serial, failure) && await(function, serial, out, failure)) return;
  connection_->close();
  sent_program_ = false;
  out.clear();
  out.kind = failure.kind;
  out.text = std::move(failure.text);
}

} // namespace assay::qemu
