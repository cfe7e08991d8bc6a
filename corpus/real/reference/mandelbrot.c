// mandelbrot.c - prints the expected values of ../mandelbrot.air, with the argument `ore` of ../mandelbrot.ore.
// Reproduce: cc -O1 -ffp-contract=off mandelbrot.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include <stdio.h>
#include <string.h>

static int steps(double cx, double cy, int limit) {
  double x = 0, y = 0;
  int i = 0;
  while (i < limit && x * x + y * y <= 4.0) {
    const double next = x * x - y * y + cx;
    y = x * y * 2.0 + cy;
    x = next;
    ++i;
  }
  return i;
}

// How many points of the picture are black.
static int black(int width, int height) {
  int count = 0;
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      count += steps(column * 3.0 / width - 2.25, row * 2.25 / height - 1.125, 100) == 100;
    }
  }
  return count;
}

int main(int argc, char** argv) {
  const int ore = argc > 1 && strcmp(argv[1], "ore") == 0;
  if (ore) printf("; run: @main() == %d\n", black(192, 144));
  static const int sizes[][2] = {{1, 10}, {8, 50}, {40, 100}};
  for (int s = 0; s < 3; ++s) {
    const int size = sizes[s][0], limit = sizes[s][1];
    const double scale = 3.0 / size;
    int inside = 0;
    long total = 0;
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        const int i = steps(column * scale - 2.0, row * scale - 1.5, limit);
        total += i;
        inside += i == limit;
      }
    }
    if (ore)
      printf("; run: @inside(%d, %d) == %d\n; run: @steps(%d, %d) == %ld\n", size, limit, inside, size, limit, total);
    else printf("; run: @main(%d, %d) == %d, %ld\n", size, limit, inside, total);
  }
  return 0;
}
