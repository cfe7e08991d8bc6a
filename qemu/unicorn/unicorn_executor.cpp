// unicorn_executor.cpp - see unicorn_executor.h: finds the worker; the rest is RemoteExecutor.
#include "qemu/unicorn/unicorn_executor.h"

#include <cstdlib>

namespace assay::qemu {

namespace {

constexpr const char* kWorkerName = "assay_unicorn_worker";

/// The path of the worker; or nothing, and why.
std::string find_worker(std::string& reason) {
  if (const char* given = std::getenv("ASSAY_UNICORN_WORKER"); given != nullptr && *given != 0) {
    if (can_execute(given)) return given;
    reason = std::string("ASSAY_UNICORN_WORKER names ") + given + ", which cannot be run";
    return {};
  }
  const std::string self = own_path();
  const std::string beside = self.substr(0, self.find_last_of('/') + 1) + kWorkerName;
  if (!self.empty() && can_execute(beside)) return beside;
#ifdef ASSAY_UNICORN_WORKER
  if (can_execute(ASSAY_UNICORN_WORKER)) return ASSAY_UNICORN_WORKER;
  reason = std::string("there is no ") + kWorkerName + " beside the program or at " + ASSAY_UNICORN_WORKER;
#else
  reason = std::string("this build has no ") + kWorkerName + ": pkg-config found no Unicorn (libunicorn-dev)";
#endif
  return {};
}

} // namespace

std::unique_ptr<RemoteExecutor> make_unicorn_executor(const UnicornOptions& options) {
  RemoteOptions remote;
  remote.name = "unicorn";
  remote.time_limit_ms = options.time_limit_ms;
  remote.limits = options.limits;
  std::string worker = options.worker.empty() ? find_worker(remote.unavailable) : options.worker;
  if (!worker.empty() && !can_execute(worker)) remote.unavailable = "the unicorn worker " + worker + " cannot be run";
  remote.command = {std::move(worker)};
  return std::make_unique<RemoteExecutor>(std::move(remote));
}

} // namespace assay::qemu
