// exception_model.h - how C++ exceptions, AIR exceptions and traps get past compiled frames.
//
// Unwind: the system's unwinder walks through compiled frames by their tables, as through any others; handlers in
// compiled
//   code (try_call) work. Loading fails where the unwinder does not see the tables.
// Defer: what a host function throws is caught at its door and kept; compiled frames are left by a jump to where they
// were
//   entered, and there it is thrown again: the same object. Host frames between compiled ones are unwound, and their
//   objects destroyed, as ever. It needs no unwind tables, costs a setjmp a call, and knows no handlers in compiled
//   code: modules with try_call are refused when they are loaded. Forced unwinding (thread cancellation) must not meet
//   it.
// Automatic: Unwind, and Defer for all that is loaded where the unwinder does not find what was registered.
// Tested in compiler/jit/tests/exception_models_test.cpp.
#pragma once

#include "assay/types.h"

namespace assay {

enum class ExceptionModel : u8 { Automatic, Unwind, Defer };

} // namespace assay
