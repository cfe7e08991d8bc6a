// registers.h - the names of x64: general and vector registers, operand sizes, conditions.
//
// Each enumerator's value is its number in the instruction encoding, so no table stands between a register
// and its bits. The unified index (assay/frame.h, codegen PReg) is that number, plus 32 for a vector register.
// Pure data. Tested in compiler/target/x64/tests/assembler_test.cpp.
#pragma once

#include "assay/frame.h"
#include "assay/types.h"

namespace assay::x64 {

// The enumerators read as tables.
// clang-format off
enum class Gpr : u8 { Rax, Rcx, Rdx, Rbx, Rsp, Rbp, Rsi, Rdi, R8, R9, R10, R11, R12, R13, R14, R15 };
enum class Xmm : u8 {
  Xmm0, Xmm1, Xmm2, Xmm3, Xmm4, Xmm5, Xmm6, Xmm7, Xmm8, Xmm9, Xmm10, Xmm11, Xmm12, Xmm13, Xmm14, Xmm15
};

constexpr u8 number_of(Gpr reg) { return static_cast<u8>(reg); }
constexpr u8 number_of(Xmm reg) { return static_cast<u8>(reg); }

/// The unified index, for FrameOp::reg and codegen::PReg.
constexpr RegIndex index_of(Gpr reg) { return number_of(reg); }
constexpr RegIndex index_of(Xmm reg) { return static_cast<RegIndex>(32 + number_of(reg)); }
/// The register with this unified index (0-15, 32-47).
constexpr Gpr gpr_of(RegIndex index) { return static_cast<Gpr>(index & 15); }
constexpr Xmm xmm_of(RegIndex index) { return static_cast<Xmm>(index & 15); }

/// Operand size; the value is the number of bytes.
enum class Size : u8 { Byte = 1, Word = 2, Dword = 4, Qword = 8 };
constexpr Size size_of_bytes(u32 bytes) { return static_cast<Size>(bytes); }

/// Condition codes, by encoding. `code ^ 1` is the opposite.
enum class Cond : u8 {
  O, No,
  B, Ae,  // unsigned <, >=; also carry, no carry
  E, Ne,
  Be, A,  // unsigned <=, >
  S, Ns,
  P, Np,  // parity: unordered, ordered after ucomis
  L, Ge,  // signed <, >=
  Le, G,  // signed <=, >
};
// clang-format on
constexpr u8 number_of(Cond cond) { return static_cast<u8>(cond); }
constexpr Cond opposite(Cond cond) { return static_cast<Cond>(static_cast<u8>(cond) ^ 1); }

/// Predicates of cmpss, cmpsd.
enum class FpCompare : u8 { Eq, Lt, Le, Unord, Neq, Nlt, Nle, Ord };
/// Rounding of roundss, roundsd; each with the inexact exception suppressed.
enum class FpRound : u8 { Nearest = 8, Down = 9, Up = 10, Zero = 11 };

} // namespace assay::x64
