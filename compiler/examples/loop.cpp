// loop.cpp - control flow: block parameters are the loop's variables. Several results come back as a tuple.
#include "example.h"

int main() {
  assay::Engine engine;
  const auto program = example::must(engine.load_text(R"(
export func @sums(i64) -> i64, f64 {
^entry(%n: i64):
  %zero = const.i64 0
  %fzero = const.f64 0x0p+0
  jump ^head(%zero, %zero, %fzero)
^head(%i: i64, %sum: i64, %halves: f64):
  %more = lt_s.i64 %i, %n
  branch %more, ^body, ^exit
^body:
  %one = const.i64 1
  %next = add.i64 %i, %one
  %sum2 = add.i64 %sum, %next
  %half = const.f64 0x1p-1
  %halves2 = fadd.f64 %halves, %half
  jump ^head(%next, %sum2, %halves2)
^exit:
  return %sum, %halves
}
)"));
  const auto sums = example::must(program.function<std::tuple<int64_t, double>(int64_t)>("sums"));
  const auto [sum, halves] = sums(100);
  std::printf("%lld %g\n", static_cast<long long>(sum), halves);
  example::expect(sum == 5050 && halves == 50.0, "1 + ... + 100, and a hundred halves");
}
