// met.h - what compiling and running a program met, as counters for a fuzzer that is guided by them.
//
// Coverage of the compiler's source tells which lines ran, not what for. Here is noted, whenever a compiled subject
// prepares and runs a program: each operation of the optimised function with its types; each operation of the target
// with its size and flags, which say how an address is made; each rule of simplification that was applied; each kind of
// move that the allocator made, and how many slots it took; how runs end, and where they ran. libFuzzer takes them as
// features (targets/libfuzzer_engine.cpp). Linear in the code; where nobody wants it, one comparison a program.
// Tested in fuzz/check/tests/met_test.cpp.
#pragma once

#include "assay/outcome.h"
#include "compiler/codegen/lir.h"
#include "fuzz/check/subject.h"

#include <span>

namespace assay::fuzz {

/// How many counters there are; which one stands for what is a hash.
inline constexpr u32 kMetCount = 1u << 15;

/// Where they are. Null, as it begins: nobody wants them. To be set before subjects are made.
void want_met(u8* counters);
bool is_met_wanted();

// Each counts, up to 255, where that is wanted.
void note_optimised(const Function& body);
void note_compiled(Target target, const codegen::LirFunction& function, const codegen::Allocation& allocation);
/// `fired`: how often each rule was ever applied; `before`: what that was when it was asked last, becomes `fired`.
void note_rules(std::span<const u64> fired, std::vector<u64>& before);
void note_run(const SubjectRow& row, const Outcome& outcome);

} // namespace assay::fuzz
