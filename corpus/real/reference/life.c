// life.c - prints the expected values of ../life.ore. Reproduce: cc -O1 life.c && ./a.out
//
// Every living cell adds one to its eight neighbours, instead of every cell asking its own.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int alive[64][64];

static void run(int generations) {
  for (; generations > 0; --generations) {
    int neighbours[64][64] = {{0}};
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        for (int d = 0; d < 9 && alive[y][x]; ++d) {
          if (d != 4) ++neighbours[(y + d / 3 + 63) % 64][(x + d % 3 + 63) % 64];
        }
      }
    }
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) alive[y][x] = neighbours[y][x] == 3 || (neighbours[y][x] == 2 && alive[y][x]);
    }
  }
}

static int soup(int generations) {
  uint32_t r = 1;
  int count = 0;
  for (int i = 0; i < 64 * 64; ++i) {
    r = r * 1103515245u + 12345u;
    alive[i / 64][i % 64] = r >> 30 == 0;
  }
  run(generations);
  for (int i = 0; i < 64 * 64; ++i) count += alive[i / 64][i % 64];
  return count;
}

int main(void) {
  static const int steps[] = {0, 4, 12};
  printf("; run: @main() == %d\n", soup(12));
  for (int s = 0; s < 3; ++s) {
    int first = 0;
    memset(alive, 0, sizeof alive);
    alive[0][1] = alive[1][2] = alive[2][0] = alive[2][1] = alive[2][2] = 1;
    run(steps[s]);
    while (!alive[first / 64][first % 64]) ++first;
    printf("; run: @glider(%d) == %d\n", steps[s], first);
  }
  for (int n = 0; n <= 2; ++n) printf("; run: @soup(%d) == %d\n", n, soup(n));
  return 0;
}
