// nqueens.c - prints the expected values of ../nqueens.air.
// Reproduce: cc -O1 -ffp-contract=off nqueens.c -lm && ./a.out
//
// Rows as an array of columns, each pair compared: no sets of bits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int column_of[16];

static long ways(int row, int n) {
  if (row == n) return 1;
  long count = 0;
  for (int column = 0; column < n; ++column) {
    int attacked = 0;
    for (int r = 0; r < row; ++r) {
      attacked = attacked || column_of[r] == column || abs(column_of[r] - column) == row - r;
    }
    if (attacked) continue;
    column_of[row] = column;
    count += ways(row + 1, n);
  }
  return count;
}

// The argument `ore` is for ../nqueens.ore, which has one more line.
int main(int argc, char** argv) {
  const int most = argc > 1 && strcmp(argv[1], "ore") == 0 ? 9 : 8;
  for (int n = 1; n <= most; ++n) printf("; run: @main(%d) == %ld\n", n, ways(0, n));
  return 0;
}
