// reach.h - how much of the compiler a campaign has reached: what selection was given and made, which rules applied.
//
// A bit each: every operation with its types that instruction selection was given, by target and level (at O2 that is
// what the passes left of a program); every operation of a target's own that it made; every rule of simplification
// that was applied. It lies in memory that workers and the parent of a campaign share; a process writes to its own,
// and they are put together at the end. Linear in the code; where nobody wants it, one comparison a program. `assay
// fuzz --reach` shows it. Tested in fuzz/check/tests/reach_test.cpp.
#pragma once

#include "assay/compiler.h"
#include "compiler/codegen/lir.h"
#include "fuzz/check/combinations.h"

#include <span>
#include <string>
#include <vector>

namespace assay::fuzz {

/// All zero: nothing was reached.
struct Reach {
  static constexpr u32 kTargets = 2, kLevels = 2;
  static constexpr u32 kMaxInstructions = 512, kMaxRules = 1024; // more is refused where it is noted

  u8 combinations[kTargets][kLevels][kCombinationCount]; // by GeneratorCounts::combination
  u8 instructions[kTargets][kMaxInstructions];           // LIR operations
  u8 rules[kMaxRules];                                   // RuleId

  void add(const Reach& other);
};

/// Where to note it from now on in this process. Null, as it begins: nobody wants it.
void want_reach(Reach* where);
bool is_reach_wanted();

// Each notes, where that is wanted.
void reach_selected(Target target, Level level, const Function& body);
void reach_made(Target target, const codegen::LirFunction& function);
/// How often each rule was ever applied, by a compiler.
void reach_rules(std::span<const u64> fired);

/// One line of the report: of so many rows of a table so many were reached.
struct ReachRow {
  std::string what; // "x64 O2: operations with their types"
  u32 reached = 0, all = 0;
  std::vector<std::string> missing; // their names
};
/// For the targets and levels of which there is anything.
std::vector<ReachRow> reach_rows(const Reach& reach);

} // namespace assay::fuzz
