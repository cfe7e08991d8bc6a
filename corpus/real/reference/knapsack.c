// knapsack.c - prints the expected values of ../knapsack.ore. Reproduce: cc -O1 knapsack.c && ./a.out
//
// The recursive definitions, with a memory of what is known.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int weight[60], worth[60], known[61][5001];

static int best(int n, int capacity, int repeat) {
  if (n == 0) return 0;
  int* const memory = &known[n][capacity];
  if (*memory != 0) return *memory - 1;
  int most = best(n - 1, capacity, repeat);
  if (weight[n - 1] <= capacity) {
    const int with = best(repeat ? n : n - 1, capacity - weight[n - 1], repeat) + worth[n - 1];
    if (with > most) most = with;
  }
  *memory = most + 1;
  return most;
}

int main(void) {
  static const int cases[][2] = {{0, 100}, {1, 100}, {12, 200}, {60, 2000}};
  uint64_t x = 31;
  for (int i = 0; i < 60; ++i) {
    x = (x * 1103515245u + 12345u) % 0x80000000u;
    weight[i] = (int)(x / 65536 % 97) + 3;
    x = (x * 1103515245u + 12345u) % 0x80000000u;
    worth[i] = (int)(x / 65536 % 211) + 1;
  }
  for (int s = 0; s < 4; ++s) {
    const int n = cases[s][0], capacity = cases[s][1];
    memset(known, 0, sizeof known);
    const int once = best(n, capacity, 0);
    printf("; run: @once(%d, %d) == %d\n", n, capacity, once);
    if (n <= 12) printf("; run: @bounded(%d, %d) == %d\n", n, capacity, once);
    memset(known, 0, sizeof known);
    printf("; run: @repeated(%d, %d) == %d\n", n, capacity, best(n, capacity, 1));
  }
  return 0;
}
