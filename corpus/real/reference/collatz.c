// collatz.c - prints the expected values of ../collatz.ore. Reproduce: cc -O1 collatz.c && ./a.out
//
// Two steps at once from an odd number, by recursion.
#include <stdint.h>
#include <stdio.h>

static int steps(uint64_t n) {
  if (n == 1) return 0;
  return n % 2 == 0 ? 1 + steps(n / 2) : 2 + steps(n + n / 2 + 1);
}

static uint64_t highest(uint64_t n) {
  if (n == 1) return 1;
  const uint64_t next = n % 2 == 0 ? n / 2 : 3 * n + 1, rest = highest(next);
  return rest > n ? rest : n;
}

int main(void) {
  static const uint64_t starts[] = {1, 27, 837799, 9780657630}, tops[] = {6, 27, 113383};
  static const int limits[] = {10, 1000, 10000};
  for (int i = 0; i < 4; ++i) printf("; run: @steps(%lld) == %d\n", (long long)starts[i], steps(starts[i]));
  for (int i = 0; i < 3; ++i) {
    int best = 1;
    for (int n = 1; n < limits[i]; ++n) best = steps((uint64_t)n) > steps((uint64_t)best) ? n : best;
    printf("; run: @longest_below(%d) == %d\n", limits[i], best);
  }
  for (int i = 0; i < 3; ++i)
    printf("; run: @highest(%lld) == %lld\n", (long long)tops[i], (long long)highest(tops[i]));
  return 0;
}
