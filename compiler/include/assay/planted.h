// planted.h - switches for deliberately wrong code, by which the harness measures itself.
//
// A planted bug is one line in the compiler:      if (ASSAY_PLANTED(x64_shift_count_unmasked)) count += 1;
// and one row in fuzz/mutants/bank.def, which names its class and where it comes from. Exactly one may be
// active, chosen at run time by `assay mutants`. Without ASSAY_MUTANTS (every release build) the macro is
// `false` and nothing of it is left in the binary: a test reads the binary to make sure.
// Tested in fuzz/mutants/tests/.
#pragma once

#include "assay/types.h"

namespace assay::planted {

/// FNV-1a, so that a site needs no table.
constexpr u64 name_hash(const char* name) {
  u64 hash = 0xcbf29ce484222325u;
  for (; *name != '\0'; ++name) hash = (hash ^ static_cast<u8>(*name)) * 0x100000001b3u;
  return hash;
}

#ifdef ASSAY_MUTANTS
/// The hash of the active bug's name; 0: none. Set between runs, by one thread.
inline u64 active = 0;
#define ASSAY_PLANTED(name) (::assay::planted::active == ::assay::planted::name_hash(#name))
#else
#define ASSAY_PLANTED(name) false
#endif

} // namespace assay::planted
