// string_search.c - prints the expected values of ../string_search.ore. Reproduce: cc -O1 string_search.c && ./a.out
//
// With the C library's memcmp at every place; the three searches must agree.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  static const int cases[][3] = {{100, 1, 5}, {5000, 4, 1000}, {5000, 12, 4988}, {20000, 7, 77}};
  static const char* const names[] = {"everywhere", "knuth", "horspool"};
  static char text[20000];
  uint64_t x = 2463534242u; // of which 31 bits are kept from the first step on
  for (int i = 0; i < 20000; ++i) {
    x = (x * 1103515245u + 12345u) & 0x7fffffff;
    text[i] = (char)('a' + (x >> 16) % 3);
  }
  for (int c = 0; c < 4; ++c) {
    const int n = cases[c][0], m = cases[c][1], from = cases[c][2];
    int count = 0;
    for (int at = 0; at + m <= n; ++at) count += memcmp(text + at, text + from, (size_t)m) == 0;
    for (int k = 0; k < 3; ++k) printf("; run: @%s(%d, %d, %d) == %d\n", names[k], n, m, from, count);
  }
  return 0;
}
