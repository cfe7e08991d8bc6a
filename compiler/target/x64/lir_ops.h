// lir_ops.h - the x64 operations of LIR as an enum, and the meaning of LirInst::flags and ::cond.
//
// The list is lir_ops.def. Tested in compiler/codegen/tests/lower_test.cpp.
#pragma once

#include "compiler/target/x64/registers.h"

#include <string_view>
#include <utility>

namespace assay::x64 {

enum class Op : u16 {
#define LIR(name, ...) name,
#include "compiler/target/x64/lir_ops.def"
};

inline constexpr u32 kOpCount = 0
#define LIR(name, ...) +1
#include "compiler/target/x64/lir_ops.def"
    ;

constexpr u16 code_of(Op op) { return static_cast<u16>(op); }
std::string_view name_of(Op op);

/// LirInst::flags. The upper byte holds the size of the integers compared, for Sel*.
enum : u16 {
  kFloatValue = 1,    // the value loaded, stored or chosen is a float
  kSigned = 2,        // extend by sign; signed conversion
  kCheckZero = 4,     // the divisor may be 0
  kCheckMinusOne = 8, // the divisor may be -1
  kConstAddress = 16, // the linear address is a constant, contained in aux
  kWideAddress = 32,  // the linear address has 64 bits
  kExtension = 64,    // by the instruction that a CpuFeature allows
  kMayFault = 128,    // record a fault site
};
constexpr u16 with_test_size(u16 flags, u32 bytes) { return static_cast<u16>(flags | (bytes << 8)); }
constexpr u32 test_size(u16 flags) { return flags >> 8; }

/// LirInst::cond of SetF, BrF, SelF: "less" forms are these with exchanged operands.
enum class FCond : u8 { Eq, Ne, Gt, Ge };

} // namespace assay::x64
