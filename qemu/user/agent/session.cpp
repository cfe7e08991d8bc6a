// session.cpp - see session.h. The program is unloaded before the bytes that it was loaded from are overwritten.
#include "qemu/user/agent/session.h"

#include "assay/compiler.h"

namespace assay::qemu::agent {

namespace {
using protocol::MessageType;
}

Session::Session() {
  hello_.runner = "agent on " + std::string(name_of(host_target()));
  for (const Target target : {Target::X64, Target::A64}) {
    protocol::Ability ability{target, {}};
    auto made = executor(protocol::Limits().stack_bytes);
    if (!made) ability.reason = made.error().message;
    else if (auto able = (*made)->can(target, host_os()); !able) ability.reason = able.error().message;
    hello_.abilities.push_back(std::move(ability));
  }
}

Result<NativeExecutor*> Session::executor(u64 stack_bytes) {
  if (executor_ == nullptr || stack_bytes != stack_bytes_) {
    NativeOptions options;
    options.stack_bytes = stack_bytes;
    options.time_limit_ms = 5000; // code may be emulated; still less than an asker waits
    executor_.reset();
    auto made = NativeExecutor::create(options);
    if (!made) return made.error();
    executor_ = std::move(*made);
    stack_bytes_ = stack_bytes;
  }
  return executor_.get();
}

Result<void> Session::load(std::span<const u8> payload) {
  if (executor_ != nullptr) executor_->unload();
  loaded_ = false;
  if (auto decoded = protocol::decode_load(payload, program_); !decoded) return decoded;
  auto made = executor(program_.limits.stack_bytes);
  if (!made) return made.error();
  if (auto done = (*made)->load(program_.module, program_.object); !done) return done;
  loaded_ = true;
  return {};
}

void Session::handle(const protocol::Frame& frame, std::vector<u8>& out) {
  const auto refuse = [&](const Error& error) {
    protocol::encode_refused(frame.serial, {error.kind, error.message}, out);
  };
  if (frame.type == MessageType::Load) {
    if (auto loaded = load(frame.payload); !loaded) refuse(loaded.error());
    return;
  }
  if (frame.type != MessageType::Run)
    return refuse({ErrorKind::BadInput, {}, 0, 0, "a message that an agent does not take"});
  if (!loaded_) return refuse({ErrorKind::BadInput, {}, 0, 0, "no program is loaded"});
  if (auto decoded = protocol::decode_run(frame.payload, program_.module, run_); !decoded)
    return refuse(decoded.error());
  if (!program_.object.has(run_.function)) return refuse({ErrorKind::BadInput, {}, 0, 0, "a function without code"});
  host_.reset();
  executor_->run(run_.function, run_.args, run_.fuel, host_, outcome_);
  protocol::encode_result(frame.serial, outcome_, out);
}

} // namespace assay::qemu::agent
