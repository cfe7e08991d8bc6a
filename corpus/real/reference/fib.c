// fib.c - prints the expected values of ../fib.ore. Reproduce: cc -O1 fib.c && ./a.out
//
// By adding only. Modulo a number the sequence has a period, which is found and divided out.
#include <stdint.h>
#include <stdio.h>

static int64_t fib(int n) {
  uint64_t f[100] = {0, 1};
  for (int i = 2; i <= n; ++i) f[i] = f[i - 1] + f[i - 2];
  return (int64_t)f[n];
}

static int64_t after(int64_t n, int64_t modulus, int64_t* period) {
  int64_t a = 0, b = 1 % modulus;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t next = (a + b) % modulus;
    a = b;
    b = next;
    if (a == 0 && b == 1 % modulus && *period == 0) *period = i + 1;
    if (*period != 0 && n >= *period) return after(n % *period, modulus, period);
  }
  return a;
}

int main(void) {
  static const int few[] = {0, 1, 20, 27}, many[] = {0, 1, 50, 92, 93}; // 93 wraps
  static const int64_t pairs[][2] = {{10, 1000}, {1000000000000000000, 1000}, {123456789012, 1000003}};
  for (int i = 0; i < 4; ++i) printf("; run: @recursive(%d) == %lld\n", few[i], (long long)fib(few[i]));
  for (int i = 0; i < 5; ++i) printf("; run: @loop(%d) == %lld\n", many[i], (long long)fib(many[i]));
  for (int i = 0; i < 5; ++i) printf("; run: @doubling(%d) == %lld\n", many[i], (long long)fib(many[i]));
  for (int i = 0; i < 3; ++i) {
    int64_t period = 0;
    printf("; run: @modulo(%lld, %lld) == %lld\n", (long long)pairs[i][0], (long long)pairs[i][1],
           (long long)after(pairs[i][0], pairs[i][1], &period));
  }
  return 0;
}
