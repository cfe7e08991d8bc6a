// sha256.c - prints the expected values of ../sha256.air. Reproduce: cc -O1 -ffp-contract=off sha256.c -lm && ./a.out
//
// Computes the constants from their definition (cube and square roots of primes), in integers, so that this
// program and the AIR one share no table. "abc" gives ba7816bf ... f20015ad.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t round_constants[64], first_hash[8];

// The largest a of 36 bits whose power (2 or 3) is at most p * 2^(32 * power), found bit by bit.
static uint32_t root_fraction(unsigned p, int power) {
  uint64_t a = 0;
  for (int bit = 35; bit >= 0; --bit) {
    const uint64_t t = a | (uint64_t)1 << bit;
    // t^power in words of 16 bits, compared with p shifted by 32 * power.
    uint32_t product[16] = {1}, limit[16] = {0};
    for (int k = 0; k < power; ++k) {
      uint32_t next[16] = {0};
      for (int i = 0; i < 12; ++i) {
        uint64_t carry = 0;
        for (int j = 0; j < 4; ++j) {
          carry += next[i + j] + (uint64_t)product[i] * (uint32_t)(t >> (16 * j) & 0xffff);
          next[i + j] = (uint32_t)(carry & 0xffff);
          carry >>= 16;
        }
        for (int j = i + 4; carry != 0 && j < 16; ++j) {
          carry += next[j];
          next[j] = (uint32_t)(carry & 0xffff);
          carry >>= 16;
        }
      }
      memcpy(product, next, sizeof product);
    }
    limit[2 * power] = p;
    int order = 0;
    for (int i = 15; i >= 0 && order == 0; --i) order = (product[i] > limit[i]) - (product[i] < limit[i]);
    if (order <= 0) a = t;
  }
  return (uint32_t)a;
}

static void make_constants(void) {
  int found = 0;
  for (unsigned p = 2; found < 64; ++p) {
    int prime = 1;
    for (unsigned d = 2; d * d <= p; ++d) prime = prime && p % d != 0;
    if (!prime) continue;
    if (found < 8) first_hash[found] = root_fraction(p, 2);
    round_constants[found++] = root_fraction(p, 3);
  }
}

static uint32_t rotr(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void digest(const unsigned char* message, int n, uint32_t hash[8]) {
  static unsigned char padded[20160];
  const int blocks = (n + 72) / 64;
  memset(padded, 0, sizeof padded);
  memcpy(padded, message, (size_t)n);
  padded[n] = 0x80;
  for (int i = 0; i < 8; ++i) padded[64 * blocks - 1 - i] = (unsigned char)((uint64_t)n * 8 >> (8 * i));
  memcpy(hash, first_hash, sizeof first_hash);
  for (int block = 0; block < blocks; ++block) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; ++i) {
      const unsigned char* p = padded + 64 * block + 4 * i;
      w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (int i = 16; i < 64; ++i) {
      w[i] = w[i - 16] + (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
             (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
    }
    memcpy(s, hash, sizeof s);
    for (int i = 0; i < 64; ++i) {
      const uint32_t t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                          round_constants[i] + w[i];
      const uint32_t t2 =
          (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
      for (int k = 7; k > 0; --k) s[k] = s[k - 1];
      s[4] += t1;
      s[0] = t1 + t2;
    }
    for (int k = 0; k < 8; ++k) hash[k] += s[k];
  }
}

// The argument `ore` is for ../sha256.ore, which gives one word of the digest.
int main(int argc, char** argv) {
  static const int sizes[] = {0, 3, 55, 56, 64, 1000, 20000};
  static const int words[] = {0, 0, 3, 4, 5, 7, 1};
  const int ore = argc > 1 && strcmp(argv[1], "ore") == 0;
  static unsigned char message[20000];
  uint32_t hash[8];
  make_constants();
  digest((const unsigned char*)"abc", 3, hash);
  if (hash[0] != 0xba7816bfu || hash[7] != 0xf20015adu) return 1;
  for (int i = 0; i < 20000; ++i) message[i] = (unsigned char)(i * 7);
  for (int i = 0; i < (ore ? 7 : 6); ++i) {
    digest(message, sizes[i], hash);
    if (ore) {
      printf("; run: @word(%d, %d) == %d\n", sizes[i], words[i], (int32_t)hash[words[i]]);
      continue;
    }
    printf("; run: @main(%d) == ", sizes[i]);
    for (int k = 0; k < 8; ++k) printf("%d%s", (int32_t)hash[k], k < 7 ? ", " : "\n");
  }
  return 0;
}
