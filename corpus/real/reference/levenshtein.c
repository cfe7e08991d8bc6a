// levenshtein.c - prints the expected values of ../levenshtein.ore. Reproduce: cc -O1 levenshtein.c && ./a.out
//
// The recursive definition with a memory of what is known, from the ends of the texts.
#include <stdio.h>
#include <string.h>

static int known[401][401];
static char a[401], b[401];

static int distance(int n, int m) {
  if (n == 0 || m == 0) return n + m;
  if (known[n][m] != 0) return known[n][m] - 1;
  int best = distance(n - 1, m - 1) + (a[n - 1] != b[m - 1]);
  const int shorter_a = distance(n - 1, m) + 1, shorter_b = distance(n, m - 1) + 1;
  if (shorter_a < best) best = shorter_a;
  if (shorter_b < best) best = shorter_b;
  known[n][m] = best + 1;
  return best;
}

static int of(const char* x, const char* y) {
  memset(known, 0, sizeof known);
  strcpy(a, x);
  strcpy(b, y);
  return distance((int)strlen(x), (int)strlen(y));
}

int main(void) {
  printf("; run: @kitten() == %d\n", of("kitten", "sitting"));
  printf("; run: @saturday() == %d\n", of("Saturday", "Sunday"));
  printf("; run: @from_nothing() == %d\n", of("", "assay"));
  for (int n = 0; n <= 280; n += 140) {
    int x = 7, m = 0;
    for (int i = 0; i < n; ++i) {
      x = (x * 75 + 74) % 65537;
      a[i] = (char)('a' + x % 16);
      if (i % 7 != 6) b[m++] = a[i];
    }
    memset(known, 0, sizeof known);
    printf("; run: @generated(%d) == %d\n", n, distance(n, m));
  }
  static const int sizes[][2] = {{10, 30}, {300, 250}};
  for (int s = 0; s < 2; ++s) {
    int x = 7;
    for (int i = 0; i < sizes[s][0] + sizes[s][1]; ++i) {
      x = (x * 75 + 74) % 65537;
      *(i < sizes[s][0] ? a + i : b + i - sizes[s][0]) = (char)('a' + x % 4);
    }
    memset(known, 0, sizeof known);
    printf("; run: @unrelated(%d, %d) == %d\n", sizes[s][0], sizes[s][1], distance(sizes[s][0], sizes[s][1]));
  }
  return 0;
}
