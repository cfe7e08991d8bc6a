// quicksort.c - prints the expected values of ../quicksort.air, with the argument `ore` of
// ../quicksort.ore. Reproduce: cc -O1 -ffp-contract=off quicksort.c -lm && ./a.out
//
// Sorts with the C library: another algorithm, the same order.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void* a, const void* b) {
  const int32_t x = *(const int32_t*)a, y = *(const int32_t*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  static const int for_air[] = {0, 1, 2, 100, 5000}, for_ore[] = {0, 2, 100, 5000, 20000};
  const int ore = argc > 1 && strcmp(argv[1], "ore") == 0;
  const int* const sizes = ore ? for_ore : for_air;
  static int32_t words[20000];
  for (int s = 0; s < 5; ++s) {
    uint32_t x = 42;
    for (int i = 0; i < sizes[s]; ++i) {
      x = x * 1664525u + 1013904223u;
      words[i] = (int32_t)x;
    }
    qsort(words, (size_t)sizes[s], sizeof words[0], compare);
    int64_t sum = 0;
    for (int i = 0; i < sizes[s]; ++i) sum += (int64_t)words[i] * i;
    printf(ore ? "; run: @checksum(%d) == %lld\n" : "; run: @main(%d) == %lld, 0\n", sizes[s], (long long)sum);
  }
  if (ore) printf("; run: @disorder(5000) == 0\n");
  return 0;
}
