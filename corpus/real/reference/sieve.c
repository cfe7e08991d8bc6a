// sieve.c - prints the expected values of ../sieve.air. Reproduce: cc -O1 -ffp-contract=off sieve.c -lm && ./a.out
#include <stdio.h>
#include <string.h>

static char composite[1 << 20];

static int primes_below(int n) {
  int count = 0;
  for (int i = 0; i < n; ++i) composite[i] = 0;
  for (int i = 2; i < n; ++i) {
    if (composite[i]) continue;
    ++count;
    for (int j = 2 * i; j < n; j += i) composite[j] = 1;
  }
  return count;
}

// The argument `ore` is for ../sieve.ore, which has one more line.
int main(int argc, char** argv) {
  static const int sizes[] = {2, 3, 100, 1000, 20000, 300000};
  const int count = argc > 1 && strcmp(argv[1], "ore") == 0 ? 6 : 5;
  for (int i = 0; i < count; ++i) printf("; run: @main(%d) == %d\n", sizes[i], primes_below(sizes[i]));
  return 0;
}
