// call_conv.h - the x64 conventions behind compiler/codegen/call_conv.h: System V and Microsoft, as tables.
//
// Result registers beyond C's two are ours: on System V rax rdx rcx rsi rdi r8 r9 and xmm0-7, on Windows
// rax rdx rcx r8 r9 r10 and xmm0-5. Tested in compiler/codegen/tests/call_conv_test.cpp.
#pragma once

#include "compiler/codegen/call_conv.h"
#include "compiler/target/x64/registers.h"

namespace assay::x64 {

/// Registers of an argument or result list, in order.
struct RegisterOrder {
  Gpr ints[8] = {};
  u32 int_count = 0;
  Xmm floats[8] = {};
  u32 float_count = 0;
};

/// What the tables hold beside codegen::CallConv.
struct X64Conv {
  codegen::CallConv base;
  RegisterOrder args;
  RegisterOrder results;
  bool positional = false; // Windows: argument n uses the n-th register of either class, or the n-th stack word
};

inline constexpr Gpr kContext = Gpr::R14; // VmContext*
inline constexpr Gpr kScratch = Gpr::R11; // the emitter's own
inline constexpr Gpr kTarget = Gpr::R10;  // the callee of an indirect tail call: neither argument nor callee-saved

const X64Conv& x64_conv(Os os);
const codegen::CallConv& call_conv(Os os);
void layout_call(const codegen::CallConv& conv, std::span<const Type> params, std::span<const Type> results,
                 codegen::CallLayout& out);

} // namespace assay::x64
