// host.h - what a program's imports are bound to, as every engine sees it.
//
// An engine (the oracle, a compiled instance) calls Host::call for each call of an imported function.
// It may throw any C++ exception, which passes through the program's frames; it may call back into
// the same run through Reentry, whose traps and exceptions come out as C++ exceptions. Pure interface.
#pragma once

#include "assay/module.h"

#include <span>

namespace assay {

/// The way back into the running program.
class Reentry {
public:
  virtual ~Reentry() = default;
  /// Calls a function of the module with the run's own memory, globals and fuel. Throws TrapException,
  /// AirException, or what a host function threw.
  virtual void call(FunctionId function, std::span<const u64> args, std::span<u64> results) = 0;
};

class Host {
public:
  virtual ~Host() = default;
  /// `args` and `results` hold one u64 each value: bits, zero above the type's width.
  /// `results` is zero-filled on entry.
  virtual void call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
                    Reentry& reentry) = 0;
};

} // namespace assay
