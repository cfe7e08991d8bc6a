// matmul.c - prints the expected values of ../matmul.ore. Reproduce: cc -O1 -ffp-contract=off matmul.c -lm && ./a.out
//
// Only the diagonal is computed. Every element is summed from left to right, as there: another order is another result.
#include "hexfloat.h"

int main(void) {
  static const int sizes[] = {0, 1, 3, 32, 64}, factors[] = {1, 1000000};
  for (int s = 0; s < 5; ++s) {
    const int n = sizes[s];
    double trace = 0;
    for (int i = 0; i < n; ++i) {
      double sum = 0;
      for (int k = 0; k < n; ++k) sum += (i * 3 + k) / 7.0 * (((k ^ i) - 2) / 11.0);
      trace += sum;
    }
    printf("; run: @trace_f64(%d) == ", n);
    print_float(trace);
    printf("\n");
  }
  for (int n = 2; n <= 48; n += 46) {
    float trace = 0;
    for (int i = 0; i < n; ++i) {
      float sum = 0;
      for (int k = 0; k < n; ++k) {
        const float x = (float)(i * 3 + k) / 7.0f, y = (float)((k ^ i) - 2) / 11.0f, product = x * y;
        sum = sum + product;
      }
      trace = trace + sum;
    }
    printf("; run: @trace_f32(%d) == ", n);
    print_float(trace); // every float is a double, and is written alike
    printf("\n");
  }
  for (int f = 0; f < 2; ++f) {
    const int64_t square = (int64_t)factors[f] * factors[f];
    uint32_t trace = 0;
    for (int i = 0; i < 16; ++i) {
      for (int k = 0; k < 16; ++k) trace += (uint32_t)square * (uint32_t)((i * 3 + k) * ((k ^ i) - 2));
    }
    printf("; run: @trace_i32(%d) == %d\n", factors[f], (int32_t)trace);
  }
  return 0;
}
