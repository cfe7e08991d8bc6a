// metamorph.h - the same program said otherwise: changes that must not change what a run does.
//
// A program and what is made of it here have the same results, traps, memory, globals, fuel, host calls and throws;
// only the places where things happen move. So the oracle must give both the same, which checks the oracle and the
// changes, and each subject must run both as the oracle does. Each change keeps the module valid and leaves numbers of
// functions as they are (outlining adds some). Linear in the function. Same module and seed, same result. Tested, each
// change alone, in fuzz/metamorph/tests/metamorph_test.cpp.
#pragma once

#include "assay/module.h"
#include "assay/outcome.h"
#include "fuzz/generate/random.h"
#include "fuzz/reduce/loose.h"

#include <span>
#include <string>
#include <string_view>

namespace assay::fuzz {

/// What one change works on: a body of the module, taken apart. It may add to the module; the body is written back.
struct MorphContext {
  Module& module;
  FunctionId function;
  LooseFunction& body;
  Random& random;
};

struct Morph {
  std::string_view name;
  bool (*apply)(MorphContext&); // false: nothing fitted, nothing was changed
  std::string_view meaning;
};

/// All changes; a row each.
std::span<const Morph> morphs();

/// The named change, in a function that it fits, if there is one. False: it fits none, the module is as it was.
bool apply_morph(std::string_view name, Module& module, u64 seed);

/// Some changes, one to eight, drawn from the seed; their names, "split+outline". Empty: nothing fitted.
std::string morph(Module& module, u64 seed);

/// What differs between the two runs of the same call, places left aside; empty: nothing, or it cannot be said (the
/// stack overflowed in one of them, the oracle refuses one).
std::string morph_difference(const Module& module, Outcome original, Outcome changed);

} // namespace assay::fuzz
