// fold.h - what an operation gives for operands that are known.
//
// Written from docs/air.md alone and the same on every host: no rounding mode, no fused operation. It knows every
// operation without effect, and those that may trap where they do not. Constant time, no allocation. Tested in
// compiler/opt/tests/fold_test.cpp, against the oracle, with which it shares no code.
#pragma once

#include "assay/opcodes.h"

#include <span>

namespace assay::opt {

/// The results' bits, zero above their types' widths, as the operands' must be. False, with nothing written, where
/// nothing can be said: a trap; a NaN from arithmetic, whose payload is free; anything of type ptr; fma, which is not
/// exact on every host; an operation with an effect or without operands.
bool fold(Opcode op, Type type, Type from, std::span<const u64> operands, u64 results[2]);

/// `bits`, of which the upper ones are zero, as a signed number.
constexpr i64 signed_value(u64 bits, Type type) {
  const u32 above = 64 - bits_of(type);
  return static_cast<i64>(bits << above) >> above;
}

} // namespace assay::opt
