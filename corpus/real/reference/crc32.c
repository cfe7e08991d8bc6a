// crc32.c - prints the expected values of ../crc32.air. Reproduce: cc -O1 -ffp-contract=off crc32.c -lm && ./a.out
//
// Long division of the message as a polynomial, in the order of transmission; 123456789 gives cbf43926.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t crc(const unsigned char* bytes, int n) {
  uint32_t remainder = 0xffffffffu;
  for (int i = 0; i < 8 * n; ++i) {
    const uint32_t bit = bytes[i / 8] >> (i % 8) & 1u;
    const uint32_t out = (remainder & 1u) ^ bit;
    remainder >>= 1;
    if (out != 0) remainder ^= 0xedb88320u;
  }
  return remainder ^ 0xffffffffu;
}

// The argument `ore` is for ../crc32.ore, which has one more line.
int main(int argc, char** argv) {
  static const int sizes[] = {0, 1, 9, 3000, 60000};
  static unsigned char message[60000];
  const int tables = argc > 1 && strcmp(argv[1], "ore") == 0 ? 5 : 4;
  uint32_t x = 12345;
  for (int i = 0; i < 60000; ++i) {
    x = x * 1103515245u + 12345u;
    message[i] = (unsigned char)(x >> 16);
  }
  if (crc((const unsigned char*)"123456789", 9) != 0xcbf43926u) return 1;
  for (int i = 0; i < 4; ++i) printf("; run: @bitwise(%d) == %d\n", sizes[i], (int32_t)crc(message, sizes[i]));
  for (int i = 0; i < tables; ++i) printf("; run: @tabled(%d) == %d\n", sizes[i], (int32_t)crc(message, sizes[i]));
  return 0;
}
