// personality_msvc.cpp - none: with Microsoft's C++ runtime, code with exception handlers is refused when it is
// installed.
//
// Its exceptions have another form than those of personality_itanium.cpp, which other compilers have on Windows as
// well.
#include "compiler/os/personality.h"

namespace assay::os {

u64 personality() { return 0; }

// Without a personality nothing comes to a landing pad.
const AirException* air_exception(void*) { return nullptr; }
const AirException* air_exception(const std::exception_ptr&) { return nullptr; }
std::exception_ptr take_exception(void*) { return nullptr; }

} // namespace assay::os
