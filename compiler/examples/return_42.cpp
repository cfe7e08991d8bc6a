// return_42.cpp - the smallest program: text in, a C++ function out.
#include "example.h"

int main() {
  assay::Engine engine;
  const auto program = example::must(engine.load_text(R"(
export func @answer() -> i32 {
^entry():
  %0 = const.i32 42
  return %0
}
)"));
  const auto answer = example::must(program.function<int32_t()>("answer"));
  std::printf("%d\n", answer());
  example::expect(answer() == 42, "the answer is 42");
}
