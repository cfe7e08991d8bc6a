// base64.c - prints the expected values of ../base64.ore. Reproduce: cc -O1 base64.c && ./a.out
//
// Takes the bytes as a sequence of bits, of which every six are a letter. "foobar" gives Zm9vYmFy.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char text[20000];

static int encode(const unsigned char* bytes, int n) {
  int length = 0;
  for (int bit = 0; bit < 8 * n; bit += 6) {
    int v = 0;
    for (int k = bit; k < bit + 6; ++k) v = 2 * v + (k < 8 * n ? bytes[k / 8] >> (7 - k % 8) & 1 : 0);
    text[length++] = (char)(v < 26 ? 'A' + v : v < 52 ? 'a' + v - 26 : v < 62 ? '0' + v - 52 : v == 62 ? '+' : '/');
  }
  while (length % 4 != 0) text[length++] = '=';
  text[length] = 0;
  return length;
}

int main(void) {
  static const int sizes[] = {0, 1, 2, 3, 100, 12000};
  static unsigned char bytes[12000];
  encode((const unsigned char*)"foobar", 6);
  if (strcmp(text, "Zm9vYmFy") != 0) return 1;
  encode((const unsigned char*)"foob", 4);
  if (strcmp(text, "Zm9vYg==") != 0) return 1;
  for (uint32_t i = 0; i < 12000; ++i) bytes[i] = (unsigned char)(i * i * 31 + i);
  for (int s = 0; s < 6; ++s) {
    const int length = encode(bytes, sizes[s]);
    uint32_t h = 0x811c9dc5u;
    for (int i = 0; i < length; ++i) h = (h ^ (unsigned char)text[i]) * 16777619u;
    printf("; run: @hash(%d) == %d\n", sizes[s], (int32_t)h);
  }
  printf("; run: @round_trip(0, -1) == 0\n; run: @round_trip(4, -1) == 0\n; run: @round_trip(5000, -1) == 0\n");
  printf("; run: @round_trip(100, 77) == -77\n");
  return 0;
}
