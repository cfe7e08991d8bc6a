// call_conv.h - the ARM64 conventions behind compiler/codegen/call_conv.h: AAPCS64, Apple's and Microsoft's, as data.
//
// The three agree on registers: integers and pointers in x0-x7, floats in v0-v7, counted apart; x19-x29 and the low
// halves of v8-v15 belong to the caller. They differ in the stack arguments (all three for calls without "..."):
//  - Linux (AAPCS64, "Parameter passing rules", stage C) and Windows: a word of 8 bytes each. Windows has no shadow
//    space here.
//  - Apple: packed, each at the next multiple of its size. So only size_of(type) bytes of a place may be written.
// Between AIR functions, beyond C:
//  - results use x0-x7 and v0-v7, in order; further ones lie in memory, in words of 8 bytes on every Os, since no C
//    convention knows them. Their pointer travels in x8, where C passes the address of a returned struct: the
//    arguments keep their registers whatever the results are, and as an argument register takes no part in it,
//    a tail call hands the pointer on by leaving x8 alone. The callee may clobber x8, as in C.
//  - the callee adds stack_bytes to sp before it returns; a multiple of 16, since sp always is one.
//  - bits above a narrow integer are junk. Apple's C is stricter: there the caller extends arguments in registers to 32
//    bits by their signedness, and the callee its result. A thunk that ever passes narrow values to C must extend
//    them for Apple, and C that calls AIR through a prototype must not trust the upper bits of a narrow result. What
//    passes that boundary today (VmContext::host_call, VmContext::runtime) takes 64-bit integers and floats only.
// Tested in compiler/target/a64/tests/call_conv_test.cpp.
#pragma once

#include "compiler/codegen/call_conv.h"
#include "compiler/target/a64/registers.h"

namespace assay::a64 {

/// Registers of each class for arguments, and for results: x0-x7, v0-v7.
inline constexpr u32 kListRegisters = 8;
constexpr Gpr int_register(u32 n) { return gpr_of(static_cast<RegIndex>(n)); }
constexpr Vreg float_register(u32 n) { return vreg_of(static_cast<RegIndex>(32 + n)); }

/// VmContext*. Callee-saved in all three, so C functions preserve it; without another meaning in any of them (x18 is
/// the platform's, x29 the frame pointer); the last of its run, so that x19 and up are saved in the pairs that unwind
/// formats know.
inline constexpr Gpr kContext = Gpr::X28;
/// The emitter's own. A linker's or an installer's veneer may change x16 and x17 in any branch (AAPCS64,
/// "General-purpose registers"), so no value could live there across one anyway.
inline constexpr Gpr kScratch = Gpr::X16;
inline constexpr Gpr kScratch2 = Gpr::X17;
inline constexpr Vreg kFloatScratch = Vreg::V31;
inline constexpr Gpr kResultPointer = Gpr::X8;
/// The callee of an indirect tail call: neither argument nor callee-saved.
inline constexpr Gpr kTarget = Gpr::X9;

const codegen::CallConv& call_conv(Os os);
/// What the allocator may use; the same for every Os. Never: sp, x29, x30, x28 (context), x16, x17, v31 (the emitter's)
/// and x18. That one belongs to the platform: Windows keeps its thread block there, Apple reserves it, Android and
/// Linux with shadow call stacks use it. Plain Linux does not, but one register more there would make two allocations
/// of every function, and code for one Os runs on hosts of another.
const codegen::RegisterFile& register_file(Os os);
/// `params` and `results` without Type::None.
void layout_call(const codegen::CallConv& conv, std::span<const Type> params, std::span<const Type> results,
                 codegen::CallLayout& out);

} // namespace assay::a64
