// kmeans.c - prints the expected values of ../kmeans.ore. Reproduce: cc -O1 -ffp-contract=off kmeans.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include "hexfloat.h"

typedef struct {
  double x, y;
} Point;

static Point point[4000], centre[16];
static int owner[4000];
static uint32_t state;

static double noise(void) {
  state = state * 1103515245u + 12345u;
  return (double)(state >> 16 & 0x7fff) / 32768 - 0.5;
}

static double squared(Point a, Point b) {
  const double dx = a.x - b.x, dy = a.y - b.y;
  return dx * dx + dy * dy;
}

static int run(int n, int k) {
  state = 1;
  for (int i = 0; i < n; ++i) {
    const double t = (double)(i % k) / k * 4 - 2, d = 1 + t * t;
    point[i].x = (1 - t * t) / d * 10 + noise();
    point[i].y = 2 * t / d * 10 + noise();
    owner[i] = -1;
  }
  memcpy(centre, point, (size_t)k * sizeof point[0]);
  for (int rounds = 0;; ++rounds) {
    Point sum[16] = {{0, 0}};
    int count[16] = {0}, changed = 0;
    for (int i = 0; i < n; ++i) {
      int best = 0;
      for (int c = 1; c < k; ++c) best = squared(point[i], centre[c]) < squared(point[i], centre[best]) ? c : best;
      changed = changed || owner[i] != best;
      owner[i] = best;
      sum[best].x += point[i].x;
      sum[best].y += point[i].y;
      ++count[best];
    }
    if (!changed) return rounds;
    for (int c = 0; c < k; ++c) {
      if (count[c] == 0) continue;
      centre[c].x = sum[c].x / count[c];
      centre[c].y = sum[c].y / count[c];
    }
  }
}

int main(void) {
  static const int cases[][2] = {{1, 1}, {60, 3}, {500, 7}, {2000, 8}};
  for (int s = 0; s < 4; ++s) {
    const int n = cases[s][0], k = cases[s][1], rounds = run(n, k);
    double spread = 0;
    for (int i = 0; i < n; ++i) spread += squared(point[i], centre[owner[i]]);
    printf("; run: @rounds(%d, %d) == %d\n; run: @spread(%d, %d) == ", n, k, rounds, n, k);
    print_float(spread);
    printf("\n");
  }
  return 0;
}
