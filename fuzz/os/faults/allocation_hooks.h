// allocation_hooks.h - C++'s allocation of a test program, counted, and failing when the test wants. One thread.
//
// In a file of its own, so that the compiler does not look through it. Tested by what uses it, allocation_test.cpp.
#pragma once

namespace assay::faults {

inline long long allowed = -1; // allocations until they fail; -1: none does
inline long long live = 0;     // that were not given back

} // namespace assay::faults
