// spectral_norm.c - prints the expected values of ../spectral_norm.air.
// Reproduce: cc -O1 -ffp-contract=off spectral_norm.c -lm && ./a.out
//
// The order of the floating-point operations is the program's: each is rounded, so another order is another result.
#include "hexfloat.h"

static double a(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void multiply(int n, const double* from, double* to, int transposed) {
  for (int i = 0; i < n; ++i) {
    to[i] = 0;
    for (int j = 0; j < n; ++j) to[i] += (transposed ? a(j, i) : a(i, j)) * from[j];
  }
}

int main(void) {
  static const int sizes[] = {1, 2, 10, 40};
  for (int s = 0; s < 4; ++s) {
    const int n = sizes[s];
    double u[100], v[100], t[100], uv = 0, vv = 0;
    for (int i = 0; i < n; ++i) u[i] = 1;
    for (int k = 0; k < 10; ++k) {
      multiply(n, u, t, 0);
      multiply(n, t, v, 1);
      multiply(n, v, t, 0);
      multiply(n, t, u, 1);
    }
    for (int i = 0; i < n; ++i) {
      uv += u[i] * v[i];
      vv += v[i] * v[i];
    }
    printf("; run: @main(%d) == ", n);
    print_float(sqrt(uv / vv));
    printf("\n");
  }
  return 0;
}
