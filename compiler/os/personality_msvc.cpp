// personality_windows.cpp - none yet: on Windows, code with exception handlers is refused when it is installed.
#include "compiler/os/personality.h"

namespace assay::os {

u64 personality() { return 0; }

// Without a personality nothing comes to a landing pad.
const AirException* air_exception(void*) { return nullptr; }
std::exception_ptr take_exception(void*) { return nullptr; }

} // namespace assay::os
