// connection.cpp - see connection.h.
#include "qemu/remote/connection.h"

#include <utility>

namespace assay::qemu {

namespace {
constexpr std::size_t kReceiveBytes = 64 * 1024;
constexpr u32 kGraceMs = 2000; // for a runner that closed its stream to end
constexpr u32 kLeastShare = 50; // of a processor, one in: a runner that gets less is not at work
} // namespace

void Connection::close() {
  child_.reset();
  outgoing.clear();
  incoming_.clear();
  sent_ = 0;
}

void Connection::finish() {
  if (is_open()) static_cast<void>(child_->end(kGraceMs));
  close();
}

Result<void> Connection::open() {
  if (is_open()) return {};
  close();
  auto child = ChildProcess::start(command_, time_limit_ms_);
  if (!child) return child.error();
  child_.emplace(std::move(*child));
  ++starts_;
  Failure failure;
  if (greet(failure)) return {};
  close();
  return Error{ErrorKind::Unsupported, {}, 0, 0, failure.text};
}

bool Connection::greet(Failure& failure) {
  protocol::Frame frame;
  if (!receive(frame, failure)) return false;
  if (frame.type != protocol::MessageType::Hello) {
    failure.text = name_ + " did not say hello";
    return false;
  }
  if (auto done = protocol::decode_hello(frame.payload, hello_); !done) {
    failure.text = name_ + ": " + done.error().message;
    return false;
  }
  return true;
}

/// At the deadline of this number, from 0, for the same answer.
bool Connection::is_at_work(u32 deadlines) {
  const u64 before = std::exchange(used_ms_, child_->processor_time_ms());
  if (deadlines == 0) {
    used_at_first_ms_ = used_ms_;
    return used_ms_ != 0;
  }
  return (used_ms_ - before) * kLeastShare >= time_limit_ms_ && used_ms_ - used_at_first_ms_ < time_limit_ms_;
}

bool Connection::receive(protocol::Frame& frame, Failure& failure) {
  for (u32 deadlines = 0;;) {
    const auto whole = incoming_.next(frame);
    if (!whole) {
      failure = {OutcomeKind::Crashed, name_ + " answered nonsense: " + whole.error().message};
      return false;
    }
    if (*whole) return true;
    std::span<const u8> to_send = std::span<const u8>(outgoing).subspan(sent_);
    std::size_t received = 0;
    const Transfer how = child_->transfer(to_send, incoming_.space(kReceiveBytes), received);
    incoming_.filled(received);
    sent_ = outgoing.size() - to_send.size();
    if (sent_ == outgoing.size()) {
      outgoing.clear();
      sent_ = 0;
    }
    if (how == Transfer::Done) continue;
    if (how == Transfer::TimedOut && is_at_work(deadlines++)) continue;
    if (how == Transfer::TimedOut) {
      failure = {OutcomeKind::Hung, name_ + " gave no answer within " + std::to_string(time_limit_ms_) + " ms"};
    } else {
      const std::string ended = child_->end(kGraceMs);
      failure = {OutcomeKind::Crashed, name_ + " died: " + (ended.empty() ? "it closed its stream" : ended)};
    }
    return false;
  }
}

} // namespace assay::qemu
