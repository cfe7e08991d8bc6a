// magic.h - numbers by which a division becomes a multiplication.
//
// Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994), found as in Warren, "Hacker's
// Delight", 2nd edition, 10-1 and 10-9. All in the width of the type: no number is wider than 64 bits. At most 128
// steps of a few operations. Tested in compiler/opt/tests/magic_test.cpp against the theorem that justifies them.
#pragma once

#include "assay/types.h"

namespace assay::opt {

struct Magic {
  u64 factor = 0;    // modulo 2^width
  u32 shift = 0;     // behind the high half of the product
  bool wide = false; // the factor has one more bit, 2^width
};

/// For divisors from 2 up to 2^width - 1, powers of two included. x / d is
/// mulh_u(x, factor) >> shift, where not wide; else, h being that high half, (((x - h) >> 1) + h) >> (shift - 1).
Magic magic_unsigned(u64 divisor, Type type);
/// For divisors from 2 up to 2^(width - 1) - 1. x / d is (mulh_s(x, factor) + (factor < 0 ? x : 0)) >>s shift, plus 1
/// for negative x.
Magic magic_signed(u64 divisor, Type type);

} // namespace assay::opt
