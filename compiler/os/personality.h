// personality.h - what the C++ unwinder asks of a frame of compiled code: is there a handler for what flies?
//
// An unwind table with a personality routine names `personality()` and, as language-specific data, the address of a
// LandingPads, which finds the landing pad for a call and an exception. The unwinder then restores the frame and goes
// there, with the exception's address in the first register for such data (x64 rax, ARM64 x0); take_exception ends
// its flight. Search and clean-up phases both ask, so nothing is unwound before it is known who catches.
// Exceptions that are not C++ ones, and forced unwinding (thread cancellation), pass through.
// Cost: one call of LandingPads::find a frame and phase. Thread-safe. Tested, with compiled handlers, in
// compiler/jit/tests/exceptions_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

#include <exception>

namespace assay::os {

/// A C++ exception in flight, as far as clauses ask.
struct FlyingException {
  const AirException* air = nullptr; // when it is one
  bool is_trap = false;              // a TrapException
};

struct LandingPads {
  /// The landing pad of the call that returns to `return_address`; 0: none, the exception passes. May not throw.
  u64 (*find)(const void* owner, u64 return_address, const FlyingException& exception) = nullptr;
  const void* owner = nullptr;
};

/// The routine's address; 0 where this system has none: code with handlers cannot be installed there.
u64 personality();

/// `exception`: what a landing pad was given. Null unless it is an AirException.
const AirException* air_exception(void* exception);
/// The same of one that take_exception gave, which costs a throw to ask otherwise.
const AirException* air_exception(const std::exception_ptr& exception);
/// Ends its flight: it counts as caught and, when the result is dropped and nobody else holds it, is destroyed.
std::exception_ptr take_exception(void* exception);

} // namespace assay::os
