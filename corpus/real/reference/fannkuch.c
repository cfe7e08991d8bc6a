// fannkuch.c - prints the expected values of ../fannkuch.air.
// Reproduce: cc -O1 -ffp-contract=off fannkuch.c -lm && ./a.out
//
// Makes permutation number k from the factorial digits of k (digit r: how often the first r + 1 entries are rotated),
// instead of stepping from one to the next.
#include <stdio.h>
#include <string.h>

static void permutation(int n, long k, int p[16]) {
  long digits[16], size = 1;
  for (int i = 0; i < n; ++i) p[i] = i;
  for (int r = 1; r < n; ++r) {
    size *= r + 1;
    digits[r] = k % size / (size / (r + 1));
  }
  for (int r = n - 1; r > 0; --r) {
    int rotated[16];
    for (int i = 0; i <= r; ++i) rotated[i] = p[(i + digits[r]) % (r + 1)];
    memcpy(p, rotated, (size_t)(r + 1) * sizeof p[0]);
  }
}

// The argument `ore` is for ../fannkuch.ore, whose functions have one result each.
int main(int argc, char** argv) {
  const int ore = argc > 1 && strcmp(argv[1], "ore") == 0;
  for (int n = 2; n <= (ore ? 8 : 7); n += ore ? 2 : 1) {
    long count = 1;
    int checksum = 0, most = 0;
    for (int i = 2; i <= n; ++i) count *= i;
    for (long k = 0; k < count; ++k) {
      int p[16], flips = 0;
      permutation(n, k, p);
      for (; p[0] != 0; ++flips) {
        for (int i = 0, j = p[0]; i < j; ++i, --j) {
          const int t = p[i];
          p[i] = p[j];
          p[j] = t;
        }
      }
      if (flips > most) most = flips;
      checksum += k % 2 == 0 ? flips : -flips;
    }
    if (ore && n < 8) printf("; run: @checksum(%d) == %d\n", n, checksum);
    if (ore) printf("; run: @flips(%d) == %d\n", n, most);
    else printf("; run: @main(%d) == %d, %d\n", n, checksum, most);
  }
  return 0;
}
