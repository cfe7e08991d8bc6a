// peak_memory.cpp - see peak_memory.h: a peak there cannot be set back.
#include "fuzz/os/peak_memory.h"

namespace assay::fuzz {

bool begin_peak_memory() { return false; }
u64 peak_memory() { return 0; }

} // namespace assay::fuzz
