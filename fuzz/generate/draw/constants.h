// constants.h - literals on which compilers break: edges of ranges, powers of two, float boundaries.
//
// Pure functions of the random stream, integers only. Tested in fuzz/generate/draw/tests/constants_test.cpp.
#pragma once

#include "assay/types.h"
#include "fuzz/generate/random.h"

namespace assay::fuzz {

/// Bits of an interesting literal of the type (zero above its width). Null for ptr.
u64 edge_constant(Random& random, Type type);

/// For i32 and i64: in the middle between two floats of 24 or 53 digits, or one beside it, so that the last bit decides
/// how a conversion rounds.
u64 edge_rounding(Random& random, Type type);

/// Around the limits of 8, 16 and 32 bits, signed and unsigned, which the fields of instructions have.
u64 edge_immediate(Random& random, Type type);

/// A divisor: powers of two, their neighbours and negatives, MIN, -1, small numbers; zero never.
u64 edge_divisor(Random& random, Type type);

/// A shift or rotate count: 0, 1, width - 1, width, width + 1, beyond.
u64 edge_count(Random& random, Type type);

/// A finite positive float whose truncation fits the integer type, at or just inside the boundary.
u64 float_limit(Random& random, Type float_type, Type int_type, bool is_signed);

} // namespace assay::fuzz
