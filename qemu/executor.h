// executor.h - one interface to every place where compiled code runs: this process, an emulated one, an emulator.
//
// An executor takes a CodeObject, runs a function of it on fresh memory and globals, and fills an Outcome with
// all that is observable. Code that crashes, hangs or breaks the machine contract gives Crashed, Hung or
// Breached; the executor survives it. `load` once, `run` any number of inputs, `unload` (or load the next).
// An executor belongs to one thread. How to add one: qemu/README.md.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"
#include "assay/host.h"
#include "assay/module.h"
#include "assay/outcome.h"

#include <span>
#include <string_view>

namespace assay {

/// A call that is to come.
struct RunRequest {
  FunctionId function = kNone;
  std::span<const u64> args;
  u64 fuel = 0;
};

class Executor {
public:
  virtual ~Executor() = default;

  /// "native", "qemu", "unicorn"
  virtual std::string_view name() const = 0;
  /// Success, or Unsupported with the reason why this host cannot run code of that kind here.
  virtual Result<void> can(Target target, Os os) const = 0;

  /// Installs `object`, the code of `module`, in place of what was loaded. Both must stay unchanged until unload.
  virtual Result<void> load(const Module& module, const CodeObject& object) = 0;
  /// A hint, after `load`: `run` will be called with these, in this order. An executor in another process asks for all
  /// of them at once. Changes nothing that can be seen; `run` may still be called with anything.
  virtual void expect(std::span<const RunRequest> requests) { static_cast<void>(requests); }
  /// Runs one call of a function (a body or an import). `args` are the bits of its parameters, their number must be
  /// right. `out` is overwritten, its storage reused. `host` receives the calls of imports.
  virtual void run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) = 0;
  /// Removes what was loaded; nothing when nothing is.
  virtual void unload() = 0;

  /// load, run, unload.
  Result<void> run_once(const CodeObject& object, const Module& module, FunctionId function, std::span<const u64> args,
                        u64 fuel, Host& host, Outcome& out) {
    if (auto done = load(module, object); !done) return done;
    run(function, args, fuel, host, out);
    unload();
    return {};
  }
};

} // namespace assay
