// add4.cpp - a compiled function calls a C++ function.
#include "example.h"

int main() {
  assay::Engine engine;
  int calls = 0;
  engine.bind("add4", [&calls](int64_t x) {
    ++calls;
    return x + 4;
  });
  const auto program = example::must(engine.load_text(R"(
import @add4(i64) -> i64
export func @twice(i64) -> i64 {
^entry(%x: i64):
  %a = call @add4(%x)
  %b = call @add4(%a)
  return %b
}
)"));
  const auto twice = example::must(program.function<int64_t(int64_t)>("twice"));
  std::printf("%lld\n", static_cast<long long>(twice(34)));
  example::expect(twice(34) == 42 && calls == 4, "34 + 4 + 4 is 42, in two calls each time");
}
