// short_jump.h - setjmp whose jump restores registers and does nothing else, on every system.
//
// Elsewhere that is what setjmp and longjmp do. On Windows longjmp unwinds the frames in between by structured
// exceptions, which costs a hundred times as much, may not be done while an exception is being handled, and relies on
// the very tables that are under test; it does not when the buffer names no frame. So: ASSAY_SETJMP(buffer) with a
// std::jmp_buf, as a whole condition (`if (ASSAY_SETJMP(buffer) == 0)`), and std::longjmp. No signal mask is saved.
// Destructors of the frames that are skipped do not run. Tested in compiler/os/tests/fault_handler_test.cpp.
#pragma once

#include <csetjmp>

#if defined(_WIN32) && defined(_MSC_VER)
// The frame is known only after the call: it is taken out of the buffer.
#define ASSAY_SETJMP(buffer) (setjmp(buffer) == 0 ? (reinterpret_cast<_JUMP_BUFFER*>(&(buffer))->Frame = 0, 0) : 1)
#elif defined(_WIN32)
#define ASSAY_SETJMP(buffer) _setjmp(buffer, nullptr) // the second argument is the frame
#else
#define ASSAY_SETJMP(buffer) setjmp(buffer)
#endif
