// lir_ops.h - the a64 operations of LIR as an enum.
//
// The list is lir_ops.def. LirInst::cond is a Cond; flags are those of codegen/lowering.h.
// Tested in compiler/target/a64/tests/lower_test.cpp.
#pragma once

#include "compiler/target/a64/registers.h"

#include <string_view>

namespace assay::a64 {

enum class Op : u16 {
#define LIR(name, ...) name,
#include "compiler/target/a64/lir_ops.def"
};

inline constexpr u32 kOpCount = 0
#define LIR(name, ...) +1
#include "compiler/target/a64/lir_ops.def"
    ;

/// LirInst::aux of Sel*: what is done to y when it is chosen, and
enum class Step : u8 { None, Increment, Invert, Negate };
constexpr u32 kStepMask = 3;
constexpr u32 kOtherWay = 4;    // x is chosen when the condition does not hold
constexpr u32 kFirstZero = 8;   // x is 0 and no operand
constexpr u32 kSecondZero = 16; // y is

constexpr u16 code_of(Op op) { return static_cast<u16>(op); }
std::string_view name_of(Op op);

} // namespace assay::a64
