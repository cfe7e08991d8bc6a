// nan.h - passes that give a program one meaning: before two runs of it are compared, nothing in them may
// depend on what AIR leaves free (NaN payloads, the numbers of pointers) or run on without fuel.
//
// Each takes a valid module and leaves a valid one; each is linear and idempotent. Tested in
// fuzz/mutate/tests/nan_test.cpp and with the oracle in fuzz/generate/tests/.
#pragma once

#include "assay/module.h"

#include <string>

namespace assay::fuzz {

/// Whether the result of the operation may be a NaN of any payload (docs/air.md, "Two rules").
bool makes_arbitrary_nan(Opcode op);

/// Inserts `fcanon` after every float operation whose NaN could be told from another: one whose result
/// reaches a use other than float arithmetic, float comparison, conversion to integer or `fcanon`.
/// Uses that expose take the canonical value; the others keep theirs. The number of fcanon inserted.
u32 canonicalise_exposed_nans(Module& module);

/// Whether the number behind a pointer may be observed: by a bitcast, a comparison, a constant, a pointer
/// in an exported or imported signature or a tag, or a pointer kept where integers are read. Conservative:
/// says yes when in doubt. `reason` (may be null) receives which function and instruction.
bool exposes_pointers(const Module& module, std::string* reason = nullptr);

/// Inserts `fuel 1` at a block of every cycle of blocks, and at the entry of a function of every cycle of calls,
/// that takes no fuel yet, and that no small counter ends (counted.h): then every run ends. The number of fuel
/// instructions inserted.
u32 bound_with_fuel(Module& module);

/// True when bound_with_fuel would insert nothing.
bool fuel_bounded(const Module& module);

} // namespace assay::fuzz
