// exceptions.c - prints the expected values of ../exceptions.ore. Reproduce: cc -O1 exceptions.c && ./a.out
//
// Without exceptions: a step gives what it throws as a value, and its callers look at it.
#include <stdint.h>
#include <stdio.h>

enum { kNothing, kRetry, kBroken, kStop };

typedef struct {
  int64_t value;
  int thrown, times;
} Result;

static int failures;

static Result value_of(int64_t value) {
  const Result out = {value, kNothing, 0};
  return out;
}

static Result thrown(int what, int64_t value, int times) {
  const Result out = {value, what, times};
  return out;
}

static Result multiply(int64_t x) {
  return x > (int64_t)1 << 40 ? thrown(kBroken, x, 0) : value_of((int64_t)((uint64_t)x * 3));
}

static Result odd_only(int64_t x) { return x % 2 == 0 ? thrown(kRetry, 0, (int)(x & 3)) : value_of((x - 1) / 2); }

static Result step(int64_t x, int which) {
  Result out = value_of(x + 13);
  if (which == 1) out = multiply(x);
  if (which == 2) out = odd_only(x);
  if (which == 3) {
    out = odd_only(x + 1);
    if (out.thrown != kNothing) out = value_of(x + out.times);
  }
  if (which == 4) {
    out = odd_only(x);
    if (out.thrown == kNothing) out = multiply(out.value);
    failures += out.thrown != kNothing;
  }
  if (which == 5) out = x % 7 == 0 ? thrown(kStop, 0, 0) : value_of(x ^ 0x55);
  return out;
}

// Values stay positive: a step that multiplies refuses what is large.
static int64_t walk(int n, int64_t seed) {
  uint64_t hash = 0;
  int64_t x = seed;
  failures = 0;
  for (int i = 0; i < n; ++i) {
    const int which = (int)((x / 8 + i) % 6);
    Result out = step(x, which);
    if (out.thrown == kRetry) {
      const int times = out.times;
      out = step(x + 1, which);
      if (out.thrown == kNothing) out.value += times;
    } else if (out.thrown == kBroken) {
      out = value_of((int64_t)((double)out.value * 0.5) % 1000003);
    }
    if (out.thrown == kNothing) {
      x = out.value;
      hash = hash * 31 + (uint64_t)x;
    } else if (out.thrown == kStop) {
      x = x / 2 + i;
      ++hash;
    } else {
      return -1; // a second failure in a row leaves the program there
    }
  }
  return (int64_t)hash;
}

int main(void) {
  static const int64_t walks[][2] = {{10, 1}, {1000, 12345}, {4000, 8}};
  for (int i = 0; i < 3; ++i) {
    const int n = (int)walks[i][0];
    const int64_t hash = walk(n, walks[i][1]);
    printf("; run: @walk(%d, %lld) == %lld\n", n, (long long)walks[i][1], (long long)hash);
    printf("; run: @rethrown(%d, %lld) == %d\n", n, (long long)walks[i][1], failures);
  }
  printf("; run: @unwound(0) == 5\n; run: @unwound(300) == 305\n");
  printf("; run: @escapes(20) throw @Broken(5, 0x1p-2)\n");
  return 0;
}
