// user_executor.h - runs compiled code in a persistent process of its own: an agent under qemu-aarch64.
//
// The agent (qemu/user/agent/) is a program for the other processor that runs code as the native executor does, with
// all its checks; QEMU's user mode runs the agent. So code, runtime, unwinder and signal handling are those of an ARM64
// Linux process, and one process serves program after program. Where the agent's processor is this host's, no emulator
// is needed. The emulator is $ASSAY_QEMU_AARCH64, or qemu-aarch64 or qemu-aarch64-static in the PATH. The agent is
// $ASSAY_AGENT_A64, or assay_agent_a64 beside the running program, or what the build of the preset `agent-arm64` or
// `dev-arm64` made. Tested in qemu/user/tests/.
#pragma once

#include "qemu/remote/remote_executor.h"

#include <memory>
#include <string>
#include <vector>

namespace assay::qemu {

struct UserOptions {
  std::string agent;             // path; empty: looked for
  std::string emulator;          // path; empty: looked for
  bool without_emulator = false; // the agent is for this host's processor
  u32 time_limit_ms = 10000;     // how long an answer may take
  protocol::Limits limits;
  std::vector<std::string> emulator_arguments; // before the agent
};

/// QEMU for ARM64; empty: there is none, and `reason` says so.
std::string find_emulator(std::string& reason);
/// The arguments by which QEMU writes to `out`, when its program ends, how many instructions of the program's own image
/// and how many of other code it executed (counter/). None: this build has no plugin for it.
std::vector<std::string> counting_arguments(const std::string& out);

/// An executor with the name "qemu". Never null; without agent or emulator its `can` says why.
std::unique_ptr<RemoteExecutor> make_user_executor(const UserOptions& options = {});

} // namespace assay::qemu
