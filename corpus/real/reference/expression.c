// expression.c - prints the expected values of ../expression.ore. Reproduce: cc -O1 expression.c && ./a.out
//
// The C compiler evaluates the same expressions. Places are counted by hand: of the operator of a division by zero,
// of what stands where something else must.
#include <stdio.h>

int main(void) {
  const long long values[] = {
      1 + 2 * 3, (1 + 2) * 3, 10 - 4 - 3, - -7 * -(2 - 12) % 9, -17 / 5 * 1000 + -17 % 5, 3000000000ll * 3,
  };
  for (int i = 0; i < 6; ++i) printf("; run: @value(%d) == %lld\n", i, values[i]);
  printf("; run: @value(6) throw @Division(2)\n");
  printf("; run: @value(7) throw @Syntax(6)\n");
  printf("; run: @place_of_error(0) == -1\n");
  printf("; run: @place_of_error(6) == %d\n", 1000 + 2);
  printf("; run: @place_of_error(7) == 6\n");
  printf("; run: @place_of_error(8) == 4\n");
  for (int n = 0; n <= 800; n += 400) {
    long long value = 1;
    for (int i = 0; i < n; ++i) value = (value * 3 + 2) % 10007;
    printf("; run: @deep(%d) == %lld\n", n, value);
  }
  return 0;
}
