// registers.h - the names of A64: general and vector registers, sizes, conditions, shifts, extensions.
//
// Number 31 in an instruction means the stack pointer in some fields and the zero register in others. Here they are two
// enumerators, so that a field can refuse the wrong one (columns of assembler_forms.def); both have field_of() 31.
// The unified index (assay/frame.h, codegen PReg) is 0-30 x0..x30, 31 sp, 32-63 v0..v31; the zero register has none.
// Pure data. Tested in compiler/target/a64/tests/encoding_test.cpp.
#pragma once

#include "assay/frame.h"
#include "assay/types.h"

namespace assay::a64 {

// The enumerators read as tables.
// clang-format off
enum class Gpr : u8 {
  X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15,
  X16, X17, X18, X19, X20, X21, X22, X23, X24, X25, X26, X27, X28, X29, X30,
  Zr,
  Sp = 63, // so that one bit tells it from the others
};
enum class Vreg : u8 {
  V0, V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V13, V14, V15,
  V16, V17, V18, V19, V20, V21, V22, V23, V24, V25, V26, V27, V28, V29, V30, V31
};
// clang-format on
inline constexpr Gpr kFramePointer = Gpr::X29;
inline constexpr Gpr kLinkRegister = Gpr::X30;

/// The five bits that name the register in an instruction.
constexpr u32 field_of(Gpr reg) { return static_cast<u32>(reg) & 31; }
constexpr u32 field_of(Vreg reg) { return static_cast<u32>(reg); }

/// The unified index, for FrameOp::reg and codegen::PReg. Not for Gpr::Zr, which has none.
constexpr RegIndex index_of(Gpr reg) { return static_cast<RegIndex>(field_of(reg)); }
constexpr RegIndex index_of(Vreg reg) { return static_cast<RegIndex>(32 + field_of(reg)); }
/// The register with this unified index: 0-31 (31 is sp), 32-63.
constexpr Gpr gpr_of(RegIndex index) { return static_cast<Gpr>(index | ((index + 1u) & 32u)); }
constexpr Vreg vreg_of(RegIndex index) { return static_cast<Vreg>(index & 31); }

/// Width of integer operands; the value is the number of bytes. A W result clears the upper half.
enum class Size : u8 { W = 4, X = 8 };
/// Width of a vector register's view. Q only in loads and stores. An S or D result clears what is above it.
enum class FSize : u8 { S = 4, D = 8, Q = 16 };
constexpr Size size_of_bytes(u32 bytes) { return static_cast<Size>(bytes); }
constexpr FSize fsize_of_bytes(u32 bytes) { return static_cast<FSize>(bytes); }
constexpr u32 bits_of(Size size) { return static_cast<u32>(size) * 8; }

/// Condition codes, by encoding. After fcmp an unordered result sets C and V: Mi is "less", Ls "less or equal",
/// Gt, Ge "greater (or equal)", each false for unordered; Lt, Le, Hi, Pl (Cs) are true for it; Vs is "unordered".
enum class Cond : u8 {
  Eq,
  Ne,
  Cs, // unsigned >=; carry, no borrow
  Cc, // unsigned <
  Mi,
  Pl,
  Vs,
  Vc,
  Hi, // unsigned >
  Ls, // unsigned <=
  Ge,
  Lt,
  Gt,
  Le,
  Al, // always; has no opposite: code 15 means "always" too
};
/// Not for Al.
constexpr Cond opposite(Cond cond) { return static_cast<Cond>(static_cast<u8>(cond) ^ 1); }

/// What a shifted-register operand does. Ror only in logical instructions.
enum class Shift : u8 { Lsl, Lsr, Asr, Ror };
/// What an extended-register operand does; by encoding. In addresses only the four named with a width of 32 or 64.
enum class Extend : u8 { Uxtb, Uxth, Uxtw, Uxtx, Sxtb, Sxth, Sxtw, Sxtx };

/// System registers of mrs and msr, by their op0:op1:CRn:CRm:op2 field (15 bits, op0 less its upper bit).
enum class SysReg : u16 { Nzcv = 0x5a10, Fpcr = 0x5a20, Fpsr = 0x5a21, CtrEl0 = 0x5801, TpidrEl0 = 0x5e82 };
/// The domain and kind of dmb and dsb, by encoding.
enum class Barrier : u8 { Oshld = 1, Oshst, Osh, Nshld = 5, Nshst, Nsh, Ishld = 9, Ishst, Ish, Ld = 13, St, Sy };
/// Targets of indirect branches that a bti instruction accepts.
enum class BtiKind : u8 { None, Call, Jump, Both };

} // namespace assay::a64
