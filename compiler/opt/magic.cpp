// magic.cpp - see magic.h. Both searches grow p, the exponent of the factor's denominator 2^p, until the error that the
// rounded factor makes for the worst dividend is too small to reach the next quotient.
#include "compiler/opt/magic.h"

#include "assay/planted.h"

namespace assay::opt {

Magic magic_unsigned(u64 divisor, Type type) {
  const u32 bits = bits_of(type);
  const u64 mask = bit_mask(type), half = u64{1} << (bits - 1);
  const u64 worst = mask - ((mask + 1 - divisor) & mask) % divisor; // the largest dividend with remainder d - 1
  Magic out;
  u32 p = bits - 1;
  u64 q1 = half / worst, r1 = half - q1 * worst;               // of 2^p / worst
  u64 q2 = (half - 1) / divisor, r2 = half - 1 - q2 * divisor; // of (2^p - 1) / d
  u64 delta = 0;
  do {
    ++p;
    const bool up1 = r1 >= worst - r1;
    q1 = (2 * q1 + up1) & mask;
    r1 = (2 * r1 - (up1 ? worst : 0)) & mask;
    const bool up2 = r2 + 1 >= divisor - r2;
    if (up2 ? q2 >= half - 1 : q2 >= half) out.wide = true;
    q2 = (2 * q2 + up2) & mask;
    r2 = (2 * r2 + 1 - (up2 ? divisor : 0)) & mask;
    delta = divisor - 1 - r2;
  } while (p < 2 * bits && (q1 < delta || (q1 == delta && r1 == 0)));
  out.factor = (q2 + (ASSAY_PLANTED(opt_magic_rounded_down) && type == Type::I32 ? 0 : 1)) & mask;
  out.shift = p - bits;
  return out;
}

Magic magic_signed(u64 divisor, Type type) {
  const u32 bits = bits_of(type);
  const u64 mask = bit_mask(type), half = u64{1} << (bits - 1);
  const u64 worst = half - 1 - half % divisor; // the largest dividend with remainder d - 1
  u32 p = bits - 1;
  u64 q1 = half / worst, r1 = half - q1 * worst;
  u64 q2 = half / divisor, r2 = half - q2 * divisor;
  u64 delta = 0;
  do {
    ++p;
    q1 = 2 * q1 & mask;
    r1 = 2 * r1 & mask;
    if (r1 >= worst) {
      q1 = (q1 + 1) & mask;
      r1 -= worst;
    }
    q2 = 2 * q2 & mask;
    r2 = 2 * r2 & mask;
    if (r2 >= divisor) {
      q2 = (q2 + 1) & mask;
      r2 -= divisor;
    }
    delta = divisor - r2;
  } while (q1 < delta || (q1 == delta && r1 == 0));
  Magic out;
  out.factor = (q2 + 1) & mask;
  out.shift = p - bits;
  return out;
}

} // namespace assay::opt
