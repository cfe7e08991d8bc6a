// user_executor.cpp - see user_executor.h: finds emulator and agent; the rest is RemoteExecutor.
#include "qemu/user/user_executor.h"

#include "qemu/os/child_process.h"

#include <cstdlib>
#include <string_view>

namespace assay::qemu {

namespace {

/// The value of an environment variable; empty when there is none.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The first file of that name in the folders of PATH that can be run; empty: there is none.
std::string find_in_path(std::string_view name) {
  const std::string path = variable("PATH");
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t end = rest.find(':');
    const std::string file = std::string(rest.substr(0, end)) + "/" + std::string(name);
    if (file[0] == '/' && can_execute(file)) return file;
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return {};
}

std::string find_emulator(const UserOptions& options, std::string& reason) {
  for (const std::string& given : {options.emulator, variable("ASSAY_QEMU_AARCH64")}) {
    if (given.empty()) continue;
    if (!can_execute(given)) reason = "the emulator " + given + " cannot be run";
    return given;
  }
  for (const char* name : {"qemu-aarch64", "qemu-aarch64-static"}) {
    if (std::string found = find_in_path(name); !found.empty()) return found;
  }
  reason = "there is no qemu-aarch64 in the PATH (package qemu-user)";
  return {};
}

std::string find_agent(const UserOptions& options, std::string& reason) {
  for (const std::string& given : {options.agent, variable("ASSAY_AGENT_A64")}) {
    if (given.empty()) continue;
    if (!can_execute(given)) reason = "the agent " + given + " cannot be run";
    return given;
  }
  const std::string self = own_path();
  const std::string beside = self.substr(0, self.find_last_of('/') + 1) + "assay_agent_a64";
  if (!self.empty() && can_execute(beside)) return beside;
  for (const char* preset : {"agent-arm64", "dev-arm64"}) {
    const std::string built = std::string(ASSAY_BUILDS) + "/" + preset + "/qemu/user/agent/assay_agent";
    if (can_execute(built)) return built;
  }
  reason = "there is no ARM64 agent: no assay_agent_a64 beside the program, and none built by the preset agent-arm64";
  return {};
}

} // namespace

std::string find_emulator(std::string& reason) { return find_emulator(UserOptions(), reason); }

std::vector<std::string> counting_arguments([[maybe_unused]] const std::string& out) {
#ifdef ASSAY_COUNTER
  return {"-plugin", "file=" ASSAY_COUNTER ",out=" + out};
#else
  return {};
#endif
}

std::unique_ptr<RemoteExecutor> make_user_executor(const UserOptions& options) {
  RemoteOptions remote;
  remote.name = "qemu";
  remote.time_limit_ms = options.time_limit_ms;
  remote.limits = options.limits;
  if (!options.without_emulator) remote.command.push_back(find_emulator(options, remote.unavailable));
  if (!options.without_emulator)
    remote.command.insert(remote.command.end(), options.emulator_arguments.begin(), options.emulator_arguments.end());
  if (remote.unavailable.empty()) remote.command.push_back(find_agent(options, remote.unavailable));
  return std::make_unique<RemoteExecutor>(std::move(remote));
}

} // namespace assay::qemu
