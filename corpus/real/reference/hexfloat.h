// hexfloat.h - prints a double as AIR writes it: an exact hex float without trailing zeros.
#ifndef HEXFLOAT_H
#define HEXFLOAT_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void print_float(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int biased = (int)(bits >> 52 & 2047);
  uint64_t fraction = bits << 12;
  printf("%s", bits >> 63 ? "-" : "");
  if (biased == 0) {
    printf("%s", fraction == 0 ? "0x0p+0" : "a subnormal, which is not expected here");
    return;
  }
  printf(fraction == 0 ? "0x1" : "0x1.");
  for (; fraction != 0; fraction <<= 4) printf("%x", (unsigned)(fraction >> 60));
  printf("p%+d", biased - 1023);
}

#endif
