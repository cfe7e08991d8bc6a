// lir_ops.h - the x64 operations of LIR as an enum, and the meaning of LirInst::cond.
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

/// LirInst::cond of SetF, BrF, SelF: "less" forms are these with exchanged operands.
enum class FCond : u8 { Eq, Ne, Gt, Ge };

} // namespace assay::x64
