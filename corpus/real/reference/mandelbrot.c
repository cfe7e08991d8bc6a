// mandelbrot.c - prints the expected values of ../mandelbrot.air.
// Reproduce: cc -O1 -ffp-contract=off mandelbrot.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include <stdio.h>

int main(void) {
  static const int sizes[][2] = {{1, 10}, {8, 50}, {40, 100}};
  for (int s = 0; s < 3; ++s) {
    const int size = sizes[s][0], limit = sizes[s][1];
    const double scale = 3.0 / size;
    int inside = 0;
    long total = 0;
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        const double cy = row * scale - 1.5, cx = column * scale - 2.0;
        double x = 0, y = 0;
        int i = 0;
        while (i < limit && x * x + y * y <= 4.0) {
          const double next = x * x - y * y + cx;
          y = x * y * 2.0 + cy;
          x = next;
          ++i;
        }
        total += i;
        inside += i == limit;
      }
    }
    printf("; run: @main(%d, %d) == %d, %ld\n", size, limit, inside, total);
  }
  return 0;
}
