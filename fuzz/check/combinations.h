// combinations.h - operations with their types, as the table of operations admits them: what coverage is counted in.
//
// Linear in the table. Tested in fuzz/check/tests/reach_test.cpp and fuzz/campaign/tests/campaign_test.cpp.
#pragma once

#include "assay/verify.h"
#include "fuzz/generate/generator.h"

#include <string>

namespace assay::fuzz {

/// Numbers of them, by GeneratorCounts::combination; most of those are not admitted.
inline constexpr u32 kCombinationCount = kOpcodeCount * kTypeCount * kTypeCount;

/// Calls `visit(op, type, from)` with each combination that opcodes.def admits.
template <typename Visit> void each_combination(Visit visit) {
  for (u32 op = 0; op < kOpcodeCount; ++op)
    for (u32 type = 0; type < kTypeCount; ++type)
      for (u32 from = 0; from < kTypeCount; ++from)
        if (types_allowed(static_cast<Opcode>(op), static_cast<Type>(type), static_cast<Type>(from)))
          visit(static_cast<Opcode>(op), static_cast<Type>(type), static_cast<Type>(from));
}

/// "add_o_s.i64"
inline std::string combination_name(Opcode op, Type type, Type from) {
  std::string name(info(op).name);
  for (const Type one : {type, from})
    if (one != Type::None) name += "." + std::string(assay::name_of(one));
  return name;
}

} // namespace assay::fuzz
