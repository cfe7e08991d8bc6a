// bytecode.c - prints the expected values of ../bytecode.ore. Reproduce: cc -O1 bytecode.c && ./a.out
//
// What the two programs in byte code compute, directly. The first faulty program pushes until the stack of 16 is
// full: the fault is seen behind the operation, at 2; the second has no such operation at 2.
#include <stdio.h>

static long long gcd(long long a, long long b) { return b == 0 ? a : gcd(b, a % b); }

int main(void) {
  static const long long counts[] = {0, 1, 10, 5000}, pairs[][2] = {{12, 18}, {1000000007, 998244353}, {-12, 18}};
  for (int i = 0; i < 4; ++i) {
    const long long n = counts[i];
    printf("; run: @squares(%lld) == %lld\n", n, n * (n + 1) * (2 * n + 1) / 6);
  }
  for (int i = 0; i < 3; ++i)
    printf("; run: @gcd(%lld, %lld) == %lld\n", pairs[i][0], pairs[i][1], gcd(pairs[i][0], pairs[i][1]));
  printf("; run: @fault(0) == %d\n", 100 * 1 + 2);
  printf("; run: @fault(1) == %d\n", 100 * 0 + 2);
  return 0;
}
