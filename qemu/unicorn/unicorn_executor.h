// unicorn_executor.h - runs compiled code in the Unicorn emulator, which lives in a program of its own, the worker.
//
// What it checks beyond the native executor: code may not write to itself, its tables or its context; the stack is
// aligned at each call out of compiled code; everything that a host function may clobber is clobbered. What it does not
// see: an aligned access to an unaligned address (the emulator allows it). It runs code for any host convention, on any
// host. The worker is looked for at $ASSAY_UNICORN_WORKER, beside the running program, and where this build put it.
// Tested in qemu/unicorn/tests/; speed in qemu/unicorn/bench/.
#pragma once

#include "assay/compiler.h"
#include "qemu/remote/remote_executor.h"

#include <memory>
#include <string>

namespace assay::qemu {

struct UnicornOptions {
  std::string worker;        // path; empty: looked for
  u32 time_limit_ms = 10000; // how long an answer may take
  protocol::Limits limits;
};

/// Extensions that code for the emulator may use: the same on every host, because the processor is emulated. What is
/// left out has a row in fuzz/check/known_emulator_faults.def.
constexpr CpuFeatures emulated_features(Target target) {
  CpuFeatures features;
  features.sse41 = features.lzcnt = features.bmi1 = target == Target::X64;
  features.bti = features.sign_return = target == Target::A64;
  return features;
}

/// Never null; without a worker its `can` says why.
std::unique_ptr<RemoteExecutor> make_unicorn_executor(const UnicornOptions& options = {});

} // namespace assay::qemu
