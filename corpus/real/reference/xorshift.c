// xorshift.c - prints the expected values of ../xorshift.ore.
// Reproduce: cc -O1 -ffp-contract=off xorshift.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include "hexfloat.h"

static uint64_t state;

static uint64_t draw(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 2685821657736338717ull;
}

static double fraction(void) { return ldexp((double)(draw() >> 11), -53); }

// The high half of a product, in halves.
static uint64_t high(uint64_t a, uint64_t b) {
  const uint64_t al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
  const uint64_t middle = ah * bl + (al * bl >> 32), other = al * bh + (middle & 0xffffffff);
  return ah * bh + (middle >> 32) + (other >> 32);
}

static void print(const char* call, double value) {
  printf("; run: @%s == ", call);
  print_float(value);
  printf("\n");
}

int main(void) {
  static const int counts[] = {1, 1000, 20000};
  for (int c = 0; c < 3; ++c) {
    uint64_t x = 0;
    state = 42;
    for (int i = 0; i < counts[c]; ++i) x = draw();
    printf("; run: @last(42, %d) == %lld\n", counts[c], (long long)x);
  }
  double sum = 0, average = 0, squares = 0;
  state = 7;
  for (int i = 0; i < 10000; ++i) sum += fraction();
  print("mean(7, 10000)", sum / 10000);
  state = 7;
  for (int i = 1; i <= 10000; ++i) {
    const double x = fraction(), d = x - average;
    average += d / i;
    const double product = d * (x - average);
    squares += product;
  }
  print("variance(7, 10000)", squares / 9999);
  int64_t bits = 0;
  state = 99;
  for (int i = 0; i < 10000; ++i) {
    for (uint64_t x = draw(); x != 0; x >>= 1) bits += x & 1;
  }
  printf("; run: @ones(99, 10000) == %lld\n", (long long)bits);
  int inside = 0;
  state = 2024;
  for (int i = 0; i < 10000; ++i) {
    const double x = fraction(), y = fraction(), xx = x * x, yy = y * y;
    inside += xx + yy < 1;
  }
  print("pi(2024, 10000)", 4.0 * inside / 10000);
  for (int s = 0; s < 2; ++s) {
    int cards[52];
    uint64_t digits = 0;
    state = s == 0 ? 1 : 5; // 0 is taken for 1
    for (int i = 0; i < 52; ++i) cards[i] = i;
    for (int i = 51; i > 0; --i) {
      const int j = (int)high(draw(), (uint64_t)i + 1), card = cards[i];
      cards[i] = cards[j];
      cards[j] = card;
    }
    for (int i = 0; i < 52; ++i) digits = digits * 53 + (uint64_t)cards[i];
    printf("; run: @shuffled(%d) == %lld\n", s == 0 ? 0 : 5, (long long)digits);
  }
  return 0;
}
