// heapsort.c - prints the expected values of ../heapsort.ore.
// Reproduce: cc -O1 -ffp-contract=off heapsort.c -lm && ./a.out
//
// Sorts with the C library: another algorithm, the same order.
#include "hexfloat.h"

#include <stdlib.h>

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double values[20000];

static void sorted(int n) {
  uint64_t x = 88172645463325252ull;
  for (int i = 0; i < n; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    values[i] = ldexp((double)(x >> 11), -53);
  }
  qsort(values, (size_t)n, sizeof values[0], compare);
}

int main(void) {
  static const int sizes[] = {1, 2, 501, 20000};
  for (int s = 0; s < 4; ++s) {
    sorted(sizes[s]);
    printf("; run: @median(%d) == ", sizes[s]);
    print_float(values[sizes[s] / 2]);
    printf("\n");
  }
  sorted(5000);
  double sum = 0;
  for (int i = 0; i < 500; ++i) sum += values[i];
  printf("; run: @lowest_tenth(5000) == ");
  print_float(sum);
  printf("\n");
  return 0;
}
