// binary_trees.c - prints the expected values of ../binary_trees.ore. Reproduce: cc -O1 binary_trees.c && ./a.out
//
// With the C library's allocator; the number of nodes alive at once is counted there.
#include <stdio.h>
#include <stdlib.h>

typedef struct Tree {
  struct Tree *left, *right;
} Tree;

static int alive, most;

static Tree* grow(int depth) {
  Tree* const tree = (Tree*)malloc(sizeof(Tree));
  most = ++alive > most ? alive : most;
  tree->left = depth == 0 ? NULL : grow(depth - 1);
  tree->right = depth == 0 ? NULL : grow(depth - 1);
  return tree;
}

static long long count_and_free(Tree* tree) {
  if (tree == NULL) return 0;
  const long long count = 1 + count_and_free(tree->left) + count_and_free(tree->right);
  free(tree);
  --alive;
  return count;
}

int main(void) {
  static const int depths[] = {2, 4, 7, 11};
  for (int s = 0; s < 4; ++s) {
    const int depth = depths[s];
    Tree* const long_lived = grow(depth);
    long long total = 0;
    for (int d = 2; d <= depth; d += 2) {
      for (int i = 0; i < 1 << (depth - d); ++i) total += count_and_free(grow(d));
    }
    total += count_and_free(long_lived);
    printf("; run: @nodes(%d) == %lld\n", depth, total);
    if (s == 1 || s == 2) printf("; run: @new_nodes(%d) == %d\n", depth, most);
    most = 0;
  }
  return 0;
}
