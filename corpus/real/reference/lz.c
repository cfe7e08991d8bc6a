// lz.c - prints the expected values of ../lz.ore. Reproduce: cc -O1 lz.c && ./a.out
//
// Counts the bytes of the tokens instead of writing them, and takes the checksum of the plain bytes, which must come
// out again.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned char plain[60000];

static void generate(int n) {
  static const char words[] = "ore gold assay furnace lead ";
  uint32_t x = 99;
  int at = 0;
  while (at < n) {
    x = x * 1664525u + 1013904223u;
    for (const char *from = words + (x >> 24) % 20, *to = from + (x >> 16 & 7) + 2; from != to; ++from, ++at) {
      if (at < n) plain[at] = (unsigned char)*from;
    }
    if ((x >> 8 & 15) == 0 && at < n) plain[at++] = (unsigned char)(x >> 4);
  }
}

static int literals(int count) { return count + (count + 127) / 128; }

static int packed_size(int n) {
  int seen[1024], size = 0, pending = 0;
  for (int h = 0; h < 1024; ++h) seen[h] = -1;
  for (int at = 0; at < n;) {
    int length = 0;
    if (at + 3 <= n) {
      const uint32_t three = (uint32_t)plain[at] << 16 | (uint32_t)plain[at + 1] << 8 | plain[at + 2];
      int* const slot = &seen[three * 2654435769u >> 22];
      if (*slot >= 0 && at - *slot < 2048) {
        while (length < 18 && at + length < n && plain[*slot + length] == plain[at + length]) ++length;
      }
      *slot = at;
    }
    if (length >= 3) {
      size += literals(pending) + 2;
      pending = 0;
      at += length;
    } else {
      ++pending;
      ++at;
    }
  }
  return size + literals(pending);
}

int main(void) {
  static const int sizes[] = {0, 1, 300, 5000, 60000};
  for (int s = 0; s < 5; ++s) {
    generate(sizes[s]);
    printf("; run: @packed_size(%d) == %d\n", sizes[s], packed_size(sizes[s]));
  }
  for (int s = 0; s < 4; ++s) {
    uint64_t a = 1, b = 0;
    generate(sizes[s]);
    for (int i = 0; i < sizes[s]; ++i) b += a += plain[i];
    printf("; run: @checksum(%d) == %d\n", sizes[s], (int32_t)(uint32_t)(b % 65521 << 16 | a % 65521));
  }
  return 0;
}
