// nqueens.c - prints the expected values of ../nqueens.air. Reproduce: cc -O1 -ffp-contract=off nqueens.c -lm && ./a.out
//
// Rows as an array of columns, each pair compared: no sets of bits.
#include <stdio.h>
#include <stdlib.h>

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

int main(void) {
  static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 8; ++i) printf("; run: @main(%d) == %ld\n", sizes[i], ways(0, sizes[i]));
  return 0;
}
